import { basename } from 'node:path'
import { type Compression, compressions } from '../batch/batch-header.ts'
import { valueSubject } from '../config/names.ts'
import { timeForms, timeOfFlag } from '../config/time-text.ts'
import {
  anyText,
  count,
  datasetName,
  either,
  flag,
  listener,
  listOf,
  naturalNumber,
  noneOrOneCharacter,
  oneCharacter,
  oneOf,
  ownTopic,
  text,
  type ValueRule,
} from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import { NoRowsError } from '../files/file-errors.ts'
import { fileFormats } from '../files/file-format.ts'
import type { NumberStyle } from '../files/reading/number-style.ts'
import {
  type FileColumn,
  knownColumns,
  recordSchema,
  type TopicRecord,
  topicRecord,
  topicRecordOf,
} from '../files/reading/record-schema.ts'
import type { RowTimes } from '../files/reading/row-times.ts'
import type { TableFacts, TableFile } from '../files/reading/table-file.ts'
import type { FileReading, TextOptions } from '../files/reading/table-options.ts'
import { widestColumns } from '../files/reading/widest-columns.ts'
import { checkBadRowsFile } from '../files/target-file.ts'
import { stageText } from '../observe/report-text.ts'
import { stageReport } from '../ports/stage-report.ts'
import type { LoadReport } from '../stages/load.ts'
import { call } from './call.ts'
import { fields, optionChecks, record } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { defaultPartitions } from './defaults.ts'
import { LoadTarget } from './load-target.ts'
import { noProgress, type OnProgress } from './progress.ts'
import { type RunProgress, recordRun } from './record-run.ts'
import { datasetTopics } from './row-topics.ts'

export interface LoadFileOptions extends FileReading {
  readonly dataset: string
  /** CSV, JSON or Parquet; several are loaded one after the other, each once */
  readonly file: string | readonly string[]
  /** the raw topic [`<dataset>.raw`] */
  readonly topic?: string | undefined
  /** the topic of the models; it must not be a topic of rows ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  /** column whose text becomes the key and chooses the partition [no key] */
  readonly key?: string | undefined
  /** column that is the time of each record [the time of the load] */
  readonly timestamp?: string | undefined
  /** time of the rows that have none in `timestamp`: 'now', ISO 8601 (UTC where no zone is named), or ms since 1970 [none: such a row is an error] */
  readonly defaultTimestamp?: string | undefined
  /** of the topic, if it is new [4] */
  readonly partitions?: number | undefined
  /** codec of the batches that are written ['none'] */
  readonly compression?: Compression | undefined
  /** where the load tells how far it is ['vgm.control'] */
  readonly controlTopic?: string | undefined
  /**
   * file for the rows of a CSV file that cannot be read, each with the reason: a new one, or one of an earlier load
   * [none: the first such row is an error]
   */
  readonly badRows?: string | undefined
  /** called with the columns and types that were found in a file, before its first row is loaded */
  readonly onColumns?: ((table: TableFacts) => void) | undefined
  /** called with the times that were found in a file, before its first row is loaded */
  readonly onTimes?: ((times: RowTimes) => void) | undefined
  readonly onProgress?: OnProgress | undefined
}

/** ms since 1970; NaN for another text. */
function parseLoadTime(time: string): number {
  return time === 'now' ? Date.now() : timeOfFlag(time)
}

const loadTime: ValueRule<string> = {
  allows: (value) => typeof value === 'string' && parseLoadTime(value) >= 0,
  may: `now, or a time since 1970: ${timeForms}`,
}

const names = listOf(text, 'names of columns')

/** What says how a file is to be read may be. */
export const readingChecks = {
  columns: names,
  notNull: names,
  format: oneOf(fileFormats),
  text: fields<TextOptions>(
    {},
    {
      delimiter: oneCharacter,
      quote: noneOrOneCharacter,
      header: flag,
      skipLines: naturalNumber,
      encoding: text,
      nullTexts: listOf(anyText, 'texts'),
      types: record(text),
      numbers: fields<NumberStyle>(
        { decimalMark: text },
        { thousands: text, units: listOf(text, 'texts'), hasMinusSign: flag },
      ),
      dateFormat: text,
    },
  ),
} as const

const checks = optionChecks<LoadFileOptions>(
  'loadFile',
  { dataset: datasetName, file: either(text, listOf(text, 'them')) },
  {
    topic: ownTopic,
    modelsTopic: ownTopic,
    key: text,
    timestamp: text,
    defaultTimestamp: loadTime,
    partitions: count,
    compression: oneOf(compressions),
    controlTopic: ownTopic,
    badRows: text,
    ...readingChecks,
    onColumns: listener<(table: TableFacts) => void>(),
    onTimes: listener<(times: RowTimes) => void>(),
    onProgress: listener<OnProgress>(),
  },
)

