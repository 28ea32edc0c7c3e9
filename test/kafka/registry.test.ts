import { deepEqual, equal, match, rejects } from 'node:assert/strict'
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

  test('where nothing is like a registry, and none has been before, the address is wrong: said at once', async (t) => {
    const pages: RequestListener[] = [
      (_, response) => response.writeHead(404).end('<html>no such page</html>'),
      (_, response) => response.end('<html>Sign in</html>'),
      ({ url: path }, response) =>
        path === '/login' ? response.end('<html/>') : response.writeHead(302, { location: '/login' }).end(),
      (_, response) => response.writeHead(302, { location: '/again' }).end(),
    ]
    for (const page of pages) {
      const url = await serve(t, page)
      await rejects(new SchemaRegistry({ url }).schemaById(1), { code: 'VGM_REGISTRY_PATH', exitCode: 2 })
      await rejects(new SchemaRegistry({ url }).register('s', '{}'), { code: 'VGM_REGISTRY_PATH' })
    }
  })

  test('the same answers of one that has been a registry make no schema unknown: it is waited for', async (t) => {
    let isThere = true
    const url = await serve(t, (_, response) => {
      if (isThere) response.end(JSON.stringify({ schema: '"int"' }))
      else response.writeHead(404).end('<html>no such page</html>')
    })
    const registry = new SchemaRegistry({ url }, { patienceMs: 2_000 })
    equal(await registry.schemaById(1), '"int"')
    isThere = false
    await rejects(registry.schemaById(2), { code: 'VGM_REGISTRY_UNREACHABLE', retriable: true })
  })

  test('a 404 without a code of its own makes a schema unknown if the registry shows that it is one', async (t) => {
    for (const page of ['', 'not found', '{"error_code":404,"message":"No artifact was found."}', '"Not Found"']) {
      const url = await serve(t, ({ url: path }, response) =>
        path?.endsWith('/subjects') ? response.end('[]') : response.writeHead(404).end(page),
      )
      const registry = new SchemaRegistry({ url })
      equal(await registry.schemaById(1), undefined)
      equal(await registry.mode(), undefined)
      equal(await registry.latest('s'), undefined)
      match(registry.schemaProblem(1) ?? '', /knows no Avro schema/)
    }
  })

  test('the newest schemas of a subject come first, each asked for once; what is no Avro is left out', async (t) => {
    const asked: string[] = []
    const url = await serve(t, ({ url: path = '' }, response) => {
      const version = path.split('/').at(-1) ?? ''
      asked.push(version)
      const schemaType = version === '59' ? 'JSON' : 'AVRO'
      const schema = { id: 1, version: Number(version), schema: `"${version}"`, schemaType }
      response.end(JSON.stringify(version === 'versions' ? Array.from({ length: 60 }, (_, i) => i + 1) : schema))
    })
    const registry = new SchemaRegistry({ url })
    const expected = ['60', ...Array.from({ length: 48 }, (_, i) => String(58 - i))].map((version) => `"${version}"`)
    deepEqual(await registry.newest('s'), expected)
    deepEqual(await registry.newest('s'), expected)
    equal(asked.length, 2 + 50)
  })

  test('a registry without a mode has none, whether it says 404 or 405', async (t) => {
    for (const status of [404, 405]) {
      const url = await serve(t, (_, response) => response.writeHead(status).end())
      equal(await new SchemaRegistry({ url }).mode(), undefined)
    }
  })

  test('an address without its path is said to be there, with the path', async (t) => {
    for (const path of ['/apis/ccompat/v7', '']) {
      const base = await serve(t, ({ url }, response) =>
        url === `${path}/subjects` ? response.end('[]') : response.writeHead(404).end('{"status":404}'),
      )
      const { origin } = new URL(base)
      const url = path === '' ? base : origin
      await rejects(new SchemaRegistry({ url }).schemaById(1), (error: Error & { fix: string }) => {
        match(error.fix, new RegExp(`${origin}${path}: name that as the registry`))
        return true
      })
    }
  })

  for (const status of [301, 302, 307, 308])
    test(`a redirect (${status}) is followed, and who we are is told to the same host only`, async (t) => {
      const seen: (string | undefined)[] = []
      const registered: RequestListener = (request, response) => {
        seen.push(request.headers.authorization)
        if (request.method === 'POST') response.end('{"id":7}')
        else if (request.url?.includes('/config/')) response.end('{"compatibilityLevel":"NONE"}')
        else response.end(JSON.stringify({ schema: '"int"' }))
      }
      const elsewhere = await serve(t, registered)
      const ask = async (url: string) => {
        seen.length = 0
        const registry = new SchemaRegistry({ url, auth: { username: 'me', password: 'secret' } })
        equal(await registry.schemaById(1), '"int"')
        equal(await registry.register('s', '{"type":"record","name":"R","fields":[]}'), 7)
        return new Set(seen)
      }
      const redirecting = await serve(t, (request, response) => {
        const isMoved = request.url?.startsWith('/moved/')
        if (isMoved) registered(request, response)
        else response.writeHead(status, { location: `${elsewhere}${request.url?.replace('/apis', '')}` }).end()
      })
      deepEqual(await ask(redirecting), new Set([undefined]))
      const moving = await serve(t, (request, response) => {
        if (request.url?.startsWith('/moved/')) registered(request, response)
        else response.writeHead(status, { location: request.url?.replace('/apis', '/moved') }).end()
      })
      deepEqual(await ask(moving), new Set([`Basic ${Buffer.from('me:secret').toString('base64')}`]))
    })

  test('where it redirects to another host that wants to know who we are, the error names that host', async (t) => {
    const elsewhere = await serve(t, (_, response) => response.writeHead(401).end('{}'))
    const url = await serve(t, (request, response) =>
      response.writeHead(307, { location: `${new URL(elsewhere).origin}${request.url}` }).end(),
    )
    const registry = new SchemaRegistry({ url, auth: { username: 'me', password: 'secret' } })
    await rejects(registry.schemaById(1), { code: 'VGM_REGISTRY_REFUSED', fix: new RegExp(new URL(elsewhere).host) })
  })

  test('what a schema refers to is asked for once, also in a circle, and written out in full', async (t) => {
    const schemas: Record<string, { name: string; refersTo: string; text: object }> = {
      a: {
        name: 'x.A',
        refersTo: 'b',
        text: { type: 'record', name: 'A', namespace: 'x', fields: [{ name: 'b', type: ['null', 'x.B'] }] },
      },
      b: {
        name: 'x.B',
        refersTo: 'a',
        text: { type: 'record', name: 'B', namespace: 'x', fields: [{ name: 'a', type: ['null', 'x.A'] }] },
      },
    }
    const reference = (subject: string) => ({ name: schemas[subject].name, subject, version: 1 })
    let questions = 0
    const url = await serve(t, (request, response) => {
      questions++
      const subject = /subjects\/(.)\/versions\/1/.exec(request.url ?? '')?.[1]
      const text =
        subject === undefined
          ? '{"type":"record","name":"Row","fields":[{"name":"n","type":"long","default":9223372036854775807},{"name":"a","type":"x.A"}]}'
          : JSON.stringify(schemas[subject].text)
      response.end(
        JSON.stringify({
          schema: text,
          references: [reference(subject === undefined ? 'a' : schemas[subject].refersTo)],
        }),
      )
    })
    const registry = new SchemaRegistry({ url })
    const text = (await registry.schemaById(1)) ?? ''
    match(text, /"default":9223372036854775807/)
    const [, field] = JSON.parse(text).fields
    deepEqual(field.type.fields[0].type[1].fields[0].type, ['null', 'x.A'])
    equal(await registry.schemaById(2), text)
    equal(questions, 4)
  })

  test('a schema that refers to what is not there has a reason, and so has one of another type', async (t) => {
    const url = await serve(t, ({ url: path }, response) => {
      if (path?.includes('/ids/1'))
        response.end(JSON.stringify({ schema: '"x.A"', references: [{ name: 'x.A', subject: 'a', version: 3 }] }))
      else if (path?.includes('/ids/2'))
        response.end(JSON.stringify({ schema: 'message X {}', schemaType: 'PROTOBUF' }))
      else response.writeHead(404).end('{"error_code":40401}')
    })
    const registry = new SchemaRegistry({ url })
    deepEqual([await registry.schemaById(1), await registry.schemaById(2)], [undefined, undefined])
    match(registry.schemaProblem(1) ?? '', /refers to x\.A, version 3 of subject a/)
    match(registry.schemaProblem(2) ?? '', /PROTOBUF/)
  })

  test('a schema with a GUID is asked for by it', async (t) => {
    const url = await serve(t, ({ url: path }, response) =>
      path?.endsWith('/schemas/guids/0001')
        ? response.end(JSON.stringify({ schema: '"long"' }))
        : path?.endsWith('/subjects')
          ? response.end('[]')
          : response.writeHead(404).end(),
    )
    const registry = new SchemaRegistry({ url })
    equal(await registry.schemaById('guid:0001'), '"long"')
    equal(await registry.schemaById('guid:0002'), undefined)
    match(registry.schemaProblem('guid:0002') ?? '', /GUID/)
  })

  test('a registry that is busy now and then is asked again, also for what is registered', async (t) => {
    let n = 0
    const url = await serve(t, (request, response) => {
      if (n++ % 2 === 0) response.writeHead(429).end('{"error_code":429,"message":"slow down"}')
      else if (request.method === 'POST') response.end('{"id":7}')
      else response.end('{"compatibilityLevel":"NONE"}')
    })
    equal(await new SchemaRegistry({ url }).register('s', '{"type":"record","name":"R","fields":[]}'), 7)
  })

  test('who may not set what a subject takes may register all the same', async (t) => {
    const url = await serve(t, (request, response) => {
      if (request.method === 'POST') response.end('{"id":7}')
      else if (request.method === 'PUT') response.writeHead(403).end('{"error_code":40301,"message":"denied"}')
      else response.writeHead(404).end('{"error_code":40408}')
    })
    const schema = '{"type":"record","name":"R","fields":[]}'
    equal(await new SchemaRegistry({ url }).register('s', schema, { compatibility: 'NONE' }), 7)
  })

  test('the reason for which a schema is refused is said', async (t) => {
    for (const [status, code] of [
      [403, 'VGM_REGISTRY_REFUSED'],
      [422, 'VGM_REGISTRY_SCHEMA'],
    ] as const) {
      const url = await serve(t, (request, response) => {
        if (request.method === 'POST')
          response.writeHead(status).end(JSON.stringify({ message: 'User ann may not write' }))
        else response.end('{"compatibilityLevel":"NONE"}')
      })
      const registered = new SchemaRegistry({ url }).register('s', '{"type":"record","name":"R","fields":[]}')
      await rejects(registered, { code, message: /User ann may not write/ })
    }
  })

  test('a subject that another process registers between our requests is no error', async (t) => {
    let questions = 0
    const url = await serve(t, (request, response) => {
      if (request.method === 'POST') response.end('{"id":7}')
      else if (questions++ === 0) response.writeHead(404).end('{"error_code":40401}')
      else response.end('{"compatibilityLevel":"NONE"}')
    })
    equal(await new SchemaRegistry({ url }).register('s', '{"type":"record","name":"R","fields":[]}'), 7)
  })

  test('a setting that changes between all our requests ends the registration', async (t) => {
    let questions = 0
    const url = await serve(t, (_, response) =>
      response.end(JSON.stringify({ compatibilityLevel: questions++ % 2 === 0 ? 'NONE' : 'FULL' })),
    )
    await rejects(new SchemaRegistry({ url }).register('s', '{"type":"record","name":"R","fields":[]}'), {
      name: 'ConfluentSchemaRegistryCompatibilityError',
    })
    equal(questions, 8)
  })

  test('a conflict is told in a sentence, not as the two schemas', async (t) => {
    const dump = `Schema being registered is incompatible: {oldSchema: '${'{"type":"record"}'.repeat(200)}'}`
    const url = await serve(t, (request, response) => {
      if (request.method === 'POST') response.writeHead(409).end(JSON.stringify({ error_code: 409, message: dump }))
      else response.end('{"compatibilityLevel":"BACKWARD"}')
    })
    await rejects(new SchemaRegistry({ url }).register('s', '{"type":"record","name":"R","fields":[]}'), {
      code: 'VGM_REGISTRY_REFUSED',
      message:
        'Registering a schema of s: the schema registry answered 409: the subject takes only schemas that are BACKWARD ' +
        'compatible with earlier ones',
      fix: 'Set the compatibility of subject s to NONE, or name another topic',
    })
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
