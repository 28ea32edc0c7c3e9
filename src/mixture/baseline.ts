import type { ColumnBins } from './column-bins.ts'
import { isAscending, listProblem, told } from './list-problem.ts'

/**
 * The training rows of a column in the bins in which later rows are counted too, so that drift is what has changed
 * since, and not what the mixture fits badly.
 */
export interface Baseline {
  /**
   * ascending without equals, shape (bins + 1), in the unit of the column: bin i holds edges[i] <= x < edges[i + 1]. A
   * frequent value has a bin of its own, which ends at the next double.
   */
  readonly edges: readonly number[]
  /** rows, shape (bins); fractions where rows have weights */
  readonly counts: readonly number[]
  /** of the rows of each bin, shape (bins), in the unit of the column */
  readonly means: readonly number[]
}

/** Bins hold about 1/64 of the rows; a single value that holds as many is an atom. With both there are at most 192. */
const bulk = 64

/** Joins neighbouring bins of a column, each atom alone. */
export function baseline({ count, value, low, high, scale }: ColumnBins, centre: number): Baseline {
  const rows = count.reduce((sum, c) => sum + c, 0)
  const edges: number[] = []
  const counts: number[] = []
  const sums: number[] = []
  let before = 0
  let lastShare = -1
  let wasAtom = false
  for (let i = 0; i < count.length; i++) {
    const isSingle = low[i] === high[i]
    const isAtom = isSingle && bulk * count[i] >= rows
    const share = Math.min(bulk - 1, Math.floor(((before + count[i] / 2) / rows) * bulk))
    before += count[i]
    // Bins below the centre hold their upper end instead of their lower one.
    const start = i === 0 || isSingle || value[i] > 0 ? low[i] : nextUp(low[i])
    const edge = wasAtom ? nextUp(high[i - 1]) : start
    const isNew = edges.length === 0 || isAtom || wasAtom || share !== lastShare
    if (isNew && (edges.length === 0 || edge > edges[edges.length - 1])) {
      // What lies between an atom and the bin before belongs to that bin.
      edges.push(isAtom ? Math.max(edge, low[i]) : edge)
      counts.push(0)
      sums.push(0)
    }
    counts[counts.length - 1] += count[i]
    sums[sums.length - 1] += count[i] * value[i]
    lastShare = share
    wasAtom = isAtom
  }
  if (count.length > 0) edges.push(nextUp(high[count.length - 1]))
  // Rounding may leave a bin, and an atom has nowhere else to go.
  const inside = (mean: number, i: number) => Math.min(Math.max(mean, edges[i]), edges[i + 1])
  return { edges, counts, means: sums.map((sum, i) => inside(centre + scale * (sum / counts[i]), i)) }
}

const double = new Float64Array(1)
const bits = new BigInt64Array(double.buffer)

/** The smallest double above x, which is finite; the largest double stays. */
export function nextUp(x: number): number {
  if (x === 0) return Number.MIN_VALUE
  double[0] = x
  bits[0] += x > 0 ? 1n : -1n
  return Math.min(double[0], Number.MAX_VALUE)
}

/** Why something is no baseline, as a clause; undefined if it is one. */
export function baselineProblem(baseline: unknown): string | undefined {
  if (typeof baseline !== 'object' || baseline === null) return `its baseline is ${told(baseline)}`
  const { edges, counts, means } = baseline as Record<string, unknown>
  for (const [name, list] of Object.entries({ edges, counts, means })) {
    const problem = listProblem(`baseline.${name}`, list)
    if (problem !== undefined) return problem
  }
  const [ends, rows, centres] = [edges as number[], counts as number[], means as number[]]
  if (rows.length < 1 || ends.length !== rows.length + 1 || centres.length !== rows.length)
    return `its baseline has ${ends.length} edges, ${rows.length} counts and ${centres.length} means`
  if (!isAscending(ends) || !isAscending(centres)) return 'the edges or means of its baseline do not ascend'
  if (!rows.every((count) => count >= 0)) return 'a count of its baseline is below 0'
  return undefined
}
