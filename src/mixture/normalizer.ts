import { checkArray, checkFinite, checkLength } from './check-arrays.ts'
import { checkOptionNames, demand, isNumberIn, shown } from './check-options.ts'
import type { ColumnModel } from './column-model.ts'
import { modesProblem } from './column-model-problem.ts'
import { powersOfTen } from './decimals.ts'
import { FitOptionError, UnknownModeError } from './errors.ts'
import { likeliestMode } from './likeliest-mode.ts'
import { type ModeQuadratics, type ModeTable, modeTable, resolveMode, rootCells } from './mode-table.ts'

export { likeliestMode }

/**
 * A value is the distance from its mode's mean in this many standard deviations; Xu et al., CTGAN, NeurIPS 2019, 4.2.
 */
export const stdsPerUnit = 4

/** Rows a block: its values, modes and results stay in the first-level cache. */
const blockRows = 1024

export interface NormalizerOptions {
  /** cut values to -clip..clip, as CTGAN does with 0.99; rows beyond cannot be restored [no clipping] */
  readonly clip?: number
  /**
   * whether the arrays are looked at first: their types and lengths, that values are finite, that the model has the
   * modes. Whoever has done so already, row by row, leaves it out [true]
   */
  readonly checks?: boolean
  /**
   * whether the first call of `normalize` builds the table of modes; else `tabulate` does, and modes are evaluated
   * before it [true]
   */
  readonly tabulates?: boolean
}

/** Rows of a block that are to be looked at one by one; no two normalizers are at work at once. */
const unresolvedRows = new Int32Array(blockRows)

/**
 * Turns the values of a column into (value, mode) and back: value = (x - mean) / (4 std), mode = likeliestMode(model,
 * x).
 *
 * restore undoes normalize: exactly for `int` and `long` while max(|x|, |mean|) < 2^49, within 4 ulp of max(|x|,
 * |mean|) for `double`, and exactly for `float` where that error is below half of the float's own ulp; only values
 * below about 1e-290 std lose more, to underflow. No method allocates, but for the table of modes, 5 to 20 ms and 67
 * KiB, that is built once.
 *
 * With `roundTo` of the model, `double` and `float` values are restored to m / 10^roundTo: a value that has no more
 * decimals comes back bit for bit while max(|x|, |mean|) is below 2^48 units of the last one, any other within half a
 * unit on top of the error above; a `float` as the float next to that. Halves go up, numbers of 2^52 units or more have
 * nothing to round and stay, and there is no -0.
 *
 * @example
 * const normalizer = new Normalizer(model) // of two modes at 1.0500002 and 7.0499998, std 0.1080175
 * normalizer.normalize(Float64Array.of(1.5, 7), values, modes) // values 1.04150, -0.11572; modes 0, 1
 */
export class Normalizer {
  readonly #modes: ModeQuadratics
  /** 4 std of each mode, in the unit of the column */
  readonly #scale: Float64Array
  readonly #clip: number
  readonly #isFloat: boolean
  /** 10^decimals that restored values have; 0 if they are not rounded */
  readonly #unitsPerOne: number
  readonly #checks: boolean
  readonly #tabulates: boolean
  #table: ModeTable | undefined

  /** @throws FitOptionError for what is no model, for an option that cannot be, or that there is not */
  constructor(model: ColumnModel, options: NormalizerOptions = {}) {
    checkOptionNames(options, ['clip', 'checks', 'tabulates'])
    const { clip = Infinity, checks = true, tabulates = true } = options
    const problem = typeof model === 'object' && model !== null ? modesProblem(model) : `it is ${shown(model)}`
    if (problem !== undefined)
      throw new FitOptionError(`This is no model of a column: ${problem}`, 'Give what columnModel has returned')
    demand(isNumberIn(clip, Number.MIN_VALUE, Infinity), 'clip', clip, 'a number above 0, such as 0.99')
    demand(typeof checks === 'boolean', 'checks', checks, 'true or false')
    demand(typeof tabulates === 'boolean', 'tabulates', tabulates, 'true or false')
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
    this.#checks = checks
    this.#tabulates = tabulates
  }

  /**
   * Has modes looked up from now on. The results stay the same: the table is proven to agree with the evaluation
   * everywhere.
   */
  tabulate(): void {
    this.#table ??= modeTable(this.#modes)
  }

