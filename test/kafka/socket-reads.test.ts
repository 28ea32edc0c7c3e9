import { deepEqual, equal } from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { readTo } from '../../src/kafka/socket-reads.ts'
import { createAuthority } from '../security/certificates.ts'

const sent = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251))

/** A server that sends its bytes to whoever says something. */
async function listen(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

const answer = (socket: Socket) => {
  socket.on('error', () => undefined)
  socket.once('data', () => socket.end(sent))
}

/** Reads all that comes to rooms of 1000 bytes, and compares it. */
async function readAll(t: TestContext, socket: Socket): Promise<void> {
  t.after(() => socket.destroy())
  const [pieces, rooms]: [Buffer[], Buffer[]] = [[], []]
  socket.on('data', () => pieces.push(Buffer.from('data event')))
  const room = () => {
    const made = Buffer.alloc(1_000)
    rooms.push(made)
    return made
  }
  equal(readTo(socket, { room, take: (filled) => pieces.push(filled) }), true, 'this Node has other names for it')
  socket.write('go')
  await once(socket, 'end')
  deepEqual(Buffer.concat(pieces), sent)
  equal(
    pieces.every(({ buffer }, i) => buffer === rooms[i].buffer),
    true,
  )
}

suite('reads of a socket that somebody else has opened', () => {
  test('go to memory of ours', async (t) => {
    const port = await listen(t, createServer(answer))
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    await readAll(t, socket)
  })

  test('the same over TLS', async (t) => {
    const authority = createAuthority('test')
    const port = await listen(t, createTlsServer(authority.issue('127.0.0.1', ['127.0.0.1']), answer))
    const socket = connectTls({ port, host: '127.0.0.1', ca: authority.cert })
    await once(socket, 'secureConnect')
    await readAll(t, socket)
  })

  test('a socket that is closed has none', () => {
    equal(readTo(connect(1, '127.0.0.1').destroy(), { room: () => Buffer.alloc(1), take: () => undefined }), false)
  })
})
