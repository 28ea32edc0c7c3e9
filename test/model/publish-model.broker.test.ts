import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { ClusterAdmin } from '../../src/kafka/admin.ts'
import { SchemaRegistry } from '../../src/kafka/registry.ts'
import { RowClient } from '../../src/kafka/row-client.ts'
import type { ModelContent } from '../../src/model/model.ts'
import { currentModel, knownVersions } from '../../src/model/model-catalogue.ts'
import { ModelFollower } from '../../src/model/model-follower.ts'
import { modelAliasSchema, modelSchema, modelSubjects } from '../../src/model/model-schemas.ts'
import { modelsTransactionalId, publishModel } from '../../src/model/publish-model.ts'
import { readModels } from '../../src/model/read-models.ts'
import { rowHash } from '../../src/stages/row-hash.ts'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { exampleContent } from './example-model.ts'

/** A models topic of its own, and what publishing to it needs. */
async function modelsTopic(t: TestContext) {
  const { brokers, registry: url } = await testCluster()
  const settings = { brokers: brokers.split(','), clientId: 'vgm-test' }
  const [admin, client, registry] = [new ClusterAdmin(settings), new RowClient(settings), new SchemaRegistry({ url })]
  t.after(() => admin.close())
  const topic = uniqueName('models')
  await admin.topics.ensureModelsTopic(topic)
  const subjects = modelSubjects(topic)
  const schemaIds = {
    model: await registry.register(subjects.model, modelSchema),
    alias: await registry.register(subjects.alias, modelAliasSchema),
  }
  const target = async (dataset: string) => {
    const writer = await client.openWriter(modelsTransactionalId(topic, dataset), 'gzip')
    const reader = client.openReader()
    t.after(() => Promise.all([writer.close(), reader.close()]))
    return {
      topic,
      writer,
      reader,
      schemaIds,
      now: Date.now,
      highWatermark: (name: string, partition: number) => admin.offsets.highWatermark(name, partition),
      schemaById: (id: number) => registry.schemaById(id),
    }
  }
  return { admin, topic, target }
}

/** A model of so many columns whose numbers hardly compress: 1.6 kB a column. */
function wideContent(columns: number): ModelContent {
  const content = exampleContent()
  const [column] = content.columns
  const noise = (k: number) => Array.from({ length: 100 }, (_, i) => rowHash(k, i, 1))
  const shape = (k: number) => {
    const std = noise(k)
    return {
      weight: std.map((share) => share / 100),
      mean: noise(k).sort((a, b) => a - b),
      std,
      offset: noise(k),
      precision: std.map((s) => 1 / s ** 2),
    }
  }
  const columnsOf = Array.from({ length: columns }, (_, k) => ({ ...column, ...shape(k), name: `column_${k}` }))
  return { ...content, columns: columnsOf }
}

suite('publishing models, on a broker', () => {
  test('a model of several MiB appears with its alias', async (t) => {
    const { target } = await modelsTopic(t)
    const { version } = await publishModel(await target('flights'), wideContent(1_000))
    equal(version, 1)
    const follower = new ModelFollower(await target('reader'), (finding) => t.assert.fail(finding.problem))
    await follower.readToEnd()
    equal(follower.current('flights').columns.length, 1_000)
  })

  test('a model that the topic does not take is refused with its size and a fix; nothing is published', async (t) => {
    const { admin, topic, target } = await modelsTopic(t)
    await admin.topics.alter(topic, { 'max.message.bytes': '20000' })
    for (
      const deadline = Date.now() + 10_000;
      (await admin.topics.config(topic)).get('max.message.bytes') !== '20000';
    )
      ok(Date.now() < deadline)
    equal((await publishModel(await target('flights'), exampleContent())).version, 1)
    await rejects(publishModel(await target('flights'), wideContent(100)), {
      code: 'VGM_MODEL_TOO_LARGE',
      exitCode: 2,
      message: new RegExp(`${topic} does not accept model flights/2.* nothing is published`),
      fix: /max\.message\.bytes=\d{6}" .*--columns/,
    })
    const catalogue = await readModels(await target('flights'))
    deepEqual(knownVersions(catalogue, 'flights'), [1])
    equal(currentModel(catalogue, 'flights')?.version, 1)
  })

  test('a later publisher of a data set fences the earlier one, and no version is given out twice', async (t) => {
    const { target } = await modelsTopic(t)
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