  /**
   * @param values    in the unit of the column, shape (n), finite
   * @param outValues shape (>= n); overwritten; NaN for a value that would be infinite, or that restore would make
   * infinite
   * @param outModes  shape (>= n); overwritten with indices into the model's modes
   * @returns how many are NaN: of numbers as far out as 1e300, or beside a very narrow mode; 0 if they are clipped
   * @throws ArrayTypeError, ShortArrayError, NonFiniteValueError; nothing is written then
   */
  normalize(values: Float64Array, outValues: Float64Array, outModes: Uint8Array): number {
    if (this.#checks) {
      checkArray('values', values, 'Float64Array')
      checkArray('outValues', outValues, 'Float64Array')
      checkArray('outModes', outModes, 'Uint8Array')
      checkLength('outValues', outValues, values.length)
      checkLength('outModes', outModes, values.length)
      checkFinite(values)
    }
    if (this.#tabulates) this.tabulate()
    const modes = this.#modes
    const table = this.#table
    const mean = modes.mean
    const scale = this.#scale
    let failed = 0
    // Short loops a block instead of one: the long two have neither branches nor calls, which makes them twice as fast.
    for (let start = 0; start < values.length; start += blockRows) {
      const end = Math.min(start + blockRows, values.length)
      const left =
        table === undefined
          ? evaluate(modes, values, start, end, outModes)
          : lookUpAll(table, modes, values, start, end, outModes)
      for (let i = start; i < end; i++) {
        const mode = outModes[i]
        outValues[i] = (values[i] - mean[mode]) / scale[mode]
      }
      // A cell of the root that names its mode is near it, so that only the others can hold what is too far out.
      if (this.#clip === Infinity) failed += failInfinite(left, outValues, outModes, modes, scale)
    }
    if (this.#clip < Infinity) clipAll(outValues, values.length, this.#clip)
    return failed
  }

  /**
   * @param values as normalize wrote them, shape (n), finite: what normalize has counted as failed cannot be restored
   * @param modes  shape (>= n), each below the model's number of modes
   * @param out    shape (>= n), in the unit of the column; overwritten; may be `values` itself; infinite for a value
   * that normalize does not write, such as 1e308
   * @throws ArrayTypeError, ShortArrayError, NonFiniteValueError, UnknownModeError; nothing is written then
   */
  restore(values: Float64Array, modes: Uint8Array, out: Float64Array): void {
    const mean = this.#modes.mean
    const scale = this.#scale
    if (this.#checks) {
      checkArray('values', values, 'Float64Array')
      checkArray('modes', modes, 'Uint8Array')
      checkArray('out', out, 'Float64Array')
      checkLength('modes', modes, values.length)
      checkLength('out', out, values.length)
      checkRestorable(values, modes, mean.length)
    }
    for (let i = 0; i < values.length; i++) out[i] = values[i] * scale[modes[i]] + mean[modes[i]]
    if (this.#unitsPerOne > 0) roundAll(out, values.length, this.#unitsPerOne)
    if (this.#isFloat) for (let i = 0; i < values.length; i++) out[i] = Math.fround(out[i])
  }
}

/** @throws UnknownModeError, NonFiniteValueError */
function checkRestorable(values: Float64Array, modes: Uint8Array, count: number): void {
  let highest = 0
  let differences = 0
  // A maximum and a sum, without a branch for each value: x - x is 0, or NaN for what is not finite.
  for (let row = 0; row < values.length; row++) {
    const mode = modes[row]
    const value = values[row]
    highest = Math.max(highest, mode)
    differences += value - value
  }
  if (highest >= count) {
    const row = modes.findIndex((mode) => mode >= count)
    throw new UnknownModeError(modes[row], row, count)
  }
  if (differences !== 0) checkFinite(values)
}

/** The definition, value by value; all rows count as unresolved. */
function evaluate(
  modes: ModeQuadratics,
  values: Float64Array,
  start: number,
  end: number,
  outModes: Uint8Array,
): number {
  for (let i = start; i < end; i++) {
    outModes[i] = likeliestMode(modes, values[i])
    unresolvedRows[i - start] = i
  }
  return end - start
}

/** The same by the table; what is left over in `unresolvedRows` is resolved one by one. */
function lookUpAll(
  table: ModeTable,
  modes: ModeQuadratics,
  values: Float64Array,
  start: number,
  end: number,
  outModes: Uint8Array,
): number {
  const left = lookUp(table, values, start, end, outModes)
  for (let i = 0; i < left; i++) {
    const row = unresolvedRows[i]
    outModes[row] = resolveMode(table, modes, values[row])
  }
  return left
}

/**
 * Makes NaN of results that are infinite or are restored to an infinity, among the first `left` unresolved rows;
 * returns their number.
 */
function failInfinite(
  left: number,
  outValues: Float64Array,
  outModes: Uint8Array,
  { mean }: ModeQuadratics,
  scale: Float64Array,
): number {
  let failed = 0
  for (let i = 0; i < left; i++) {
    const row = unresolvedRows[i]
    const mode = outModes[row]
    const restored = outValues[row] * scale[mode] + mean[mode]
    if (restored - restored === 0) continue
    outValues[row] = Number.NaN
    failed++
  }
  return failed
}

/**
 * Writes the mode of each value's root cell to `outModes`, and the rows whose cell is unresolved to `unresolvedRows`.
 *
 * @returns how many those are
 */
function lookUp(
  { low, cellsPerUnit, rootModes }: ModeTable,
  values: Float64Array,
  start: number,
  end: number,
  outModes: Uint8Array,
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

/** 10^decimals that restored values have; 0 if they are not rounded. */
export function unitsPerOne({ type, roundTo }: ColumnModel): number {
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
