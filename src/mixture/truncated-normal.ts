import { normalTail } from './normal-distribution.ts'

/** What is known of a standard normal variable within an interval. */
export interface TruncatedNormal {
  /** ln of the mean of exp(-t^2 / 2) over the interval */
  logMean: number
  /** of t */
  mean: number
  /** of t^2 */
  square: number
}

/** Beyond it an interval's nearer end stands for all of it. */
const farthest = 12

const rootTau = Math.sqrt(2 * Math.PI)

/**
 * Moments of a standard normal variable that lies between z - width/2 and z + width/2.
 * Johnson, Kotz & Balakrishnan, Continuous Univariate Distributions 1, 1994, 13.134 and 13.135.
 *
 * @param out overwritten
 */
export function truncatedNormal(z: number, width: number, out: TruncatedNormal): void {
  // By symmetry the interval lies on the right, where the tails keep their digits.
  const low = Math.abs(z) - width / 2
  const high = Math.abs(z) + width / 2
  if (low > farthest) {
    out.logMean = -0.5 * low * low
    out.mean = Math.sign(z) * low
    out.square = low * low
    return
  }
  const mass = low < 0 ? 1 - normalTail(-low) - normalTail(high) : normalTail(low) - normalTail(high)
  const atLow = Math.exp(-0.5 * low * low) / rootTau / mass
  const atHigh = Math.exp(-0.5 * high * high) / rootTau / mass
  out.logMean = Math.log((mass * rootTau) / width)
  out.mean = Math.sign(z) * (atLow - atHigh)
  out.square = 1 + low * atLow - high * atHigh
}
