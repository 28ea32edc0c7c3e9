import type { Records } from '../batch/records.ts'
import { KernelSummary } from '../kernel/kernel-summary.ts'
import type { RowKernel } from '../kernel/row-kernel.ts'
import type { SummarySnapshot } from '../mixture/column-summary.ts'
import type { LogReader, SchemaSource } from '../ports/log.ts'
import type { NumericColumn } from '../rows/numeric-columns.ts'
import { ColumnReader } from './column-reader.ts'
import { Float64Builder } from './float64-builder.ts'
import type { BatchUnreadableError } from './read-fetched.ts'
import { type BoundedRange, readPartitions } from './read-partition.ts'
import { type RowCensus, withUnreadable } from './row-census.ts'

/** What to scan, as plain data: it may be done by several threads, each with a part of the ranges. */
export interface ScanPlan {
  readonly columns: readonly NumericColumn[]
  /** of the columns' summaries, shape (columns), in their units */
  readonly centres: readonly number[]
  /** whether the values themselves are kept too */
  readonly keepsValues: boolean
  /** a partition each */
  readonly ranges: readonly BoundedRange[]
}

/** All columns of one partition. The data of a column that was dropped are meaningless. */
export interface PartitionScan {
  readonly partition: number
  /** shape (columns) */
  readonly summaries: readonly SummarySnapshot[]
  /** shape (columns)(values), in the order of the rows; empty unless they were to be kept */
  readonly values: readonly Float64Array[]
}

export interface ScanProgress {
  /** that could be read so far */
  readonly rows: number
  /** a partition that has been read to its end */
  readonly finished?: PartitionScan
}

/** The results of the rows of all ranges. */
export interface ScanCounts {
  /** that could be read */
  readonly rows: number
  /** all of them, and why some could not be read */
  readonly census: RowCensus
  /** rows with NaN or an infinity, by column */
  readonly notFinite: ReadonlyMap<string, number>
  /** columns that hold integers beyond 2^49 */
  readonly tooWide: ReadonlySet<string>
}

/** Scans the ranges of a plan, each partition once; they finish in any order. */
export type Scan = (plan: ScanPlan, onProgress: (progress: ScanProgress) => void) => Promise<ScanCounts>

/** Partitions that are read at once share a fetch. */
const mostAtOnce = 8

/** Summaries that are open at once: one of a continuous column takes 1.5 MB. */
const mostSummaries = 256

/** Rows between two reports. */
const progressRows = 250_000

/**
 * Summarizes columns with one reader.
 *
 * @throws InterruptedError when `signal` fires
 */
export async function scanColumns(
  reader: LogReader,
  registry: SchemaSource,
  { columns, centres, keepsValues, ranges }: ScanPlan,
  signal: AbortSignal,
  onProgress: (progress: ScanProgress) => void,
): Promise<ScanCounts> {
  const columnReader = new ColumnReader(registry, columns)
  let rows = 0
  let reportAt = progressRows
  let unreadableRows = 0
  const onUnreadable = ({ header }: BatchUnreadableError) => {
    unreadableRows += header.recordCount
  }
  const partitionsAtOnce = Math.max(1, Math.min(mostAtOnce, Math.floor(mostSummaries / columns.length)))
  for (let first = 0; first < ranges.length; first += partitionsAtOnce) {
    const group = ranges.slice(first, first + partitionsAtOnce)
    const { kernel } = columnReader
    const opened = () => new OpenPartition(kernel, columns, centres, keepsValues)
    const open = new Map(group.map(({ partition }) => [partition, opened()]))
    const take = async (_records: Records, from: number, to: number, partition: number) => {
      rows += await columnReader.read(from, to)
      open.get(partition)?.add(columnReader)
      if (rows < reportAt) return
      onProgress({ rows })
      reportAt = rows + progressRows
    }
    await readPartitions(reader, group, signal, take, { kernel, onUnreadable })
    for (const [partition, scanned] of open) onProgress({ rows, finished: scanned.take(partition) })
  }
  const { census, notFinite, tooWide } = columnReader
  return { rows, census: withUnreadable(census, unreadableRows), notFinite, tooWide }
}

class OpenPartition {
  readonly #summaries: ReadonlyMap<string, KernelSummary>
  readonly #values: ReadonlyMap<string, Float64Builder>

  constructor(kernel: RowKernel, columns: readonly NumericColumn[], centres: readonly number[], keepsValues: boolean) {
    this.#summaries = new Map(columns.map(({ name }, c) => [name, new KernelSummary(kernel, centres[c])]))
    this.#values = new Map(keepsValues ? columns.map(({ name }) => [name, new Float64Builder()]) : [])
  }

  add(reader: ColumnReader): void {
    for (const [c, { name }] of reader.columns.entries()) {
      const summary = this.#summaries.get(name)
      const values = reader.values(c)
      summary?.add(values.byteOffset, values.length)
      summary?.addNulls(reader.nulls(c))
      this.#values.get(name)?.add(reader.values(c))
    }
  }

  take(partition: number): PartitionScan {
    return {
      partition,
      summaries: Array.from(this.#summaries.values(), (summary) => summary.take()),
      values: Array.from(this.#values.values(), (values) => values.take()),
    }
  }
}
