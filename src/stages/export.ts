import { isUtf8 } from 'node:buffer'
import { framingBytes } from '../avro/framing.ts'
import { countText } from '../count-text.ts'
import { type PipelineError, UsageError } from '../errors.ts'
import type { TableFormat } from '../files/file-format.ts'
import { readRecord } from '../files/writing/avro-reader.ts'
import { type RecordPlan, recordPlan, type TableColumn } from '../files/writing/table-columns.ts'
import { openTableWriter, type RenamedColumn, type TableWriter } from '../files/writing/table-writer.ts'
import type { FetchedPartition, LogReader, OffsetRange, SchemaSource } from '../ports/log.ts'
import { type StageReport, stageReport } from '../ports/stage-report.ts'
import { MalformedSchemaError } from '../rows/schema-error.ts'
import { noSchema } from '../rows/schema-runs.ts'
import { ExportedRows, readRanges, type SchemaRun } from './exported-rows.ts'
import { onlyTombstones } from './tombstones.ts'

/**
 * Rows of one partition that are to be exported; the end is known: the high watermark of the start, or what was asked.
 */
interface ExportRange extends OffsetRange {
  readonly endOffset: number
}

export interface ExportOptions {
  readonly reader: LogReader
  /** in the order in which their rows come in the file */
  readonly ranges: readonly ExportRange[]
  readonly schemas: SchemaSource
  readonly file: string
  /** whether a file that exists is replaced [false: that is an error] */
  readonly overwrite?: boolean
  readonly format: TableFormat
  /** of CSV: texts that a spreadsheet would take for a formula get an apostrophe in front */
  readonly csvSafe?: boolean
  /** adds `_key`: the key's text */
  readonly withKey?: boolean
  /** adds `_partition` and `_offset` */
  readonly withPosition?: boolean
  /** leaves out rows and batches that cannot be read, and counts them; otherwise the first one ends the export */
  readonly skipsUnreadable?: boolean
  /** what DuckDB may hold in memory */
  readonly memoryBytes?: number
  readonly signal: AbortSignal
  /** After every poll: rows that are in the table. */
  readonly onProgress?: ((rows: number) => void) | undefined
}

export interface ExportReport extends StageReport {
  /** rows without a value, which a table has no place for */
  readonly tombstones: number
  /** rows that could not be read */
  readonly skipped: number
  /** columns of a Parquet file that do not have their own name, because another one differs from it only in case */
  readonly renamed?: readonly RenamedColumn[]
}

/** The topic's rows have a column that `--key` or `--position` would add: one of the two would be lost. */
function columnTaken(topic: string, column: string, flag: '--key' | '--position'): UsageError {
  return new UsageError(
    `The rows of ${topic} have a column "${column}", and ${flag} adds one of the same name`,
    `Leave out ${flag} (${flag === '--key' ? 'withKey' : 'withPosition'}), or load the file again with ` +
      'that column renamed',
  )
}

function nothingReadable(topic: string, rows: number, first: PipelineError): UsageError {
  const count = rows === 1 ? 'The row' : `None of the ${countText(rows)} rows`
  return new UsageError(
    `${count} of ${topic} can${rows === 1 ? 'not' : ''} be read. ${first.message}`,
    'Read a topic that has rows',
  )
}

const keyColumn: TableColumn = { name: '_key', type: 'VARCHAR' }
const positionColumns: readonly TableColumn[] = [
  { name: '_partition', type: 'INTEGER' },
  { name: '_offset', type: 'BIGINT' },
]

/**
 * Writes a topic's rows to a Parquet or CSV file, one partition after the other, each in the order of its offsets: the
 * same rows give the same file. Rows of several schemas share the table; where one lacks a column it has null.
 * The file appears when it is complete.
 *
 * @throws ExportRowError, FileExistsError, FileUnwritableError
 * @throws UsageError when the table would have two columns of one name, or one column of two types
 * @throws InterruptedError when the signal fires; no file remains
 */
export async function exportRows(options: ExportOptions): Promise<ExportReport> {
  const { reader, ranges, signal, onProgress } = options
  const startedMs = performance.now()
  const table = await openTableWriter(options)
  try {
    const rows = new TableRows(options, table)
    const [take, afterPoll] = [(fetched: FetchedPartition) => rows.append(fetched), () => onProgress?.(rows.written)]
    await readRanges(reader, ranges, signal, take, afterPoll)
    const { written, source } = rows
    const { tombstones, skipped, firstSkipped } = source
    if (written === 0 && firstSkipped !== undefined) throw nothingReadable(ranges[0].topic, skipped, firstSkipped)
    if (written + skipped === 0 && tombstones > 0)
      throw new UsageError(onlyTombstones(ranges[0].topic, tombstones), 'Read a topic that has rows')
    const renamed = await table.finish()
    const seconds = (performance.now() - startedMs) / 1000
    return {
      ...stageReport(written + tombstones + skipped, written, 0, seconds),
      tombstones,
      skipped,
      ...(renamed.length > 0 && { renamed }),
    }
  } finally {
    await table.discard()
  }
}

