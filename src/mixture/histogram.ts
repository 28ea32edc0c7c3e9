import type { ColumnBins } from './column-bins.ts'
import { isAscending, listProblem, told } from './list-problem.ts'

/** At most 64 bins with about equal counts, for drift and cards; the frequent values stand alone. */
export interface Histogram {
  /**
   * ascending, shape (bins + 1), in the unit of the column; bin i holds edges[i] <= x < edges[i + 1], the last one its
   * end too
   */
  readonly edges: readonly number[]
  /** rows, shape (bins) */
  readonly counts: readonly number[]
}

const mostBins = 64

/** Joins neighbouring bins of a column until each holds about 1/64 of the rows. */
export function histogram({ count, low, high }: ColumnBins): Histogram {
  const rows = count.reduce((sum, c) => sum + c, 0)
  const edges: number[] = []
  const counts: number[] = []
  let before = 0
  let lastShare = -1
  for (let i = 0; i < count.length; i++) {
    // The share at the bin's middle decides, so that a frequent value parts from the bins before and behind it.
    const share = Math.min(mostBins - 1, Math.floor(((before + count[i] / 2) / rows) * mostBins))
    before += count[i]
    const edge = i === 0 ? low[0] : between(high[i - 1], low[i])
    if (share === lastShare || (edges.length > 0 && edge <= edges[edges.length - 1])) {
      counts[counts.length - 1] += count[i]
    } else {
      edges.push(edge)
      counts.push(count[i])
    }
    lastShare = share
  }
  if (count.length > 0) edges.push(high[count.length - 1])
  return { edges, counts }
}

/** A place above `high` and not above `low`, as far from both as there is room. */
function between(high: number, low: number): number {
  const middle = high / 2 + low / 2
  return middle > high && middle < low ? middle : low
}

/** Why something is no histogram; undefined if it is one. */
export function histogramProblem(histogram: unknown): string | undefined {
  if (typeof histogram !== 'object' || histogram === null) return `its histogram is ${told(histogram)}`
  const unknown = Object.keys(histogram).find((name) => name !== 'edges' && name !== 'counts')
  if (unknown !== undefined) return `there is no ${unknown} in a histogram`
  const { edges, counts } = histogram as Record<string, unknown>
  const problem = listProblem('histogram.edges', edges) ?? listProblem('histogram.counts', counts)
  if (problem !== undefined) return problem
  const [ends, rows] = [edges as number[], counts as number[]]
  if (rows.length < 1 || ends.length !== rows.length + 1)
    return `its histogram has ${ends.length} edges and ${rows.length} counts, and must have one edge more`
  if (!isAscending(ends)) return 'the edges of its histogram do not ascend'
  if (!rows.every((count) => count >= 0)) return 'a count of its histogram is below 0'
  return undefined
}
