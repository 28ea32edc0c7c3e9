import { deepEqual, equal, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { currentModel, type ModelCatalogue, type ModelFinding } from '../../src/model/model-catalogue.ts'
import { ModelFollower } from '../../src/model/model-follower.ts'
import { modelAliasSchema, modelSchema } from '../../src/model/model-schemas.ts'
import { type ModelsTarget, moveAlias, publishModel } from '../../src/model/publish-model.ts'
import { type ModelsSource, readModels } from '../../src/model/read-models.ts'
import { exampleContent } from './example-model.ts'
import { MemoryModelsTopic } from './memory-models-topic.ts'

const schemas = new Map([
  [1, modelSchema],
  [2, modelAliasSchema],
])

function sourceOf(topic: MemoryModelsTopic): ModelsSource {
  const { highWatermark } = topic
  return {
    topic: 'vgm.models',
    reader: topic.reader(),
    highWatermark,
    schemaById: async (id) => schemas.get(id),
    patienceMs: 50,
  }
}

function targetOf(topic: MemoryModelsTopic, onCommit?: () => void): ModelsTarget {
  return {
    ...sourceOf(topic),
    writer: topic.writer(onCommit),
    schemaIds: { model: 1, alias: 2 },
    now: () => 1_700_000_000_000,
  }
}

suite('publishing models', () => {
  test('versions count up, and the newest is the current one', async () => {
    const topic = new MemoryModelsTopic()
    equal((await publishModel(targetOf(topic), exampleContent())).version, 1)
    equal((await publishModel(targetOf(topic), exampleContent('trains'))).version, 1)
    const second = await publishModel(targetOf(topic), exampleContent('flights', 1))
    equal(second.version, 2)
    deepEqual(currentModel(await readModels(sourceOf(topic)), 'flights'), second)
  })

  test('a publication that fails leaves nothing behind', async () => {
    const topic = new MemoryModelsTopic()
    const failing = targetOf(topic, () => {
      throw new Error('broker went away')
    })
    await rejects(publishModel(failing, exampleContent()), /broker went away/)
    equal(topic.end, 0)
  })

  test('nothing is written once the signal has fired', async () => {
    const topic = new MemoryModelsTopic()
    await publishModel(targetOf(topic), exampleContent())
    const { end } = topic
    const target = { ...targetOf(topic), signal: AbortSignal.abort() }
    const interrupted = { code: 'VGM_INTERRUPTED' }
    await rejects(publishModel(target, exampleContent('flights', 1)), interrupted)
    await rejects(
      moveAlias(target, 'flights', () => 1),
      interrupted,
    )
    equal(topic.end, end)
  })

  test('a model with NaN is refused before anything is written', async () => {
    const topic = new MemoryModelsTopic()
    const content = exampleContent()
    const [column] = content.columns
    for (const wrong of [
      { mean: [Number.NaN, 1] },
      { weight: [] },
      { lowerBound: Number.NaN },
      { min: -Infinity },
      { histogram: { edges: [0, Number.NaN], counts: [1] } },
    ]) {
      const columns = [{ ...column, ...wrong }]
      await rejects(publishModel(targetOf(topic), { ...content, columns }), { code: 'VGM_MODEL_CORRUPT' })
    }
    equal(topic.end, 0)
  })

  test('what judges a publication sees the topic as it is, and may prevent it', async () => {
    const topic = new MemoryModelsTopic()
    await publishModel(targetOf(topic), exampleContent())
    const { end } = topic
    const judge = (catalogue: ModelCatalogue) => {
      equal(currentModel(catalogue, 'flights')?.version, 1)
      throw new Error('another champion')
    }
    await rejects(publishModel(targetOf(topic), exampleContent(), { judge }), /another champion/)
    equal(topic.end, end)
  })

  test('an alias moves back and forth without touching the counter', async () => {
    const topic = new MemoryModelsTopic()
    await publishModel(targetOf(topic), exampleContent())
    await publishModel(targetOf(topic), exampleContent())
    equal((await moveAlias(targetOf(topic), 'flights', () => 1)).highestVersion, 2)
    equal(currentModel(await readModels(sourceOf(topic)), 'flights')?.version, 1)
    equal((await publishModel(targetOf(topic), exampleContent())).version, 3)
  })

  test('an alias does not move to a version that does not exist', async () => {
    const topic = new MemoryModelsTopic()
    await publishModel(targetOf(topic), exampleContent())
    await rejects(
      moveAlias(targetOf(topic), 'flights', () => 7),
      { code: 'VGM_MODEL_MISSING', exitCode: 2 },
    )
  })

  test('reading waits for what an open transaction holds back, and says so when its patience is over', async () => {
    const topic = new MemoryModelsTopic()
    await publishModel(targetOf(topic), exampleContent())
    topic.heldBackAt = topic.end
    topic.append([['trains/1', null]])
    await rejects(readModels(sourceOf(topic)), { code: 'VGM_MODELS_UNREADABLE', retriable: true })
    setTimeout(() => {
      topic.heldBackAt = Number.POSITIVE_INFINITY
    }, 10)
    equal((await readModels({ ...sourceOf(topic), patienceMs: 5_000 })).datasets.size, 2)
  })
})

suite('model follower', () => {
  test('sees a publication at the next refresh', async () => {
    const topic = new MemoryModelsTopic()
    const follower = new ModelFollower(sourceOf(topic), () => undefined)
    equal(await follower.refresh(), false)
    await publishModel(targetOf(topic), exampleContent())
    equal(await follower.refresh(), true)
    equal(follower.current('flights').version, 1)
  })

  test('reads to the end before it says that a version does not exist', async () => {
    const topic = new MemoryModelsTopic()
    const follower = new ModelFollower(sourceOf(topic), () => undefined)
    await publishModel(targetOf(topic), exampleContent())
    await publishModel(targetOf(topic), exampleContent())
    equal((await follower.version('flights', 2)).version, 2)
    await rejects(follower.version('flights', 3), { code: 'VGM_MODEL_MISSING', fix: /^Use one of its versions: 1, 2/ })
  })

  test('is as patient with an open transaction as it is told, and finds the version the next time', async () => {
    const topic = new MemoryModelsTopic()
    const follower = new ModelFollower({ ...sourceOf(topic), patienceMs: 600_000 }, () => undefined)
    topic.heldBackAt = topic.end
    topic.append([['trains/1', null]])
    await rejects(follower.version('flights', 1, 20), { code: 'VGM_MODELS_UNREADABLE', retriable: true })
    topic.heldBackAt = Number.POSITIVE_INFINITY
    await publishModel(targetOf(topic), exampleContent())
    equal((await follower.version('flights', 1, 20)).version, 1)
  })

  test('reports a corrupt record once and keeps the last good model', async () => {
    const topic = new MemoryModelsTopic()
    const findings: ModelFinding[] = []
    const follower = new ModelFollower(sourceOf(topic), (finding) => findings.push(finding))
    await publishModel(targetOf(topic), exampleContent())
    topic.append([['flights/1', Buffer.from('nonsense')]])
    await follower.readToEnd()
    await follower.readToEnd()
    equal(follower.current('flights').version, 1)
    deepEqual(
      findings.map(({ key }) => key),
      ['flights/1'],
    )
  })

  test('takes records again that it could not understand because the registry was away', async () => {
    const topic = new MemoryModelsTopic()
    await publishModel(targetOf(topic), exampleContent())
    let isAway = true
    const schemaById = async (id: number) => {
      if (isAway) throw new Error('registry away')
      return schemas.get(id)
    }
    const follower = new ModelFollower({ ...sourceOf(topic), schemaById }, () => undefined)
    await rejects(follower.refresh(), /registry away/)
    isAway = false
    await follower.refresh()
    equal(follower.current('flights').version, 1)
  })
})
