import { equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { PipelineError } from '../../src/errors.ts'
import {
  type ClusterOptions,
  type ClusterSession,
  fitDataset,
  followModels,
  generateRows,
  normalizeTopic,
  openCluster,
  parseRowSpec,
  sampleTopic,
  verifyDataset,
} from '../../src/pipeline/index.ts'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'

/** A data set with a model, as a program makes one. */
async function opened(t: { after(work: () => Promise<void>): void }, more: Partial<ClusterOptions> = {}) {
  const { brokers, registry } = await testCluster()
  const cluster = await openCluster({ brokers: brokers.split(','), registry, ...more })
  t.after(() => cluster.close())
  return cluster
}

async function filled(cluster: ClusterSession, rows = 20_000): Promise<string> {
  const dataset = uniqueName('library')
  await generateRows(cluster, { dataset, rows, spec: parseRowSpec('fare:double=normal(20,5)') })
  return dataset
}

const outcome = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof PipelineError ? error.code : String(error)),
  )

suite('the library', () => {
  test('lets one of two win that sample or fit the same, and tells the other one', async (t) => {
    const cluster = await opened(t)
    const dataset = await filled(cluster)
    const both = async (work: () => Promise<unknown>) => (await Promise.all([outcome(work()), outcome(work())])).sort()
    equal(String(await both(() => sampleTopic(cluster, { dataset, append: true }))), 'VGM_FENCED,done')
    equal(String(await both(() => fitDataset(cluster, { dataset }))), 'VGM_FENCED,done')
  })

  test('ends a stage and a follower with the cluster, in one thread or several', async (t) => {
    for (const members of [1, 2]) {
      const cluster = await opened(t)
      const dataset = await filled(cluster)
      const models = await followModels(cluster, { dataset })
      equal(models.versions(dataset).length, 0)
      await fitDataset(cluster, { dataset, source: 'raw' })
      await models.refresh()
      let rows = 0
      const onProgress = (read: number) => {
        rows = read
      }
      const options = { dataset, members, onProgress }
      const running = rejects(normalizeTopic(cluster, options), { name: 'InterruptedError', message: /was closed/ })
      while (rows === 0) await sleep(50)
      await cluster.close()
      await running
      await rejects(models.refresh(), { code: 'VGM_USAGE', message: /closed/ })
    }
  })

  test('ends with what a listener throws, wherever it is called', async (t) => {
    const cluster = await opened(t)
    const dataset = await filled(cluster)
    const failure = new RangeError('full')
    const fail = () => {
      throw failure
    }
    await rejects(fitDataset(cluster, { dataset, source: 'raw', onOtherFields: fail }), failure)
    await rejects(fitDataset(cluster, { dataset, source: 'raw', members: 2, onProgress: fail }), failure)
    await fitDataset(cluster, { dataset, source: 'raw' })
    await rejects(normalizeTopic(cluster, { dataset, members: 2, onProgress: fail }), failure)
    await normalizeTopic(cluster, { dataset, untilEnd: true })
    await rejects(verifyDataset(cluster, { dataset, onProgress: fail }), failure)
    const watched = await opened(t, { onEvent: ({ kind }) => kind === 'joined' && fail() })
    await rejects(normalizeTopic(watched, { dataset }), failure)
    await rejects(normalizeTopic(watched, { dataset }), failure, 'it can only be closed')
  })

  test('fails without a registry, unless it is told to wait', async (t) => {
    const cluster = await opened(t)
    const dataset = await filled(cluster)
    await fitDataset(cluster, { dataset, source: 'raw' })
    const registry = 'http://127.0.0.1:1'
    const away = await opened(t, { registry })
    const begun = performance.now()
    await rejects(normalizeTopic(away, { dataset }), { code: 'VGM_REGISTRY_UNREACHABLE' })
    ok(performance.now() - begun < 30_000)
    const stop = new AbortController()
    let waits = false
    const onEvent: ClusterOptions['onEvent'] = ({ kind }) => {
      if (kind !== 'waiting') return
      waits = true
      stop.abort()
    }
    const waiting = await opened(t, { registry, waits: true, signal: stop.signal, onEvent })
    await rejects(normalizeTopic(waiting, { dataset }), { code: 'VGM_INTERRUPTED' })
    equal(waits, true)
  })
})
