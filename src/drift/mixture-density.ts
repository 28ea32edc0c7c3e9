import type { ColumnModel } from '../mixture/column-model.ts'

type Modes = Pick<ColumnModel, 'weight' | 'mean' | 'std'>

/** ln of the mixture's density at x, in nats; dropped components are made up for by the others. */
export function logDensity({ weight, mean, std }: Modes, x: number): number {
  const total = weight.reduce((sum, share) => sum + share, 0)
  const terms = weight.map((share, k) => {
    const z = (x - mean[k]) / std[k]
    return Math.log(share / total / std[k]) - (z * z) / 2 - halfLogTau
  })
  const peak = Math.max(...terms)
  return peak === -Infinity ? peak : peak + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - peak), 0))
}

/** The mixture's share of rows in low <= x < high. */
export function intervalMass({ weight, mean, std }: Modes, low: number, high: number): number {
  const total = weight.reduce((sum, share) => sum + share, 0)
  return weight.reduce((sum, share, k) => {
    const [a, b] = [(low - mean[k]) / std[k], (high - mean[k]) / std[k]]
    // On the side of the nearer tail: differences of shares near 1 have no digits left.
    return sum + (share / total) * (a > 0 ? normalBelow(-a) - normalBelow(-b) : normalBelow(b) - normalBelow(a))
  }, 0)
}

const halfLogTau = Math.log(2 * Math.PI) / 2

/**
 * The standard normal distribution function, with a relative error below 1.2e-7: half the complementary error function
 * at -z / sqrt(2), by the Chebyshev fit of Press et al., Numerical Recipes (2nd ed.), 6.2.
 */
export function normalBelow(z: number): number {
  const x = Math.abs(z) / Math.SQRT2
  const t = 1 / (1 + x / 2)
  const tail = t * Math.exp(-x * x + coefficients.reduceRight((sum, c) => sum * t + c, 0))
  return z < 0 ? tail / 2 : 1 - tail / 2
}

const coefficients = [
  -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
  0.17087277,
]
