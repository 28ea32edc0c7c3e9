/**
 * The slope of a line through points: the median of the slopes of all pairs, 0 for fewer than two points (Theil 1950,
 * Sen 1968). Up to 29 % of the points may be anything.
 *
 * @param x shape (n), all different
 * @param y shape (n)
 * @example
 * theilSenSlope([0, 1, 2, 3], [5, 7, 900, 11]) // 2
 */
export function theilSenSlope(x: readonly number[], y: readonly number[]): number {
  const slopes = x.flatMap((_, i) => x.slice(0, i).map((_, j) => (y[i] - y[j]) / (x[i] - x[j]))).sort((a, b) => a - b)
  return slopes[Math.floor(slopes.length / 2)] ?? 0
}
