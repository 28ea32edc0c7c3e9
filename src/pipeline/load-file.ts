import type { Compression } from '../batch/batch-header.ts'
import { groupName, transactionalId, valueSubject } from '../config/names.ts'
import { UsageError } from '../errors.ts'
import { type FileColumn, recordSchema, type TopicRecord, topicRecord } from '../files/record-schema.ts'
import type { TableFile } from '../files/table-file.ts'
import type { FileReading } from '../files/table-options.ts'
import { widestColumns } from '../files/widest-columns.ts'
import { stageReport } from '../ports/stage-report.ts'
import type { LoadReport } from '../stages/load.ts'
import type { ClusterSession } from './cluster-session.ts'
import { preparePositions } from './group-positions.ts'
import { batchBytesFor, holdsRows } from './row-topics.ts'

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
  cluster: ClusterSession,
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
  cluster: ClusterSession,
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
async function recordOf({ registry }: ClusterSession, topic: string): Promise<TopicRecord | undefined> {
  const latest = await registry.latest(valueSubject(topic))
  return latest === undefined ? undefined : topicRecord(latest.schema)
}

async function openTable(
  { signal }: ClusterSession,
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
  cluster: ClusterSession,
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
