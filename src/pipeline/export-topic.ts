import { checkTopicParts } from '../config/names.ts'
import { flag, listener, oneOf, ownTopic, text } from '../config/value-rules.ts'
import { type TableFormat, tableFormatOf, tableFormats } from '../files/file-format.ts'
import type { ExportReport } from '../stages/export.ts'
import { beginsAnew, call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { noProgress, type OnProgress } from './progress.ts'
import { offsetsIn, topicRanges, topicsBeside } from './row-topics.ts'

export interface ExportTopicOptions {
  readonly topic: string
  /** where models are published, and so no rows ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  readonly file: string
  /** [what the file's ending says] */
  readonly format?: TableFormat | undefined
  /** CSV for a spreadsheet: an apostrophe before texts that it would take for a formula [false] */
  readonly csvSafe?: boolean | undefined
  /** add the key as column `_key` [false] */
  readonly withKey?: boolean | undefined
  /** add partition and offset as columns `_partition` and `_offset` [false] */
  readonly withPosition?: boolean | undefined
  /** leave out rows and batches that cannot be read, and count them [false: the first one is an error] */
  readonly skipsUnreadable?: boolean | undefined
  readonly onProgress?: OnProgress | undefined
}

const checks = optionChecks<ExportTopicOptions>(
  'exportTopic',
  { topic: ownTopic, file: text },
  {
    modelsTopic: ownTopic,
    format: oneOf(tableFormats),
    csvSafe: flag,
    withKey: flag,
    withPosition: flag,
    skipsUnreadable: flag,
    onProgress: listener<OnProgress>(),
  },
)

/**
 * Writes what a topic holds now to a CSV or Parquet file.
 *
 * @example
 * await exportTopic(cluster, { topic: 'trips.normalized', file: 'trips.parquet' })
 *
 * @throws TopicMissingError; ExportRowError for a row that cannot be read; InterruptedError: the same call begins anew
 */
export async function exportTopic(cluster: ClusterSession, options: ExportTopicOptions): Promise<ExportReport> {
  return call(checks, cluster, options, exportFile, beginsAnew)
}

async function exportFile(cluster: ClusterSession, options: ExportTopicOptions): Promise<ExportReport> {
  const { rows, registry, signal } = cluster
  const { topic, file, format = tableFormatOf(file), onProgress = noProgress } = options
  checkTopicParts([topic, ...topicsBeside(cluster, options.modelsTopic)])
  const { exportRows } = await import('../stages/export.ts')
  await cluster.admin.topics.mustExist(topic)
  const ranges = await topicRanges(cluster, topic)
  const of = offsetsIn(ranges)
  const reader = rows.openReader()
  try {
    return await exportRows({
      file,
      format,
      csvSafe: options.csvSafe ?? false,
      withKey: options.withKey ?? false,
      withPosition: options.withPosition ?? false,
      skipsUnreadable: options.skipsUnreadable ?? false,
      reader,
      ranges,
      schemas: registry,
      signal,
      onProgress: (done) => onProgress(done, of),
    })
  } finally {
    await reader.close()
  }
}
