import { deepEqual, equal, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ClusterAdmin } from '../../src/kafka/admin.ts'
import { SchemaRegistry } from '../../src/kafka/registry.ts'
import { RowClient } from '../../src/kafka/row-client.ts'
import { ModelFollower } from '../../src/model/model-follower.ts'
import { modelAliasSchema, modelSchema, modelSubjects } from '../../src/model/model-schemas.ts'
import { modelsTransactionalId, publishModel } from '../../src/model/publish-model.ts'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { exampleContent } from './example-model.ts'

suite('publishing models, on a broker', () => {
  test('a later publisher of a data set fences the earlier one, and no version is given out twice', async (t) => {
    const { brokers, registry: url } = await testCluster()
    const settings = { brokers: brokers.split(','), clientId: 'vgm-test' }
    const [admin, client, registry] = [
      new ClusterAdmin(settings, () => undefined),
      new RowClient(settings),
      new SchemaRegistry({ url }),
    ]
    t.after(() => admin.close())
    const topic = uniqueName('models')
    await admin.ensureModelsTopic(topic)
    const subjects = modelSubjects(topic)
    const schemaIds = {
      model: await registry.register(subjects.model, modelSchema),
      alias: await registry.register(subjects.alias, modelAliasSchema),
    }
    const target = async (dataset: string) => {
      const writer = await client.openWriter(modelsTransactionalId(topic, dataset), 'none')
      const reader = client.openReader()
      t.after(() => Promise.all([writer.close(), reader.close()]))
      return {
        topic,
        writer,
        reader,
        schemaIds,
        now: Date.now,
        highWatermark: (name: string, partition: number) => admin.highWatermark(name, partition),
        schemaById: (id: number) => registry.schemaById(id),
      }
    }
    const early = await target('flights')
    const late = await target('flights')
    equal((await publishModel(late, exampleContent())).version, 1)
    await rejects(publishModel(early, exampleContent('flights', 1)), { code: 'VGM_FENCED', exitCode: 3 })
    equal((await publishModel(await target('trains'), exampleContent('trains'))).version, 1)
    const second = await publishModel(late, exampleContent('flights', 2))
    equal(second.version, 2)

    const follower = new ModelFollower(await target('reader'), (finding) => t.assert.fail(finding.problem))
    await follower.readToEnd()
    deepEqual(follower.current('flights'), second)
  })
})
