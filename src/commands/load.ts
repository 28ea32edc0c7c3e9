import type { Command } from 'commander'
import { Option } from 'commander'
import { type Compression, compressions } from '../batch/batch-header.ts'
import { groupName, topicNames, transactionalId, valueSubject } from '../config/names.ts'
import { commonOption } from '../config/setting.ts'
import { parseCount, parseTopic } from '../config/value-parsers.ts'
import { UsageError } from '../errors.ts'
import { type FileColumn, recordSchema, type TopicRecord, topicRecord } from '../files/record-schema.ts'
import type { TableFile } from '../files/table-file.ts'
import { widestColumns } from '../files/widest-columns.ts'
import { printableLine } from '../observe/printable-text.ts'
import { createProgress } from '../observe/progress.ts'
import type { LoadReport } from '../stages/load.ts'
import { stageReport } from '../stages/stage-report.ts'
import {
  checkDataset,
  type DatasetFlags,
  datasetCommand,
  type OpenCluster,
  printResult,
  withCluster,
} from './command-context.ts'
import { addFileOptions, type FileFlags, type FileReading, fileReading } from './file-options.ts'
import { preparePositions } from './group-positions.ts'
import { stageText } from './report-text.ts'
import { batchBytesFor, defaultPartitions, holdsRows } from './row-topics.ts'

export interface LoadFileOptions extends FileReading {
  readonly file: string
  readonly dataset: string
  readonly topic: string
  readonly key?: string
  /** for a topic that does not exist yet */
  readonly partitions: number
  readonly compression: Compression
  readonly badRows?: string
}

/** What a caller may want to know while files are loaded. */
export interface LoadEvents {
  readonly onProgress: (rows: number, of: number) => void
  /** what was made of a file, before its first row is loaded */
  readonly onColumns: (table: TableFile) => void
}

/** Loads a file into a raw topic, which is made if it does not exist. */
export async function loadFile(
  cluster: OpenCluster,
  options: LoadFileOptions,
  events: LoadEvents,
): Promise<LoadReport> {
  return loadTable(cluster, options, await recordOf(cluster, options.topic), events)
}

/**
 * Loads files one after the other into a raw topic, each a file of its own with its own position. All of them are read
 * through first, so that none is loaded if one is refused; a column has the type that holds its values in all of them.
 */
