import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type StatsRecord, statsKey, statsText } from '../../src/drift/stats-record.ts'
import { generateRows } from '../../src/pipeline/generate-rows.ts'
import { fitDataset, measureDrift, normalizeTopic, replayTopic } from '../../src/pipeline/index.ts'
import { topicRanges } from '../../src/pipeline/row-topics.ts'
import { watchDrift } from '../../src/pipeline/watch-drift.ts'
import type { StageEvent } from '../../src/ports/stage-event.ts'
import { readStats } from '../../src/stages/read-stats.ts'
import { parseRowSpec } from '../../src/stages/synthetic/row-spec.ts'
import { testCluster } from '../cluster/shared-cluster.ts'
import { vgm, vgmShared } from '../commands/run-command.ts'
import { countedWindow } from './counted-window.ts'
import { framed, TestPipeline } from './test-pipeline.ts'

/** Two partitions of rows, and a model of them. */
async function opened(t: Parameters<typeof TestPipeline.open>[0], rows = 30_000) {
  const pipeline = await TestPipeline.open(t)
  const { cluster, dataset, modelsTopic } = pipeline
  const statsTopic = `${dataset}.stats`
  const spec = parseRowSpec('x:double=mixture(0.5:-2:1,0.5:20:1)|null(0.1);y:int=normal(40,12)')
  const generate = (count: number) =>
    generateRows(cluster, { dataset, spec, rows: count, seed: 1, partitions: 2, batchRows: 500 })
  await generate(rows)
  await fitDataset(cluster, { dataset, modelsTopic, source: 'raw', mixture: { maxIterations: 30 } })
  const of = { dataset, modelsTopic, statsTopic }
  const stats = async (): Promise<StatsRecord[]> => {
    const reader = cluster.rows.openReader()
    try {
      if ((await cluster.admin.topics.partitionCount(statsTopic)) === undefined) return []
      const [range] = await topicRanges(cluster, statsTopic)
      return await readStats(reader, range, dataset, cluster.signal)
    } finally {
      await reader.close()
    }
  }
  return { pipeline, cluster, dataset, modelsTopic, of, stats, generate }
}

const rowsIn = ({ slots, nulls }: StatsRecord['columns'][number]) => slots.reduce((a, b) => a + b) + nulls
const total = (records: readonly StatsRecord[]) => records.reduce((sum, { rows }) => sum + rows, 0)

