import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { SchemaRegistry } from '../../src/kafka/registry.ts'
import { modelSchema } from '../../src/model/model-schemas.ts'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'

const schemaOf = (type: string, name: string) =>
  JSON.stringify({ type: 'record', name, fields: [{ name: 'x', type }], 'vgm.raw.schema': '{}' })

async function connect() {
  const { registry } = await testCluster()
  return new SchemaRegistry({ url: `${registry}/` })
}

suite('schema registry', () => {
  test('a registered schema comes back by its id, custom properties included', async () => {
    const registry = await connect()
    const subject = uniqueName('rows-value')
    const schema = schemaOf('int', 'Rows')
    const id = await registry.register(subject, schema)
    equal(await registry.register(subject, schema), id)
    deepEqual(JSON.parse((await registry.schemaById(id)) ?? ''), JSON.parse(schema))
    const latest = await registry.latest(subject)
    equal(latest?.id, id)
    equal(latest?.version, 1)
  })

  test('a subject with compatibility NONE takes any next schema', async () => {
    const registry = await connect()
    const subject = uniqueName('normalized-value')
    const first = await registry.register(subject, schemaOf('int', 'N'), { compatibility: 'NONE' })
    equal(await registry.compatibility(subject), 'NONE')
    const second = await registry.register(subject, schemaOf('string', 'N'), { compatibility: 'NONE' })
    equal(first === second, false)
    equal((await registry.latest(subject))?.id, second)
  })

  test('members that register the first schema of a subject at the same time all get its id', async () => {
    const members = await Promise.all(Array.from({ length: 8 }, connect))
    for (let round = 0; round < 5; round++) {
      const subject = uniqueName('normalized-value')
      const registering = members.map((member) =>
        member.register(subject, schemaOf('int', 'N'), { compatibility: 'NONE' }),
      )
      equal(new Set(await Promise.all(registering)).size, 1)
      equal(await members[0].compatibility(subject), 'NONE')
    }
  })

  test('fits that overtake one another at the first schema of the models all get its id', async () => {
    const fits = await Promise.all(Array.from({ length: 8 }, connect))
    for (let round = 0; round < 5; round++) {
      const subject = uniqueName('models-value')
      const register = async (fit: SchemaRegistry, nth: number) => {
        await sleep(4 * nth)
        return fit.register(subject, modelSchema)
      }
      equal(new Set(await Promise.all(fits.map(register))).size, 1)
    }
  })

  test('a schema that is not compatible is refused with what to do', async () => {
    const registry = await connect()
    const subject = uniqueName('strict-value')
    await registry.register(subject, schemaOf('int', 'S'), { compatibility: 'BACKWARD' })
    await rejects(
      registry.register(subject, schemaOf('string', 'S')),
      (error: Error & { code?: string; fix?: string }) => {
        equal(error.code, 'VGM_REGISTRY_REFUSED')
        match(error.fix ?? '', new RegExp(`subject ${subject} to NONE`))
        return true
      },
    )
  })

  test('the schemas of the models topic can be registered', async () => {
    const registry = await connect()
    const id = await registry.register(uniqueName('models-io.vgmstream.Model'), modelSchema)
    equal(JSON.parse((await registry.schemaById(id)) ?? '{}').name, 'Model')
  })

  test('an id or a subject that nobody has registered is unknown', async () => {
    const registry = await connect()
    equal(await registry.schemaById(2_000_000_000), undefined)
    equal(await registry.latest(uniqueName('nobody')), undefined)
  })
})
