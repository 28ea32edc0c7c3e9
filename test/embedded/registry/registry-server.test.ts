import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { describe, test } from 'node:test'
import { startRegistryServer } from '../../../src/embedded/registry/registry-server.ts'
import { RegistryState } from '../../../src/embedded/registry/registry-state.ts'
import { UsageError } from '../../../src/errors.ts'
import { row, testRegistry } from './test-registry.ts'

const text = JSON.stringify

describe('the embedded schema registry registers schemas', () => {
  test('under ids from 1, which a schema has under every subject', async (t) => {
    const registry = await testRegistry(t)
    const schema = text(row('a'))
    deepEqual(await registry.post('/subjects/a/versions', { schema }), { version: 1, id: 1, schema })
    deepEqual(await registry.post('/subjects/a/versions', { schema, schemaType: 'AVRO' }), {
      version: 1,
      id: 1,
      schema,
    })
    equal(await registry.register('b', row('x')), 2)
    equal(await registry.register('b', row('x?', 'a?')), 3)
    equal(await registry.register('c', row('a')), 1)
    deepEqual(await registry.get('/subjects'), ['a', 'b', 'c'])
    deepEqual(await registry.get('/subjects/b/versions'), [1, 2])
    deepEqual(await registry.get('/subjects/b/versions?offset=1&limit=5'), [2])
    deepEqual(await registry.get('/schemas/ids/1/subjects'), ['a', 'c'])
    deepEqual(await registry.get('/schemas/ids/1/versions'), [
      { subject: 'a', version: 1 },
      { subject: 'c', version: 1 },
    ])
  })

  test('as the same one, however they are written', async (t) => {
    const registry = await testRegistry(t)
    equal(await registry.register('a', { type: 'fixed', name: 'n.F', size: 2, p: 1, q: 2 }), 1)
    const other = { size: 2, namespace: 'n', name: 'F', type: 'fixed', p: 1, q: 2 }
    equal(await registry.register('a', other), 1)
    equal(await registry.register('b', other), 1)
    const reordered = { ...other, p: undefined, q: 2 }
    equal(await registry.register('a', { ...reordered, p: 1 }), 1)
    const schema = '{"type":"fixed","name":"F","namespace":"n","size":2,"q":2,"p":1}'
    deepEqual(await registry.post('/subjects/c/versions', { schema }), { version: 1, id: 2, schema })
    const normalized = '{"type":"fixed","name":"F","namespace":"n","size":2,"p":1,"q":2}'
    deepEqual(await registry.post('/subjects/d/versions?normalize=true', { schema }), {
      version: 1,
      id: 1,
      schema: normalized,
    })
  })

  test('that can be read by id, by subject and version, and alone', async (t) => {
    const registry = await testRegistry(t)
    await registry.register('a', row('x'))
    await registry.register('a', row('x', 'y?'))
    const [first, second] = [text(row('x')), text(row('x', 'y?'))]
    deepEqual(await registry.get('/schemas/ids/1'), { schema: first })
    deepEqual(await registry.get('/schemas/ids/2?fetchMaxId=false&subject=a'), {
      subject: 'a',
      version: 2,
      schema: second,
    })
    deepEqual(await registry.get('/schemas/ids/2?subject=elsewhere'), { schema: second })
    deepEqual(await registry.get('/schemas/ids/1/schema'), row('x'))
    const latest = { subject: 'a', version: 2, id: 2, schema: second }
    deepEqual(await registry.get('/subjects/a/versions/latest'), latest)
    deepEqual(await registry.get('/subjects/a/versions/-1'), latest)
    deepEqual(await registry.get('/subjects/a/versions/2/schema'), row('x', 'y?'))
    deepEqual(await registry.get('/schemas?latestOnly=true'), [latest])
    equal(((await registry.get('/schemas?subjectPrefix=a')) as object[]).length, 2)
    deepEqual(await registry.get('/schemas?subjectPrefix=b'), [])
    deepEqual(await registry.get('/schemas/types'), ['AVRO'])
    deepEqual(await registry.get('/'), {})
    deepEqual(await registry.post('/subjects/a', { schema: first }), { subject: 'a', version: 1, id: 1, schema: first })
  })

  test('under subjects of any letters', async (t) => {
    const registry = await testRegistry(t)
    const subject = 'größe/ä b:c%?#-value'
    const path = `/subjects/${encodeURIComponent(subject)}`
    await registry.post(`${path}/versions`, { schema: '"int"' })
    deepEqual(await registry.get('/subjects'), [subject])
    deepEqual(await registry.get(`/subjects?subjectPrefix=${encodeURIComponent('größe/')}`), [subject])
    deepEqual(await registry.get('/subjects?subjectPrefix=:*:'), [subject])
    deepEqual(await registry.get(`${path}/versions/`), [1])
  })
})

