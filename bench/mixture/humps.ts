import { randomNumbers } from '../../src/mixture/random-numbers.ts'

/** Values that several normal distributions were drawn from. */
export interface Humps {
  readonly means: readonly number[]
  readonly values: Float64Array
}

const normal = (u: () => number) => Math.sqrt(-2 * Math.log(1 - u())) * Math.cos(2 * Math.PI * u())

/** Values of one, or of two to five normal distributions, four to ten times their two standard deviations apart. */
export function humps(rows: number, seed: number, modes?: number): Humps {
  const uniform = randomNumbers(seed)
  const between = (low: number, high: number) => low + (high - low) * uniform()
  const count = modes ?? 2 + Math.floor(4 * uniform())
  const shares = Array.from({ length: count }, () => between(0.2, 1.2))
  const stds = shares.map(() => between(0.5, 3.5))
  let mean = between(0, 100)
  const means = stds.map((std, k) => {
    if (k > 0) mean += between(4, 10) * (std + stds[k - 1])
    return mean
  })
  const total = shares.reduce((sum, share) => sum + share, 0)
  const values = Float64Array.from({ length: rows }, () => {
    let at = total * uniform()
    let k = 0
    while (k < count - 1 && at >= shares[k]) at -= shares[k++]
    return means[k] + stds[k] * normal(uniform)
  })
  return { means, values }
}
