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
  /** of the rows of each bin, shape (bins), in the unit of the column; the middle of an empty one */
  readonly means: readonly number[]
}

/** Bins hold about 1/64 of the rows; a single value that holds as many is an atom. */
const bulk = 64
/**
 * The outermost 64ths are halved so many times, for they reach far: a row that enters one is near its inner end. So
 * there are at most 64 + 12 bins, and two more for each of 64 atoms.
 */
const halvings = 6

/** The number of the bin at a place among the rows, counted from the middle outwards in the tails. */
function level(share: number): number {
  const tail = Math.min(share, 1 - share) * bulk
  if (tail >= 1) return Math.floor(share * bulk)
  const depth = Math.min(halvings, Math.floor(-Math.log2(tail)))
  return share < 0.5 ? -depth : bulk - 1 + depth
}

/** Joins neighbouring bins of a column, each atom alone. */
export function baseline({ count, value, low, high, scale }: ColumnBins, centre: number): Baseline {
  const rows = count.reduce((sum, c) => sum + c, 0)
  const edges: number[] = []
  const counts: number[] = []
  const sums: number[] = []
  const open = (edge: number) => {
    if (edges.length > 0 && edge <= edges[edges.length - 1]) return
    edges.push(edge)
    counts.push(0)
    sums.push(0)
  }
  let before = 0
  let lastShare = Number.NaN
  let wasAtom = false
  for (let i = 0; i < count.length; i++) {
    const isSingle = low[i] === high[i]
    const isAtom = isSingle && bulk * count[i] >= rows
    const share = level((before + count[i] / 2) / rows)
    before += count[i]
    // Bins below the centre hold their upper end instead of their lower one.
    const start = i === 0 || isSingle || value[i] > 0 ? low[i] : nextUp(low[i])
    const edge = wasAtom ? nextUp(high[i - 1]) : start
    // Between two atoms there is an empty bin; between an atom and other bins the room belongs to those.
    if (isAtom && wasAtom && edge < low[i]) open(edge)
    if (edges.length === 0 || isAtom || wasAtom || share !== lastShare) open(isAtom ? low[i] : edge)
    counts[counts.length - 1] += count[i]
    sums[sums.length - 1] += count[i] * value[i]
    lastShare = share
    wasAtom = isAtom
  }
  if (count.length > 0) edges.push(nextUp(high[count.length - 1]))
  const means = sums.map((sum, i) => {
    const mean = counts[i] > 0 ? centre + scale * (sum / counts[i]) : edges[i] / 2 + edges[i + 1] / 2
    // Rounding may leave a bin, and an atom has nowhere else to go.
    return Math.min(Math.max(mean, edges[i]), edges[i + 1])
  })
  return { edges, counts, means }
}

const double = new Float64Array(1)
const bits = new BigInt64Array(double.buffer)

/** Processors take a hundred times as long to compare numbers below it. */
const leastNormal = 2 ** -1022

/** The smallest normal double above x, which is finite, or 0; the largest double stays. */
export function nextUp(x: number): number {
  if (Math.abs(x) < leastNormal) return x < 0 ? 0 : leastNormal
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
