import type { ColumnModel } from '../mixture/column-model.ts'
import { mostDecimals } from '../mixture/decimals.ts'
import { baselineOf } from './drift-bins.ts'

/** The training rows of a column in bins, with what belongs to each bin's values. */
export interface ValueCells {
  /** ascending, shape (bins + 1), in the unit of the column */
  readonly edges: readonly number[]
  /** rows, shape (bins) */
  readonly counts: readonly number[]
  /** of the rows of each bin, shape (bins) */
  readonly means: readonly number[]
  /** whether a value stands for all that is nearer to it than to its neighbours */
  readonly isGrid: boolean
}

/** Values nearer than this share of half of the column's range are no grid to the eye, nor to a mixture. */
export const finestShare = 1e-4

/** The baseline of a column, or its histogram; on a grid, such as whole numbers, bins end midway between two values. */
export function valueCells(column: ColumnModel): ValueCells {
  const { edges, counts, means } = baselineOf(column)
  const { decimals } = column
  const half = edges[edges.length - 1] / 2 - edges[0] / 2
  const power = 10 ** decimals
  const isGrid = decimals < mostDecimals && 1 / power >= finestShare * half && half < Number.MAX_SAFE_INTEGER / power
  if (!isGrid) return { edges, counts, means, isGrid }
  const midway = (edge: number) => {
    const nearest = Math.round(edge * power)
    return (edge <= nearest / power ? nearest - 0.5 : nearest + 0.5) / power
  }
  return { edges: edges.map(midway), counts, means, isGrid }
}
