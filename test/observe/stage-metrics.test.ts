import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { StageMetrics } from '../../src/observe/stage-metrics.ts'
import type { CommittedSlice, PartitionState, StageEvent } from '../../src/ports/stage-event.ts'
import { seriesValue } from './metric-table.ts'

const totals = { rowsIn: 0, rowsOut: 0, deadLetters: 0, seconds: 0, rowsPerSecond: 0 }

function open() {
  const stage = { isReady: false }
  const metrics = new StageMetrics(
    { stage: 'normalize', dataset: 'd' },
    '1.2.3',
    ['VGM_ROW_MALFORMED', 'VGM_ROW_FRAMING'],
    () => stage.isReady,
  )
  const value = async (name: string, labels: Record<string, string> = {}) =>
    seriesValue(await metrics.text(), name, labels)
  return { metrics, stage, value }
}

const committed = (slice: Partial<CommittedSlice>): StageEvent => ({
  kind: 'committed',
  slice: { rowsIn: 0, rowsOut: 0, deadLetters: [], bytesIn: 0, bytesOut: 0, seconds: 0.5, ...slice },
  totals,
})
const state = (...partitions: Partial<PartitionState>[]): StageEvent => ({
  kind: 'state',
  partitions: partitions.map((some) => ({
    partition: 0,
    position: 0,
    end: undefined,
    stalledMs: 0,
    isFailing: false,
    ...some,
  })),
  turnedMsAgo: 0,
})
const joined = (...partitions: number[]): StageEvent => ({ kind: 'joined', generation: 1, partitions })