export async function loadFiles(
  cluster: OpenCluster,
  files: readonly string[],
  options: Omit<LoadFileOptions, 'file'>,
  events: LoadEvents,
): Promise<LoadReport> {
  const known = await recordOf(cluster, options.topic)
  if (files.length === 1) return loadTable(cluster, { ...options, file: files[0] }, known, events)
  const columns: (readonly FileColumn[])[] = []
  const fileOfContent = new Map<string, string>()
  for (const file of files) {
    const table = await openTable(cluster, { ...options, file }, known)
    columns.push(table.columns)
    await table.close()
    const other = fileOfContent.get(table.fingerprint)
    if (other !== undefined) {
      throw new UsageError(`${other} and ${file} have the same content`, 'Name one of them: a file is loaded once')
    }
    fileOfContent.set(table.fingerprint, file)
  }
  const common = topicRecord(recordSchema(options.dataset, widestColumns(columns), known))
  const reports: LoadReport[] = []
  for (const file of files) reports.push(await loadTable(cluster, { ...options, file }, common, events))
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

/** What the topic's rows are so far, by the newest schema of its values. */
async function recordOf({ registry }: OpenCluster, topic: string): Promise<TopicRecord | undefined> {
  const latest = await registry.latest(valueSubject(topic))
  return latest === undefined ? undefined : topicRecord(latest.schema)
}

async function openTable(
  { signal }: OpenCluster,
  { file, dataset, columns, notNull, format, text, badRows }: LoadFileOptions,
  known: TopicRecord | undefined,
): Promise<TableFile> {
  const { openTableFile } = await import('../files/table-file.ts')
  return openTableFile({
    file,
    dataset,
    ...(columns !== undefined && { columns }),
    ...(notNull !== undefined && { notNull }),
    ...(format !== undefined && { format }),
    ...(text !== undefined && { text }),
    collectBadRows: badRows !== undefined,
    topicRecord: known,
    signal,
  })
}

async function loadTable(
  cluster: OpenCluster,
  options: LoadFileOptions,
  known: TopicRecord | undefined,
  { onProgress, onColumns }: LoadEvents,
): Promise<LoadReport> {
  const { load } = await import('../stages/load.ts')
  const { dataset, topic, key, badRows, compression } = options
  const { admin, registry, rows, signal, log } = cluster
  const table = await openTable(cluster, options, known)
  try {
    onColumns(table)
    const partitions = (await admin.partitionCount(topic)) ?? options.partitions
    await admin.ensureRowTopic({ topic, partitions })
    await preparePositions(cluster)
    const group = groupName(dataset, 'load')
    const batchBytes = await batchBytesFor(cluster, topic)
    const writer = await rows.openWriter(transactionalId(group, topic), compression)
    try {
      const [committed] = await rows.positionsOf(group, [{ topic, partition: 0 }])
      // They may be another program's: that is no reason to refuse the file.
      if (committed === undefined && (await holdsRows(cluster, topic)))
        log.warn(
          { topic, group },
          'the topic holds rows, and no load of it is known: a file that was loaded before is loaded again',
        )
      return await load({
        table,
        topic,
        partitions,
        registerSchema: () => registry.register(valueSubject(topic), table.schema),
        writer,
        group,
        committed,
        keyColumn: key,
        nowMs: Date.now(),
        limits: { batchBytes, compression },
        badRowsFile: badRows,
        signal,
        onProgress,
      })
    } finally {
      await writer.close()
    }
  } finally {
    await table.close()
  }
}

interface LoadFlags extends DatasetFlags, FileFlags {
  readonly key?: string
  readonly partitions: number
  readonly compression: Compression
  readonly badRows?: string
  readonly topic?: string
}

export function compressionOption(): Option {
  return commonOption(
    new Option('--compression <codec>', 'of the batches that are written').choices(compressions).default('none'),
  )
}

export function loadCommand(): Command {
  const command = datasetCommand(
    'load',
    'CSV, Parquet or JSON into the raw topic, each row once',
    'vgm load trips.parquet --dataset trips',
  ).argument('<file...>', 'CSV, Parquet or JSON files')
  return addFileOptions(command)
    .option('--key <column>', 'column whose text becomes the key and chooses the partition')
    .option('--partitions <n>', 'number of partitions of the topic if it is new', parseCount, defaultPartitions)
    .option('--bad-rows <file>', 'file for CSV rows that cannot be read; the others are loaded')
    .option('--topic <topic>', 'instead of <dataset>.raw', parseTopic)
    .addOption(compressionOption())
    .action(async (files: string[], flags: LoadFlags) => {
      const dataset = checkDataset(flags.dataset)
      if (flags.badRows !== undefined && files.length > 1) {
        throw new UsageError('--bad-rows collects the rows of one file', 'Load the files one by one')
      }
      const topic = topicNames(dataset, { raw: flags.topic }, [flags.modelsTopic, flags.positionsTopic]).raw
      const { key, partitions, compression, badRows } = flags
      const options = {
        ...fileReading(flags),
        dataset,
        topic,
        partitions,
        compression,
        ...(key !== undefined && { key }),
        ...(badRows !== undefined && { badRows }),
      }
      await withCluster(flags, async (cluster) => {
        const progress = createProgress('load')
        const report = await loadFiles(cluster, files, options, {
          onProgress: progress.update,
          onColumns: (table) => process.stderr.write(columnsText(table)),
        }).finally(progress.end)
        const { rowsBefore, badRows } = report
        const before = rowsBefore > 0 ? `\n${rowsBefore.toLocaleString('en')} rows were there from an earlier run.` : ''
        const bad = badRows > 0 ? `\n${badRows.toLocaleString('en')} could not be read: see ${flags.badRows}` : ''
        printResult(flags, report, stageText(report, topic) + before + bad)
      })
    })
}

/** Columns that are named one by one; of wider tables only those that somebody should look at. */
const listedColumns = 40

/** What was made of a file: a line a column, with what would mend it, and what was guessed. */
export function columnsText({ file, columns, doubts }: Pick<TableFile, 'file' | 'columns' | 'doubts'>): string {
  const listed = columns.length <= listedColumns ? columns : columns.filter(({ remark }) => remark !== undefined)
  const width = Math.min(30, Math.max(0, ...listed.map(({ column }) => column.length)))
  const lines = listed.map(({ column, type, remark }) => {
    const avro = type.logicalType ?? type.avro
    return `  ${column.padEnd(width)}  ${remark === undefined ? avro : `${avro.padEnd(6)}  ${remark}`}`
  })
  const counts = new Map<string, number>()
  for (const { type } of columns) counts.set(type.avro, (counts.get(type.avro) ?? 0) + 1)
  const summary = [...counts].map(([avro, count]) => `${count.toLocaleString('en')} ${avro}`).join(', ')
  return [`${file}: ${summary}`, ...lines, ...doubts].map((line) => `${printableLine(line)}\n`).join('')
}
