import { defaultStatsTopic } from '../config/names.ts'
import { count, datasetName, finiteNumber, limit, ownTopic } from '../config/value-rules.ts'
import { driftBins } from '../drift/drift-bins.ts'
import { driftDefaults } from '../drift/drift-detector.ts'
import { type DriftReport, driftReport } from '../drift/drift-report.ts'
import { statsWindows } from '../drift/stats-record.ts'
import { readStats } from '../stages/read-stats.ts'
import { statsPartition } from '../stages/slice-stats.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { followModels, modelNamed, type VersionName, versionName } from './models-topic.ts'
import { requireTopic, topicRanges } from './row-topics.ts'

export interface MeasureDriftOptions {
  readonly dataset: string
  /** the version whose rows are looked at ['current'] */
  readonly model?: VersionName | undefined
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  /** where the counts of normalize are ['vgm.stats'] */
  readonly statsTopic?: string | undefined
  /** rows of a window that is judged [5,000] */
  readonly windowRows?: number | undefined
  /** least effect of an alarm, in standard deviations [0.045] */
  readonly minEffect?: number | undefined
  /** figures are of the rows since then, ms since 1970 [of the last window that was judged] */
  readonly sinceMs?: number | undefined
}

/** What there is of drift, and the version that it is measured by. */
export interface MeasuredDrift extends DriftReport {
  readonly dataset: string
  readonly version: number
}

const checks = optionChecks<MeasureDriftOptions>(
  'measureDrift',
  { dataset: datasetName },
  {
    model: versionName,
    modelsTopic: ownTopic,
    statsTopic: ownTopic,
    windowRows: count,
    minEffect: limit,
    sinceMs: finiteNumber,
  },
)

/**
 * What has changed in the rows since a model was fitted, from what members of normalize have counted.
 *
 * @example
 * const { isAlarm, columns } = await measureDrift(cluster, { dataset: 'trips' })
 *
 * @throws TopicMissingError if nothing has been counted; ModelMissingError
 */
export async function measureDrift(cluster: ClusterSession, options: MeasureDriftOptions): Promise<MeasuredDrift> {
  return call(checks, cluster, options, measure)
}

async function measure(cluster: ClusterSession, options: MeasureDriftOptions): Promise<MeasuredDrift> {
  const { dataset, model: wanted = 'current', modelsTopic, statsTopic = defaultStatsTopic, sinceMs } = options
  const { windowRows = driftDefaults.windowRows, minEffect = driftDefaults.minEffect } = options
  await requireTopic(cluster, statsTopic, `Count rows first: "vgm normalize --dataset ${dataset}" does so`)
  const models = await followModels(cluster, { dataset, modelsTopic })
  const reader = cluster.rows.openReader()
  try {
    const { version, contentSha256, columns } = await modelNamed(models, dataset, wanted)
    const bins = columns.map(driftBins)
    const range = (await topicRanges(cluster, statsTopic)).find(({ partition }) => partition === statsPartition)
    const records = range === undefined ? [] : await readStats(reader, range, dataset, cluster.signal)
    const own = records.filter((record) => record.version === version && record.content === contentSha256)
    const shapes = bins.map(({ name, baseline, modes }) => ({ name, slots: baseline.length, modes }))
    const report = driftReport(bins, statsWindows(own, shapes), {
      ...driftDefaults,
      windowRows,
      minEffect,
      nowMs: Date.now(),
      sinceMs,
    })
    return { dataset, version, ...report }
  } finally {
    await reader.close()
    await models.close()
  }
}
