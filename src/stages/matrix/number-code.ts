import type { MatrixKind, ScoreDistribution, Span } from '../../files/matrix/spans.ts'
import { nextUp } from '../../mixture/baseline.ts'
import type { ColumnModel } from '../../mixture/column-model.ts'
import { mostDecimals, powersOfTen } from '../../mixture/decimals.ts'
import { likeliestMode } from '../../mixture/likeliest-mode.ts'
import { MixtureQuantiles } from '../../mixture/mixture-quantiles.ts'
import { normalQuantile, normalTailInverse } from '../../mixture/normal-distribution.ts'
import { stdsPerUnit } from '../../mixture/normalizer.ts'
import type { AvroType } from '../../rows/avro-schema.ts'
import { chunkRows, nullMode } from './column-chunk.ts'

/** The largest number of float32. */
const largestFloat = 3.4028234663852886e38

/** How modelled columns stand in a matrix. */
export interface NumberCodeOptions {
  readonly as: MatrixKind
  /** of ctgan: values are cut to -clip..clip; Infinity: to what float32 holds */
  readonly clip: number
  /** of quantile */
  readonly distribution: ScoreDistribution
  /** of ple: most bins of a column, 2 to 255 */
  readonly bins: number
}

/** What a span is, but for where it stands. */
export type SpanContent = Omit<Span, 'column' | 'start' | 'fileStart' | 'fileWidth'>

/**
 * How the numbers of a column stand in a matrix: as a number and a place, which files of chunks hold. The place is a
 * mode, a bin, or nothing.
 */
export interface NumberCode {
  readonly as: MatrixKind
  /** the columns of the matrix, without the indicator of null */
  spans(counts: readonly number[]): readonly SpanContent[]
  /**
   * Codes rows of a chunk; a null gets the place `nullMode`.
   *
   * @param numbers within their modes, as rows have them
   * @returns how many numbers were cut
   */
  encode(numbers: Float64Array, modes: Uint8Array, outNumbers: Float32Array, outPlaces: Uint8Array): number
}

/** @param type of the raw column */
export function numberCode(model: ColumnModel, type: AvroType, options: NumberCodeOptions): NumberCode {
  switch (options.as) {
    case 'ctgan':
      return new ModeCode(model, options.clip)
    case 'quantile':
      return new ScoreCode(model, options.distribution)
    case 'ple':
      return new BinCode(model, type, options.bins)
  }
}

/** The value within the mode, and the mode. */
class ModeCode implements NumberCode {
  readonly as = 'ctgan'
  readonly #model: ColumnModel
  readonly #clip: number

  constructor(model: ColumnModel, clip: number) {
    this.#model = model
    this.#clip = Math.min(clip, largestFloat)
  }

  spans(counts: readonly number[]): readonly SpanContent[] {
    const { mean, std } = this.#model
    return [
      { kind: 'value', width: 1, activation: 'tanh' },
      { kind: 'mode', width: mean.length, activation: 'softmax', mean, std, counts },
    ]
  }

  encode(numbers: Float64Array, modes: Uint8Array, outNumbers: Float32Array, outPlaces: Uint8Array): number {
    outPlaces.set(modes)
    return cut(numbers, modes, this.#clip, outNumbers)
  }
}

/** Writes numbers, cut to -clip..clip, and 0 for null; returns how many were cut. */
function cut(numbers: Float64Array, modes: Uint8Array, clip: number, out: Float32Array): number {
  let clipped = 0
  for (let row = 0; row < numbers.length; row++) {
    const number = numbers[row]
    if (modes[row] === nullMode) out[row] = 0
    else if (number > clip) {
      clipped++
      out[row] = clip
    } else if (number < -clip) {
      clipped++
      out[row] = -clip
    } else out[row] = number
  }
  return clipped
}

/** Numbers of rows in the unit of the column; not rounded, for what stands in for null need not be either. */
class ColumnNumbers {
  readonly #mean: Float64Array
  /** of each mode */
  readonly #unit: Float64Array
  readonly #numbers = new Float64Array(chunkRows)

