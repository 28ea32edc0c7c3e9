import { deepEqual, equal, rejects } from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, test } from 'node:test'
import { SchemaRegistry } from '../../src/kafka/registry.ts'

async function serve(t: { after(work: () => void): void }, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close().closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/apis`
}

suite('schema registry that misbehaves', () => {
  test('a schema is asked for again until the registry answers, and then once only', async (t) => {
    let questions = 0
    const url = await serve(t, (_, response) => {
      questions++
      if (questions <= 2) response.writeHead(503).end('starting')
      else response.end(JSON.stringify({ schema: '"int"' }))
    })
    const reachable: boolean[] = []
    const registry = new SchemaRegistry({ url }, { onReachable: (now) => reachable.push(now) })
    deepEqual(await Promise.all([registry.schemaById(1), registry.schemaById(1)]), ['"int"', '"int"'])
    equal(await registry.schemaById(1), '"int"')
    equal(questions, 3)
    deepEqual(reachable, [false, true])
  })

  test('a registry that is away makes no schema unknown', async () => {
    const registry = new SchemaRegistry({ url: 'http://127.0.0.1:1' }, { patienceMs: 150 })
    await rejects(registry.schemaById(1), { code: 'VGM_REGISTRY_UNREACHABLE', retriable: true })
  })

  test('a 404 that no registry has written makes no schema unknown', async (t) => {
    const url = await serve(t, (_, response) => response.writeHead(404).end('<html>no such page</html>'))
    await rejects(new SchemaRegistry({ url }, { patienceMs: 150 }).schemaById(1), { code: 'VGM_REGISTRY_UNREACHABLE' })
  })

  test("the registry's own 404 makes it unknown at once", async (t) => {
    const url = await serve(t, (_, response) =>
      response.writeHead(404).end(JSON.stringify({ error_code: 40403, message: 'no' })),
    )
    equal(await new SchemaRegistry({ url }).schemaById(1), undefined)
  })

  test('a schema that is not Avro is none for us', async (t) => {
    const url = await serve(t, (_, response) =>
      response.end(JSON.stringify({ schemaType: 'PROTOBUF', schema: 'message X {}' })),
    )
    equal(await new SchemaRegistry({ url }).schemaById(1), undefined)
  })

  test('a wrong password is said at once', async (t) => {
    const url = await serve(t, (request, response) => {
      const expected = `Basic ${Buffer.from('me:secret').toString('base64')}`
      if (request.headers.authorization === expected) response.end(JSON.stringify({ schema: '"int"' }))
      else response.writeHead(401).end('{}')
    })
    await rejects(new SchemaRegistry({ url }).schemaById(1), { code: 'VGM_REGISTRY_REFUSED', exitCode: 2 })
    equal(await new SchemaRegistry({ url, auth: { username: 'me', password: 'secret' } }).schemaById(1), '"int"')
  })
})
