/**
 * Conformal p-value of a distance among those of healthy windows: uniform if all are exchangeable, whatever their
 * distribution (Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, 2005, 2.2).
 *
 * @param healthy shape (n)
 * @param u uniform in [0, 1): parts ties
 */
export function conformalRank(healthy: readonly number[], distance: number, u: number): number {
  let above = 0
  let equal = 1
  for (const other of healthy) {
    if (other > distance) above++
    else if (other === distance) equal++
  }
  return (above + (1 - u) * equal) / (healthy.length + 1)
}

const exponents = [0.1, 0.2, 0.3, 0.5]

/**
 * A bet against uniform p, whose mean is 1 if p is uniform: the mean of e p^(e - 1) over four exponents, since nobody
 * knows how large a drift will be (Vovk and Wang, E-values, Annals of Statistics 49, 2021, 2.2).
 */
export function eValue(p: number): number {
  return exponents.reduce((sum, e) => sum + e * p ** (e - 1), 0) / exponents.length
}
