import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { normalNumbers, normalSource, SimulatedStream } from '../../bench/drift/simulation.ts'
import { driftDefaults } from '../../src/drift/drift-detector.ts'
import { driftReport } from '../../src/drift/drift-report.ts'
import {
  datasetOfKey,
  joinedWindows,
  parseStats,
  type StatsRecord,
  statsKey,
  statsText,
  statsWindows,
} from '../../src/drift/stats-record.ts'

const record = (more: Partial<StatsRecord> = {}): StatsRecord => ({
  dataset: 'trips',
  version: 3,
  content: 'ab',
  windowStartMs: 60_000,
  intervalMs: 60_000,
  run: 'a',
  rows: 3,
  columns: [{ name: 'x', slots: [0, 2, 0], modes: [2], nulls: 1 }],
  ...more,
})

suite('records of the stats topic', () => {
  test('come back from their text, and other texts are none', () => {
    deepEqual(parseStats(statsText(record())), record())
    equal(datasetOfKey(statsKey(record())), 'trips')
    const wrong = [
      '',
      '{}',
      'null',
      statsText(record({ rows: 0.5 })),
      statsText(record()).replace('"format":1', '"format":2'),
    ]
    for (const text of wrong) equal(parseStats(text), undefined)
    equal(datasetOfKey('trips/3'), undefined)
  })

  test('of several members add up by window, and those with other bins are left out', () => {
    const windows = statsWindows(
      [record(), record({ run: 'b' }), record({ run: 'c', windowStartMs: 0 }), record({ run: 'd', columns: [] })],
      [{ name: 'x', slots: 3, modes: 1 }],
    )
    deepEqual(
      windows.map(({ startMs, rows, columns }) => [startMs, rows, columns]),
      [
        [
          0,
          3,
          [{ name: 'x', slots: [0, 2, 0], modes: [2], nulls: 1 }].map(({ name: _, ...counts }) => ({
            name: 'x',
            ...counts,
          })),
        ],
        [60_000, 6, [{ slots: [0, 4, 0], modes: [4], nulls: 2 }]],
      ],
    )
  })

  test('are joined until a window has enough rows', () => {
    const windows = [1, 2, 3, 4, 5].map((i) => ({ startMs: i, endMs: i + 1, rows: 2, columns: [] }))
    const { full, rest } = joinedWindows(windows, 4)
    deepEqual(
      [full.map(({ startMs, endMs, rows }) => [startMs, endMs, rows]), rest?.rows],
      [
        [
          [1, 3, 4],
          [3, 5, 4],
        ],
        2,
      ],
    )
  })
})

