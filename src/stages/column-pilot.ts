import type { Records } from '../batch/records.ts'
import { pilotCentre } from '../mixture/pilot-centre.ts'
import { parseAvroSchema } from '../rows/avro-schema.ts'
import { type NumericColumn, numericColumns } from '../rows/numeric-columns.ts'
import { framingBytes } from '../rows/schema-runs.ts'
import { ColumnReader } from './column-reader.ts'
import { GrowingValues } from './growing-values.ts'
import type { LogReader, SchemaStore } from './ports.ts'
import { type BoundedRange, readPartition } from './read-partition.ts'

/** What the first rows of a topic decide before all are read. */
export interface ColumnPilot {
  /** that could be read; 0 only if the ranges hold none */
  readonly rows: number
  /** of the first row that has one; undefined if none has */
  readonly schema: { readonly id: number; readonly json: string } | undefined
  /** those that can be modelled as far as these rows tell */
  readonly columns: readonly NumericColumn[]
  /** of the columns' summaries, shape (columns), in their units */
  readonly centres: readonly number[]
  /** as of a scan */
  readonly notFinite: ReadonlyMap<string, number>
  readonly tooWide: ReadonlySet<string>
  readonly mismatchedRows: number
}

/** Enough for a column's centre even if it is null in most of them. */
const pilotRows = 50_000
/** A batch that cannot be read decides nothing; whoever reads all rows counts those in it. */
const passOver = { onUnreadable: () => undefined }

/**
 * Reads the first 50,000 rows that can be read, partition by partition in the order of the ranges: nothing but the topic
 * decides which they are.
 *
 * @param excluded columns that are not read
 * @throws UnfitColumnError for a named column that does not exist or that is no number
 * @throws InterruptedError when `signal` fires
 */
export async function pilotColumns(
  reader: LogReader,
  registry: SchemaStore,
  ranges: readonly BoundedRange[],
  named: readonly string[] | undefined,
  excluded: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ColumnPilot> {
  let schema: ColumnPilot['schema']
  let columnReader = new ColumnReader(registry, [])
  const values = new Map<string, GrowingValues>()
  let rows = 0

  const take = async (records: Records, from: number, to: number) => {
    if (schema === undefined) {
      schema = await firstSchema(registry, records, from, to)
      if (schema === undefined) return
      const all = numericColumns(parseAvroSchema(schema.json), named === undefined ? {} : { named })
      const columns = all.filter(({ name }) => !excluded.has(name))
      columnReader = new ColumnReader(registry, columns)
      for (const { name } of columns) values.set(name, new GrowingValues())
    }
    rows += await columnReader.read(records, from, to)
    for (const [c, { name }] of columnReader.columns.entries()) values.get(name)?.add(columnReader.values(c))
  }

  for (const { endOffset, ...start } of ranges) {
    // No more offsets at a time than rows are wanted, so that neither batches nor fetches decide where it ends.
    for (let { offset } = start; offset < endOffset && rows < pilotRows; ) {
      const end = Math.min(endOffset, offset + pilotRows - rows)
      await readPartition(reader, { ...start, offset }, end, signal, take, passOver)
      offset = end
    }
  }
  const { columns, notFinite, tooWide, mismatchedRows } = columnReader
  const centres = columns.map(({ name }) => pilotCentre(values.get(name)?.take() ?? new Float64Array(0)))
  return { rows, schema, columns, centres, notFinite, tooWide, mismatchedRows }
}

async function firstSchema(
  registry: SchemaStore,
  { view, valueStart, valueEnd, bytes }: Records,
  from: number,
  to: number,
): Promise<ColumnPilot['schema']> {
  for (let row = from; row < to; row++) {
    const start = valueStart[row]
    if (start < 0 || valueEnd[row] - start < framingBytes || bytes[start] !== 0) continue
    const id = view.getInt32(start + 1)
    const json = await registry.schemaById(id)
    if (json !== undefined) return { id, json }
  }
  return undefined
}
