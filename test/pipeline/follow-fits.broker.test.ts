import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type StatsRecord, statsKey, statsText } from '../../src/drift/stats-record.ts'
import { exitCodes } from '../../src/errors.ts'
import type { Model } from '../../src/model/model.ts'
import { publishModel } from '../../src/model/publish-model.ts'
import { fitColumns } from '../../src/pipeline/fit-dataset.ts'
import { generateRows } from '../../src/pipeline/generate-rows.ts'
import {
  fitDataset,
  followFits,
  followModels,
  listModels,
  promoteModel,
  sampleTopic,
} from '../../src/pipeline/index.ts'
import { withModelsTarget } from '../../src/pipeline/models-topic.ts'
import { topicRanges } from '../../src/pipeline/row-topics.ts'
import type { StageEvent } from '../../src/ports/stage-event.ts'
import { parseRowSpec } from '../../src/stages/synthetic/row-spec.ts'
import { testCluster } from '../cluster/shared-cluster.ts'
import { vgmShared } from '../commands/run-command.ts'
import { countedWindow } from './counted-window.ts'
import { TestPipeline } from './test-pipeline.ts'

const asBefore = 'x:double=mixture(0.5:-2:1,0.5:20:1)|null(0.1);y:int=normal(40,12)'
const shifted = 'x:double=mixture(0.5:-2:1,0.5:20:1)|null(0.1);y:int=normal(43,12)'
const windowRows = 20_000
const mixture = { maxIterations: 100 }

async function opened(t: Parameters<typeof TestPipeline.open>[0]) {
  const pipeline = await TestPipeline.open(t)
  const { dataset, modelsTopic } = pipeline
  const events: StageEvent[] = []
  const cluster = { ...pipeline.cluster, report: (event: StageEvent) => void events.push(event) }
  let seed = 0
  const generate = (spec: string, rows: number) =>
    generateRows(cluster, { dataset, spec: parseRowSpec(spec), rows, seed: ++seed, partitions: 3, batchRows: 500 })
  const of = { dataset, modelsTopic }
  const compare = async (options = {}) =>
    (await followFits(cluster, { ...of, mixture, windowRows, everyMs: 1, rounds: 1, ...options }))[0]
  const versions = async () =>
    (await listModels(cluster, of)).map(({ version, current, comparison }) => [version, current, comparison?.verdict])
  const { brokers, registry } = await testCluster()
  const flags = ['--dataset', dataset, '--models-topic', modelsTopic, '--brokers', brokers, '--registry', registry]
  return { pipeline, cluster, dataset, modelsTopic, of, generate, compare, versions, events, flags }
}

async function modelOf(cluster: TestPipeline['cluster'], of: { dataset: string; modelsTopic: string }): Promise<Model> {
  const models = await followModels(cluster, of)
  try {
    return models.current(of.dataset)
  } finally {
    await models.close()
  }
}

suite('a fit that is interrupted', () => {
  test('ends while a column is computed, and publishes nothing', async (t) => {
    const { cluster, of, generate, versions } = await opened(t)
    await generate(asBefore, 30_000)
    // It never converges, and takes seconds.
    const endless = { recipe: 'sklearn', mixture: { tolerance: 0, maxIterations: 5_000 } } as const
    const interrupted = (fitting: typeof fitDataset | typeof followFits, rows: number, more: object) => {
      const stop = new AbortController()
      const onProgress = (read: number) => void (read >= rows && setTimeout(() => stop.abort(), 100))
      return fitting({ ...cluster, signal: stop.signal }, { ...of, ...endless, ...more, onProgress })
    }
    await rejects(interrupted(fitDataset, 29_000, { source: 'raw' }), {
      code: 'VGM_INTERRUPTED',
      exitCode: exitCodes.interrupted,
      fix: /starts from the beginning/,
    })
    await rejects(interrupted(followFits, 9_000, { windowRows, everyMs: 1, rounds: 1 }), {
      code: 'VGM_INTERRUPTED',
      fix: /goes by the models topic/,
    })
    deepEqual(await versions(), [])
  })
})