suite('report of drift', () => {
  const normal = normalNumbers(1)
  const simulation = {
    columns: 3,
    windowRows: 2_000,
    trainedRows: 20_000,
    source: normalSource(normal),
    normal,
    wander: 0,
  }
  const stream = new SimulatedStream(simulation)
  const windows = Array.from({ length: 120 }, (_, i) => ({
    startMs: 1_000 * i,
    endMs: 1_000 * (i + 1),
    rows: 2_000,
    columns: stream.window(i < 100 ? 0 : 0.3),
  }))
  const healthy = (i: number) => ({
    ...windows[0],
    startMs: 1_000 * i,
    endMs: 1_000 * (i + 1),
    columns: stream.window(0),
  })
  const options = { ...driftDefaults, windowRows: 2_000, nowMs: Infinity }

  test('names the column, since when, and what it has moved by', () => {
    const { isAlarm, alarms, columns, windows: judged, toLearn } = driftReport(stream.bins, windows, options)
    deepEqual([isAlarm, judged, toLearn, columns[0].name], [true, 120, 0, 'c0'])
    equal(alarms.length, 1)
    deepEqual(alarms[0].columns, ['c0'])
    ok(alarms[0].fromMs >= 95_000 && alarms[0].fromMs <= 103_000, `${alarms[0].fromMs}`)
    ok(Math.abs(columns[0].wasserstein - 0.3) < 0.1)
    ok(columns[0].nats < columns[0].trainedNats)
    deepEqual(columns[0].sinceStart, [])
  })

  test('says what has differed since the first window, which is learned as healthy, before what has not', () => {
    const bins = stream.bins.map((some) => ({ ...some, nullable: true, nullShare: 0.2 }))
    const nulls = (share: number) => Math.round((2_000 * share) / (1 - share))
    const never = Array.from({ length: 60 }, (_, i) => {
      const [c0, c1, c2] = stream.window(0.3)
      const columns = [
        { ...c0, nulls: nulls(0.2) },
        { ...c1, nulls: nulls(0.2) },
        { ...c2, nulls: nulls(0.6) },
      ]
      return { startMs: 1_000 * i, endMs: 1_000 * (i + 1), rows: 2_000, columns }
    })
    const { isAlarm, columns } = driftReport(bins, never, options)
    equal(isAlarm, false)
    deepEqual(
      columns.map(({ name, sinceStart }) => [name, sinceStart.map(({ of }) => of)]),
      [
        ['c2', ['nulls']],
        ['c0', ['values']],
        ['c1', []],
      ],
    )
    const [c2, c0] = columns.map(({ sinceStart: [first] }) => first?.effect ?? 0)
    // Cohen's h of 60 % and 20 % is 0.845.
    ok(c2 > 0.8 && c2 < 0.846 && c0 > 0.25 && c0 < 0.31, `${c2} ${c0}`)
    deepEqual(
      driftReport(bins, never.slice(0, 9), options).columns.flatMap(({ sinceStart }) => sinceStart),
      [],
    )
    ok(driftReport(bins, never.slice(0, 12), options).columns[0].sinceStart.length > 0)
  })

  test('does not say so of windows that wander around the training rows, nor of those that differ later', () => {
    const wandering = new SimulatedStream({ ...simulation, wander: 0.08 })
    const later = Array.from({ length: 200 }, (_, i) => ({
      startMs: 1_000 * i,
      endMs: 1_000 * (i + 1),
      rows: 2_000,
      columns: wandering.window(i < 50 ? 0 : 0.5),
    }))
    for (const many of [12, 45, 200])
      deepEqual(
        driftReport(wandering.bins, later.slice(0, many), options).columns.flatMap(({ sinceStart }) => sinceStart),
        [],
      )
  })

  test('figures are of the rows since a time, verdicts of all windows', () => {
    const { rows, fromMs, alarms, isAlarm } = driftReport(stream.bins, windows, { ...options, sinceMs: 118_000 })
    // An alarm that lasts is told, however long ago it began.
    deepEqual([rows, fromMs, alarms.length, isAlarm], [4_000, 118_000, 1, true])
    const ended = [...windows, ...Array.from({ length: 200 }, (_, i) => healthy(120 + i))]
    deepEqual(driftReport(stream.bins, ended, { ...options, sinceMs: 300_000 }).alarms, [])
  })

  test('of no rows has no figures, and still its verdicts', () => {
    const { rows, columns, isAlarm, alarms } = driftReport(stream.bins, windows, { ...options, sinceMs: 120_000 })
    deepEqual([rows, isAlarm, alarms.length], [0, true, 1])
    const [{ wasserstein, ks, psi, outside, nullShare, findings }] = JSON.parse(JSON.stringify(columns))
    deepEqual([wasserstein, ks, psi, outside, nullShare, findings[0].isAlarm], [null, null, null, null, null, true])
  })

  test('a window that may still grow is not judged, and the first verdict takes forty', () => {
    const { windows: judged, toLearn, isAlarm, rows } = driftReport(stream.bins, windows, { ...options, nowMs: 45_500 })
    deepEqual([judged, toLearn, isAlarm, rows], [30, 10, false, 2_000])
    const { pendingRows, pendingUntilMs, intervalMs } = driftReport(stream.bins, windows.slice(0, 33), {
      ...options,
      nowMs: 45_500,
    })
    deepEqual([pendingRows, pendingUntilMs, intervalMs], [6_000, 48_000, 1_000])
    const few = driftReport(stream.bins, windows.slice(0, 33), { ...options, windowRows: 4_000 })
    deepEqual([few.windows, few.pendingRows, few.pendingUntilMs], [16, 2_000, undefined])
    const empty = driftReport(stream.bins, [], options)
    deepEqual([empty.windows, empty.rows, empty.columns.length, empty.fromMs], [0, 0, 3, undefined])
  })
})
