import type { Blocks } from './blocks.ts'

/**
 * Joins neighbouring blocks into at most `target`: half of the resolution follows the rows (equal counts), half the
 * distance from the centre (equal ratios), so that neither the bulk nor a thin tail loses its shape. Means and
 * variances of the joined blocks are exact.
 *
 * @param blocks ascending, values as distances from the centre within -1..1
 * @param finest distances from the centre below it are not told apart by their logarithm, in the unit of the values
 */
export function coarseBlocks(blocks: Blocks, target: number, finest: number): Blocks {
  const { count, value, spread } = blocks
  if (count.length <= target) return blocks
  const rows = count.reduce((sum, c) => sum + c, 0)
  const half = target / 2 - 1
  const reach = 2 * Math.log1p(1 / finest)
  const cells: Record<'count' | 'value' | 'spread', number[]> = { count: [], value: [], spread: [] }
  let before = 0
  let lastCell = -1
  for (let i = 0; i < count.length; i++) {
    const share = (before + count[i] / 2) / rows
    const ratio = 0.5 + (Math.sign(value[i]) * Math.log1p(Math.abs(value[i]) / finest)) / reach
    before += count[i]
    const cell = Math.floor(half * (share + ratio))
    if (cell !== lastCell) {
      cells.count.push(count[i])
      cells.value.push(value[i])
      cells.spread.push(spread[i])
    } else join(cells, count[i], value[i], spread[i])
    lastCell = cell
  }
  return {
    count: Float64Array.from(cells.count),
    value: Float64Array.from(cells.value),
    spread: Float64Array.from(cells.spread),
  }
}

/** Adds rows to the last cell; Chan, Golub, LeVeque (1983), the pairwise update of mean and variance. */
function join(cells: Record<keyof Blocks, number[]>, count: number, value: number, spread: number): void {
  const last = cells.count.length - 1
  const rows = cells.count[last] + count
  const shift = value - cells.value[last]
  const share = count / rows
  cells.value[last] += shift * share
  cells.spread[last] += (spread - cells.spread[last]) * share + shift * shift * share * (1 - share)
  cells.count[last] = rows
}
