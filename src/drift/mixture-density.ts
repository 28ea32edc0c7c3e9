import type { ColumnModel } from '../mixture/column-model.ts'
import { normalBelow } from '../mixture/normal-distribution.ts'

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
