import type { ColumnModel } from '../../mixture/column-model.ts'

/** What recomputing a column needs of its model; arrays of length K, ordered by mean. */
export type ColumnTerms = Pick<ColumnModel, 'mean' | 'std' | 'offset' | 'precision'>

/** How rows were normalized, as far as it is no matter of the model. */
export interface NormalizationRules {
  /** values are limited to -clip..clip; undefined for no limit */
  readonly clip?: number | undefined
  /** `sample`: modes were drawn, so any mode of the model is right and its value is checked */
  readonly modeChoice?: 'likely' | 'sample' | undefined
}

/** ln rho of component `k` at `x`, in nats, straight from its definition. */
function score({ mean, offset, precision }: ColumnTerms, k: number, x: number): number {
  const distance = x - mean[k]
  return offset[k] - (precision[k] / 2) * distance * distance
}

/**
 * The mode of `x`: the first of the highest scores. No table and no boundaries: this is what they are checked against.
 */
export function expectedMode(terms: ColumnTerms, x: number): number {
  let best = 0
  let highest = score(terms, 0, x)
  for (let k = 1; k < terms.mean.length; k++) {
    const candidate = score(terms, k, x)
    if (candidate > highest) {
      best = k
      highest = candidate
    }
  }
  return best
}

/** (x - mean) / (4 std), clipped if rows were. */
export function expectedValue(terms: ColumnTerms, mode: number, x: number, clip: number | undefined): number {
  const value = (x - terms.mean[mode]) / (4 * terms.std[mode])
  return clip === undefined ? value : Math.max(-clip, Math.min(clip, value))
}

/** What a value stands for: value 4 std + mean, before it is rounded to the column's type. */
export function restoredNumber(terms: ColumnTerms, mode: number, value: number): number {
  return value * (4 * terms.std[mode]) + terms.mean[mode]
}

/** Rounding may decide between modes whose scores are equal to within this share of their terms. */
const tieShare = 64 * Number.EPSILON
/** Rounding errors of another order of the same operations. */
const valueUlps = 4

/** What is wrong with a modelled field; undefined if nothing is. */
export function modeValueDifference(
  terms: ColumnTerms,
  x: number,
  found: { readonly value: number; readonly mode: number },
  { clip, modeChoice }: NormalizationRules,
): string | undefined {
  const { mode, value } = found
  if (!(mode >= 0 && mode < terms.mean.length)) return `mode ${mode} does not exist in the model`
  if (!Number.isFinite(restoredNumber(terms, mode, value)))
    return `value ${value} for ${x} in mode ${mode} cannot be restored: it should be a dead letter`
  const likeliest = expectedMode(terms, x)
  if (modeChoice !== 'sample' && mode !== likeliest && !isTied(terms, mode, likeliest, x)) {
    return `mode ${mode} instead of ${likeliest} for ${x}`
  }
  const wanted = expectedValue(terms, mode, x, clip)
  const allowed = valueUlps * Number.EPSILON * Math.max(Math.abs(value), Math.abs(wanted))
  return Math.abs(value - wanted) <= allowed
    ? undefined
    : `value ${value} instead of ${wanted} for ${x} in mode ${mode}`
}

function isTied(terms: ColumnTerms, a: number, b: number, x: number): boolean {
  const size = (k: number) => Math.abs(terms.offset[k]) + Math.abs(terms.offset[k] - score(terms, k, x))
  return Math.abs(score(terms, a, x) - score(terms, b, x)) <= tieShare * Math.max(size(a), size(b))
}

/** What restoring a number depends on. */
export interface RestoredTerms {
  /** of the raw column */
  readonly type: string
  /** of the row's mode */
  readonly mean: number
  /** decimals that the column is rounded to */
  readonly roundTo: number | undefined
}

/**
 * Whether a restored number is as near to the raw one as promised: integers are equal, doubles within 4 ulp of max(|x|,
 * |mean|), floats equal where that is below half their own ulp and else within both together. Of a rounded column,
 * doubles and floats without further decimals are equal, others within half a unit of the last one.
 */
export function isRestored(raw: number, restored: number, { type, mean, roundTo }: RestoredTerms): boolean {
  if (raw === restored) return true
  if (type === 'int' || type === 'long') return false
  if (roundTo !== undefined) return isRounded(raw, restored, { type, mean, roundTo })
  const bound = 4 * ulp(Math.max(Math.abs(raw), Math.abs(mean)))
  if (type !== 'float') return Math.abs(raw - restored) <= bound
  const halfFloatUlp = floatUlp(raw) / 2
  return bound >= halfFloatUlp && Math.abs(raw - restored) <= bound + halfFloatUlp
}

/** 4 of the round trip; the others of scaling, rounding, scaling back, and of the comparison itself. */
const roundedUlps = 8

function isRounded(
  raw: number,
  restored: number,
  { type, mean, roundTo }: RestoredTerms & { readonly roundTo: number },
): boolean {
  const inType = type === 'float' ? Math.fround : (x: number) => x
  const decimal = (x: number) => inType(Number(x.toFixed(roundTo)))
  const halfUnit = 10 ** -roundTo / 2
  const error = roundedUlps * ulp(Math.max(Math.abs(raw), Math.abs(mean)))
  // Far out a unit is no more than a few ulp, and such numbers stay as they are.
  if (error < halfUnit && (decimal(raw) === raw || decimal(restored) !== restored)) return false
  const halfFloatUlp = type === 'float' ? floatUlp(Math.max(Math.abs(raw), Math.abs(restored))) / 2 : 0
  return Math.abs(raw - restored) <= halfUnit + error + halfFloatUlp
}

const scratch = new DataView(new ArrayBuffer(8))

/** Distance from `x`, positive and finite, to the next double. */
function ulp(x: number): number {
  scratch.setFloat64(0, x)
  scratch.setBigUint64(0, scratch.getBigUint64(0) + 1n)
  return scratch.getFloat64(0) - x
}

function floatUlp(x: number): number {
  scratch.setFloat32(0, Math.abs(x))
  scratch.setUint32(0, scratch.getUint32(0) + 1)
  return scratch.getFloat32(0) - Math.abs(x)
}
