import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import {
  abortReasons,
  type Comparison,
  type MemberNumber,
  type PartitionState,
  type StageEvent,
  verdicts,
} from '../ports/stage-event.ts'
import { addShadow, type ShadowFigures } from '../ports/stage-report.ts'
import { registerProcessMetrics } from './process-metrics.ts'

export interface StageLabels {
  /** as normalize */
  readonly stage: string
  readonly dataset: string
}

/** Seconds. A slice collects rows for half a second; a transaction is rolled back after ten. */
const transactionBuckets = [0.1, 0.25, 0.5, 0.6, 0.75, 1, 1.5, 2.5, 5, 10]
/** As in the log: what stands still for less is nothing. */
const stalledAfterMs = 30_000

/**
 * The metrics of a stage, of all its members together, for Prometheus. docs/observability.md describes them.
 *
 * Rows are counted when their transaction is committed, all counters of a slice at once: what a scrape sees adds up. An
 * event is counted, never a row, so that the row path does not know of it.
 */
export class StageMetrics {
  readonly #registry = new Registry()
  readonly #labels: StageLabels
  readonly #rowsIn: Counter
  readonly #rowsOut: Counter
  readonly #deadLetters: Counter
  readonly #values: Counter
  readonly #outside: Counter
  readonly #bytesIn: Counter
  readonly #bytesOut: Counter
  readonly #transactions: Histogram
  readonly #aborts: Counter
  readonly #rebalances: Counter
  readonly #refits: Counter
  /** whose last question to the registry was not answered */
  readonly #withoutRegistry = new Set<MemberNumber>()
  readonly #partitions = new Map<MemberNumber, readonly PartitionState[]>()
  readonly #assigned = new Map<MemberNumber, number>()
  readonly #paused = new Set<MemberNumber>()
  readonly #models = new Map<MemberNumber, number>()
  #drift: Extract<StageEvent, { kind: 'drift' }>['columns'] = []
  readonly #shadows = new Map<MemberNumber, ShadowFigures>()
  /** the last one */
  #comparison: Comparison | undefined

