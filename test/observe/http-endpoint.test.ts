import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { connect } from 'node:net'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseEndpoint } from '../../src/observe/endpoint-address.ts'
import { openEndpoint, plainText } from '../../src/observe/http-endpoint.ts'

interface Test {
  after(work: () => Promise<void>): void
}

async function open(t: Test) {
  const hello = { status: 200, contentType: plainText, body: 'ok\n' }
  const paths = new Map([
    ['/livez', () => hello],
    [
      '/broken',
      () => {
        throw new Error('a secret')
      },
    ],
  ])
  const endpoint = await openEndpoint({ host: '127.0.0.1', port: 0 }, paths)
  t.after(() => endpoint.close())
  return endpoint
}

/** What comes back for these bytes, until the server ends the connection. */
function raw(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(Number(port), hostname, () => socket.write(bytes))
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}

/** Opens connections one after the other, each of which sends some bytes and stays. */
async function hold(t: Test, url: string, count: number, opening: string, reads = true) {
  const { hostname, port } = new URL(url)
  const sockets = Array.from({ length: count }, () => connect(Number(port), hostname))
  t.after(async () => {
    for (const socket of sockets) socket.destroy()
  })
  for (const socket of sockets) {
    socket.on('error', () => undefined)
    // Only a socket that is read notices its end.
    if (reads) socket.resume()
    else socket.pause()
  }
  await Promise.all(sockets.map((socket) => new Promise((connected) => socket.once('connect', connected))))
  for (const socket of sockets) socket.write(opening)
  return {
    open: () => sockets.flatMap((socket, i) => (socket.destroyed ? [] : [i])),
    write: (text: string) => {
      for (const socket of sockets) if (!socket.destroyed) socket.write(text)
    },
  }
}

/** As a probe asks: a connection of its own. */
async function ask(url: string): Promise<{ status: number }> {
  const answer = await raw(url, 'GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  return { status: Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1]) }
}

suite('the address of --http', () => {
  test('is a port of this machine alone unless a host is given', () => {
    deepEqual(parseEndpoint('9464'), { host: '127.0.0.1', port: 9464 })
    deepEqual(parseEndpoint('0.0.0.0:9464'), { host: '0.0.0.0', port: 9464 })
    deepEqual(parseEndpoint('[::]:80'), { host: '::', port: 80 })
    deepEqual(parseEndpoint('localhost:0'), { host: 'localhost', port: 0 })
    for (const none of ['', ':9464', '65536', 'a b:1', '::1:80', 'http://x:1', '9464/metrics', '-1'])
      equal(parseEndpoint(none), undefined, none)
  })
})

suite('the endpoint of a stage', () => {
  test('answers GET and HEAD of its paths, with headers that keep browsers from making anything of it', async (t) => {
    const { url } = await open(t)
    const get = await fetch(`${url}/livez?verbose`)
    deepEqual([get.status, await get.text()], [200, 'ok\n'])
    equal(get.headers.get('content-type'), 'text/plain; charset=utf-8')
    equal(get.headers.get('x-content-type-options'), 'nosniff')
    equal(get.headers.get('cache-control'), 'no-store')
    match(get.headers.get('content-security-policy') ?? '', /default-src 'none'/)
    const head = await fetch(`${url}/livez`, { method: 'HEAD' })
    deepEqual([head.status, head.headers.get('content-length'), await head.text()], [200, '3', ''])
  })

  test('knows no other path and no other method', async (t) => {
    const { url } = await open(t)
    for (const path of ['/', '/livez/', '/LIVEZ', '/__proto__', '/constructor'])
      equal((await fetch(url + path)).status, 404, path)
    // fetch would resolve the dots itself.
    match(await raw(url, 'GET /../livez HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 404 /)
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const { status, headers } = await fetch(`${url}/livez`, { method })
      deepEqual([status, headers.get('allow')], [405, 'GET, HEAD'], method)
    }
  })

  test('says nothing of what went wrong inside', async (t) => {
    const answer = await fetch(`${(await open(t)).url}/broken`)
    equal(answer.status, 500)
    ok(!(await answer.text()).includes('secret'))
  })

  test('refuses long headers and what is no HTTP', async (t) => {
    const { url } = await open(t)
    const long = `GET /livez HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(9_000)}\r\n\r\n`
    match(await raw(url, long), /^HTTP\/1\.1 431 /)
    match(await raw(url, 'HELO\r\n\r\n'), /^HTTP\/1\.1 400 /)
  })

  for (const [kind, opening] of [
    ['that ask nothing', ''],
    ['that send a request byte by byte', 'GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: '],
    ['that have been answered', 'GET /livez HTTP/1.1\r\nhost: x\r\n\r\n'],
  ] as const)
    test(`answers while there are 100 connections ${kind}, of which it keeps the newest`, async (t) => {
      const { url } = await open(t)
      const others = await hold(t, url, 100, opening)
      for (let i = 0; i < 5; i++) equal((await ask(url)).status, 200)
      // The last of the drops may not have come through yet.
      for (; others.open().length > 32; await sleep(5));
      ok(others.open().length >= 26)
      ok(others.open().includes(99) && !others.open().includes(0))
    })

  test('answers while there are 100 connections that never read their answers', async (t) => {
    const { url } = await open(t)
    await hold(t, url, 100, 'GET /livez HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(50), false)
    for (let i = 0; i < 5; i++) equal((await ask(url)).status, 200)
  })

  test('gives up a connection that sends nothing, or too slowly, after some seconds', async (t) => {
    const { url } = await open(t)
    const silent = await hold(t, url, 3, '')
    const slow = await hold(t, url, 3, 'GET /livez HTTP/1.1\r\nx: ')
    const dripping = setInterval(() => slow.write('y'), 100)
    t.after(async () => clearInterval(dripping))
    for (; silent.open().length + slow.open().length > 0; await sleep(20));
  })

  test('an address that cannot be had is a fault of the command line', async (t) => {
    const { url } = await open(t)
    const usage = { code: 'VGM_USAGE', exitCode: 2 }
    const taken = { host: '127.0.0.1', port: Number(new URL(url).port) }
    await rejects(openEndpoint(taken, new Map()), { ...usage, message: /another process listens there/ })
    await rejects(openEndpoint({ host: '192.0.2.1', port: 0 }, new Map()), { ...usage, message: /no such address/ })
  })
})
