import { checkTopicParts } from '../config/names.ts'
import { flag, listener, oneOf, ownTopic, text } from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import { refuseOtherEnding, type TableFormat, tableFormatOf, tableFormats } from '../files/file-format.ts'
import { checkTarget } from '../files/target-file.ts'
import type { ExportReport } from '../stages/export.ts'
import { beginsAnew, call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { noProgress, type OnProgress } from './progress.ts'
import { offsetsIn, topicRanges, topicsBeside } from './row-topics.ts'

export interface ExportTopicOptions {
  readonly topic: string
  /** the topic of the models; it must not be a topic of rows ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  readonly file: string
  /** replace a file that exists [false: that is an error] */
  readonly overwrite?: boolean | undefined
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
    overwrite: flag,
    format: oneOf(tableFormats),
    csvSafe: flag,
    withKey: flag,
    withPosition: flag,
    skipsUnreadable: flag,
    onProgress: listener<OnProgress>(),
  },
)

/**
 * Refuses what is known to fail before a topic is read; returns the file's format.
 *
 * @throws FileExistsError; UsageError for a file whose ending says no format, or `csvSafe` where it is not CSV
 */
export async function checkExport(
  options: Pick<ExportTopicOptions, 'file' | 'overwrite' | 'format' | 'csvSafe'>,
): Promise<TableFormat> {
  const { file, overwrite = false, format = tableFormatOf(file), csvSafe = false } = options
  refuseOtherEnding(file, format)
  if (csvSafe && format !== 'csv')
    throw new UsageError(
      '--csv-safe applies to CSV only, and the file is Parquet',
      'Remove --csv-safe (in a program, csvSafe)',
    )
  await checkTarget(file, overwrite)
  return format
}

/**
 * Writes what a topic holds now to a CSV or Parquet file.
 *
 * @example
 * await exportTopic(cluster, { topic: 'trips.normalized', file: 'trips.parquet' })
 *
 * @throws TopicMissingError; FileExistsError; ExportRowError for a row that cannot be read
 * @throws InterruptedError when the cluster's signal fires: the same call starts from the beginning
 */
export async function exportTopic(cluster: ClusterSession, options: ExportTopicOptions): Promise<ExportReport> {
  return call(checks, cluster, options, exportFile, beginsAnew)
}

async function exportFile(cluster: ClusterSession, options: ExportTopicOptions): Promise<ExportReport> {
  const { rows, registry, signal } = cluster
  const { topic, file, onProgress = noProgress } = options
  const format = await checkExport(options)
  checkTopicParts([topic, ...topicsBeside(cluster, options.modelsTopic)])
  const { exportRows } = await import('../stages/export.ts')
  await cluster.admin.topics.mustExist(topic)
  const ranges = await topicRanges(cluster, topic)
  const of = offsetsIn(ranges)
  const reader = rows.openReader()
  try {
    return await exportRows({
      file,
      overwrite: options.overwrite ?? false,
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
