import type { TableColumn } from '../files/writing/table-columns.ts'
import { openTableWriter, type TableWriter, type TableWriterOptions } from '../files/writing/table-writer.ts'
import type { DeadLetterRow } from './verify/dead-letter-rows.ts'

type Cell = string | number | null | undefined

/** The columns of the file, and what each has of a dead letter. */
const columns: readonly (TableColumn & { readonly of: (row: DeadLetterRow) => Cell })[] = [
  { name: 'partition', type: 'BIGINT', of: ({ partition }) => partition },
  { name: 'offset', type: 'BIGINT', of: ({ offset }) => offset },
  { name: 'time', type: 'TIMESTAMP_MS', of: ({ timestampMs }) => timestampMs },
  { name: 'code', type: 'VARCHAR', of: ({ code }) => code },
  { name: 'reason', type: 'VARCHAR', of: ({ reason }) => reason },
  { name: 'column', type: 'VARCHAR', of: ({ column }) => column },
  { name: 'stage', type: 'VARCHAR', of: ({ stage }) => stage },
  { name: 'source_topic', type: 'VARCHAR', of: ({ sourceTopic }) => sourceTopic },
  { name: 'source_partition', type: 'BIGINT', of: ({ sourcePartition }) => sourcePartition },
  { name: 'source_offset', type: 'BIGINT', of: ({ sourceOffset }) => sourceOffset },
  { name: 'source_last_offset', type: 'BIGINT', of: ({ sourceLastOffset }) => sourceLastOffset },
  { name: 'model_version', type: 'BIGINT', of: ({ modelVersion }) => modelVersion },
  { name: 'attempts', type: 'BIGINT', of: ({ attempts }) => attempts },
  { name: 'key', type: 'VARCHAR', of: ({ key }) => key },
  { name: 'value_hex', type: 'VARCHAR', of: ({ valueHex }) => valueHex },
  { name: 'fields', type: 'VARCHAR', of: ({ decoded }) => ('json' in decoded ? decoded.json : undefined) },
]

/** Dead letters on their way into a CSV or Parquet file. */
export class DeadLetterTable {
  readonly #writer: TableWriter
  rows = 0

  /** @throws FileExistsError, FileUnwritableError */
  static async open(options: TableWriterOptions): Promise<DeadLetterTable> {
    const writer = await openTableWriter(options)
    await writer.addColumns(columns)
    return new DeadLetterTable(writer)
  }

  private constructor(writer: TableWriter) {
    this.#writer = writer
  }

  append(row: DeadLetterRow): void {
    const { chunk, rows } = this.#writer
    for (const [c, { of }] of columns.entries()) {
      const cell = of(row)
      if (cell === null || cell === undefined || Number.isNaN(cell)) chunk.setNull(c, rows)
      else if (typeof cell === 'number') chunk.setWords(c, rows, cell | 0, Math.floor(cell / 2 ** 32))
      else chunk.setBytes(c, rows, Buffer.from(cell))
    }
    this.#writer.endRow()
    this.rows++
  }

  async finish(): Promise<void> {
    await this.#writer.finish()
  }

  discard(): Promise<void> {
    return this.#writer.discard()
  }
}