describe('the embedded schema registry refuses', () => {
  test('what is not there, with the code of Confluent', async (t) => {
    const registry = await testRegistry(t)
    await registry.register('a', row('x'))
    const schema = text(row('z'))
    equal(await registry.refused('GET', '/subjects/b/versions'), 40401)
    equal(await registry.refused('GET', '/subjects/b/versions/latest'), 40401)
    equal(await registry.refused('DELETE', '/subjects/b'), 40401)
    equal(await registry.refused('POST', '/subjects/b', { schema }), 40401)
    equal(await registry.refused('GET', '/subjects/a/versions/2'), 40402)
    equal(await registry.refused('GET', '/subjects/a/versions/2/referencedby'), 40402)
    equal(await registry.refused('DELETE', '/subjects/a/versions/2'), 40402)
    equal(await registry.refused('POST', '/compatibility/subjects/a/versions/2', { schema }), 40402)
    equal(await registry.refused('POST', '/subjects/a', { schema }), 40403)
    for (const path of ['', '/schema', '/versions', '/subjects'])
      equal(await registry.refused('GET', `/schemas/ids/7${path}`), 40403)
    equal(await registry.refused('GET', '/config/a'), 40408)
    equal(await registry.refused('GET', '/mode/a'), 40409)
    equal(await registry.refused('DELETE', '/config/a'), 40401)
    equal(await registry.refused('GET', '/schemas/ids/x'), 404)
    equal(await registry.refused('GET', '/elsewhere'), 404)
    equal(await registry.refused('GET', '/contexts'), 404)
    equal(await registry.refused('GET', '/exporters'), 404)
    equal(await registry.refused('POST', '/subjects'), 405)
    equal(await registry.refused('GET', '/subjects/%E0%A4%A'), 400)
  })

  test('what is no version, level, mode or subject', async (t) => {
    const registry = await testRegistry(t)
    for (const version of ['0', '-2', 'x', '1.5', '2147483648'])
      equal(await registry.refused('GET', `/subjects/a/versions/${version}`), 42202, version)
    equal(await registry.refused('PUT', '/config', { compatibility: 'SOME' }), 42203)
    equal(await registry.refused('PUT', '/config/a', {}), 42203)
    for (const mode of ['IMPORT', 'FORWARD', 'x', 1]) equal(await registry.refused('PUT', '/mode', { mode }), 42204)
    const schema = '"int"'
    for (const subject of ['%00', '__GLOBAL', ':.context:a'])
      equal(await registry.refused('POST', `/subjects/${subject}/versions`, { schema }), 42208)
  })

  test('what is no Avro schema', async (t) => {
    const registry = await testRegistry(t)
    const refuse = (schema: unknown) => registry.refused('POST', '/subjects/a/versions', { schema })
    for (const schema of ['', undefined, null, 'int', '{', '"Unknown"', '{"type":"record","name":"R"}'])
      equal(await refuse(schema), 42201, String(schema))
    equal(await refuse(text({ ...row(), fields: [{ name: 'a', type: 'int', default: 'x' }] })), 42201)
    const { json } = await registry.ask('POST', '/subjects/a/versions', {
      schema: text({ ...row(), fields: [{ name: 'a', type: 'int', default: 'x' }] }),
    })
    match((json as { message: string }).message, /Row\.a: the default "x" does not fit the type int/)
    deepEqual(await registry.get('/subjects'), [])
  })

  test('what it does not have, rather than to take it silently', async (t) => {
    const registry = await testRegistry(t)
    const schema = '"int"'
    const versions = '/subjects/a/versions'
    for (const schemaType of ['JSON', 'PROTOBUF'])
      equal(await registry.refused('POST', versions, { schema, schemaType }), 42201)
    equal(await registry.refused('POST', versions, { schema, metadata: { properties: {} } }), 422)
    equal(await registry.refused('POST', versions, { schema, ruleSet: { domainRules: [] } }), 422)
    equal(await registry.refused('POST', versions, { schema, id: 5 }), 422)
    equal(await registry.refused('POST', versions, { schema, version: 5 }), 422)
    equal(await registry.refused('POST', `${versions}?force=true`, { schema }), 422)
    equal(await registry.refused('GET', '/schemas/ids/1?format=resolved'), 422)
    equal(await registry.refused('GET', '/subjects?subjectPrefix=:.context:a'), 422)
    equal(await registry.refused('PUT', '/config', { compatibility: 'NONE', normalize: true }), 422)
    deepEqual(await registry.get('/config'), { compatibilityLevel: 'BACKWARD' })
    // Null asks for nothing: Confluent's client for Python says it always.
    await registry.post(versions, { schema, references: null, metadata: null, ruleSet: null, schemaType: null })
  })

  test('a body that is no JSON object, is no UTF-8, is too large, or comes from a page', async (t) => {
    const registry = await testRegistry(t)
    const path = '/subjects/a/versions'
    for (const body of ['', 'x', '[]', '"x"', 'null', '{"schema": 1}', '{"schema": "1", "references": 2}'])
      equal(await registry.refused('POST', path, body), 400, body)
    equal(await registry.refused('POST', path, `{"schema":"${' '.repeat(10 * 1024 * 1024)}"}`), 413)
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', ''])
      equal((await registry.ask('POST', path, { schema: '"int"' }, type)).status, 415)
    const { status } = await fetch(registry.url + path, {
      method: 'POST',
      body: Uint8Array.from([0x22, 0xff, 0x22]),
      headers: { 'content-type': 'application/json' },
    })
    equal(status, 400)
    deepEqual(await registry.get('/subjects'), [])
  })
})

