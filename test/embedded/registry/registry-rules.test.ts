import { deepEqual, equal, match } from 'node:assert/strict'
import { describe, test } from 'node:test'
import { compatibilityLevels } from '../../../src/embedded/registry/compatibility-level.ts'
import { row, type TestRegistry, testRegistry } from './test-registry.ts'

const text = JSON.stringify

/** Which of some schemas a subject with two versions takes at each level. */
async function taken(
  registry: TestRegistry,
  level: string,
  versions: readonly object[],
  next: object,
): Promise<boolean> {
  await registry.put('/config/a', { compatibility: 'NONE' })
  for (const one of versions) await registry.register('a', one)
  await registry.put('/config/a', { compatibility: level })
  const body = { schema: text(next) }
  const judged = (await registry.post('/compatibility/subjects/a/versions?verbose=true', body)) as {
    is_compatible: boolean
    messages: string[]
  }
  equal(judged.is_compatible, judged.messages.length === 0)
  const { status, json } = await registry.ask('POST', '/subjects/a/versions', body)
  equal(status, judged.is_compatible ? 200 : 409)
  if (status === 409) equal((json as { error_code: number }).error_code, 409)
  return judged.is_compatible
}

describe('the compatibility level of a subject', () => {
  const cases = [
    { what: 'a field more with a default', versions: [row('a')], next: row('a', 'b?'), refusing: [] },
    {
      what: 'a field more without a default',
      versions: [row('a')],
      next: row('a', 'b'),
      refusing: ['BACKWARD', 'BACKWARD_TRANSITIVE', 'FULL', 'FULL_TRANSITIVE'],
    },
    {
      what: 'a field less, that had no default',
      versions: [row('a', 'b')],
      next: row('a'),
      refusing: ['FORWARD', 'FORWARD_TRANSITIVE', 'FULL', 'FULL_TRANSITIVE'],
    },
    {
      what: 'a field that the version before the last did not have, without a default',
      versions: [row('a'), row('a', 'b?')],
      next: row('a', 'b'),
      refusing: ['BACKWARD_TRANSITIVE', 'FULL_TRANSITIVE'],
    },
    {
      what: 'no field that the version before the last had without a default',
      versions: [row('a', 'b'), row('a', 'b?')],
      next: row('a'),
      refusing: ['FORWARD_TRANSITIVE', 'FULL_TRANSITIVE'],
    },
  ]
  for (const { what, versions, next, refusing } of cases)
    test(`says which schema may follow: ${what}`, async (t) => {
      const wanted = compatibilityLevels.map((level) => [level, !refusing.includes(level)])
      const found = await Promise.all(
        compatibilityLevels.map(async (level) => [level, await taken(await testRegistry(t), level, versions, next)]),
      )
      deepEqual(found, wanted)
    })

  test('is its own, or that of all subjects, which is BACKWARD at first', async (t) => {
    const registry = await testRegistry(t)
    deepEqual(await registry.get('/config'), { compatibilityLevel: 'BACKWARD' })
    deepEqual(await registry.put('/config', { compatibility: 'forward' }), { compatibility: 'FORWARD' })
    deepEqual(await registry.get('/config/a?defaultToGlobal=true'), { compatibilityLevel: 'FORWARD' })
    deepEqual(await registry.put('/config/a', { compatibility: 'NONE' }), { compatibility: 'NONE' })
    deepEqual(await registry.get('/config/a'), { compatibilityLevel: 'NONE' })
    deepEqual(await registry.delete('/config/a'), { compatibilityLevel: 'NONE' })
    equal(await registry.refused('GET', '/config/a'), 40408)
    deepEqual(await registry.delete('/config'), { compatibilityLevel: 'FORWARD' })
    deepEqual(await registry.get('/config'), { compatibilityLevel: 'BACKWARD' })
  })

  test('is asked for one version too, and the answer says what is wrong', async (t) => {
    const registry = await testRegistry(t)
    await registry.register('a', row('a'))
    await registry.put('/config', { compatibility: 'NONE' })
    await registry.register('a', row('b'))
    await registry.put('/config', { compatibility: 'BACKWARD' })
    const path = '/compatibility/subjects/a/versions'
    const body = { schema: text(row('b', 'c?')) }
    deepEqual(await registry.post(`${path}/latest`, body), { is_compatible: true })
    deepEqual(await registry.post(`${path}/1?verbose=true`, body), {
      is_compatible: false,
      messages: [
        "{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'b' at path '/fields/0' in the new " +
          "schema has no default value and is missing in the old schema', additionalInfo:'b'}",
        '{oldSchemaVersion: 1}',
        `{oldSchema: '${text(row('a'))}'}`,
        "{validateFields: 'false', compatibility: 'BACKWARD'}",
      ],
    })
    deepEqual(await registry.post('/compatibility/subjects/none/versions/latest', body), { is_compatible: true })
    const { json } = await registry.ask('POST', '/subjects/a/versions', { schema: text(row('c')) })
    match((json as { message: string }).message, /^Schema being registered is incompatible .* subject "a", details: /)
  })
})

