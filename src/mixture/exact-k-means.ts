import type { Blocks } from './blocks.ts'

/**
 * The optimal 1-D k-means partition of weighted, ascending points: dynamic programming over cluster ends, each layer by
 * divide and conquer, O(K n log n). Wang & Song, Ckmeans.1d.dp, R Journal 3(2), 2011; monotone ends: Wu, Information
 * Processing Letters 39, 1991.
 *
 * @param blocks   ascending, about centred on 0, shape (n)
 * @param clusters at least 1; n clusters at most are used
 * @returns cluster of each block, ascending from 0, shape (n)
 */
export function exactKMeans({ count, value }: Pick<Blocks, 'count' | 'value'>, clusters: number): Int32Array {
  const n = count.length
  const k = Math.min(clusters, n)
  const weights = new Float64Array(n + 1)
  const sums = new Float64Array(n + 1)
  const squares = new Float64Array(n + 1)
  for (let i = 0; i < n; i++) {
    weights[i + 1] = weights[i] + count[i]
    sums[i + 1] = sums[i] + count[i] * value[i]
    squares[i + 1] = squares[i] + count[i] * value[i] * value[i]
  }
  /** Squared distances of blocks from..to-1 to their mean. */
  const cost = (from: number, to: number) => {
    const weight = weights[to] - weights[from]
    const sum = sums[to] - sums[from]
    return weight > 0 ? Math.max(0, squares[to] - squares[from] - (sum * sum) / weight) : 0
  }
  let previous = new Float64Array(n + 1)
  for (let to = 0; to <= n; to++) previous[to] = cost(0, to)
  const starts: Int32Array[] = [new Int32Array(n + 1)]
  for (let layer = 1; layer < k; layer++) {
    const best = new Float64Array(n + 1).fill(Infinity)
    const start = new Int32Array(n + 1)
    const fill = (low: number, high: number, first: number, last: number): void => {
      if (low > high) return
      const to = (low + high) >> 1
      for (let from = Math.max(layer, first); from <= Math.min(to - 1, last); from++) {
        const total = previous[from] + cost(from, to)
        if (total < best[to]) {
          best[to] = total
          start[to] = from
        }
      }
      fill(low, to - 1, first, start[to])
      fill(to + 1, high, start[to], last)
    }
    fill(layer + 1, n, layer, n - 1)
    previous = best
    starts.push(start)
  }
  const labels = new Int32Array(n)
  for (let layer = k - 1, to = n; layer >= 0; layer--) {
    const from = starts[layer][to]
    labels.fill(layer, from, to)
    to = from
  }
  return labels
}
