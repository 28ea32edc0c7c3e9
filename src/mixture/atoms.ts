import type { Blocks } from './blocks.ts'

/** A bin is an atom if it holds this share of the rows or more, and this many times what its neighbours hold. */
const leastShare = 0.02
const prominence = 8

/**
 * The bins in which one value holds a large share of the rows, as zeros often do: at most `most`, the largest first.
 * Two neighbouring atoms (0 and 1 in counts) are none: k-means parts those well.
 *
 * @param blocks ascending bins of a summary, not joined
 * @returns indices of blocks
 */
export function atoms({ count }: Pick<Blocks, 'count'>, most: number): number[] {
  const rows = count.reduce((sum, c) => sum + c, 0)
  const found: number[] = []
  for (let i = 0; i < count.length; i++) {
    const neighbours = Math.max(count[i - 1] ?? 0, count[i + 1] ?? 0)
    if (count[i] >= leastShare * rows && count[i] >= prominence * neighbours) found.push(i)
  }
  return found.sort((a, b) => count[b] - count[a] || a - b).slice(0, most)
}
