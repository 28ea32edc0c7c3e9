import { isUtf8 } from 'node:buffer'
import type { BatchHeader } from '../batch/batch-header.ts'
import { readRecords } from '../batch/read-records.ts'
import { createRecords, type Records } from '../batch/records.ts'
import { InterruptedError, PipelineError, UsageError } from '../errors.ts'
import { readRecord } from '../files/avro-reader.ts'
import type { TableFormat } from '../files/file-format.ts'
import { type RecordPlan, recordPlan, type TableColumn } from '../files/table-columns.ts'
import { openTableWriter, type TableWriter } from '../files/table-writer.ts'
import type { FetchedPartition, LogReader, OffsetRange, SchemaStore } from './ports.ts'
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
  /** what DuckDB may hold in memory */
  readonly memoryBytes?: number
  readonly signal: AbortSignal
  /** After every poll: rows that are in the table. */
  readonly onProgress?: ((rows: number) => void) | undefined
}

export interface ExportReport extends StageReport {
  /** rows without a value, which a table has no place for */
  readonly tombstones: number
}

/** A row of the topic is not what its schema says, or no Confluent message at all. */
export class ExportRowError extends PipelineError {
  readonly code = 'VGM_EXPORT_ROW'
  constructor(topic: string, partition: number, offset: number, problem: string) {
    super(`Row at offset ${offset} of ${topic}, partition ${partition}: ${problem}`, {
      fix: 'Export a topic that "vgm normalize", "vgm replay" or "vgm restore" has written',
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
    const { written, tombstones } = rows
    return { ...stageReport(written + tombstones, written, 0, seconds), tombstones }
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
  readonly #options: ExportOptions
  readonly #table: TableWriter
  readonly #records: Records = createRecords()
  readonly #schemas = new Map<number, SchemaColumns>()
  #schemaId = -1
  #current: SchemaColumns | undefined

  constructor(options: ExportOptions, table: TableWriter) {
    this.#options = options
    this.#table = table
  }

  async append(fetched: FetchedPartition): Promise<void> {
    for (const header of fetched.batches) {
      await this.#appendBatch(fetched, header)
      // A batch may be a million bytes; sockets and signals get their turn between two.
      await new Promise(setImmediate)
    }
  }

  async #appendBatch(fetched: FetchedPartition, header: BatchHeader): Promise<void> {
    readRecords(fetched.bytes, fetched.view, header, this.#records)
    const { bytes, view, offsetDelta, valueStart, valueEnd, keyStart, keyEnd, baseOffset, count } = this.#records
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const table = this.#table
    for (let i = 0; i < count; i++) {
      const offset = baseOffset + offsetDelta[i]
      if (offset < fetched.fromOffset || offset >= fetched.toOffset) continue
      const start = valueStart[i]
      if (start < 0) {
        this.tombstones++
        continue
      }
      const failed = (problem: string) => new ExportRowError(fetched.topic, fetched.partition, offset, problem)
      if (valueEnd[i] - start < prefixBytes || bytes[start] !== 0) throw failed('it is no Confluent message')
      const schemaId = view.getInt32(start + 1)
      const schema =
        schemaId === this.#schemaId && this.#current !== undefined
          ? this.#current
          : await this.#useSchema(schemaId, fetched.topic, failed)
      const { chunk, rows } = table
      const end = readRecord(schema.plan, schema.columns, buffer, view, start + prefixBytes, valueEnd[i], chunk, rows)
      if (end !== valueEnd[i]) throw failed(`its bytes do not fit schema ${schemaId}`)
      if (schema.key >= 0) {
        if (keyStart[i] < 0) chunk.setNull(schema.key, rows)
        else chunk.setBytes(schema.key, rows, textOf(buffer.subarray(keyStart[i], keyEnd[i])))
      }
      if (schema.offset >= 0) {
        chunk.setInteger(schema.partition, rows, fetched.partition)
        chunk.setWords(schema.offset, rows, offset | 0, Math.floor(offset / 0x1_0000_0000))
      }
      for (const column of this.#absent) chunk.setNull(column, rows)
      table.endRow()
      this.written++
    }
  }

  /** Columns of the table that the current schema does not have. */
  #absent: readonly number[] = []

  async #useSchema(
    schemaId: number,
    topic: string,
    failed: (problem: string) => ExportRowError,
  ): Promise<SchemaColumns> {
    const { withKey = false, withPosition = false, schemas } = this.#options
    let schema = this.#schemas.get(schemaId)
    if (schema === undefined) {
      const json = await schemas.schemaById(schemaId)
      if (json === undefined) throw failed(`the registry knows no schema ${schemaId}`)
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
    this.#schemaId = schemaId
    this.#current = schema
    return schema
  }
}

/** A key as text; one that is no UTF-8 gets replacement characters, which DuckDB takes where it refuses the bytes. */
function textOf(key: Buffer): Uint8Array {
  return isUtf8(key) ? key : Buffer.from(key.toString('utf8'))
}
