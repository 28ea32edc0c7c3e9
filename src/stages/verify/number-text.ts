import type { NumberStyle } from '../../files/reading/number-style.ts'

/*
 * What a text says, read by an audit's own means: nothing here knows what loads files.
 */

/**
 * Reads numbers of a style: the text without units and thousands, with a point, or undefined for what is no number.
 *
 * @example plainNumberReader({ decimalMark: ',', thousands: '.', units: ['€'] })('1.234,50 €') // '1234.50'
 */
export function plainNumberReader(style: NumberStyle): (text: string) => string | undefined {
  const { decimalMark, thousands, units = [] } = style
  const blank = units.length === 0 ? '[ \\t]*' : '[\\s]*'
  const unit = units.length === 0 ? '' : `(?:(?:${units.map(literal).join('|')})${blank})?`
  const mark = thousands === undefined ? undefined : new RegExp(thousandsMark(thousands), 'g')
  const grouped = mark === undefined ? '' : `[0-9]{1,3}(?:${mark.source}[0-9]{3})+|`
  const pattern = new RegExp(
    `^[ \\t]*${unit}([+\u2212-]?)${unit}(${grouped}[0-9]*)(?:${literal(decimalMark)}([0-9]*))?` +
      `([eE][+-]?[0-9]+)?${blank}${unit}$`,
  )
  return (text) => {
    const match = pattern.exec(text)
    if (match === null) return undefined
    const [, sign, wholePart, fraction, exponent = ''] = match
    const whole = mark === undefined ? wholePart : wholePart.replaceAll(mark, '')
    if (whole === '' && (fraction ?? '') === '') return undefined
    const plainSign = sign === '\u2212' ? '-' : sign
    return `${plainSign}${whole === '' ? '0' : whole}${fraction === undefined ? '' : `.${fraction}`}${exponent}`
  }
}

/** Between thousands a blank stands for all that break no line, an apostrophe for the printed one. */
function thousandsMark(thousands: string): string {
  if (thousands === ' ') return '[ \u00a0\u202f\u2009]'
  return thousands === "'" ? "['\u2019]" : literal(thousands)
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

/** Zeros that an exponent may stand for: more than any number has that is loaded. */
const mostZeros = 400

/**
 * A whole number with all of its digits.
 *
 * @param plain as a plain number reader gives it
 * @returns undefined for one with a fraction
 * @example exactWhole('12.50e2') // 1250n
 */
export function exactWhole(plain: string): bigint | undefined {
  const [, sign, whole, fraction = '', exponent = '0'] =
    /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?$/.exec(plain) ?? []
  if (whole === undefined) return undefined
  const zeros = Number(exponent) - fraction.length
  const digits = whole + fraction
  if (zeros > mostZeros) return undefined
  const behind = zeros < 0 ? digits.slice(zeros) : ''
  if (/[^0]/.test(behind)) return undefined
  const magnitude = BigInt(zeros < 0 ? digits.slice(0, zeros) || '0' : digits + '0'.repeat(zeros))
  return sign === '-' ? -magnitude : magnitude
}

/** Whole numbers of so many characters are exact as doubles. */
const safeCharacters = 15

/**
 * The double that a number's text stands for. A whole number that no double is stays what it is, a bigint: it may be
 * an identifier, and is equal to no double.
 */
export function exactDouble(plain: string): number | bigint {
  const double = Number(plain)
  if (plain.length <= safeCharacters || !/^[+-]?[0-9]+$/.test(plain)) return double
  const whole = BigInt(plain.replace('+', ''))
  return Number.isFinite(double) && BigInt(double) === whole ? double : whole
}

/** NaN and the infinities, as DuckDB's casts take them. */
export function specialNumber(text: string): number | undefined {
  const [, sign, name] = /^([+-]?)(nan|inf|infinity)$/i.exec(text.trim()) ?? []
  if (name === undefined) return undefined
  if (name.toLowerCase() === 'nan') return Number.NaN
  return sign === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}
