import type { ColumnModel } from './column-model.ts'
import { powersOfTen } from './decimals.ts'
import { FitOptionError } from './errors.ts'
import { type ModeQuadratics, type ModeTable, modeTable, resolveMode, rootCells } from './mode-table.ts'

export { likeliestMode } from './likeliest-mode.ts'

/** A value is the distance from its mode's mean in this many standard deviations; Xu et al., CTGAN, NeurIPS 2019, 4.2. */
export const stdsPerUnit = 4

/** Rows a block: its values, modes and results stay in the first-level cache. */
const blockRows = 1024

export interface NormalizerOptions {
  /** cut values to -clip..clip, as CTGAN does with 0.99; rows beyond cannot be restored [no clipping] */
  readonly clip?: number
}

/**
 * Turns the values of a column into (value, mode) and back: value = (x - mean) / (4 std), mode = likeliestMode(model, x).
 *
 * restore undoes normalize: exactly for `int` and `long` while max(|x|, |mean|) < 2^49, within 4 ulp of max(|x|, |mean|) for `double`,
 * and exactly for `float` where that error is below half of the float's own ulp; only values below about 1e-290 std lose more, to
 * underflow. No method allocates.
 *
 * With `roundTo` of the model, `double` and `float` values are restored to m / 10^roundTo: a value that has no more decimals comes back
 * bit for bit while max(|x|, |mean|) is below 2^48 units of the last one, any other within half a unit on top of the error above; a `float`
 * as the float next to that. Halves go up, numbers of 2^52 units or more have nothing to round and stay, and there is no -0.
 *
 * @example
 * const normalizer = new Normalizer(model) // of two modes at 1.050006 and 7.049994, std 0.1126599
 * normalizer.normalize(Float64Array.of(1.5, 7), values, modes) // values 0.99857, -0.11094; modes 0, 1
 */
export class Normalizer {
  readonly #modes: ModeQuadratics
  /** 4 std of each mode, in the unit of the column */
  readonly #scale: Float64Array
  readonly #clip: number
  readonly #isFloat: boolean
  /** 10^decimals that restored values have; 0 if they are not rounded */
  readonly #unitsPerOne: number
  readonly #table: ModeTable
  readonly #unresolvedRows = new Int32Array(blockRows)

  /** @throws FitOptionError if `clip` is not above 0 */
  constructor(model: ColumnModel, { clip = Infinity }: NormalizerOptions = {}) {
    if (!(clip > 0)) throw new FitOptionError(`clip is ${clip}`, 'Choose a number above 0, such as 0.99')
    this.#modes = {
      offset: Float64Array.from(model.offset),
      mean: Float64Array.from(model.mean),
      precision: Float64Array.from(model.precision),
      std: Float64Array.from(model.std),
      weight: Float64Array.from(model.weight),
    }
    this.#scale = this.#modes.std.map((std) => stdsPerUnit * std)
    this.#clip = clip
    this.#isFloat = model.type === 'float'
    this.#unitsPerOne = unitsPerOne(model)
    this.#table = modeTable(this.#modes)
  }

  /**
   * @param values    in the unit of the column, shape (n); the caller has removed NaN and infinities, whose results mean nothing
   * @param outValues shape (>= n); overwritten
   * @param outModes  shape (>= n); overwritten with indices into the model's modes
   */
  normalize(values: Float64Array, outValues: Float64Array, outModes: Uint8Array): void {
    const modes = this.#modes
    const table = this.#table
    const mean = modes.mean
    const scale = this.#scale
    const unresolvedRows = this.#unresolvedRows
    // Three short loops a block instead of one: the long two have neither branches nor calls, which makes them twice as fast.
    for (let start = 0; start < values.length; start += blockRows) {
      const end = Math.min(start + blockRows, values.length)
      const left = lookUp(table, values, start, end, outModes, unresolvedRows)
      for (let i = 0; i < left; i++) {
        const row = unresolvedRows[i]
        outModes[row] = resolveMode(table, modes, values[row])
      }
      for (let i = start; i < end; i++) {
        const mode = outModes[i]
        outValues[i] = (values[i] - mean[mode]) / scale[mode]
      }
    }
    if (this.#clip < Infinity) clipAll(outValues, values.length, this.#clip)
  }

  /**
   * @param values as normalize wrote them, shape (n)
   * @param modes  shape (>= n), each below the model's number of modes
   * @param out    shape (>= n), in the unit of the column; overwritten; may be `values` itself
   */
  restore(values: Float64Array, modes: Uint8Array, out: Float64Array): void {
    const mean = this.#modes.mean
    const scale = this.#scale
    for (let i = 0; i < values.length; i++) out[i] = values[i] * scale[modes[i]] + mean[modes[i]]
    if (this.#unitsPerOne > 0) roundAll(out, values.length, this.#unitsPerOne)
    if (this.#isFloat) for (let i = 0; i < values.length; i++) out[i] = Math.fround(out[i])
  }
}

/**
 * Writes the mode of each value's root cell to `outModes`.
 *
 * @param unresolvedRows shape (>= end - start); overwritten with the rows whose cell is unresolved
 * @returns how many those are
 */
function lookUp(
  { low, cellsPerUnit, rootModes }: ModeTable,
  values: Float64Array,
  start: number,
  end: number,
  outModes: Uint8Array,
  unresolvedRows: Int32Array,
): number {
  const first = low[0]
  const perUnit = cellsPerUnit[0]
  let count = 0
  for (let i = start; i < end; i++) {
    const place = Math.min(Math.max((values[i] - first) * perUnit, 0), rootCells - 1)
    const mode = rootModes[place | 0]
    outModes[i] = mode
    unresolvedRows[count] = i
    count += (mode + 1) >>> 8 // 1 for unresolved (255), else 0
  }
  return count
}

function unitsPerOne({ type, roundTo }: ColumnModel): number {
  if (type === 'int' || type === 'long') return 1
  return roundTo === undefined ? 0 : powersOfTen[roundTo]
}

/** From here on x + 0.5 is rounded itself. */
const largestUnits = 2 ** 52

/** The quotient of two integers that doubles hold exactly is the double nearest to the decimal fraction. */
function roundAll(values: Float64Array, n: number, unitsPerOne: number): void {
  for (let i = 0; i < n; i++) {
    // Math.round takes four times as long, and gives -0.
    const units = Math.floor(values[i] * unitsPerOne + 0.5)
    if (Math.abs(units) < largestUnits) values[i] = units / unitsPerOne
  }
}

function clipAll(values: Float64Array, n: number, clip: number): void {
  for (let i = 0; i < n; i++) values[i] = Math.min(clip, Math.max(-clip, values[i]))
}
