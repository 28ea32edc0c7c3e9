import { type DriftBins, driftBins } from '../drift/drift-bins.ts'
import { driftDefaults } from '../drift/drift-detector.ts'
import { driftReport } from '../drift/drift-report.ts'
import { type StatsRecord, type StatsWindow, statsKey, statsWindows } from '../drift/stats-record.ts'
import type { Model } from '../model/model.ts'
import { readStats } from '../stages/read-stats.ts'
import { statsPartition } from '../stages/slice-stats.ts'
import type { ClusterSession } from './cluster-session.ts'
import { topicRanges } from './row-topics.ts'

/** Watches the counts of a data set for a drift; reads each record of the topic once. */
export class DriftWatch {
  readonly #cluster: ClusterSession
  readonly #options: DriftWatchOptions
  #next = 0
  #model: Model | undefined
  #bins: readonly DriftBins[] = []
  /** of the model, by key */
  #records = new Map<string, StatsRecord>()

  constructor(cluster: ClusterSession, options: DriftWatchOptions) {
    this.#cluster = cluster
    this.#options = options
  }

  /**
   * Rows that were normalized since a drift began which lasts until now, those before a time left out; 0 without one.
   *
   * @param model whose rows are looked at
   */
  async driftedRows(model: Model, sinceMs: number): Promise<number> {
    if (model.version !== this.#model?.version || model.contentSha256 !== this.#model.contentSha256) this.#follow(model)
    await this.#read(model)
    const shapes = this.#bins.map(({ name, baseline, modes }) => ({ name, slots: baseline.length, modes }))
    const windows = statsWindows(this.#records.values(), shapes)
    const { isAlarm, alarms } = driftReport(this.#bins, windows, {
      ...driftDefaults,
      nowMs: Date.now(),
    })
    return isAlarm ? rowsSince(windows, Math.max(sinceMs, alarms[alarms.length - 1].fromMs)) : 0
  }

  #follow(model: Model): void {
    this.#model = model
    this.#bins = model.columns.map(driftBins)
    this.#records = new Map()
    this.#next = 0
  }

  async #read({ version, contentSha256 }: Model): Promise<void> {
    const { dataset, statsTopic } = this.#options
    const { admin, rows, signal } = this.#cluster
    // Whoever counts first makes it.
    if ((await admin.topics.partitionCount(statsTopic)) === undefined) return
    const range = (await topicRanges(this.#cluster, statsTopic)).find(({ partition }) => partition === statsPartition)
    if (range === undefined) return
    // A topic that was made again begins anew.
    const from = this.#next > range.endOffset ? range.offset : Math.max(range.offset, this.#next)
    const reader = rows.openReader()
    try {
      for (const record of await readStats(reader, { ...range, offset: from }, dataset, signal))
        if (record.version === version && record.content === contentSha256) this.#records.set(statsKey(record), record)
    } finally {
      await reader.close()
    }
    this.#next = range.endOffset
  }
}

export interface DriftWatchOptions {
  readonly dataset: string
  readonly statsTopic: string
}

/** Of the windows that began then or later. */
function rowsSince(windows: readonly StatsWindow[], sinceMs: number): number {
  return windows.filter(({ startMs }) => startMs >= sinceMs).reduce((sum, { rows }) => sum + rows, 0)
}
