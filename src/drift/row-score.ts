import type { ColumnModel } from '../mixture/column-model.ts'
import { mostDecimals } from '../mixture/decimals.ts'
import { intervalMass } from './mixture-density.ts'

/** ln p of rows under a model's column, in nats. */
export class RowScore {
  readonly #column: ColumnModel
  /** 0 for a continuous column */
  readonly #resolution: number
  readonly #mean: Float64Array
  readonly #precision: Float64Array
  /** ln of weight over std times sqrt(2 pi) */
  readonly #offset: Float64Array
  readonly #known = new Map<number, number>()

  /**
   * @param resolution distance of neighbouring values, in the unit of the column: a row's p is the mass of the model
   *   within half of it, else a mode that is narrower would gain without end. 0 for densities.
   */
  constructor(column: ColumnModel, resolution: number) {
    const { weight, mean, std } = column
    const total = weight.reduce((sum, share) => sum + share, 0)
    this.#column = column
    this.#resolution = resolution
    this.#mean = Float64Array.from(mean)
    this.#precision = Float64Array.from(std, (s) => 1 / s / s)
    this.#offset = Float64Array.from(weight, (share, k) => Math.log(share / total / std[k]) - Math.log(2 * Math.PI) / 2)
  }

  /** The sum over the first n values, finite, in the unit of the column. */
  sum(values: Float64Array, n = values.length): number {
    let sum = 0
    for (let i = 0; i < n; i++) sum += this.#resolution > 0 ? this.#massAt(values[i]) : this.#densityAt(values[i])
    return sum
  }

  /** Values of a coarse column come again and again. */
  #massAt(x: number): number {
    const known = this.#known.get(x)
    if (known !== undefined) return known
    const half = this.#resolution / 2
    const ln = Math.log(Math.max(leastMass, intervalMass(this.#column, x - half, x + half)))
    if (this.#known.size < mostKnown) this.#known.set(x, ln)
    return ln
  }

  #densityAt(x: number): number {
    let peak = -Infinity
    for (let k = 0; k < this.#mean.length; k++) peak = Math.max(peak, this.#termAt(k, x))
    if (peak < leastTerm) return leastTerm
    let sum = 0
    for (let k = 0; k < this.#mean.length; k++) sum += Math.exp(this.#termAt(k, x) - peak)
    return peak + Math.log(sum)
  }

  #termAt(k: number, x: number): number {
    const d = x - this.#mean[k]
    return this.#offset[k] - (this.#precision[k] * d * d) / 2
  }
}

/** A value that a model excludes costs as much as a hundred thousand ordinary ones, and not infinitely much. */
const leastMass = 1e-300
const leastTerm = Math.log(leastMass)
const mostKnown = 65_536

/** Distance of neighbouring values that both models have seen; 0 if one has seen all decimals of a double. */
export function sharedResolution(a: ColumnModel, b: ColumnModel): number {
  const decimals = Math.max(a.decimals, b.decimals)
  return decimals < mostDecimals ? 10 ** -decimals : 0
}