/** The options with their defaults, for one file. */
interface TableLoad extends FileReading {
  readonly dataset: string
  readonly topic: string
  readonly file: string
  readonly key: string | undefined
  readonly timestamp: string | undefined
  readonly defaultMs: number | undefined
  readonly partitions: number
  readonly compression: Compression
  readonly controlTopic: string | undefined
  readonly badRows: string | undefined
  readonly knownColumns?: ReadonlyMap<string, string> | undefined
  readonly onColumns: (table: TableFacts) => void
  readonly onTimes: (times: RowTimes) => void
  readonly onProgress: OnProgress
}

/**
 * Loads files into a raw topic, which is made if it does not exist: each row once, however often the call is repeated.
 * All files are read through before the first row is loaded, so that none is if one is refused; a column has the type
 * that holds its values in all of them.
 *
 * @example
 * const { rowsOut } = await loadFile(cluster, { dataset: 'trips', file: 'trips.csv' })
 *
 * @throws FileUnreadableError, BadRowError, FileColumnError, with the file, the line and the column
 * @throws UsageError for a `badRows` that is the file itself, or holds anything else than bad rows
 * @throws InterruptedError when the cluster's signal fires: the same call resumes where it stopped
 */
export async function loadFile(cluster: ClusterSession, options: LoadFileOptions): Promise<LoadReport> {
  return call(checks, cluster, options, loadFiles)
}

async function loadFiles(cluster: ClusterSession, options: LoadFileOptions): Promise<LoadReport> {
  const { dataset, timestamp, defaultTimestamp } = options
  if (timestamp === undefined && defaultTimestamp !== undefined)
    throw new UsageError(
      '--default-timestamp (defaultTimestamp) is for rows without a time, and no column of times is named',
      'Name it with --timestamp (timestamp), or leave it out',
    )
  const load = {
    ...options,
    topic: datasetTopics(cluster, dataset, { raw: options.topic }, options.modelsTopic).raw,
    key: options.key,
    timestamp,
    defaultMs: defaultTimestamp === undefined ? undefined : parseLoadTime(defaultTimestamp),
    partitions: options.partitions ?? defaultPartitions,
    compression: options.compression ?? 'none',
    controlTopic: options.controlTopic,
    badRows: options.badRows,
    onColumns: options.onColumns ?? (() => undefined),
    onTimes: options.onTimes ?? (() => undefined),
    onProgress: options.onProgress ?? noProgress,
  }
  const files = typeof options.file === 'string' ? [options.file] : options.file
  if (load.badRows !== undefined && files.length > 1)
    throw new UsageError(
      'Bad rows (--bad-rows, badRows) are taken from one file, and several files are named',
      'Load the files one by one',
    )
  if (load.badRows !== undefined) await checkBadRowsFile(load.badRows, files)
  const known = await recordOf(cluster, load.topic)
  const target = new LoadTarget(cluster, load)
  const loadOne = (file: string, record: TopicRecord | undefined, beside?: ReadonlySet<string>) =>
    recordRun(
      cluster,
      { dataset, controlTopic: load.controlTopic, kind: 'load', name: basename(file), onProgress: load.onProgress },
      (run) => loadTable(cluster, { ...load, file }, { record, target, beside, run }),
      (report) => stageText(report, load.topic),
    )
  try {
    if (files.length === 1) return await loadOne(files[0], known)
    const { filled, record, fingerprints } = await surveyFiles(cluster, load, files, known)
    const reports: LoadReport[] = []
    for (const file of filled) reports.push(await loadOne(file, record, fingerprints))
    return together(reports)
  } finally {
    await target.close()
  }
}

/**
 * Reads several files through before the first of them is loaded.
 *
 * @returns the files that have rows, the record that has the columns of all of them, and what tells their contents
 */
async function surveyFiles(
  cluster: ClusterSession,
  load: Omit<TableLoad, 'file'>,
  files: readonly string[],
  known: TopicRecord | undefined,
): Promise<{ filled: string[]; record: TopicRecord | undefined; fingerprints: ReadonlySet<string> }> {
  const { dataset, timestamp, defaultMs } = load
  const columns: (readonly FileColumn[])[] = []
  const called = new Map(knownColumns(known))
  const fileOfContent = new Map<string, string>()
  for (const file of files) {
    const table = await openFilled(cluster, { ...load, file, knownColumns: called }, known)
    if (table === undefined) continue
    if (timestamp !== undefined) await table.rowTimes(timestamp, defaultMs)
    await table.close()
    for (const others of columns) refuseNameless(table, load, fieldsOf(others), 'another of the files')
    columns.push(table.columns)
    for (const { column, field } of table.columns) if (column !== field) called.set(field, column)
    const other = fileOfContent.get(table.fingerprint)
    if (other !== undefined) {
      throw new UsageError(`${other} and ${file} have the same content`, 'Name one of them: a file is loaded once')
    }
    fileOfContent.set(table.fingerprint, file)
  }
  if (columns.length === 0) throw new NoRowsError(files[0], 'none of the files has a row', 'Name a file with rows')
  return {
    filled: [...fileOfContent.values()],
    record: topicRecord(recordSchema(dataset, widestColumns(columns), known)),
    fingerprints: new Set(fileOfContent.keys()),
  }
}

