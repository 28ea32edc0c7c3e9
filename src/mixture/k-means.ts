import type { Blocks } from './blocks.ts'
import { randomNumbers } from './random-numbers.ts'

const mostRounds = 300

/**
 * Seeded k-means++ and Lloyd's rounds, weighted, in one dimension: the start of recipe `sklearn`. Arthur &
 * Vassilvitskii, SODA 2007. The random numbers are not scikit-learn's, so its labels differ; give those to fitMixture
 * where every number must match.
 *
 * @returns centres in the order in which they were drawn, shape (K)
 */
export function kMeans(blocks: Pick<Blocks, 'count' | 'value'>, clusters: number, seed: number): Float64Array {
  const centres = drawnCentres(blocks, clusters, randomNumbers(seed))
  const labels = new Int32Array(blocks.count.length)
  for (let round = 0; round < mostRounds && assign(blocks, centres, labels); round++) recentre(blocks, labels, centres)
  return centres
}

/** The centres by falling rows of their clusters, which is what stick breaking expects. */
export function largestFirst(blocks: Pick<Blocks, 'count' | 'value'>, centres: Float64Array): Float64Array {
  const rows = new Float64Array(centres.length)
  nearestCentres(blocks.value, centres).forEach((label, i) => {
    rows[label] += blocks.count[i]
  })
  const order = Array.from(centres.keys()).sort((a, b) => rows[b] - rows[a] || a - b)
  return Float64Array.from(order, (k) => centres[k])
}

/** The centre next to each value, ties to the lowest, shape (n). */
export function nearestCentres(values: Float64Array, centres: Float64Array): Int32Array {
  const labels = new Int32Array(values.length)
  assign({ value: values }, centres, labels)
  return labels
}

/**
 * Each next centre is the best of some candidates, drawn with a probability proportional to the weighted squared
 * distance from the centres before: greedy k-means++, as in scikit-learn.
 */
function drawnCentres(
  { count, value }: Pick<Blocks, 'count' | 'value'>,
  clusters: number,
  random: () => number,
): Float64Array {
  const centres = new Float64Array(clusters)
  const candidates = 2 + Math.trunc(Math.log(clusters))
  let nearest = new Float64Array(count.length).fill(Infinity)
  for (let k = 0; k < clusters; k++) {
    const chance = k === 0 ? count : count.map((c, i) => c * nearest[i])
    const total = chance.reduce((sum, c) => sum + c, 0)
    let least = Infinity
    let best = nearest
    for (let candidate = 0; candidate < (k === 0 ? 1 : candidates); candidate++) {
      const drawn = value[drawnIndex(chance, random() * total)]
      const distances = nearest.map((d, i) => Math.min(d, (value[i] - drawn) ** 2))
      const rest = distances.reduce((sum, d, i) => sum + count[i] * d, 0)
      if (!(rest < least)) continue
      least = rest
      best = distances
      centres[k] = drawn
    }
    nearest = best
  }
  return centres
}

/** The first index whose cumulated chance is above the target. */
function drawnIndex(chance: Float64Array, target: number): number {
  let i = 0
  for (let below = chance[0]; below <= target && i < chance.length - 1; below += chance[i]) i++
  return i
}

/** Labels each block with its nearest centre, ties to the lowest; tells whether any label changed. */
function assign({ value }: Pick<Blocks, 'value'>, centres: Float64Array, labels: Int32Array): boolean {
  let changed = false
  for (let i = 0; i < value.length; i++) {
    let nearest = 0
    for (let k = 1; k < centres.length; k++) {
      if (Math.abs(value[i] - centres[k]) < Math.abs(value[i] - centres[nearest])) nearest = k
    }
    if (labels[i] !== nearest) changed = true
    labels[i] = nearest
  }
  return changed
}

/** Moves each centre to the mean of its blocks; an empty cluster keeps its centre. */
function recentre({ count, value }: Pick<Blocks, 'count' | 'value'>, labels: Int32Array, centres: Float64Array): void {
  const rows = new Float64Array(centres.length)
  const shifts = new Float64Array(centres.length)
  for (let i = 0; i < value.length; i++) {
    rows[labels[i]] += count[i]
    shifts[labels[i]] += count[i] * (value[i] - centres[labels[i]])
  }
  for (let k = 0; k < centres.length; k++) if (rows[k] > 0) centres[k] += shifts[k] / rows[k]
}