  /**
   * @param version         of this software
   * @param deadLetterCodes all there are: a counter that begins with its first event has no rate
   * @param isReady         what /readyz would say
   */
  constructor(labels: StageLabels, version: string, deadLetterCodes: readonly string[], isReady: () => boolean) {
    this.#labels = labels
    const names = ['stage', 'dataset']
    const registers = [this.#registry]
    const common = { registers, labelNames: names }
    this.#rowsIn = new Counter({ ...common, name: 'vgm_rows_in_total', help: 'Rows read, of committed slices' })
    this.#rowsOut = new Counter({ ...common, name: 'vgm_rows_out_total', help: 'Rows written, of committed slices' })
    this.#deadLetters = new Counter({
      registers,
      labelNames: [...names, 'code'],
      name: 'vgm_dead_letters_total',
      help: 'Rows that went to the dead letters, of committed slices',
    })
    const ofColumns = { registers, labelNames: [...names, 'column'] }
    this.#values = new Counter({
      ...ofColumns,
      name: 'vgm_values_total',
      help: 'Values of a column that were normalized, of committed slices, where rows are counted for drift',
    })
    this.#outside = new Counter({
      ...ofColumns,
      name: 'vgm_values_outside_range_total',
      help: 'Those of them that are below or above all training rows of the model',
    })
    this.#bytesIn = new Counter({
      ...common,
      name: 'vgm_bytes_in_total',
      help: 'Bytes of the fetched batches, of committed slices',
    })
    this.#bytesOut = new Counter({
      ...common,
      name: 'vgm_bytes_out_total',
      help: 'Bytes of the written batches before compression, of committed slices',
    })
    this.#transactions = new Histogram({
      ...common,
      buckets: transactionBuckets,
      name: 'vgm_transaction_seconds',
      help: 'Time of a committed transaction, from its first row to the end of the commit',
    })
    this.#aborts = new Counter({
      registers,
      labelNames: [...names, 'reason'],
      name: 'vgm_transaction_aborts_total',
      help: 'Slices that were rolled back and repeated',
    })
    this.#rebalances = new Counter({
      ...common,
      name: 'vgm_rebalances_total',
      help: 'Partition assignments that members received, including the first',
    })
    this.#refits = new Counter({
      registers,
      labelNames: [...names, 'verdict'],
      name: 'vgm_refits_total',
      help: 'Challengers that were fitted, by what became of them',
    })
    this.#gauge('vgm_refit_gain_nats', 'Gain of the last challenger in nats a row, and its bounds', ['bound'], () => {
      const { mean, lower, upper } = this.#comparison?.gain ?? {}
      return mean === undefined
        ? []
        : [
            [{ bound: 'mean' }, mean],
            [{ bound: 'lower' }, lower ?? mean],
            [{ bound: 'upper' }, upper ?? mean],
          ]
    })
    this.#gauge('vgm_shadow_rows', 'Rows that the shadow model has looked at', [], () => {
      const shadow = this.#shadow()
      return shadow === undefined ? [] : [[{}, shadow.rows]]
    })
    this.#gauge('vgm_shadow_gain_nats', 'Gain of the shadow model over the one in use, in nats a row', [], () => {
      const shadow = this.#shadow()
      return shadow === undefined ? [] : [[{}, shadow.gain]]
    })
    this.#gauge(
      'vgm_shadow_changed_mode_ratio',
      'Share of the values of a column that have another mode under the shadow model',
      ['column'],
      () => (this.#shadow()?.columns ?? []).map(({ name: column, changedMode }) => [{ column }, changedMode]),
    )
    this.#gauge('vgm_registry_reachable', 'Whether the schema registry answered the last request', [], () => [
      [{}, this.#withoutRegistry.size === 0 ? 1 : 0],
    ])
    this.#gauge('vgm_lag_rows', 'Offsets between the committed one and the end of the partition', ['partition'], () =>
      this.#states()
        .filter(({ end }) => end !== undefined)
        .map(({ partition, position, end = 0 }) => [{ partition }, Math.max(0, end - position)]),
    )
    this.#gauge('vgm_assigned_partitions', 'Partitions that the members of this process own', [], () => [
      [{}, [...this.#assigned.values()].reduce((sum, count) => sum + count, 0)],
    ])
    this.#gauge('vgm_stalled_partitions', 'Partitions that have more rows but return none', [], () => [
      [{}, this.#states().filter(({ stalledMs }) => stalledMs >= stalledAfterMs).length],
    ])
    this.#gauge('vgm_model_version', 'The oldest model version that a member uses', [], () =>
      this.#models.size === 0 ? [] : [[{}, Math.min(...this.#models.values())]],
    )
    this.#gauge('vgm_drift_alarm', 'Whether the rows of a column differ from the training rows', ['column'], () =>
      this.#drift.map(({ column, isAlarm }) => [{ column }, isAlarm ? 1 : 0]),
    )
    this.#gauge('vgm_drift_shift', 'Distance of the last window from the training rows', ['column'], () =>
      this.#drift.map(({ column, shift }) => [{ column }, shift]),
    )
    this.#gauge('vgm_paused', 'Whether an operator has paused the stage', [], () => [
      [{}, this.#paused.size > 0 ? 1 : 0],
    ])
    this.#gauge('vgm_ready', 'What /readyz says: 1 for ready', [], () => [[{}, isReady() ? 1 : 0]])
    this.#gauge('vgm_build_info', 'Always 1; the version of this software', ['version'], () => [[{ version }, 1]])
    for (const counter of [this.#rowsIn, this.#rowsOut, this.#bytesIn, this.#bytesOut, this.#rebalances])
      counter.inc({ ...labels }, 0)
    for (const code of deadLetterCodes) this.#deadLetters.inc({ ...labels, code }, 0)
    if (labels.stage === 'fit')
      for (const verdict of [...verdicts, 'failed']) this.#refits.inc({ ...labels, verdict }, 0)
    for (const reason of abortReasons) this.#aborts.inc({ ...labels, reason }, 0)
    this.#transactions.zero({ ...labels })
    registerProcessMetrics(this.#registry)
  }

  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE

  /** All figures of now in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }

  note(event: StageEvent, member: MemberNumber): void {
    const labels = { ...this.#labels }
    switch (event.kind) {
      case 'committed': {
        const { rowsIn, rowsOut, deadLetters, bytesIn, bytesOut, seconds } = event.slice
        this.#rowsIn.inc(labels, rowsIn)
        this.#rowsOut.inc(labels, rowsOut)
        for (const { code, rows } of deadLetters) this.#deadLetters.inc({ ...labels, code }, rows)
        this.#bytesIn.inc(labels, bytesIn)
        this.#bytesOut.inc(labels, bytesOut)
        this.#transactions.observe(labels, seconds)
        return
      }
      case 'counted':
        for (const { column, values, outside } of event.columns) {
          this.#values.inc({ ...labels, column }, values)
          this.#outside.inc({ ...labels, column }, outside)
        }
        return
      case 'drift':
        this.#drift = event.columns
        return
      case 'aborted':
        this.#aborts.inc({ ...labels, reason: event.reason })
        return
      case 'joined':
        this.#rebalances.inc(labels)
        this.#assigned.set(member, event.partitions.length)
        return
      case 'ordered':
        if (event.isPaused) this.#paused.add(member)
        else this.#paused.delete(member)
        return
      case 'model-taken':
        this.#models.set(member, event.model)
        return
      case 'refit':
        this.#refits.inc({ ...labels, verdict: event.comparison.verdict })
        // Of the first model there is nothing to compare.
        if (event.comparison.champion > 0) this.#comparison = event.comparison
        return
      case 'shadow':
        this.#shadows.set(member, event.figures)
        return
      case 'refit-failed':
        this.#refits.inc({ ...labels, verdict: 'failed' })
        return
      case 'registry':
        if (event.isReachable) this.#withoutRegistry.delete(member)
        else this.#withoutRegistry.add(member)
        return
      case 'state':
        this.#partitions.set(member, event.partitions)
        return
      case 'ended':
        for (const known of [this.#partitions, this.#assigned, this.#models, this.#shadows]) known.delete(member)
        this.#withoutRegistry.delete(member)
        this.#paused.delete(member)
        return
    }
  }

  /** Of all members together. */
  #shadow(): ShadowFigures | undefined {
    const [first, ...others] = this.#shadows.values()
    return first && others.reduce(addShadow, first)
  }

  #states(): PartitionState[] {
    return [...this.#partitions.values()].flat()
  }

  /** A gauge whose values are made at each scrape: what is not there any more is not shown. */
  #gauge(
    name: string,
    help: string,
    more: readonly string[],
    values: () => readonly (readonly [Readonly<Record<string, string | number>>, number])[],
  ): void {
    const labels = this.#labels
    new Gauge({
      registers: [this.#registry],
      labelNames: ['stage', 'dataset', ...more],
      name,
      help,
      collect() {
        this.reset()
        for (const [own, value] of values()) this.set({ ...labels, ...own }, value)
      },
    })
  }
}