  constructor({ mean, std }: ColumnModel) {
    this.#mean = Float64Array.from(mean)
    this.#unit = Float64Array.from(std, (one) => stdsPerUnit * one)
  }

  /** @returns borrowed until the next call; of a null the number means nothing */
  of(numbers: Float64Array, modes: Uint8Array): Float64Array {
    const out = this.#numbers.subarray(0, modes.length)
    for (let row = 0; row < modes.length; row++) {
      const mode = modes[row] === nullMode ? 0 : modes[row]
      out[row] = numbers[row] * this.#unit[mode] + this.#mean[mode]
    }
    return out
  }
}

/** Slots of numbers whose scores are remembered, a power of 2: most columns have few values that are frequent. */
const memorySlots = 4_096
const double = new Float64Array(1)
const words = new Int32Array(double.buffer)

/** Normal scores are cut where scikit-learn's QuantileTransformer cuts them: one row in ten million is beyond. */
export const leastTail = 1e-7
const farthestScore = normalTailInverse(leastTail)

/** The limit of what stands for numbers; null if it is that of float32. */
export function clipOf({ as, clip, distribution }: NumberCodeOptions): number | null {
  const limits = { ctgan: clip, quantile: distribution === 'normal' ? farthestScore : Infinity, ple: Infinity }
  return limits[as] === Infinity ? null : limits[as]
}

/** The normal or uniform score by the mixture. */
class ScoreCode implements NumberCode {
  readonly as = 'quantile'
  readonly #model: ColumnModel
  readonly #quantiles: MixtureQuantiles
  readonly #distribution: ScoreDistribution
  readonly #numbers: ColumnNumbers
  readonly #known = new Float64Array(memorySlots).fill(Number.NaN)
  readonly #scores = new Float64Array(memorySlots)
  readonly #chunk = new Float64Array(chunkRows)

  constructor(model: ColumnModel, distribution: ScoreDistribution) {
    this.#model = model
    this.#quantiles = new MixtureQuantiles(model)
    this.#distribution = distribution
    this.#numbers = new ColumnNumbers(model)
  }

  spans(): readonly SpanContent[] {
    const { weight, mean, std } = this.#model
    const distribution = this.#distribution
    const activation = distribution === 'normal' ? 'linear' : 'sigmoid'
    return [{ kind: 'score', width: 1, activation, distribution, weight, mean, std }]
  }

  encode(numbers: Float64Array, modes: Uint8Array, outNumbers: Float32Array, outPlaces: Uint8Array): number {
    const own = this.#numbers.of(numbers, modes)
    const scores = this.#chunk.subarray(0, numbers.length)
    for (let row = 0; row < numbers.length; row++) {
      const isNull = modes[row] === nullMode
      outPlaces[row] = isNull ? nullMode : 0
      scores[row] = isNull ? 0 : this.#score(own[row])
    }
    return cut(scores, modes, farthestScore, outNumbers)
  }

  #score(x: number): number {
    double[0] = x
    const hash = Math.imul(words[0] ^ Math.imul(words[1], 0x85ebca6b), 0x9e3779b1)
    const slot = (hash ^ (hash >>> 15)) & (memorySlots - 1)
    if (this.#known[slot] === x) return this.#scores[slot]
    const score = this.#distribution === 'normal' ? this.#quantiles.score(x) : this.#quantiles.share(x)
    this.#known[slot] = x
    this.#scores[slot] = score
    return score
  }
}

/** The bin, and where in it: 0 at its lower edge, 1 at its upper one; the outermost bins have no end. */
class BinCode implements NumberCode {
  readonly as = 'ple'
  readonly #edges: Float64Array
  readonly #numbers: ColumnNumbers

  constructor(model: ColumnModel, type: AvroType, bins: number) {
    this.#edges = Float64Array.from(binEdges(model, type, bins))
    this.#numbers = new ColumnNumbers(model)
  }

