import { defaultStatsTopic } from '../config/names.ts'
import { datasetName, ownTopic } from '../config/value-rules.ts'
import { wasserstein } from '../drift/distances.ts'
import { driftBins } from '../drift/drift-bins.ts'
import { driftDefaults } from '../drift/drift-detector.ts'
import { type DriftReport, driftReport } from '../drift/drift-report.ts'
import { joinedWindows, statsWindows } from '../drift/stats-record.ts'
import type { Model } from '../model/model.ts'
import { readStats } from '../stages/read-stats.ts'
import { statsPartition } from '../stages/slice-stats.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { topicRanges } from './row-topics.ts'

export interface DriftHistoryOptions {
  readonly dataset: string
  /** where the counts of normalize are ['vgm.stats'] */
  readonly statsTopic?: string | undefined
}

/** What drift there was in each window of a model's rows. */
export interface DriftHistory {
  readonly windows: readonly { readonly startMs: number; readonly endMs: number; readonly rows: number }[]
  readonly columns: readonly {
    readonly name: string
    /** Wasserstein-1 by window, in standard deviations */
    readonly distance: readonly number[]
  }[]
  /** effects below it are no alarm, in standard deviations */
  readonly minEffect: number
  readonly report: DriftReport
}

const checks = optionChecks<DriftHistoryOptions>('driftHistory', { dataset: datasetName }, { statsTopic: ownTopic })

/** The newest windows that are told one by one. */
const mostWindows = 500

/**
 * The drift of each window of a model's rows, and the report on them.
 *
 * @returns undefined if nothing has been counted for the model
 */
export async function driftHistory(
  cluster: ClusterSession,
  options: DriftHistoryOptions,
  model: Model,
): Promise<DriftHistory | undefined> {
  return call(checks, cluster, options, (open) => history(open, options, model))
}

async function history(
  cluster: ClusterSession,
  { dataset, statsTopic = defaultStatsTopic }: DriftHistoryOptions,
  { version, contentSha256, columns }: Model,
): Promise<DriftHistory | undefined> {
  if ((await cluster.admin.topics.partitionCount(statsTopic)) === undefined) return undefined
  const reader = cluster.rows.openReader()
  try {
    const range = (await topicRanges(cluster, statsTopic)).find(({ partition }) => partition === statsPartition)
    const records = range === undefined ? [] : await readStats(reader, range, dataset, cluster.signal)
    const own = records.filter((record) => record.version === version && record.content === contentSha256)
    if (own.length === 0) return undefined
    const bins = columns.map(driftBins)
    const all = statsWindows(
      own,
      bins.map(({ name, baseline, modes }) => ({ name, slots: baseline.length, modes })),
    )
    const full = joinedWindows(all, driftDefaults.windowRows).full.slice(-mostWindows)
    return {
      windows: full.map(({ startMs, endMs, rows }) => ({ startMs, endMs, rows })),
      columns: bins.map((each, i) => ({
        name: each.name,
        distance: full.map((window) => wasserstein(each, window.columns[i])),
      })),
      minEffect: driftDefaults.minEffect,
      report: driftReport(bins, all, { ...driftDefaults, nowMs: Date.now() }),
    }
  } finally {
    await reader.close()
  }
}
