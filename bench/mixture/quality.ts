/** A fitted mixture of normal distributions; all of shape (K). */
export interface NormalMixture {
  readonly weights: readonly number[]
  readonly means: readonly number[]
  readonly stds: readonly number[]
}

/** erfc within 1.2e-7 relative; Press et al., Numerical Recipes, 2nd ed., 6.2 (erfcc). */
function erfc(x: number): number {
  const z = Math.abs(x)
  const t = 1 / (1 + 0.5 * z)
  const coefficients = [
    0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368,
  ]
  const series = coefficients.reduce((sum, c) => c + t * sum, 0)
  const tail = t * Math.exp(-z * z - 1.26551223 + t * series)
  return x >= 0 ? tail : 2 - tail
}

const cumulative = (z: number) => 0.5 * erfc(-z / Math.SQRT2)

/** Narrower intervals than this, in std, take the density at their middle. */
const narrow = 0.02

/** ln of what a normal distribution holds between x - width/2 and x + width/2; its density if the width is 0. */
function logMass(x: number, mean: number, std: number, width: number): number {
  const z = (x - mean) / std
  const h = width / std / 2
  const logDensity = (at: number) =>
    -0.5 * at * at - 0.5 * Math.log(2 * Math.PI) + Math.log(width > 0 ? 2 * h : 1 / std)
  if (2 * h < narrow) return logDensity(z)
  const far = Math.abs(z)
  const mass = cumulative(h - far) - cumulative(-far - h)
  return mass > 0 ? Math.log(mass) : logDensity(Math.max(0, far - h))
}

/**
 * Mean ln of the mass that the mixture gives to the interval that each value was rounded from, in nats a row: a narrow
 * mode on a repeated value earns no more than that value's share. The density where the resolution is 0.
 *
 * @param values ascending, shape (n)
 */
export function logLikelihood(
  { weights, means, stds }: NormalMixture,
  values: Float64Array,
  resolution: number,
): number {
  let total = 0
  let last = 0
  for (let i = 0; i < values.length; i++) {
    if (i === 0 || values[i] !== values[i - 1]) {
      const terms = weights.map((w, k) => Math.log(w) + logMass(values[i], means[k], stds[k], resolution))
      const peak = Math.max(...terms)
      last = peak + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - peak), 0))
    }
    total += last
  }
  return total / values.length
}

/**
 * Kolmogorov-Smirnov distance between the values and the mixture rounded to their resolution.
 *
 * @param values ascending, shape (n)
 */
export function ksDistance({ weights, means, stds }: NormalMixture, values: Float64Array, resolution: number): number {
  const below = (x: number) => weights.reduce((sum, w, k) => sum + w * cumulative((x - means[k]) / stds[k]), 0)
  let worst = 0
  for (let i = 0; i < values.length; i++) {
    if (i + 1 < values.length && values[i + 1] === values[i]) continue
    const expected = below(values[i] + resolution / 2)
    worst = Math.max(worst, Math.abs((i + 1) / values.length - expected))
    if (resolution === 0) worst = Math.max(worst, Math.abs(i / values.length - expected))
  }
  return worst
}
