import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '../../src/errors.ts'
import { readRuns } from '../../src/pipeline/control-topic.ts'
import {
  type ClusterSession,
  fitDataset,
  followFits,
  generateRows,
  type ListRunsOptions,
  listRuns,
  loadFile,
  normalizeTopic,
  openCluster,
  parseRowSpec,
  type Run,
  sampleTopic,
  verifyDataset,
} from '../../src/pipeline/index.ts'
import { type RunFacts, type RunProgress, recordRun } from '../../src/pipeline/record-run.ts'
import { type RunRecord, runKey, runValue } from '../../src/pipeline/run-record.ts'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { temporaryFolder, vgm } from '../commands/run-command.ts'

interface Test {
  after(work: () => void | Promise<void>): void
}

/** A data set with a control topic and a models topic of its own. */
async function opened(t: Test) {
  const { brokers, registry } = await testCluster()
  const cluster = await openCluster({ brokers: brokers.split(','), registry })
  t.after(() => cluster.close())
  const dataset = uniqueName('runs')
  return { cluster, names: { dataset, modelsTopic: `${dataset}.models`, controlTopic: `${dataset}.control` } }
}

function writeTrips(t: Test, rows: number): string {
  const file = join(temporaryFolder(t), 'some trips.csv')
  writeFileSync(file, `fare\n${Array.from({ length: rows }, (_, i) => (i % 40) + 0.25).join('\n')}\n`)
  return file
}

const factsOf = (names: ListRunsOptions): RunFacts => ({
  dataset: names.dataset,
  controlTopic: names.controlTopic,
  kind: 'load',
  name: 'a.csv',
})
const ranFor = (ms: number) => async (run: RunProgress) => {
  run.moved(5, 10)
  await sleep(ms)
}