suite('fit --follow', () => {
  test('keeps a challenger of unchanged data as a candidate, and promotes one of shifted data', async (t) => {
    const { cluster, of, generate, compare, versions, flags } = await opened(t)
    await generate(asBefore, 30_000)
    await fitDataset(cluster, { ...of, source: 'raw', mixture })
    await generate(asBefore, 30_000)
    const same = await compare()
    equal(same.version, 2)
    ok(same.comparison.verdict !== 'promoted' && same.comparison.champion === 1)
    ok(same.comparison.rows > 9_000 && same.comparison.blocks === 100)
    await generate(shifted, 40_000)
    const moved = await compare()
    equal(moved.comparison.verdict, 'promoted', moved.comparison.reason)
    ok(moved.comparison.gain.lower > 0.001 && moved.comparison.change.lower > 0.001)
    deepEqual(await versions(), [
      [1, false, undefined],
      [2, false, same.comparison.verdict],
      [3, true, 'promoted'],
    ])
    // Neither has seen a row that they were compared on, and the record says so.
    const model = await modelOf(cluster, of)
    deepEqual(model.comparison, moved.comparison)
    for (const { partition, startOffset } of moved.comparison.partitions) {
      const trained = model.lineage.partitions.find((range) => range.partition === partition)
      ok(trained !== undefined && trained.endOffset <= startOffset && startOffset >= 10_000)
    }
    const shown = await vgmShared(['model', 'show', '3', ...flags])
    match(shown.out, /compared\s+promoted\. It gains [\d.]+ \([\d.]+ to [\d.]+\) nats a row over version 1 on/)
    const listed = await vgmShared(['model', 'ls', ...flags])
    match(listed.out, /3\s+current .* promoted/)
    equal((await vgmShared(['model', 'show', '3', '--check', ...flags])).code, 0)
    // Back is the version that was used before, not the candidate between the two.
    equal(await promoteModel(cluster, { ...of, version: 'previous' }), 1)
  })

  test('publishes nothing in a dry run, and leaves promotions to a person where that is asked for', async (t) => {
    const { cluster, of, generate, compare, versions } = await opened(t)
    await generate(asBefore, 20_000)
    await fitDataset(cluster, { ...of, source: 'raw', mixture })
    await generate(shifted, 30_000)
    // However new the current version is.
    const dry = await compare({ dryRun: true, everyMs: undefined })
    deepEqual([dry.version, dry.comparison.verdict], [undefined, 'promoted'])
    const held = await compare({ requireApproval: true })
    deepEqual([held.version, held.comparison.verdict], [2, 'approval'])
    deepEqual(await versions(), [
      [1, true, undefined],
      [2, false, 'approval'],
    ])
    await promoteModel(cluster, { ...of, version: 2 })
    equal((await modelOf(cluster, of)).version, 2)
  })

  test('makes a first model, and never promotes other columns, which it says before it fits', async (t) => {
    const { of, generate, compare, versions, events } = await opened(t)
    await generate(asBefore, 15_000)
    equal((await compare({ columns: ['x'] })).comparison.verdict, 'first')
    await generate(shifted, 30_000)
    equal(
      events.some(({ kind }) => kind === 'refit-other-columns'),
      false,
    )
    const { comparison } = await compare({ columns: ['x', 'y'] })
    deepEqual(
      events.filter(({ kind }) => kind === 'refit-other-columns'),
      [{ kind: 'refit-other-columns', version: 1, changes: ['+y'] }],
    )
    const [said, compared] = ['refit-other-columns', 'refit'].map((kind) =>
      events.findLastIndex((e) => e.kind === kind),
    )
    ok(said < compared)
    match(comparison.reason, /differ from those of version 1: \+y/)
    // Of its own accord it takes the columns that there are.
    equal((await compare()).comparison.verdict === 'other-columns', false)
    deepEqual((await versions())[0], [1, true, 'first'])
    await rejects(compare({ windowRows: 100 }), { code: 'VGM_USAGE' })
    ok(of.dataset.length > 0)
  })

  test('waits for rows that a model of the sample has not seen', async (t) => {
    const { pipeline, cluster, of, generate, compare, events } = await opened(t)
    await generate(asBefore, 40_000)
    await sampleTopic(cluster, { dataset: of.dataset, size: { rows: 5_000 } })
    await fitDataset(cluster, { ...of, mixture })
    const { unseenFrom = [] } = await modelOf(cluster, of)
    const ends = (await topicRanges(cluster, pipeline.topics.raw)).map(({ endOffset }) => endOffset)
    deepEqual(
      unseenFrom.map(({ offset }) => offset),
      ends,
    )
    const comparing = compare()
    while (!events.some(({ kind }) => kind === 'refit-waits')) await new Promise((resolve) => setTimeout(resolve, 20))
    await generate(shifted, 12_000)
    const { comparison } = await comparing
    ok(comparison.partitions.every(({ partition, startOffset }) => startOffset >= ends[partition]))
  })

  test('says once when the next fit is due, where a person looks and in the log', async (t) => {
    const { cluster, of, generate, events, flags } = await opened(t)
    await generate(asBefore, 20_000)
    const { createdAtMs } = await fitDataset(cluster, { ...of, source: 'raw', mixture })
    const stop = new AbortController()
    const following = followFits({ ...cluster, signal: stop.signal }, { ...of, everyMs: 3_600_000, onDrift: true })
    while (!events.some(({ kind }) => kind === 'refit-due')) await new Promise((resolve) => setTimeout(resolve, 20))
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    stop.abort()
    await rejects(following, { code: 'VGM_INTERRUPTED' })
    deepEqual(
      events.filter(({ kind }) => kind === 'refit-due'),
      [{ kind: 'refit-due', dueMs: createdAtMs + 3_600_000, onDrift: true }],
    )
    const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
    for (const [level, said] of [
      ['warn', /Waiting: the next fit is due at (.+Z), or when a drift lasts/],
      ['info', /"the next fit is due at (.+Z), or when a drift lasts"/],
    ] as const) {
      const args = ['fit', '--follow', '--every', '1h', '--on-drift', '--log-level', level, ...flags]
      const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
      t.after(async () => void child.kill('SIGKILL'))
      equal(Math.floor(Date.parse(await lineOf(child.stderr, said)) / 1_000), Math.floor(createdAtMs / 1_000) + 3_600)
    }
  })

  test('two at once promote once, and none over another version than it was compared with', async (t) => {
    const { cluster, of, generate, compare, versions } = await opened(t)
    await generate(asBefore, 20_000)
    await fitDataset(cluster, { ...of, source: 'raw', mixture })
    await generate(shifted, 40_000)
    const both = await Promise.all([compare(), compare()])
    const promoted = both.filter(({ comparison }) => comparison.verdict === 'promoted')
    equal(promoted.length, 1, JSON.stringify(both))
    const other = both.find((each) => each !== promoted[0])
    // The later one was compared with the one that the earlier one has made current.
    equal(other?.comparison.champion, (other?.version ?? 0) > (promoted[0].version ?? 0) ? promoted[0].version : 1)
    equal((await versions()).filter(([, current]) => current).length, 1)
    equal((await modelOf(cluster, of)).version, promoted[0].version)
  })

  test('fits when a drift has lasted for a window', async (t) => {
    const { pipeline, cluster, dataset, modelsTopic, of, generate, compare } = await opened(t)
    const statsTopic = `${dataset}.stats`
    await generate(asBefore, 30_000)
    const ranges = await topicRanges(cluster, pipeline.topics.raw)
    const content = await fitColumns(cluster, { dataset, mixture }, { columns: ['y'], ranges })
    const hourAgo = Date.now() - 3_600_000
    const model = await withModelsTarget(cluster, modelsTopic, dataset, (target) =>
      publishModel({ ...target, now: () => hourAgo }, content),
    )
    await generate(shifted, 40_000)
    await cluster.admin.topics.ensureStatsTopic(statsTopic)
    const write = (records: readonly StatsRecord[]) =>
      pipeline.write(statsTopic, [
        records.map((each) => ({ key: statsKey(each), value: Buffer.from(statsText(each)) })),
      ])
    await write(Array.from({ length: 45 }, (_, i) => countedWindow(model, hourAgo + 60_000 * i * 0.5, 40, i)))
    const comparing = compare({ everyMs: undefined, onDrift: true, statsTopic })
    await write(Array.from({ length: 12 }, (_, i) => countedWindow(model, hourAgo + 30_000 * (45 + i), 43, 45 + i)))
    const { comparison } = await comparing
    deepEqual([comparison.cause, comparison.verdict], ['drift', 'promoted'])
    ok(of.dataset === dataset)
  })

  test('runs until a signal ends it, serves its metrics, and prints a line for each challenger', async (t) => {
    const { cluster, of, generate, flags } = await opened(t)
    await generate(asBefore, 20_000)
    await fitDataset(cluster, { ...of, source: 'raw', mixture })
    await generate(shifted, 30_000)
    const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
    const job = ['--follow', '--every', '1ms', '--recent', String(windowRows), '--max-iterations', '100', '--json']
    const args = ['fit', ...job, '--http', '0', '--log-level', 'info', ...flags]
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    t.after(async () => void child.kill('SIGKILL'))
    const url = lineOf(child.stderr, /"http":"([^"]+)"/)
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
    const { version, comparison } = JSON.parse(line)
    deepEqual([version, comparison.champion, comparison.verdict], [2, 1, 'promoted'])
    const metrics = await (await fetch(`${await url}/metrics`)).text()
    match(metrics, /vgm_refits_total\{.*verdict="promoted"\} 1/)
    match(metrics, /vgm_refit_gain_nats\{.*bound="lower"\} 0\.\d+/)
    equal((await fetch(`${await url}/readyz`)).status, 200)
    child.kill('SIGTERM')
    const [code] = await once(child, 'close')
    equal(code, 130)
    const refused = await vgmShared(['fit', '--every', '1h', ...flags])
    equal(refused.code, 2)
    match(refused.err, /--every applies to --follow only/)
  })
})

async function lineOf(stream: NodeJS.ReadableStream, pattern: RegExp): Promise<string> {
  for await (const line of createInterface(stream)) {
    const found = pattern.exec(line)
    if (found !== null) return found[1]
  }
  throw new Error(`No line matches ${pattern}`)
}