interface SchemaColumns {
  readonly plan: RecordPlan
  /** shape (columns of the plan), where each is in the chunk */
  readonly columns: Int32Array
  /** where `_key`, `_partition` and `_offset` are; -1 if they are not wanted */
  readonly key: number
  readonly partition: number
  readonly offset: number
}

/** Fetched rows on their way into the table. */
class TableRows {
  written = 0
  readonly source: ExportedRows
  readonly #options: ExportOptions
  readonly #table: TableWriter
  /** by key of the schema */
  readonly #schemas = new Map<number, SchemaColumns>()
  #current: SchemaColumns | undefined

  constructor(options: ExportOptions, table: TableWriter) {
    this.#options = options
    this.#table = table
    this.source = new ExportedRows(options.schemas, options.skipsUnreadable ?? false)
  }

  append(fetched: FetchedPartition): Promise<void> {
    return this.source.read(fetched, (run) => this.#appendRun(fetched, run))
  }

  async #appendRun(fetched: FetchedPartition, { from, to, key, bodyShift }: SchemaRun): Promise<void> {
    const { source } = this
    const { bytes, offsetDelta, valueStart, baseOffset } = source.records
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    // A row that cannot be read has its own reason; only otherwise is its schema needed, which may not exist.
    const unusable = key === noSchema ? undefined : await this.#useSchema(key, fetched.topic)
    const schema = this.#current
    for (let row = from; row < to; row++) {
      if (valueStart[row] < 0) {
        source.tombstones++
        continue
      }
      const offset = baseOffset + offsetDelta[row]
      const problem =
        schema === undefined || !source.isFramed(row)
          ? source.framingProblem(row, unusable)
          : this.#appendRow(schema, buffer, fetched.partition, offset, row, key, bodyShift)
      if (problem === undefined) this.written++
      else source.skip(fetched, row, problem)
    }
  }

  /** Why the row does not fit the schema; undefined if it is in the table. */
  #appendRow(
    schema: SchemaColumns,
    buffer: Buffer,
    partition: number,
    offset: number,
    row: number,
    key: number,
    bodyShift: number,
  ): string | undefined {
    const { view, valueStart, valueEnd, keyStart, keyEnd } = this.source.records
    const table = this.#table
    const { chunk, rows } = table
    const begin = valueStart[row] + framingBytes + bodyShift
    const end = readRecord(schema.plan, schema.columns, buffer, view, begin, valueEnd[row], chunk, rows)
    if (end !== valueEnd[row]) {
      chunk.clearRow(rows)
      return `its bytes do not fit ${this.source.called(key)}`
    }
    if (schema.key >= 0) {
      if (keyStart[row] < 0) chunk.setNull(schema.key, rows)
      else chunk.setBytes(schema.key, rows, textOf(buffer.subarray(keyStart[row], keyEnd[row])))
    }
    if (schema.offset >= 0) {
      chunk.setInteger(schema.partition, rows, partition)
      chunk.setWords(schema.offset, rows, offset | 0, Math.floor(offset / 0x1_0000_0000))
    }
    for (const column of this.#absent) chunk.setNull(column, rows)
    table.endRow()
    return undefined
  }

  /** Columns of the table that the current schema does not have. */
  #absent: readonly number[] = []

  /** Switches to another schema; returns the reason if rows cannot be read with it. */
  async #useSchema(key: number, topic: string): Promise<string | undefined> {
    const { withKey = false, withPosition = false } = this.#options
    let schema = this.#schemas.get(key)
    if (schema !== undefined && schema === this.#current) return undefined
    this.#current = undefined
    if (schema === undefined) {
      const found = await this.source.schema(key)
      if ('problem' in found) return found.problem
      const plan = planOf(found.json)
      if (typeof plan === 'string') return `${this.source.called(key)}: ${plan}`
      const extra = [...(withKey ? [keyColumn] : []), ...(withPosition ? positionColumns : [])]
      const taken = extra.find(({ name }) => plan.columns.some((column) => column.name === name))
      if (taken !== undefined) throw columnTaken(topic, taken.name, taken === keyColumn ? '--key' : '--position')
      const columns = await this.#table.addColumns([...extra, ...plan.columns])
      const at = (column: TableColumn) => columns[extra.indexOf(column)] ?? -1
      const [partition, offset] = positionColumns
      schema = {
        plan,
        columns: columns.slice(extra.length),
        key: at(keyColumn),
        partition: at(partition),
        offset: at(offset),
      }
      this.#schemas.set(key, schema)
    }
    const filled = new Set([...schema.columns, schema.key, schema.partition, schema.offset])
    this.#absent = this.#table.columns.map((_, i) => i).filter((i) => !filled.has(i))
    this.#current = schema
    return undefined
  }
}

/** How to read the rows of a schema, or why it is none of a record. */
function planOf(json: string): RecordPlan | string {
  try {
    return recordPlan(json)
  } catch (error) {
    if (error instanceof MalformedSchemaError) return error.message
    throw error
  }
}

/** A key as text; one that is no UTF-8 gets replacement characters, which DuckDB takes where it refuses the bytes. */
function textOf(key: Buffer): Uint8Array {
  return isUtf8(key) ? key : Buffer.from(key.toString('utf8'))
}
