import type { ScoreDistribution } from '../../files/matrix/spans.ts'
import type { ColumnModel } from '../../mixture/column-model.ts'
import { MixtureQuantiles } from '../../mixture/mixture-quantiles.ts'
import { normalQuantile } from '../../mixture/normal-distribution.ts'
import { leastTail } from './number-code.ts'

/** Numbers in the unit of a column, from the columns of a matrix that stand for them. */
export interface NumberDecoder {
  /** @param at where the first of the columns is; NaN if one of them is no finite number */
  numberAt(matrix: Float32Array | Float64Array, at: number): number
}

export class ScoreDecoder implements NumberDecoder {
  readonly #quantiles: MixtureQuantiles
  readonly #isNormal: boolean

  constructor(model: ColumnModel, distribution: ScoreDistribution) {
    this.#quantiles = new MixtureQuantiles(model)
    this.#isNormal = distribution === 'normal'
  }

  numberAt(matrix: Float32Array | Float64Array, at: number): number {
    const score = matrix[at]
    if (score - score !== 0) return Number.NaN
    const normal = this.#isNormal ? score : normalQuantile(Math.min(1 - leastTail, Math.max(leastTail, score)))
    return this.#quantiles.quantile(normal)
  }
}

export class BinDecoder implements NumberDecoder {
  readonly #edges: Float64Array

  constructor(edges: readonly number[]) {
    this.#edges = Float64Array.from(edges)
  }

  /**
   * Bins that a generator has filled in part, side by side, add up to a place among them. Of what an export has
   * written that is the bin that is filled in part.
   */
  numberAt(matrix: Float32Array | Float64Array, at: number): number {
    const edges = this.#edges
    const last = edges.length - 2
    let place = 0
    for (let bin = 0; bin <= last; bin++) {
      const filled = matrix[at + bin]
      if (filled - filled !== 0) return Number.NaN
      // The outermost bins have no end.
      const [least, most] = [bin === 0 ? -Infinity : 0, bin === last ? Infinity : 1]
      place += Math.max(least, Math.min(most, filled))
    }
    const bin = Math.max(0, Math.min(last, Math.floor(place)))
    return edges[bin] + (place - bin) * (edges[bin + 1] - edges[bin])
  }
}
