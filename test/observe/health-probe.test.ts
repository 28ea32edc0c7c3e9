import { equal, match } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, test } from 'node:test'
import { runNode } from '../commands/run-command.ts'

const probe = new URL('../../src/observe/health-probe.ts', import.meta.url).pathname

interface Test {
  after(work: () => void): void
}

/** A server of this answer, and its port. */
async function serve(t: Test, answer: RequestListener): Promise<number> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  return (server.address() as AddressInfo).port
}

const ask = (path: string, address: string) => runNode([probe, path], { environment: { VGM_HTTP: address } })

suite("the image's health check", () => {
  test('is what the stage answers, at the address that it was told, wherever it listens', async (t) => {
    const port = await serve(t, ({ url }, response) => {
      response.writeHead(url === '/livez' ? 200 : 503).end(`${url}\n`)
    })
    for (const address of [`0.0.0.0:${port}`, `127.0.0.1:${port}`, String(port)]) {
      const alive = await ask('livez', address)
      equal(alive.code, 0, alive.out)
      const ready = await ask('readyz', address)
      equal(ready.code, 1)
      equal(ready.out, '/readyz\n')
    }
  })

  test('a process that takes connections and does not answer is dead', async (t) => {
    const { code, out } = await ask('livez', String(await serve(t, () => undefined)))
    equal(code, 1)
    match(out, /no answer/)
  })

  test('a command that serves nothing lives as long as it runs, and is never ready', async () => {
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const free = (closed.address() as AddressInfo).port
    closed.close()
    equal((await ask('livez', String(free))).code, 0)
    equal((await ask('readyz', String(free))).code, 1)
  })
})
