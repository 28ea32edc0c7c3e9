import { isUtf8 } from 'node:buffer'
import { InterruptedError, PipelineError, UsageError } from '../errors.ts'
import { readRecord } from '../files/avro-reader.ts'
import type { TableFormat } from '../files/file-format.ts'
import { type RecordPlan, recordPlan, type TableColumn } from '../files/table-columns.ts'
import { openTableWriter, type TableWriter } from '../files/table-writer.ts'
import type { FetchedPartition, LogReader, OffsetRange, SchemaStore } from './ports.ts'
import { BatchUnreadableError, FetchedReader } from './read-fetched.ts'
import { type StageReport, stageReport } from './stage-report.ts'

/** Rows of one partition that are to be exported; the end is known: the high watermark of the start, or what was asked. */
export interface ExportRange extends OffsetRange {
  readonly endOffset: number
}

export interface ExportOptions {
  readonly reader: LogReader
  /** in the order in which their rows come in the file */
  readonly ranges: readonly ExportRange[]
  readonly schemas: Pick<SchemaStore, 'schemaById'>
  readonly file: string
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
}

/** A row of the topic is not what its schema says, or no Confluent message at all. */
export class ExportRowError extends PipelineError {
  readonly code = 'VGM_EXPORT_ROW'
  constructor(topic: string, partition: number, offset: number, problem: string) {
    super(`Row at offset ${offset} of ${topic}, partition ${partition}: ${problem}`, {
      fix: 'Export a topic that "vgm normalize", "vgm replay" or "vgm restore" has written, or leave such rows out with --skip-unreadable',
    })
  }
}

/** The topic's rows have a column that `--key` or `--position` would add: one of the two would be lost. */
function columnTaken(topic: string, column: string, flag: '--key' | '--position'): UsageError {
  return new UsageError(
    `The rows of ${topic} have a column "${column}", and ${flag} adds one of the same name`,
    `Leave out ${flag}, or load the file again with that column renamed`,
  )
}

const prefixBytes = 5
const pollMs = 500
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
 * @throws ExportRowError, FileUnwritableError
 * @throws UsageError when the table would have two columns of one name, or one column of two types
 * @throws InterruptedError when the signal fires; no file remains
 */
export async function exportRows(options: ExportOptions): Promise<ExportReport> {
  const { reader, ranges, signal } = options
  const startedMs = performance.now()
  const table = await openTableWriter(options)
  try {
    const rows = new TableRows(options, table)
    for (const range of ranges) {
      if (range.offset >= range.endOffset) continue
      reader.assign([range])
      while (reader.position(range.topic, range.partition) < range.endOffset) {
        if (signal.aborted) throw new InterruptedError()
        for (const fetched of await reader.poll(pollMs)) await rows.append(fetched)
        options.onProgress?.(rows.written)
      }
    }
    await table.finish()
    const seconds = (performance.now() - startedMs) / 1000
    const { written, tombstones, skipped } = rows
    return { ...stageReport(written + tombstones + skipped, written, 0, seconds), tombstones, skipped }
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
  tombstones = 0
  skipped = 0
  readonly #options: ExportOptions
  readonly #table: TableWriter
  readonly #reader = new FetchedReader()
  readonly #schemas = new Map<number, SchemaColumns>()
  #schemaId = -1
  #current: SchemaColumns | undefined

  constructor(options: ExportOptions, table: TableWriter) {
    this.#options = options
    this.#table = table
  }

  async append(fetched: FetchedPartition): Promise<void> {
    const { skipsUnreadable = false } = this.#options
    for (const header of fetched.batches)
      try {
        for (const { from, to } of this.#reader.pieces(fetched, header)) {
          await this.#appendRows(fetched, from, to)
          // A batch may be a million bytes; sockets and signals get their turn between two.
          await new Promise(setImmediate)
        }
      } catch (error) {
        if (!(skipsUnreadable && error instanceof BatchUnreadableError)) throw error
        this.skipped += header.recordCount
      }
  }

  async #appendRows({ topic, partition }: FetchedPartition, from: number, to: number): Promise<void> {
    const { skipsUnreadable = false } = this.#options
    const { bytes, view, offsetDelta, valueStart, valueEnd, baseOffset } = this.#reader.records
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let row = from; row < to; row++) {
      const start = valueStart[row]
      if (start < 0) {
        this.tombstones++
        continue
      }
      const offset = baseOffset + offsetDelta[row]
      let problem: string | undefined = 'it is no Confluent message'
      if (valueEnd[row] - start >= prefixBytes && bytes[start] === 0) {
        const schemaId = view.getInt32(start + 1)
        if (schemaId !== this.#schemaId) await this.#useSchema(schemaId, topic)
        problem =
          this.#current === undefined
            ? `the registry knows no schema ${schemaId}`
            : this.#appendRow(this.#current, buffer, partition, offset, row)
      }
      if (problem === undefined) this.written++
      else if (skipsUnreadable) this.skipped++
      else throw new ExportRowError(topic, partition, offset, problem)
    }
  }

  /** Why the row does not fit the schema; undefined if it is in the table. */
  #appendRow(
    schema: SchemaColumns,
    buffer: Buffer,
    partition: number,
    offset: number,
    row: number,
  ): string | undefined {
    const { view, valueStart, valueEnd, keyStart, keyEnd } = this.#reader.records
    const table = this.#table
    const { chunk, rows } = table
    const begin = valueStart[row] + prefixBytes
    const end = readRecord(schema.plan, schema.columns, buffer, view, begin, valueEnd[row], chunk, rows)
    if (end !== valueEnd[row]) {
      chunk.clearRow(rows)
      return `its bytes do not fit schema ${this.#schemaId}`
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

  /** Takes up another schema; none if the registry does not know it. */
  async #useSchema(schemaId: number, topic: string): Promise<void> {
    const { withKey = false, withPosition = false, schemas } = this.#options
    let schema = this.#schemas.get(schemaId)
    this.#schemaId = schemaId
    this.#current = schema
    if (schema === undefined) {
      const json = await schemas.schemaById(schemaId)
      if (json === undefined) return
      const plan = recordPlan(json)
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
      this.#schemas.set(schemaId, schema)
    }
    const filled = new Set([...schema.columns, schema.key, schema.partition, schema.offset])
    this.#absent = this.#table.columns.map((_, i) => i).filter((i) => !filled.has(i))
    this.#current = schema
  }
}

/** A key as text; one that is no UTF-8 gets replacement characters, which DuckDB takes where it refuses the bytes. */
function textOf(key: Buffer): Uint8Array {
  return isUtf8(key) ? key : Buffer.from(key.toString('utf8'))
}
