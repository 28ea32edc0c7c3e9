import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { BrokerConnection } from '../../src/kafka/broker-connection.ts'
import { ConnectionLostError } from '../../src/kafka/broker-errors.ts'
import { createAPI, type Reader, Writer } from '../../src/kafka/client-parts.ts'
import { ConnectionPool, connectionLimits } from '../../src/kafka/connection-pool.ts'
import { createAuthority } from '../security/certificates.ts'

/** A request whose answer is what was asked. */
const echo = createAPI<[Buffer], Buffer>(
  1,
  12,
  (bytes) => Writer.create().appendInt32(bytes.length).append(bytes).appendTaggedFields(),
  (_id, _key, _version, reader: Reader) => Buffer.from(reader.buffer.buffer.subarray(reader.position)),
)

interface Asked {
  readonly id: number
  readonly body: Buffer
  readonly answer: (id?: number) => void
}

/** A connection to a server that hands out what it is asked, and answers when it is told to. */
async function connect(
  t: TestContext,
  onAsked: (asked: Asked, socket: Socket) => void,
  { requestTimeoutMs = 30_000, isTls = false } = {},
): Promise<BrokerConnection> {
  const authority = createAuthority('test')
  const onSocket = (socket: Socket) => {
    let bytes = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('data', (data) => {
      bytes = Buffer.concat([bytes, data])
      while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
        const frame = bytes.subarray(4, 4 + bytes.readInt32BE(0))
        bytes = bytes.subarray(4 + frame.length)
        // key, version, id, the name "test", tags; then the payload
        const id = frame.readInt32BE(4)
        const length = frame.readInt32BE(15)
        const body = Buffer.from(frame.subarray(19, 19 + length))
        equal(frame.length, 19 + length + 1)
        const answer = (as = id) => {
          const head = Buffer.alloc(9)
          head.writeInt32BE(5 + body.length)
          head.writeInt32BE(as, 4)
          socket.write(Buffer.concat([head, body]))
        }
        onAsked({ id, body, answer }, socket)
      }
    })
  }
  const server = isTls ? createTlsServer(authority.issue('127.0.0.1', ['127.0.0.1']), onSocket) : createServer(onSocket)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const connection = new BrokerConnection('test', {
    ...{ connectTimeoutMs: 30_000, requestTimeoutMs },
    ...(isTls && { tls: { ca: authority.cert } }),
  })
  connection.on('error', () => undefined)
  t.after(() => {
    connection.socket?.destroy()
    server.close()
  })
  await connection.connect('127.0.0.1', (server.address() as { port: number }).port)
  return connection
}

suite('broker connection', () => {
  for (const isTls of [false, true])
    test(`requests of any size arrive whole, and answers find their requests${isTls ? ', over TLS' : ''}`, async (t) => {
      const connection = await connect(t, ({ answer }) => answer(), { isTls })
      const bodies = [0, 10, 16 * 1024, 200_000, 3_000_000, 1].map((size, i) => Buffer.alloc(size, i))
      deepEqual(await Promise.all(bodies.map((body) => echo.async(connection, body))), bodies)
    })

  test('answers may come in another order than the questions', async (t) => {
    const asked: Asked[] = []
    const connection = await connect(t, (each) => {
      asked.push(each)
      if (asked.length === 3) for (const { answer } of asked.toReversed()) answer()
    })
    const bodies = [1, 2, 3].map((i) => Buffer.of(i))
    deepEqual(await Promise.all(bodies.map((body) => echo.async(connection, body))), bodies)
  })

  test('an answer that does not come in time costs the connection, and what else waits on it', async (t) => {
    const connection = await connect(t, ({ body, answer }) => body[0] === 1 && answer(), { requestTimeoutMs: 200 })
    deepEqual(await echo.async(connection, Buffer.of(1)), Buffer.of(1))
    const late = echo.async(connection, Buffer.of(2))
    await Promise.all([
      rejects(late, { message: 'Request timed out' }),
      rejects(echo.async(connection, Buffer.of(3))),
      once(connection, 'close'),
    ])
    await rejects(echo.async(connection, Buffer.of(1)), { message: 'Connection closed' })
  })

  test('an answer that nobody has asked for costs the connection', async (t) => {
    const connection = await connect(t, ({ id, answer }) => answer(id + 7))
    await rejects(echo.async(connection, Buffer.of(1)), { message: 'Connection closed' })
    equal(connection.isConnected(), false)
  })

  test('bytes that are no frames cost the connection', async (t) => {
    const connection = await connect(t, (_asked, socket) => socket.write(Buffer.alloc(16, 0xff)))
    await rejects(echo.async(connection, Buffer.of(1)), { message: 'Connection closed' })
  })

  test('a port that Node refuses at once is a lost connection, each time that it is tried', async () => {
    const pool = new ConnectionPool({ brokers: [], clientId: 'test' }, connectionLimits)
    // Brokers may advertise any number.
    const broker = { node: 1, host: '127.0.0.1', port: 99_999 }
    for (let attempt = 0; attempt < 2; attempt++)
      await rejects(pool.connection(broker, 'control'), (error: Error) => {
        ok(error instanceof ConnectionLostError)
        match(error.message, /advertises 127\.0\.0\.1:99999, which cannot be reached .*Port should be/)
        return true
      })
    await pool.close()
  })

  test('a listener that speaks TLS only is named as what it is', async (t) => {
    const connection = await connect(t, (_asked, socket) => socket.write(Buffer.from('15030300020228', 'hex')))
    await rejects(echo.async(connection, Buffer.of(1)), { message: 'Connection closed' })
    const { cause } = connection.failure as Error
    equal((cause as Error).message, 'Broker requires TLS.')
  })
})