describe("the embedded schema registry's server", () => {
  test("answers with the registry's content type", async (t) => {
    const registry = await testRegistry(t)
    const wanted = 'application/vnd.schemaregistry.v1+json'
    equal((await registry.ask('GET', '/subjects')).contentType, wanted)
    equal((await registry.ask('GET', '/subjects/a/versions')).contentType, wanted)
    equal((await registry.ask('PUT', '/config', { compatibility: 'full' }, wanted)).status, 200)
  })

  test('says that its journal keeps nothing, and changes nothing then', async (t) => {
    const journal = {
      append() {
        throw new UsageError('The disk is full', 'Make room')
      },
    }
    const registry = await testRegistry(t, new RegistryState(journal))
    const { status, json } = await registry.ask('POST', '/subjects/a/versions', { schema: '"int"' })
    equal(status, 500)
    deepEqual(json, { error_code: 50001, message: 'The disk is full. Make room' })
    deepEqual(await registry.get('/subjects'), [])
  })

  test('listens on the port that it is given, and says so if that is taken', async (t) => {
    const first = await startRegistryServer(new RegistryState())
    t.after(() => first.stop())
    const port = Number(new URL(first.url).port)
    await rejects(startRegistryServer(new RegistryState(), port), /cannot listen on 127\.0\.0\.1:\d+/)
    await first.stop()
    const second = await startRegistryServer(new RegistryState(), port)
    t.after(() => second.stop())
    equal(second.url, first.url)
  })
})
