import { deepEqual, equal, rejects } from 'node:assert/strict'
import { describe, test } from 'node:test'
import { COMPATIBILITY, SchemaRegistry as KafkajsRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import { SchemaRegistry } from '../../../src/kafka/registry.ts'
import { RegistryRefusedError } from '../../../src/kafka/registry-errors.ts'
import { MalformedSchemaError, RefusedSchemaError } from '../../../src/rows/schema-error.ts'
import { row, testRegistry } from './test-registry.ts'

const text = JSON.stringify

describe('the embedded schema registry, asked by our own client', () => {
  test('registers schemas and gives them back by id, subject and version', async (t) => {
    const registry = await testRegistry(t)
    const client = new SchemaRegistry({ url: registry.url })
    equal(await client.mode(), 'READWRITE')
    equal(await client.latest('a'), undefined)
    equal(await client.compatibility('a'), undefined)
    equal(await client.schemaById(1), undefined)
    deepEqual(await client.newest('a'), [])
    equal(await client.register('a', text(row('x')), { compatibility: 'FULL' }), 1)
    equal(await client.compatibility('a'), 'FULL')
    equal(await client.register('a', text(row('x', 'y?'))), 2)
    deepEqual(await client.subjects(), ['a'])
    deepEqual(await client.latest('a'), { id: 2, version: 2, schema: text(row('x', 'y?')) })
    deepEqual(await client.newest('a'), [text(row('x', 'y?')), text(row('x'))])
    const other = new SchemaRegistry({ url: registry.url })
    equal(await other.schemaById(1), text(row('x')))
    equal(await other.schemaById('guid:0b3fcb2a-9b0c-4a1f-8a36-3f0d2c1f6f77'), undefined)
  })

  test('gives schemas whole that refer to others', async (t) => {
    const registry = await testRegistry(t)
    await registry.register('point', { type: 'fixed', name: 'geo.Point', size: 8 })
    const references = [{ name: 'geo.Point', subject: 'point', version: 1 }]
    const id = await registry.register('points', { type: 'array', items: 'geo.Point' }, references)
    const client = new SchemaRegistry({ url: registry.url })
    equal(
      await client.schemaById(id),
      '{"type":"array","items":{"type":"fixed","name":"Point","namespace":"geo","size":8}}',
    )
  })

  test('refuses with errors that the client understands', async (t) => {
    const registry = await testRegistry(t)
    const client = new SchemaRegistry({ url: registry.url })
    await client.register('a', text(row('x')))
    await rejects(client.register('a', text(row('y'))), RegistryRefusedError)
    await rejects(
      client.register('b', text({ ...row(), fields: [{ name: 'a', type: 'int', default: 'x' }] })),
      (error) => error instanceof RefusedSchemaError || error instanceof MalformedSchemaError,
    )
    await registry.put('/mode', { mode: 'READONLY' })
    equal(await client.mode(), 'READONLY')
  })
})

describe('the embedded schema registry, asked by @kafkajs/confluent-schema-registry', () => {
  test('registers, encodes and decodes', async (t) => {
    const registry = await testRegistry(t)
    const client = new KafkajsRegistry({ host: registry.url })
    const named = { ...row('x'), namespace: 'n' }
    const { id } = await client.register({ type: SchemaType.AVRO, schema: text(named) }, { subject: 'n.Row' })
    equal(id, 1)
    // It sets the level of a subject that has none.
    deepEqual(await registry.get('/config/n.Row'), { compatibilityLevel: COMPATIBILITY.BACKWARD })
    const decoder = new KafkajsRegistry({ host: registry.url })
    deepEqual({ ...(await decoder.decode(await client.encode(id, { x: 7 }))) }, { x: 7 })
    equal(await decoder.getLatestSchemaId('n.Row'), 1)
    equal(await decoder.getRegistryId('n.Row', 1), 1)
    equal(await decoder.getRegistryIdBySchema('n.Row', { type: SchemaType.AVRO, schema: text(named) }), 1)
    await rejects(decoder.getLatestSchemaId('none'), /Subject 'none' not found/)
    const other = { type: SchemaType.AVRO, schema: text({ ...row('y'), namespace: 'n' }) } as const
    await rejects(client.register(other, { subject: 'n.Row' }), /incompatible with an earlier schema/)
  })

  test('knows references', async (t) => {
    const registry = await testRegistry(t)
    const client = new KafkajsRegistry({ host: registry.url })
    const inner = { ...row('x'), namespace: 'n', name: 'Inner' }
    await client.register({ type: SchemaType.AVRO, schema: text(inner) }, { subject: 'inner' })
    const outer = { type: 'record', name: 'Outer', namespace: 'n', fields: [{ name: 'i', type: 'n.Inner' }] }
    const references = [{ name: 'n.Inner', subject: 'inner', version: 1 }]
    const { id } = await client.register(
      { type: SchemaType.AVRO, schema: text(outer), references },
      { subject: 'outer' },
    )
    const decoder = new KafkajsRegistry({ host: registry.url })
    const decoded = (await decoder.decode(await client.encode(id, { i: { x: 3 } }))) as { i: { x: number } }
    equal(decoded.i.x, 3)
  })
})
