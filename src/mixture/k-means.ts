import type { Blocks } from './blocks.ts'
import { randomNumbers } from './random-numbers.ts'

const mostRounds = 300

/**
 * Seeded k-means++ and Lloyd's rounds, weighted, in one dimension: the start of recipe `sklearn`. Arthur & Vassilvitskii, SODA 2007.
 * The random numbers are not scikit-learn's, so its labels differ; give those to fitMixture where every number must match.
 *
 * @returns cluster of each block in 0..K-1, in the order in which the centres were drawn, shape (n)
 */
export function kMeans(blocks: Pick<Blocks, 'count' | 'value'>, clusters: number, seed: number): Int32Array {
  const centres = drawnCentres(blocks, clusters, randomNumbers(seed))
  const labels = new Int32Array(blocks.count.length)
  for (let round = 0; round < mostRounds && assign(blocks, centres, labels); round++) recentre(blocks, labels, centres)
  return labels
}

/** Each next centre is drawn with a probability proportional to its weighted squared distance from those before. */
function drawnCentres(
  { count, value }: Pick<Blocks, 'count' | 'value'>,
  clusters: number,
  random: () => number,
): Float64Array {
  const centres = new Float64Array(clusters)
  const chance = Float64Array.from(count)
  const nearest = new Float64Array(count.length).fill(Infinity)
  for (let k = 0; k < clusters; k++) {
    const total = chance.reduce((sum, c) => sum + c, 0)
    const target = random() * total
    let i = 0
    for (let below = chance[0]; below <= target && i < count.length - 1; below += chance[i]) i++
    centres[k] = value[i]
    for (let j = 0; j < count.length; j++) {
      nearest[j] = Math.min(nearest[j], (value[j] - centres[k]) ** 2)
      chance[j] = count[j] * nearest[j]
    }
  }
  return centres
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