suite('counts of normalize', () => {
  test('are those of the rows that were normalized, by every column, slot and mode', async (t) => {
    const { cluster, of, stats } = await opened(t)
    const { rowsOut } = await normalizeTopic(cluster, { ...of, untilEnd: true, statsIntervalMs: 200 })
    const records = await stats()
    equal(total(records), rowsOut)
    for (const { rows, columns } of records)
      for (const column of columns) {
        equal(rowsIn(column), rows)
        equal(
          column.modes.reduce((a, b) => a + b),
          rows - column.nulls,
        )
      }
    ok(records.some(({ columns }) => columns[0].nulls > 0))
  })

  test('are not there where they are not wanted', async (t) => {
    const { cluster, of, stats } = await opened(t, 500)
    await normalizeTopic(cluster, { ...of, untilEnd: true, stats: false })
    deepEqual(await stats(), [])
  })

  test('are left out, with a word about it, where their topic cannot hold them, unless they are demanded', async (t) => {
    const { cluster, dataset, of, stats } = await opened(t, 500)
    await cluster.admin.topics.ensureRowTopic({ topic: of.statsTopic, partitions: 1 })
    await rejects(normalizeTopic(cluster, { ...of, untilEnd: true, stats: true }), { code: 'VGM_STATS_TOPIC' })
    const { brokers, registry } = await testCluster()
    const names = ['--dataset', dataset, '--models-topic', of.modelsTopic, '--stats-topic', of.statsTopic]
    const run = (...flags: string[]) =>
      vgmShared(['normalize', ...flags, '--until-end', ...names, '--brokers', brokers, '--registry', registry])
    equal((await run('--stats')).code, 2)
    const { code, err } = await run('--members', '2')
    equal(code, 0, err)
    equal(err.match(/not counted for \\?"vgm drift/g)?.length, 1, err)
    equal((await run('--no-stats')).err.includes('not counted'), false)
    deepEqual(await stats(), [])
  })

  test('leave out dead letters and tombstones', async (t) => {
    const { pipeline, cluster, of, stats } = await opened(t, 2_000)
    await normalizeTopic(cluster, { ...of, untilEnd: true, stats: true })
    const bad = { key: 'k', value: framed(999_999, Buffer.from([2])) }
    await pipeline.write(pipeline.topics.raw, [[bad, { key: 'gone', value: null }, bad], []])
    const { rowsIn: read } = await normalizeTopic(cluster, { ...of, untilEnd: true, stats: true })
    equal(read, 3)
    equal(total(await stats()), 2_000)
  })

  test('stay equal to the rows while members are interrupted, join and share partitions', async (t) => {
    const { dataset, of, stats, generate } = await opened(t)
    const { brokers, registry } = await testCluster()
    const args = ['--dataset', dataset, '--models-topic', of.modelsTopic, '--stats-topic', of.statsTopic]
    const run = (...more: string[]) =>
      vgm([
        'normalize',
        '--interval',
        '1s',
        '--until-end',
        ...more,
        ...args,
        '--brokers',
        brokers,
        '--registry',
        registry,
      ])
    const ends = await Promise.all([run('--members', '2'), run(), generate(15_000)])
    equal(ends[0].code, 0, ends[0].err)
    await run()
    equal(total(await stats()), 45_000)
    // Two starts with the same name: neither may take the place of the other's counts.
    await generate(5_000)
    await run('--instance', 'a')
    await generate(5_000)
    await run('--instance', 'a')
    equal(total(await stats()), 55_000)
    ok(new Set((await stats()).map(({ run }) => run)).size >= 3)
  })

  test('stay equal to the rows when a member is killed at any moment', async (t) => {
    const { dataset, cluster, of, stats, generate } = await opened(t, 200_000)
    const { brokers, registry } = await testCluster()
    const names = ['--dataset', dataset, '--models-topic', of.modelsTopic, '--stats-topic', of.statsTopic]
    const args = ['normalize', '--stats', '--instance', 'a', ...names, '--brokers', brokers, '--registry', registry]
    const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
    for (let i = 0; i < 2; i++) {
      const child = spawn(process.execPath, [main, ...args], { stdio: 'ignore' })
      // As soon as something has been counted, and in the middle of whatever comes next.
      for (let before = total(await stats()); total(await stats()) === before && child.exitCode === null; )
        await sleep(20)
      child.kill('SIGKILL')
      await once(child, 'close')
      await generate(200_000)
    }
    const ended = await vgmShared([...args, '--until-end'])
    equal(ended.code, 0, ended.err)
    equal(total(await stats()), 600_000)
    const { rowsOut } = await normalizeTopic(cluster, { ...of, untilEnd: true, stats: true })
    equal(rowsOut, 0)
  })

  test('are told to metrics by slice, with the values outside the trained range', async (t) => {
    const { cluster, of, stats, generate } = await opened(t, 5_000)
    await generate(45_000)
    const told = new Map<string, { values: number; outside: number }>()
    const report = (event: StageEvent) => {
      for (const { column, values, outside } of event.kind === 'counted' ? event.columns : []) {
        const { values: v, outside: o } = told.get(column) ?? { values: 0, outside: 0 }
        told.set(column, { values: v + values, outside: o + outside })
      }
    }
    await normalizeTopic({ ...cluster, report }, { ...of, untilEnd: true, stats: true })
    const kept = new Map<string, { values: number; outside: number }>()
    for (const { columns } of await stats())
      for (const { name, slots } of columns) {
        const { values: v, outside: o } = kept.get(name) ?? { values: 0, outside: 0 }
        const values = slots.reduce((a, b) => a + b)
        kept.set(name, { values: v + values, outside: o + slots[0] + slots[slots.length - 1] })
      }
    deepEqual(told, kept)
    ok([...told.values()].some(({ outside }) => outside > 0))
  })

  test('a replay counts nothing', async (t) => {
    const { cluster, of, stats } = await opened(t, 2_000)
    await normalizeTopic(cluster, { ...of, untilEnd: true, stats: true })
    const { statsTopic: _, ...replayed } = of
    await replayTopic(cluster, { ...replayed, model: 1 })
    equal(total(await stats()), 2_000)
  })

  test('are what vgm drift shows', async (t) => {
    const { cluster, dataset, of } = await opened(t)
    await rejects(measureDrift(cluster, of), /There is no topic/)
    await normalizeTopic(cluster, { ...of, untilEnd: true, stats: true, statsIntervalMs: 1_000 })
    const stop = new AbortController()
    const events: StageEvent[] = []
    const watched = { ...cluster, signal: stop.signal, report: (event: StageEvent) => void events.push(event) }
    const seen: number[] = []
    await rejects(
      watchDrift(watched, of, 100, ({ version }) => {
        if (seen.push(version) === 2) stop.abort()
      }),
      { code: 'VGM_INTERRUPTED' },
    )
    deepEqual(
      events.flatMap((event) =>
        event.kind === 'drift' ? [event.columns.map(({ column, isAlarm }) => [column, isAlarm])] : [],
      ),
      new Array(2).fill([
        ['x', false],
        ['y', false],
      ]),
    )
    const drift = await measureDrift(cluster, { ...of, sinceMs: 0 })
    deepEqual([drift.version, drift.rows, drift.isAlarm], [1, 30_000, false])
    const x = drift.columns.find(({ name }) => name === 'x')
    ok(x !== undefined && x.wasserstein < 0.02 && Math.abs(x.nullShare - 0.1) < 0.02 && x.outside === 0)
    const { brokers, registry } = await testCluster()
    const flags = ['--dataset', dataset, '--models-topic', of.modelsTopic, '--stats-topic', of.statsTopic]
    const { out, err, code } = await vgmShared([
      'drift',
      '--since',
      '1d',
      ...flags,
      '--brokers',
      brokers,
      '--registry',
      registry,
    ])
    equal(code, 0, err)
    ok(/^column\s+shift\s+PSI/.test(out) && /30,000 rows of version 1/.test(out), out)
    ok(/Not judged yet: |windows? of 5,000 rows or more judged/.test(out), out)
  })

  test('fail on an alarm where that is asked for, and its verdict is of all windows, whatever --since', async (t) => {
    const { pipeline, cluster, dataset, modelsTopic, of } = await opened(t, 2_000)
    const model = await fitDataset(cluster, { dataset, modelsTopic, source: 'raw', columns: ['y'] })
    await cluster.admin.topics.ensureStatsTopic(of.statsTopic)
    const startMs = 30_000 * Math.floor(Date.now() / 30_000) - 3_600_000
    const records = Array.from({ length: 60 }, (_, i) =>
      countedWindow(model, startMs + 30_000 * i, i < 45 ? 40 : 46, i),
    )
    const write = (some: readonly StatsRecord[]) =>
      pipeline.write(of.statsTopic, [
        some.map((each) => ({ key: statsKey(each), value: Buffer.from(statsText(each)) })),
      ])
    const { brokers, registry } = await testCluster()
    const names = ['--dataset', dataset, '--models-topic', modelsTopic, '--stats-topic', of.statsTopic]
    const run = (...more: string[]) =>
      vgmShared(['drift', ...more, ...names, '--brokers', brokers, '--registry', registry])
    await write(records.slice(0, 45))
    equal((await run('--fail-on-alarm')).code, 0)
    await write(records.slice(45))
    equal((await run()).code, 0)
    const alarmed = await run('--fail-on-alarm', '--since', '1s')
    equal(alarmed.code, 1, alarmed.err)
    match(alarmed.out, /ALARM\n\nNo rows of version 2 since .*Z\. Verdicts are of the windows before\.\n60 windows/)
    match(alarmed.out, /Alarm: y differs since about/)
    const { isAlarm, alarms, rows, columns } = JSON.parse((await run('--since', '1s', '--json')).out)
    deepEqual([isAlarm, alarms.length, rows, columns[0].wasserstein], [true, 1, 0, null])
    equal((await run('--fail-on-alarm', '--every', '1m')).code, 2)
  })
})
