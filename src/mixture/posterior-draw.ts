import type { ColumnModel } from './column-model.ts'
import { stdsPerUnit } from './normalizer.ts'

/**
 * Normalizes with modes that are drawn from the posterior, as CTGAN and RDT do, where `Normalizer` takes the likeliest.
 * P(mode k | x) is proportional to exp(offset - precision / 2 (x - mean)^2), the E-step's responsibility
 * (Bishop, PRML (2006), eq. 10.49). Whoever calls decides what is drawn: the same uniform numbers give the same modes.
 *
 * @example
 * const draw = new PosteriorDraw(columnModel(fitMixture(delays), { name: 'delay', type: 'int' }))
 * draw.normalize(Float64Array.of(12), Float64Array.of(0.73), values, modes) // modes[0] is 3 where the likeliest was 2
 */
export class PosteriorDraw {
  readonly #model: Pick<ColumnModel, 'offset' | 'precision' | 'mean'>
  /** 4 std of each mode */
  readonly #scale: Float64Array
  readonly #clip: number
  /** scratch, shape (modes): cumulative responsibilities, not normalised */
  readonly #cumulative: Float64Array

  constructor(model: ColumnModel, { clip = Infinity }: { readonly clip?: number } = {}) {
    this.#model = model
    this.#scale = Float64Array.from(model.std, (std) => stdsPerUnit * std)
    this.#clip = clip
    this.#cumulative = new Float64Array(model.mean.length)
  }

  /**
   * @param values    finite, in the unit of the column, shape (n)
   * @param uniforms  in [0, 1), shape (>= n), one for each value
   * @param outValues shape (>= n); overwritten; NaN as of `Normalizer.normalize`
   * @param outModes  shape (>= n); overwritten
   * @returns how many are NaN
   */
  normalize(values: Float64Array, uniforms: Float64Array, outValues: Float64Array, outModes: Uint8Array): number {
    const { mean } = this.#model
    let failed = 0
    for (let i = 0; i < values.length; i++) {
      const x = values[i]
      const mode = this.#draw(x, uniforms[i])
      outModes[i] = mode
      const value = Math.max(-this.#clip, Math.min(this.#clip, (x - mean[mode]) / this.#scale[mode]))
      const isRestorable = Number.isFinite(value * this.#scale[mode] + mean[mode])
      outValues[i] = isRestorable ? value : Number.NaN
      if (!isRestorable) failed++
    }
    return failed
  }

  #draw(x: number, uniform: number): number {
    const { offset, precision, mean } = this.#model
    const cumulative = this.#cumulative
    const modes = cumulative.length
    let peak = -Infinity
    for (let k = 0; k < modes; k++) {
      const distance = x - mean[k]
      const score = offset[k] - (precision[k] / 2) * distance * distance
      cumulative[k] = score
      if (score > peak) peak = score
    }
    let sum = 0
    // The peak first: far from every mode all scores would underflow to 0.
    for (let k = 0; k < modes; k++) cumulative[k] = sum += Math.exp(cumulative[k] - peak)
    const at = uniform * sum
    let mode = 0
    while (mode < modes - 1 && cumulative[mode] <= at) mode++
    return mode
  }
}