  spans(): readonly SpanContent[] {
    return [{ kind: 'bins', width: this.#edges.length - 1, activation: 'linear', edges: [...this.#edges] }]
  }

  encode(numbers: Float64Array, modes: Uint8Array, outNumbers: Float32Array, outPlaces: Uint8Array): number {
    const edges = this.#edges
    const last = edges.length - 2
    const own = this.#numbers.of(numbers, modes)
    if (edges[last] === edges[last + 1]) return encodeConstant(edges[0], own, modes, outNumbers, outPlaces)
    for (let row = 0; row < numbers.length; row++) {
      if (modes[row] === nullMode) {
        outPlaces[row] = nullMode
        outNumbers[row] = 0
        continue
      }
      const x = own[row]
      let bin = 0
      let beyond = last
      while (bin < beyond) {
        const middle = (bin + beyond + 1) >>> 1
        if (edges[middle] <= x) bin = middle
        else beyond = middle - 1
      }
      outPlaces[row] = bin
      outNumbers[row] = (x - edges[bin]) / (edges[bin + 1] - edges[bin])
    }
    return cutInfinite(outNumbers)
  }
}

/** Writes 0, which stands for the constant; returns how many numbers are another one, beyond rounding. */
function encodeConstant(
  constant: number,
  numbers: Float64Array,
  modes: Uint8Array,
  outNumbers: Float32Array,
  outPlaces: Uint8Array,
): number {
  const rounding = 2 ** -23 * Math.abs(constant)
  outNumbers.fill(0)
  let clipped = 0
  for (let row = 0; row < modes.length; row++) {
    const isNull = modes[row] === nullMode
    outPlaces[row] = isNull ? nullMode : 0
    if (!isNull && !(Math.abs(numbers[row] - constant) <= rounding)) clipped++
  }
  return clipped
}

/** A number so far out that float32 does not hold it. */
function cutInfinite(numbers: Float32Array): number {
  let clipped = 0
  for (let row = 0; row < numbers.length; row++) {
    const number = numbers[row]
    if (number - number === 0) continue
    numbers[row] = number > 0 ? largestFloat : -largestFloat
    clipped++
  }
  return clipped
}

/**
 * The edges of a column's bins for the piecewise linear encoding of Gorishniy et al., On Embeddings for Numerical
 * Features (NeurIPS 2022), 3.2.1: least and largest value of the rows of the fit, and between them the mixture's
 * quantiles, as fine as values are. Edges that coincide are one: bins are fewer where many rows have one value. A
 * constant has one bin, without a width.
 *
 * @param bins at most, at least 2
 */
export function binEdges(model: ColumnModel, type: AvroType, bins: number): readonly number[] {
  const { min, max } = model
  const quantiles = new MixtureQuantiles(model)
  const edges = [min]
  for (let i = 1; i < bins; i++) {
    const edge = onValue(model, type, quantiles.quantile(normalQuantile(i / bins)))
    if (edge > edges[edges.length - 1] && edge < max) edges.push(edge)
  }
  return [...edges, max]
}

/** A value that rows may have: as many decimals, and the value of an atom for what is about it. */
function onValue(model: ColumnModel, type: AvroType, x: number): number {
  const decimals = 'scale' in type ? (type.scale ?? 0) : model.decimals
  if (decimals < mostDecimals) {
    const rounded = Math.round(x * powersOfTen[decimals]) / powersOfTen[decimals]
    return Number.isFinite(rounded) ? rounded : x
  }
  const centre = model.mean[likeliestMode(model, x)]
  return isAtom(model, centre) ? centre : x
}

/** Whether many rows had exactly this value. */
function isAtom({ baseline }: ColumnModel, value: number): boolean {
  if (baseline === undefined) return false
  const bin = baseline.edges.indexOf(value)
  return bin >= 0 && baseline.edges[bin + 1] === nextUp(value)
}
