import type { Baseline } from './baseline.ts'
import type { Histogram } from './histogram.ts'
import type { Sentinel } from './sentinels.ts'

/** What one pass over a column tells beside its shape. */
export interface ColumnFacts {
  /** rows with a value; the sum of the weights where rows are weighted */
  readonly rows: number
  readonly nulls: number
  readonly min: number
  readonly max: number
  /** the largest number of decimals among the values, 0 for integers; 15 stands for "all that a double has" */
  readonly decimals: number
  readonly histogram: Histogram
  readonly baseline: Baseline
  /**
   * values that stand for something else, such as DBL_MAX for "missing": so far out that the mixture was fitted without
   * them; ascending; those that can have one are modes of their own
   */
  readonly sentinels: readonly Sentinel[]
}