suite('the metrics of a stage', () => {
  test('begin with every counter at 0: one that begins with its first event has no rate', async () => {
    const { value } = open()
    for (const name of [
      'vgm_rows_in_total',
      'vgm_rows_out_total',
      'vgm_rebalances_total',
      'vgm_transaction_seconds_count',
    ])
      equal(await value(name), 0, name)
    equal(await value('vgm_dead_letters_total', { code: 'VGM_ROW_FRAMING' }), 0)
    equal(await value('vgm_transaction_aborts_total', { reason: 'registry' }), 0)
    equal(await value('vgm_build_info', { version: '1.2.3' }), 1)
  })

  test('count what members commit, together', async () => {
    const { metrics, value } = open()
    const dead = { code: 'VGM_ROW_MALFORMED', rows: 2, partition: 0, offset: 7 }
    metrics.note(committed({ rowsIn: 10, rowsOut: 8, deadLetters: [dead], bytesIn: 100, bytesOut: 90 }), 0)
    metrics.note(committed({ rowsIn: 5, rowsOut: 5, seconds: 2 }), 1)
    metrics.note({ kind: 'aborted', reason: 'rebalance', cause: 'x' }, 1)
    deepEqual(
      await Promise.all(
        ['rows_in', 'rows_out', 'dead_letters', 'bytes_in', 'bytes_out', 'transaction_aborts'].map((name) =>
          value(`vgm_${name}_total`),
        ),
      ),
      [15, 13, 2, 100, 90, 1],
    )
    equal(await value('vgm_transaction_seconds_count'), 2)
    equal(await value('vgm_transaction_seconds_bucket', { le: '1' }), 1)
  })

  test('show a partition as long as one of the members owns it', async () => {
    const { metrics, value } = open()
    metrics.note(joined(0, 1), 0)
    metrics.note(state({ partition: 0, position: 4, end: 10 }, { partition: 1, position: 3, end: undefined }), 0)
    metrics.note(joined(2), 1)
    metrics.note(state({ partition: 2, position: 5, end: 5 }), 1)
    equal(await value('vgm_lag_rows', { partition: '0' }), 6)
    equal(await value('vgm_lag_rows', { partition: '1' }), undefined, 'nobody has told where it ends')
    equal(await value('vgm_lag_rows', { partition: '2' }), 0)
    equal(await value('vgm_assigned_partitions'), 3)
    metrics.note(joined(1), 0)
    metrics.note(state({ partition: 1, position: 3, end: 4 }), 0)
    equal(await value('vgm_lag_rows', { partition: '0' }), undefined)
    metrics.note({ kind: 'ended', totals }, 1)
    equal(await value('vgm_lag_rows'), 1)
    equal(await value('vgm_assigned_partitions'), 1)
    equal(await value('vgm_rebalances_total'), 3)
  })

  test('name the model of the member that is last to take one up', async () => {
    const { metrics, value } = open()
    equal(await value('vgm_model_version'), undefined)
    metrics.note({ kind: 'model-taken', model: 3, before: undefined }, 0)
    metrics.note({ kind: 'model-taken', model: 3, before: undefined }, 1)
    metrics.note({ kind: 'model-taken', model: 4, before: 3 }, 1)
    equal(await value('vgm_model_version'), 3)
    metrics.note({ kind: 'model-taken', model: 4, before: 3 }, 0)
    equal(await value('vgm_model_version'), 4)
  })

  test('count partitions that stand still for long, whatever the reason, as long as they do', async () => {
    const { metrics, value } = open()
    metrics.note(state({ partition: 0, stalledMs: 40_000, isFailing: true }, { partition: 1, stalledMs: 20_000 }), 0)
    metrics.note(state({ partition: 2, stalledMs: 30_000 }), 1)
    equal(await value('vgm_stalled_partitions'), 2)
    metrics.note(state({ partition: 0 }, { partition: 1 }), 0)
    equal(await value('vgm_stalled_partitions'), 1)
  })

  test('say whether the registry answers each of the members', async () => {
    const { metrics, stage, value } = open()
    const registry = (isReachable: boolean): StageEvent => ({ kind: 'registry', url: 'http://r', isReachable })
    metrics.note(registry(false), 0)
    metrics.note(registry(false), 1)
    metrics.note(registry(true), 0)
    deepEqual([await value('vgm_registry_reachable'), await value('vgm_ready')], [0, 0])
    metrics.note(registry(true), 1)
    stage.isReady = true
    deepEqual([await value('vgm_registry_reachable'), await value('vgm_ready')], [1, 1])
  })

  test('have figures of the process that can be so', async () => {
    const { value } = open()
    const now = async (name: string) => (await value(name)) as number
    ok((await now('process_cpu_seconds_total')) > 0)
    ok((await now('process_resident_memory_bytes')) > 10_000_000)
    ok(Math.abs((await now('process_start_time_seconds')) + process.uptime() - Date.now() / 1_000) < 5)
    ok((await now('nodejs_eventloop_lag_max_seconds')) >= 0)
    ok((await now('nodejs_heap_size_used_bytes')) <= (await now('nodejs_heap_size_total_bytes')) * 1.5)
  })

  test('of fits begin at 0, and have the gain of the last comparison', async () => {
    const metrics = new StageMetrics({ stage: 'fit', dataset: 'd' }, '1', [], () => true)
    const value = async (name: string, labels = {}) => seriesValue(await metrics.text(), name, labels)
    equal(await value('vgm_refits_total', { verdict: 'promoted' }), 0)
    const gain = { mean: 0.03, lower: 0.02, upper: 0.04 }
    const refit = (champion: number, verdict: 'first' | 'promoted') =>
      metrics.note(
        { kind: 'refit', version: 3, comparison: { champion, verdict, reason: '', rows: 1, gain } },
        undefined,
      )
    refit(0, 'first')
    equal(await value('vgm_refit_gain_nats', { bound: 'lower' }), undefined)
    refit(1, 'promoted')
    metrics.note({ kind: 'refit-failed', reason: 'no rows' }, undefined)
    equal(await value('vgm_refit_gain_nats', { bound: 'lower' }), 0.02)
    equal(await value('vgm_refits_total', { verdict: 'failed' }), 1)
  })

  test('of a shadow model are those of all members together, as long as they are there', async () => {
    const { metrics, value } = open()
    const figures = {
      version: 4,
      against: 3,
      rows: 100,
      ofRows: 100,
      columns: [{ name: 'x', values: 100, changedMode: 0.2 }],
    }
    equal(await value('vgm_shadow_gain_nats'), undefined)
    metrics.note({ kind: 'shadow', figures: { ...figures, gain: 0.1 } }, 0)
    metrics.note({ kind: 'shadow', figures: { ...figures, gain: 0.3 } }, 1)
    equal(await value('vgm_shadow_rows'), 200)
    equal(await value('vgm_shadow_gain_nats'), 0.2)
    equal(await value('vgm_shadow_changed_mode_ratio', { column: 'x' }), 0.2)
    metrics.note({ kind: 'ended', totals }, 1)
    equal(await value('vgm_shadow_gain_nats'), 0.1)
  })
})
