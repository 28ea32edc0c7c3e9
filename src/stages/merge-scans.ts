import { ColumnSummary } from '../mixture/column-summary.ts'
import type { NumericColumn } from '../rows/numeric-columns.ts'
import { Float64Builder } from './float64-builder.ts'
import type { PartitionScan, ScanPlan } from './scan-columns.ts'

/**
 * Below so many rows every sum of a summary is an exact whole number, whatever its bins: squares of steps are below
 * 2^22.
 */
const exactRows = 2 ** 31

/**
 * Joins what was scanned of each partition, whatever finished first: the same topic gives the same summaries, bit for
 * bit. Partitions wait for the ones before them only where their order matters: if the values are kept, or if sums may
 * be rounded.
 */
export class ScanMerge {
  readonly summaries: ReadonlyMap<string, ColumnSummary>
  /** empty unless the values were to be kept */
  readonly values: ReadonlyMap<string, Float64Builder>
  readonly #columns: readonly NumericColumn[]
  readonly #order: readonly number[]
  readonly #isOrdered: boolean
  readonly #waiting = new Map<number, PartitionScan>()
  #next = 0

  constructor({ columns, centres, keepsValues, ranges }: ScanPlan) {
    this.#columns = columns
    this.#isOrdered =
      keepsValues || ranges.reduce((sum, { offset, endOffset }) => sum + endOffset - offset, 0) > exactRows
    this.#order = ranges.map(({ partition }) => partition).sort((a, b) => a - b)
    this.summaries = new Map(columns.map(({ name }, c) => [name, new ColumnSummary(centres[c])]))
    this.values = new Map(keepsValues ? columns.map(({ name }) => [name, new Float64Builder()]) : [])
  }

  add(scan: PartitionScan): void {
    if (!this.#isOrdered) {
      this.#merge(scan)
      return
    }
    this.#waiting.set(scan.partition, scan)
    for (;;) {
      const partition = this.#order[this.#next]
      const ready = this.#waiting.get(partition)
      if (ready === undefined) return
      this.#waiting.delete(partition)
      this.#next++
      this.#merge(ready)
    }
  }

  #merge({ summaries, values }: PartitionScan): void {
    for (const [c, { name }] of this.#columns.entries()) {
      this.summaries.get(name)?.merge(summaries[c])
      this.values.get(name)?.add(values[c])
    }
  }
}