/** Undefined for a file without rows: programs that write parts of a table leave some empty. */
async function openFilled(
  cluster: ClusterSession,
  load: TableLoad,
  known: TopicRecord | undefined,
): Promise<TableFile | undefined> {
  try {
    return await openTable(cluster, load, known)
  } catch (thrown) {
    if (!(thrown instanceof NoRowsError)) throw thrown
    cluster.log.warn({ file: load.file }, 'the file has no row: it is passed over')
    return undefined
  }
}

function together(reports: readonly LoadReport[]): LoadReport {
  const sum = (figure: (report: LoadReport) => number) => reports.reduce((total, report) => total + figure(report), 0)
  return {
    ...stageReport(
      sum(({ rowsIn }) => rowsIn),
      sum(({ rowsOut }) => rowsOut),
      0,
      sum(({ seconds }) => seconds),
    ),
    rowsBefore: sum(({ rowsBefore }) => rowsBefore),
    badRows: sum(({ badRows }) => badRows),
  }
}

const fieldsOf = (columns: readonly FileColumn[]) => columns.map(({ field }) => field)

/**
 * Refuses a file without names for rows that have some: a later piece of a file that was split would become columns of
 * its own.
 */
function refuseNameless(
  { file, format, columns }: TableFacts,
  { text }: FileReading,
  names: readonly string[],
  where: string,
): void {
  const isNameless = columns.every(({ column }) => /^column[0-9]+$/.test(column))
  const isOther = !columns.some(({ field }) => names.includes(field))
  if (format !== 'csv' || text?.header === false || !isNameless || !isOther || names.length !== columns.length) return
  throw new UsageError(
    `${file} has no line with the names of its columns, and ${where} has: ${names.slice(0, 20).join(', ')}`,
    'Put that line above its rows, or say with --header no that these are other columns',
  )
}

/** What the topic's rows are so far, by the schemas of its values. */
async function recordOf({ registry }: ClusterSession, topic: string): Promise<TopicRecord | undefined> {
  return topicRecordOf(await registry.newest(valueSubject(topic)))
}

async function openTable(
  { signal }: ClusterSession,
  { file, dataset, columns, notNull, format, text, badRows, knownColumns }: TableLoad,
  known: TopicRecord | undefined,
): Promise<TableFile> {
  const { openTableFile } = await import('../files/reading/table-file.ts')
  return openTableFile({
    file,
    dataset,
    ...(columns !== undefined && { columns }),
    ...(notNull !== undefined && { notNull }),
    ...(format !== undefined && { format }),
    ...(text !== undefined && { text }),
    collectBadRows: badRows !== undefined,
    topicRecord: known,
    knownColumns,
    signal,
  })
}

interface TableContext {
  readonly record: TopicRecord | undefined
  readonly target: LoadTarget
  /** fingerprints of the files of the call */
  readonly beside?: ReadonlySet<string> | undefined
  readonly run: RunProgress
}

async function loadTable(
  cluster: ClusterSession,
  options: TableLoad,
  { record, target, beside, run }: TableContext,
): Promise<LoadReport> {
  const { load } = await import('../stages/load.ts')
  const { topic, key, timestamp, defaultMs, badRows, compression, onColumns, onTimes } = options
  const table = await openTable(cluster, options, record)
  try {
    if (record !== undefined) refuseNameless(table, options, [...record.fields.keys()], `topic ${topic}`)
    run.about({ subject: table.fingerprint })
    onColumns(table)
    const times = timestamp === undefined ? undefined : await table.rowTimes(timestamp, defaultMs)
    if (times !== undefined) onTimes(times)
    const { partitions, batchBytes, writer, files } = await target.open(times)
    return await load({
      table,
      topic,
      partitions,
      registerSchema: () => cluster.registry.register(valueSubject(topic), table.schema),
      writer,
      files,
      beside,
      keyColumn: key,
      nowMs: Date.now(),
      times,
      limits: { batchBytes, compression },
      badRowsFile: badRows,
      onDoubt: (text) => cluster.log.warn({ topic, file: options.file }, text),
      signal: cluster.signal,
      onProgress: run.moved,
    })
  } finally {
    await table.close()
  }
}