suite('runs, on a broker', () => {
  test('a replay in another process is seen with its progress, and what came of it afterwards', async (t) => {
    const { cluster, names } = await opened(t)
    const { dataset, modelsTopic, controlTopic } = names
    await loadFile(cluster, { dataset, file: writeTrips(t, 4_000), controlTopic })
    await sampleTopic(cluster, { dataset, controlTopic })
    await fitDataset(cluster, { dataset, modelsTopic, controlTopic })
    const { brokers, registry } = await testCluster()
    const environment = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry }
    const topics = ['--models-topic', modelsTopic, '--control-topic', controlTopic]
    const args = ['replay', '--dataset', dataset, '--model', '1', '--max-rate', '600', ...topics]
    const ended = vgm(args, { environment })
    const seen: Run[] = []
    let isOver = false
    void ended.finally(() => {
      isOver = true
    })
    while (!isOver) {
      const run = (await listRuns(cluster, names)).find(({ kind }) => kind === 'replay')
      if (run !== undefined) seen.push(run)
      await sleep(200)
    }
    equal((await ended).code, 0, (await ended).err)
    // Before it tells of itself, its positions do.
    const moving = seen.filter(({ state, startedMs }) => state === 'running' && startedMs !== undefined)
    ok(new Set(moving.map(({ done }) => done)).size > 1, JSON.stringify(seen))
    ok(moving.every(({ done = -1, of = -1 }) => done >= 0 && done <= of))
    const all = await listRuns(cluster, names)
    const [replayed] = all
    match(replayed.name, new RegExp(`^vgm\\.${dataset}\\.replay\\.v1`))
    deepEqual(
      all.map(({ kind, state, name }) => [kind, state, name]),
      [
        ['replay', 'done', replayed.name],
        ['fit', 'done', 'version 1'],
        ['sample', 'done', `${dataset}.sample`],
        ['load', 'done', 'some trips.csv'],
      ],
    )
    const [, fit, , load] = all
    match(replayed.result, /^4,000 rows in, 4,000 out to /)
    match(
      replayed.command ?? '',
      new RegExp(`^vgm replay --dataset ${dataset} --model 1 --max-rate 600 --models-topic`),
    )
    match(replayed.by ?? '', /^\S+@\S+$/)
    ok((replayed.startedMs ?? 0) < (replayed.atMs ?? 0))
    match(fit.result, /^1 columns? with \d+ modes, from 4,000 rows of /)
    match(load.result, /^4,000 rows in, 4,000 out/)
    equal(load.command, undefined, 'a program of somebody has no command line')
  })

  test('generated rows, a challenger and an audit are runs too', async (t) => {
    const { cluster, names } = await opened(t)
    const { dataset, modelsTopic, controlTopic } = names
    const of = { dataset, modelsTopic, controlTopic }
    await generateRows(cluster, { ...of, spec: parseRowSpec('fare:double=normal(10,2)'), rows: 40_000 })
    await followFits(cluster, { ...of, windowRows: 20_000, rounds: 1, dryRun: true })
    await followFits(cluster, { ...of, windowRows: 20_000, rounds: 1 })
    await normalizeTopic(cluster, { dataset, modelsTopic, untilEnd: true })
    await verifyDataset(cluster, of)
    const all = await listRuns(cluster, names)
    deepEqual(
      all.map(({ kind, state, name }) => [kind, state, name]),
      [
        ['verify', 'done', `${dataset}.raw`],
        ['fit', 'done', 'version 1'],
        ['fit', 'done', 'a challenger, dry run'],
        ['generate', 'done', `${dataset}.raw`],
      ],
    )
    const [audit, fit, , generated] = all
    equal(audit.result, '40,000 rows: 0 lost, 0 doubled, 0 reordered, 0 wrong')
    equal(audit.done, 40_000)
    match(fit.result, /^first: /)
    equal(generated.result, `40,000 rows to ${dataset}.raw`)
  })

  test('work that fails is told of by its code alone, and not at all if it failed at once', async (t) => {
    const { cluster, names } = await opened(t)
    const failing = (ms: number) =>
      recordRun(
        cluster,
        factsOf(names),
        async (run) => {
          await ranFor(ms)(run)
          throw new UsageError('"4711" is no fare', 'Mend it')
        },
        () => '',
      )
    await rejects(failing(0), UsageError)
    deepEqual(await listRuns(cluster, names), [])
    await rejects(failing(1_300), UsageError)
    const [run] = await listRuns(cluster, names)
    deepEqual([run.state, run.result, run.done, run.of], ['failed', 'VGM_USAGE', 5, 10])
  })

  test('a run that is not heard of any more is unfinished, and the next one of the same file takes its place', async (t) => {
    const { cluster, names } = await opened(t)
    const { dataset, controlTopic } = names
    await cluster.admin.topics.ensureControlTopic(controlTopic)
    const old: RunRecord = {
      kind: 'load',
      name: 'a.csv',
      subject: 'print',
      state: 'running',
      done: 5,
      of: 10,
      startedMs: Date.now() - 100_000,
      atMs: Date.now() - 60_000,
      by: 'ann@host',
      result: '',
      command: 'vgm load a.csv',
    }
    await cluster.rows.append(controlTopic, [
      [runKey(dataset, '1'), runValue(old)],
      [runKey(`${dataset}-other`, '1'), runValue(old)],
      ['who knows', 'what'],
    ])
    const states = async () => (await listRuns(cluster, names)).map(({ state }) => state)
    deepEqual(await states(), ['unfinished'])
    const facts = { ...factsOf(names), subject: 'print' }
    await recordRun(cluster, facts, ranFor(0), () => 'all of it')
    deepEqual(await states(), ['done'])
  })

  test('without a topic to write to, the work is done all the same', async (t) => {
    const { cluster, names } = await opened(t)
    const topics = { partitionCount: () => Promise.reject(new UsageError('You may not', 'Ask')) }
    const nowhere = { ...cluster, admin: { topics } } as unknown as ClusterSession
    equal(await recordRun(nowhere, factsOf(names), async () => 7, String), 7)
    equal(await cluster.admin.topics.partitionCount(names.controlTopic), undefined)
  })

  test('of old runs the last hundred are kept', async (t) => {
    const { cluster, names } = await opened(t)
    const { dataset, controlTopic } = names
    await cluster.admin.topics.ensureControlTopic(controlTopic)
    const record = { kind: 'fit', name: 'v', state: 'done', done: 1, by: 'a@b', result: '', command: '' } as const
    const old = Array.from({ length: 120 }, (_, i): [string, string] => [
      runKey(dataset, String(i)),
      runValue({ ...record, subject: String(i), startedMs: i, atMs: i }),
    ])
    await cluster.rows.append(controlTopic, [...old, [runKey('other', '1'), old[0][1]]])
    await recordRun(cluster, factsOf(names), ranFor(1_300), () => '')
    const left = await readRuns(cluster, controlTopic)
    equal(left.length, 101)
    ok(left.every((run) => run.dataset !== dataset || run.startedMs > 20))
  })
})