describe('the mode of a subject', () => {
  test('READONLY keeps everything as it is, its own before that of all subjects', async (t) => {
    const registry = await testRegistry(t)
    await registry.register('a', row('a'))
    deepEqual(await registry.get('/mode'), { mode: 'READWRITE' })
    deepEqual(await registry.put('/mode', { mode: 'READONLY' }), { mode: 'READONLY' })
    const schema = { schema: text(row('a')) }
    equal(await registry.refused('POST', '/subjects/a/versions', schema), 42205)
    equal(await registry.refused('DELETE', '/subjects/a'), 42205)
    equal(await registry.refused('DELETE', '/subjects/a/versions/1'), 42205)
    equal(await registry.refused('PUT', '/config/a', { compatibility: 'NONE' }), 42205)
    equal(await registry.refused('PUT', '/config', { compatibility: 'NONE' }), 42205)
    deepEqual(await registry.post('/subjects/a', schema), { subject: 'a', version: 1, id: 1, ...schema })
    await registry.put('/mode/b', { mode: 'READWRITE' })
    equal(await registry.register('b', row('b')), 2)
    deepEqual(await registry.get('/mode/a?defaultToGlobal=true'), { mode: 'READONLY' })
    deepEqual(await registry.get('/mode/b'), { mode: 'READWRITE' })
    deepEqual(await registry.delete('/mode/b'), { mode: 'READWRITE' })
    equal(await registry.refused('POST', '/subjects/b/versions', schema), 42205)
  })
})

describe('deleting', () => {
  test('a version in the soft way leaves it to be found by its id, and permanently does not', async (t) => {
    const registry = await testRegistry(t)
    await registry.register('a', row('a'))
    await registry.register('a', row('a', 'b?'))
    equal(await registry.refused('DELETE', '/subjects/a/versions/1?permanent=true'), 40407)
    equal(await registry.delete('/subjects/a/versions/1'), 1)
    equal(await registry.refused('DELETE', '/subjects/a/versions/1'), 40406)
    deepEqual(await registry.get('/subjects/a/versions'), [2])
    deepEqual(await registry.get('/subjects/a/versions?deleted=true'), [1, 2])
    deepEqual(await registry.get('/subjects/a/versions?deletedOnly=true'), [1])
    equal(await registry.refused('GET', '/subjects/a/versions/1'), 40402)
    equal(((await registry.get('/subjects/a/versions/1?deleted=true')) as { id: number }).id, 1)
    equal(await registry.refused('POST', '/subjects/a', { schema: text(row('a')) }), 40403)
    equal(((await registry.post('/subjects/a?deleted=true', { schema: text(row('a')) })) as { id: number }).id, 1)
    deepEqual(await registry.get('/schemas/ids/1'), { schema: text(row('a')) })
    deepEqual(await registry.get('/schemas/ids/1/versions'), [])
    deepEqual(await registry.get('/schemas/ids/1/versions?deleted=true'), [{ subject: 'a', version: 1 }])
    equal(await registry.delete('/subjects/a/versions/1?permanent=true'), 1)
    equal(await registry.refused('GET', '/schemas/ids/1'), 40403)
    deepEqual(await registry.get('/subjects/a/versions?deleted=true'), [2])
    equal(await registry.delete('/subjects/a/versions/latest'), 2)
    deepEqual(await registry.get('/subjects'), [])
  })

  test('a subject is soft first, and permanent then', async (t) => {
    const registry = await testRegistry(t)
    await registry.register('a', row('a'))
    await registry.register('a', row('a', 'b?'))
    await registry.put('/config/a', { compatibility: 'NONE' })
    equal(await registry.refused('DELETE', '/subjects/a?permanent=true'), 40405)
    deepEqual(await registry.delete('/subjects/a'), [1, 2])
    equal(await registry.refused('DELETE', '/subjects/a'), 40404)
    equal(await registry.refused('GET', '/subjects/a/versions'), 40401)
    deepEqual(await registry.get('/subjects'), [])
    deepEqual(await registry.get('/subjects?deleted=true'), ['a'])
    deepEqual(await registry.get('/subjects?deletedOnly=true'), ['a'])
    deepEqual(await registry.get('/config/a'), { compatibilityLevel: 'NONE' })
    deepEqual(await registry.delete('/subjects/a?permanent=true'), [1, 2])
    equal(await registry.refused('DELETE', '/subjects/a?permanent=true'), 40401)
    equal(await registry.refused('GET', '/config/a'), 40408)
    deepEqual(await registry.get('/subjects?deleted=true'), [])
  })

  test('a schema softly gives it a new version and its old id when it comes again', async (t) => {
    const registry = await testRegistry(t)
    await registry.register('a', row('a'))
    await registry.register('a', row('a', 'b?'))
    await registry.delete('/subjects/a')
    equal(await registry.register('a', row('a')), 1)
    deepEqual(await registry.get('/subjects/a/versions'), [3])
    // Its old version has become the new one.
    deepEqual(await registry.get('/subjects/a/versions?deleted=true'), [2, 3])
  })

  test('a schema permanently frees neither its id nor, beside newer ones, its version', async (t) => {
    const registry = await testRegistry(t)
    await registry.register('a', row('a'))
    await registry.register('b', row('b'))
    for (const permanent of ['', '?permanent=true']) await registry.delete(`/subjects/b${permanent}`)
    equal(await registry.register('b', row('b')), 3)
    deepEqual(await registry.get('/subjects/b/versions'), [1])
  })

  test('versions lets the next schema be compared with those that are left', async (t) => {
    const registry = await testRegistry(t)
    await registry.register('a', row('a'))
    equal(await registry.refused('POST', '/subjects/a/versions', { schema: text(row('b')) }), 409)
    await registry.delete('/subjects/a/versions/1')
    equal(await registry.register('a', row('b')), 2)
  })
})
