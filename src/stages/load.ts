import { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import { InterruptedError, UsageError } from '../errors.ts'
import { FileColumnError, FileUnreadableError } from '../files/file-errors.ts'
import { AvroRows } from '../files/reading/avro-rows.ts'
import { columnVector, isNull, vectorBytes } from '../files/reading/column-vector.ts'
import type { RowTimes } from '../files/reading/row-times.ts'
import type { RowChunk, TableFile } from '../files/reading/table-file.ts'
import type { BatchLimits, TransactionalWriter } from '../ports/log.ts'
import { type StageReport, stageReport } from '../ports/stage-report.ts'
import { doubtOfBeginning, progressOfShorter } from './grown-file.ts'
import { type FileProgress, type GrowthMarks, optionsHashOf } from './load-progress.ts'
import { LoadSlices } from './load-slices.ts'
import type { LoadedFiles } from './loaded-files.ts'
import { keyPartition } from './murmur2.ts'

/** Rows that go to one partition before the next one's turn. */
export const blockRows = 10_000

export interface LoadOptions {
  readonly table: TableFile
  readonly topic: string
  readonly partitions: number
  /** Registers `table.schema` and returns its id; not called for a file that is refused or complete. */
  readonly registerSchema: () => Promise<number>
  readonly writer: TransactionalWriter
  /** what the topic was loaded from, read after the writer was opened: nobody else can load then */
  readonly files: LoadedFiles
  /** fingerprints of the files that are loaded beside this one: each is a file of its own, however they begin */
  readonly beside?: ReadonlySet<string> | undefined
  /** the file's name of the column whose text is the key and chooses the partition */
  readonly keyColumn?: string | undefined
  /** the records' time, ms since the epoch, unless `times` says another for each row */
  readonly nowMs: number
  readonly times?: RowTimes | undefined
  readonly limits: BatchLimits
  /** rows after which a transaction ends, if not by time */
  readonly sliceRows?: number
  /** what may be wrong with the load: a sentence without the full stop */
  readonly onDoubt?: ((text: string) => void) | undefined
  /** where rows go that cannot be read; the table must have been opened with `collectBadRows` */
  readonly badRowsFile?: string | undefined
  readonly signal: AbortSignal
  /** After every commit: rows of the file that are in the topic. */
  readonly onProgress?: ((rows: number, ofRows: number) => void) | undefined
}

export interface LoadReport extends StageReport {
  /** rows that an earlier run had loaded */
  readonly rowsBefore: number
  /** rows in the bad rows' file */
  readonly badRows: number
}

/**
 * Loads a file's rows into a topic, each once: a transaction contains a slice of rows and the position after it, so a
 * load that was stopped at any point resumes after the last visible row. A file that is complete is not loaded again,
 * whatever was loaded since; of one that has grown, only the new rows are loaded. The position counts rows that could
 * be read, so it means something under the same options only: with others the file is refused.
 *
 * Blocks of 10,000 rows go round the partitions, counted from the file's first row: a resumed load continues the
 * same pattern. With a key column a row goes where Java's default partitioner sends its key; a null key has none and
 * follows the blocks.
 *
 * The file has been read through when it was opened: one with a bad row is refused before any of its rows is in the
 * topic, where its corrected copy would load them again.
 *
 * @throws FileUnreadableError for a file that has changed since it was opened
 * @throws FileColumnError for an unknown key column
 * @throws UsageError for a file that was loaded, or begun, with other options, and for one that has grown in a way
 * that does not show where its new rows begin
 * @throws InterruptedError when the signal fires
 */
export async function load(options: LoadOptions): Promise<LoadReport> {
  const { table, files, writer, signal, badRowsFile, sliceRows } = options
  const startedMs = performance.now()
  checkKeyColumn(options)
  const same = files.find(table.fingerprint)
  const optionsHash = hashOptions(options, table.reading)
  if (same !== undefined && (same.optionsHash ?? optionsHash) !== optionsHash) throw otherOptions(options, same)
  if (same?.complete) return report(0, same.rows, 0, startedMs)
  const growth: GrowthMarks = { size: table.size, head: table.head, layoutHash: hashOptions(options, table.layout) }
  const shorter = same === undefined ? await progressOfShorter(options, growth.layoutHash) : undefined
  const rowsBefore = (same ?? shorter)?.rows ?? 0
  const firstRows = await table.firstRows()
  const doubt = rowsBefore === 0 ? doubtOfBeginning(options, firstRows) : undefined
  if (doubt !== undefined) options.onDoubt?.(doubt)
  // The shorter file may come again: if its load is over, it stays known.
  const replaced = shorter?.complete ? undefined : shorter
  const schemaId = await options.registerSchema()
  const target = rowTarget(options, schemaId)
  const expected = Array.from({ length: options.partitions }, (_, partition) => ({ topic: options.topic, partition }))
  let rows = rowsBefore
  const slices = new LoadSlices({
    writer,
    expected,
    sliceRows,
    flush: () => target.flush(),
    position: (complete) =>
      files.committing(
        { file: table.fingerprint, rows, complete, optionsHash, growth, firstRows: firstRows.at(-1) },
        replaced,
      ),
    onCommitted: () => options.onProgress?.(rows, table.rowCount),
  })
  try {
    for await (const chunk of table.chunks(rowsBefore, options.keyColumn, options.times)) {
      if (signal.aborted) throw new InterruptedError()
      await slices.open()
      const taken = await target.append(chunk, rows)
      rows += taken
      await slices.took(taken)
    }
    if (signal.aborted) throw new InterruptedError()
    if (rows !== table.rowCount) throw changedFile(table, `${rows} rows came instead of ${table.rowCount}`)
    const badRows = badRowsFile === undefined ? 0 : await table.writeRejected(badRowsFile)
    if (rows === 0 && badRows > 0) {
      throw new FileUnreadableError(table.file, `none of its ${badRows} rows can be read`, `Look at ${badRowsFile}`)
    }
    await slices.commit(true)
    return report(rows - rowsBefore, rowsBefore, badRows, startedMs)
  } catch (thrown) {
    await slices.abort()
    throw thrown
  }
}

/** What decides which rows a file has and where they go. @param reading how the file is read */
function hashOptions({ keyColumn, times }: LoadOptions, reading: string): string {
  const options = JSON.stringify([reading, keyColumn ?? null, ...(times === undefined ? [] : [times.column])])
  return optionsHashOf(options)
}

function otherOptions({ table, topic }: LoadOptions, { rows, complete }: FileProgress): UsageError {
  const loaded = complete ? 'was loaded' : `was partly loaded, ${rows} rows of it,`
  return new UsageError(
    `${table.file} ${loaded} into ${topic} with other options for reading it, another key or other times`,
    'Give the same options for reading it as then, and the same columns, columns without nulls, file of bad rows, ' +
      'key and column of times, or load it with these into another data set or topic',
  )
}

/** Encodes chunks and sends batches. */
interface RowTarget {
  /** Appends the chunk's rows after `skip`, the first of them being row `firstRow` of the file; returns how many. */
  append(chunk: RowChunk, firstRow: number): Promise<number>
  /** Sends what is not full yet. */
  flush(): Promise<void>
}

function rowTarget(options: LoadOptions, schemaId: number): RowTarget {
  const { table, topic, partitions, writer, keyColumn, nowMs, times, limits } = options
  const { columns } = table
  const avroRows = new AvroRows(
    schemaId,
    columns.map(({ nullable }) => nullable),
  )
  const batches = Array.from({ length: partitions }, () => new RecordBatchWriter(limits.batchBytes))
  const send = async (partition: number) => {
    if (batches[partition].recordCount > 0) await writer.produce(topic, partition, batches[partition])
  }
  return {
    async append({ chunk, skip }, firstRow) {
      const { rowCount } = chunk
      const vectors = columns.map(({ type }, i) => columnVector(chunk, i, type.encoding))
      const keys = keyColumn === undefined ? undefined : columnVector(chunk, columns.length, 'bytes')
      const timeColumn = columns.length + (keys === undefined ? 0 : 1)
      const timeWords = times === undefined ? undefined : columnVector(chunk, timeColumn, 'long').words
      const nullColumn = avroRows.take(vectors, rowCount)
      if (nullColumn >= 0)
        throw changedFile(table, `column "${columns[nullColumn].column}" has a null that was not there before`)
      for (let row = skip; row < rowCount; ) {
        const fileRow = firstRow + row - skip
        const toBlockEnd = blockRows - (fileRow % blockRows)
        const key = keys === undefined || isNull(keys, row) ? null : vectorBytes(keys, row)
        const partition = key === null ? Math.floor(fileRow / blockRows) % partitions : keyPartition(key, partitions)
        const end = keys === undefined ? Math.min(rowCount, row + toBlockEnd) : row + 1
        const to = timeWords === undefined ? end : endOfTime(timeWords, row, end)
        const timeMs = timeWords === undefined ? nowMs : timeAt(timeWords, row)
        const batch = batches[partition]
        const taken = batch.appendBlock(timeMs, key, avroRows, row, to)
        if (taken < to || (keys === undefined && taken === row + toBlockEnd)) await send(partition)
        row = taken
      }
      return rowCount - skip
    },
    async flush() {
      for (let partition = 0; partition < partitions; partition++) await send(partition)
    },
  }
}

/** A BIGINT of ms: within 2^53. @param words shape (rows, 2), low and high */
function timeAt(words: Int32Array, row: number): number {
  return words[2 * row + 1] * 2 ** 32 + (words[2 * row] >>> 0)
}

/** The row after the neighbours of one time. */
function endOfTime(words: Int32Array, row: number, end: number): number {
  let to = row + 1
  while (to < end && words[2 * to] === words[2 * row] && words[2 * to + 1] === words[2 * row + 1]) to++
  return to
}

function checkKeyColumn({ table, keyColumn }: LoadOptions): void {
  if (keyColumn === undefined || table.columns.some(({ column }) => column === keyColumn)) return
  const names = table.columns.map(({ column }) => column).join(', ')
  throw new FileColumnError(table.file, keyColumn, 'there is no such key column', `Name one of ${names}`)
}

/** The file was read through when it was opened: what it says now and did not say then is new. */
function changedFile({ file }: TableFile, problem: string): FileUnreadableError {
  return new FileUnreadableError(
    file,
    `${problem}: it changed while it was loaded`,
    'Load it again when it is complete',
  )
}

function report(rows: number, rowsBefore: number, badRows: number, startedMs: number): LoadReport {
  const seconds = (performance.now() - startedMs) / 1000
  return { ...stageReport(rows + badRows, rows, 0, seconds), rowsBefore, badRows }
}
