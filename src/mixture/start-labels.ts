import type { Blocks } from './blocks.ts'
import { exactKMeans } from './exact-k-means.ts'

export interface Start {
  /** first component of each block, shape (n) */
  readonly labels: Int32Array
  /** value of the atom that a component starts with, NaN if it starts with a cluster, shape (K) */
  readonly atomOf: Float64Array
}

/**
 * Where clusters are sought: among the values; and among sums of a block's rank (0 to 1) and its value, in standard
 * deviations, times this. Values alone leave a long tail too many clusters, and ranks alone too few.
 */
const valueShares = [Infinity, 0.5, 0.1]

/**
 * Starts of recipe `scaled`: a component for every atom, and the optimal k-means clusters of the other blocks; the
 * largest first, because stick breaking expects falling weights.
 *
 * @param blocks  ascending, standardised
 * @param atomsAt values of the atoms, fewer than `components`
 */
export function startLabels(blocks: Blocks, atomsAt: readonly number[], components: number): Start[] {
  const own = atomsAt.map((atom) => nearest(blocks.value, atom))
  const rest = Array.from(blocks.value.keys()).filter((i) => !own.includes(i))
  const count = Float64Array.from(rest, (i) => blocks.count[i])
  const value = Float64Array.from(rest, (i) => blocks.value[i])
  const rank = ranks(count)
  return valueShares.map((share) => {
    const place = share === Infinity ? value : value.map((x, i) => rank[i] + share * x)
    const clusters = exactKMeans({ count, value: place }, components - own.length)
    const labels = new Int32Array(blocks.count.length)
    own.forEach((block, atom) => {
      labels[block] = atom
    })
    rest.forEach((block, i) => {
      labels[block] = own.length + clusters[i]
    })
    return largestFirst(blocks, labels, atomsAt, components)
  })
}

/** Share of the rows below the middle of each block, shape (n). */
function ranks(count: Float64Array): Float64Array {
  const rows = count.reduce((sum, c) => sum + c, 0)
  let before = 0
  return count.map((c) => {
    before += c
    return (before - c / 2) / rows
  })
}

/** Renumbers components by falling rows; the first ones are the atoms. */
function largestFirst(blocks: Blocks, labels: Int32Array, atomsAt: readonly number[], components: number): Start {
  const rows = new Float64Array(components)
  for (let i = 0; i < labels.length; i++) rows[labels[i]] += blocks.count[i]
  const order = Array.from(rows.keys()).sort((a, b) => rows[b] - rows[a] || a - b)
  const stickOf = new Int32Array(components)
  order.forEach((component, stick) => {
    stickOf[component] = stick
  })
  return {
    labels: labels.map((label) => stickOf[label]),
    atomOf: Float64Array.from(order, (component) => atomsAt[component] ?? Number.NaN),
  }
}

/** Index of the value next to x. */
function nearest(values: Float64Array, x: number): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if (Math.abs(values[i] - x) < Math.abs(values[best] - x)) best = i
  return best
}
