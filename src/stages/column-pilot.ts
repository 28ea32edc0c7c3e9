import type { Records } from '../batch/records.ts'
import { pilotCentre } from '../mixture/pilot-centre.ts'
import type { LogReader, SchemaSource } from '../ports/log.ts'
import type { NumericColumn } from '../rows/numeric-columns.ts'
import { ColumnReader } from './column-reader.ts'
import { Float64Builder } from './float64-builder.ts'
import { type BoundedRange, readPartition } from './read-partition.ts'
import type { RowCensus } from './row-census.ts'

/** Choices that the first rows of a topic determine before all rows are read. */
export interface ColumnPilot {
  /** that could be read; 0 only if the ranges hold none */
  readonly rows: number
  /** those that can be modelled as far as these rows tell */
  readonly columns: readonly NumericColumn[]
  /** of the columns' summaries, shape (columns), in their units */
  readonly centres: readonly number[]
  /** as of a scan */
  readonly notFinite: ReadonlyMap<string, number>
  readonly tooWide: ReadonlySet<string>
  readonly census: RowCensus
}

/** Enough for a column's centre even if it is null in most of them. */
const pilotRows = 50_000
/** A batch that cannot be read decides nothing; whoever reads all rows counts those in it. */
const passOver = { onUnreadable: () => undefined }

/**
 * Reads the first 50,000 rows that can be read, partition by partition in the order of the ranges: nothing but the
 * topic decides which they are.
 *
 * @param columns none for a look at the rows' schemas
 * @throws InterruptedError when `signal` fires
 */
export async function pilotColumns(
  reader: LogReader,
  registry: SchemaSource,
  ranges: readonly BoundedRange[],
  wanted: readonly NumericColumn[],
  signal: AbortSignal,
  mostRows = pilotRows,
): Promise<ColumnPilot> {
  const columnReader = new ColumnReader(registry, wanted)
  const values = new Map(wanted.map(({ name }) => [name, new Float64Builder()]))
  let rows = 0
  const handlers = { ...passOver, kernel: columnReader.kernel }
  const take = async (_records: Records, from: number, to: number) => {
    rows += await columnReader.read(from, to)
    for (const [c, { name }] of columnReader.columns.entries()) values.get(name)?.add(columnReader.values(c))
  }
  for (const { endOffset, ...start } of ranges) {
    // No more offsets at a time than rows are wanted, so that neither batches nor fetches decide where it ends.
    for (let { offset } = start; offset < endOffset && rows < mostRows; ) {
      const end = Math.min(endOffset, offset + mostRows - rows)
      await readPartition(reader, { ...start, offset }, end, signal, take, handlers)
      offset = end
    }
  }
  const { columns, notFinite, tooWide, census } = columnReader
  const centres = columns.map(({ name }) => pilotCentre(values.get(name)?.take() ?? new Float64Array(0)))
  return { rows, columns, centres, notFinite, tooWide, census }
}
