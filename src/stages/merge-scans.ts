import { ColumnSummary } from '../mixture/column-summary.ts'
import type { NumericColumn } from '../rows/numeric-columns.ts'
import { GrowingValues } from './growing-values.ts'
import type { PartitionScan, ScanPlan } from './scan-columns.ts'

/**
 * Joins what was scanned of each partition in the order of their numbers, whatever finished first: the same topic gives the same
 * summaries, bit for bit. Only partitions that wait for an earlier one are held.
 */
export class ScanMerge {
  readonly summaries: ReadonlyMap<string, ColumnSummary>
  /** empty unless the values were to be kept */
  readonly values: ReadonlyMap<string, GrowingValues>
  readonly #columns: readonly NumericColumn[]
  readonly #order: readonly number[]
  readonly #waiting = new Map<number, PartitionScan>()
  #next = 0

  constructor({ columns, centres, keepsValues, ranges }: ScanPlan) {
    this.#columns = columns
    this.#order = ranges.map(({ partition }) => partition).sort((a, b) => a - b)
    this.summaries = new Map(columns.map(({ name }, c) => [name, new ColumnSummary(centres[c])]))
    this.values = new Map(keepsValues ? columns.map(({ name }) => [name, new GrowingValues()]) : [])
  }

  add(scan: PartitionScan): void {
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
