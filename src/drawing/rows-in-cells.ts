/**
 * Bins of a column: bin i has counts[i] rows from edges[i] to edges[i + 1]. The dashboard's page has no other types.
 */
interface Bins {
  readonly edges: readonly number[]
  readonly counts: readonly number[]
}

/** Rows in each of `cells` equal cells of [low, high], the rows of a bin being spread evenly over it. */
export function rowsInCells({ edges, counts }: Bins, low: number, high: number, cells: number): number[] {
  const width = (high - low) / cells
  const sums = new Array<number>(cells).fill(0)
  for (const [i, count] of counts.entries()) {
    const from = edges[i]
    // A bin of one value has no width; it stands in one cell.
    const to = Math.max(edges[i + 1], from + width)
    const first = Math.max(0, Math.floor((from - low) / width))
    const last = Math.min(cells - 1, Math.floor((to - low) / width))
    for (let cell = first; cell <= last; cell++) {
      const overlap = Math.min(to, low + (cell + 1) * width) - Math.max(from, low + cell * width)
      if (overlap > 0) sums[cell] += (count * overlap) / (to - from)
    }
  }
  return sums
}
