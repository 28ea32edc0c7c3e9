import { deepEqual, equal, match } from 'node:assert/strict'
import { describe, test } from 'node:test'
import { row, type TestRegistry, testRegistry } from './test-registry.ts'

const text = JSON.stringify

describe('references', () => {
  const point = { type: 'fixed', name: 'Point', namespace: 'geo', size: 8 }
  const line = { type: 'record', name: 'geo.Line', fields: [{ name: 'from', type: 'Point' }] }
  const map = { type: 'record', name: 'Map', fields: [{ name: 'line', type: 'geo.Line' }] }
  const toPoint = { name: 'geo.Point', subject: 'point', version: 1 }
  const toLine = { name: 'geo.Line', subject: 'line', version: 1 }

  async function withReferences(registry: TestRegistry): Promise<void> {
    await registry.register('point', point)
    await registry.register('line', line, [toPoint])
    await registry.register('map', map, [toLine])
  }

  test('are resolved, also those of what is referred to', async (t) => {
    const registry = await testRegistry(t)
    await withReferences(registry)
    const schema = '{"type":"record","name":"Map","fields":[{"name":"line","type":"geo.Line"}]}'
    deepEqual(await registry.get('/schemas/ids/3'), { schema, references: [toLine] })
    deepEqual(await registry.get('/subjects/map/versions/1'), {
      ...{ subject: 'map', version: 1, id: 3, schema },
      references: [toLine],
    })
    deepEqual(await registry.get('/subjects/point/versions/1/referencedby'), [2])
    deepEqual(await registry.get('/subjects/line/versions/latest/referencedby'), [3])
    deepEqual(await registry.get('/subjects/map/versions/1/referencedby'), [])
  })

  test('to the newest version are kept as its number', async (t) => {
    const registry = await testRegistry(t)
    await registry.register('point', point)
    await registry.register('line', line, [{ ...toPoint, version: -1 }])
    const { references } = (await registry.get('/schemas/ids/2')) as { references: unknown }
    deepEqual(references, [toPoint])
  })

  test('find the schema that somebody has written out', async (t) => {
    const registry = await testRegistry(t)
    await withReferences(registry)
    const whole = { ...map, fields: [{ name: 'line', type: { ...line, fields: [{ name: 'from', type: point }] } }] }
    equal(await registry.register('map', whole), 3)
    const found = (await registry.post('/subjects/map', { schema: text(whole) })) as { version: number }
    equal(found.version, 1)
  })

  test('must lead to versions that are there, and give the types that the schema names', async (t) => {
    const registry = await testRegistry(t)
    await withReferences(registry)
    const refused = (references: unknown) =>
      registry.refused('POST', '/subjects/other/versions', { schema: text({ ...map, name: 'Other' }), references })
    equal(await refused([]), 42201)
    equal(await refused([{ ...toLine, version: 2 }]), 42201)
    equal(await refused([{ ...toLine, subject: 'none' }]), 42201)
    equal(await refused([toPoint]), 42201)
    equal(await refused([{ subject: 'line', version: 1 }]), 42201)
    equal(await refused([{ ...toLine, version: 0 }]), 42201)
    await registry.delete('/subjects/map')
    await registry.delete('/subjects/line')
    equal(await refused([toLine]), 42201)
  })

  test('keep what they lead to from being deleted', async (t) => {
    const registry = await testRegistry(t)
    await withReferences(registry)
    equal(await registry.refused('DELETE', '/subjects/line'), 42206)
    equal(await registry.refused('DELETE', '/subjects/line/versions/1'), 42206)
    await registry.delete('/subjects/map')
    deepEqual(await registry.get('/subjects/line/versions/1/referencedby'), [])
    deepEqual(await registry.get('/subjects/line/versions/1/referencedby?deleted=true'), [3])
    await registry.delete('/subjects/line')
    // One that is deleted softly may come again.
    equal(await registry.refused('DELETE', '/subjects/line?permanent=true'), 42206)
    equal(await registry.refused('DELETE', '/subjects/line/versions/1?permanent=true'), 42206)
    await registry.delete('/subjects/map?permanent=true')
    deepEqual(await registry.delete('/subjects/line?permanent=true'), [1])
  })

  test('keep an old version beside the new one of the same schema', async (t) => {
    const registry = await testRegistry(t)
    await withReferences(registry)
    for (const subject of ['map', 'line', 'point']) await registry.delete(`/subjects/${subject}`)
    equal(await registry.register('point', point), 1)
    deepEqual(await registry.get('/subjects/point/versions?deleted=true'), [1, 2])
    equal(await registry.register('line', line, [{ ...toPoint, version: 2 }]), 4)
    deepEqual(await registry.get('/subjects/line/versions?deleted=true'), [1, 2])
  })

  test('may lead to an earlier version of the same subject, which is then deleted as one', async (t) => {
    const registry = await testRegistry(t)
    await registry.put('/config/all', { compatibility: 'NONE' })
    await registry.register('all', point)
    await registry.register('all', line, [{ ...toPoint, subject: 'all' }])
    equal(await registry.refused('DELETE', '/subjects/all/versions/1'), 42206)
    deepEqual(await registry.delete('/subjects/all'), [1, 2])
    deepEqual(await registry.delete('/subjects/all?permanent=true'), [1, 2])
  })

  test('take part in compatibility with all that they bring', async (t) => {
    const registry = await testRegistry(t)
    await withReferences(registry)
    await registry.put('/config/point', { compatibility: 'NONE' })
    await registry.register('point', { ...point, size: 9 })
    const body = { schema: text(line), references: [{ ...toPoint, version: 2 }] }
    const path = '/compatibility/subjects/line/versions/latest?verbose=true'
    const { messages } = (await registry.post(path, body)) as { messages: string[] }
    match(messages[0], /FIXED_SIZE_MISMATCH.*expected: 8, found: 9/)
  })

  test('to a schema leave what that one defines within to be written out', async (t) => {
    const registry = await testRegistry(t)
    const outer = { type: 'record', name: 'n.Outer', fields: [{ name: 'p', type: { ...point, namespace: 'n' } }] }
    await registry.register('outer', outer)
    const references = [{ name: 'n.Outer', subject: 'outer', version: 1 }]
    const schema = text({
      ...row(),
      fields: [
        { name: 'o', type: 'n.Outer' },
        { name: 'p', type: 'n.Point' },
      ],
    })
    const registered = (await registry.post('/subjects/row/versions', { schema, references })) as { schema: string }
    equal(
      registered.schema,
      '{"type":"record","name":"Row","fields":[{"name":"o","type":"n.Outer"},' +
        '{"name":"p","type":{"type":"fixed","name":"Point","namespace":"n","size":8}}]}',
    )
  })
})
