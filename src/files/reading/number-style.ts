import { UsageError } from '../../errors.ts'
import { sqlText } from '../sql-literals.ts'

/** How a file writes numbers. */
export interface NumberStyle {
  readonly decimalMark: string
  /** between groups of three digits; none unless told */
  readonly thousands?: string | undefined
  /** texts before or behind a number that are no part of it: $, %, km */
  readonly units?: readonly string[] | undefined
  /** whether some have the sign of printed texts, U+2212, before them */
  readonly hasMinusSign?: boolean
}

/** U+2212, which word processors and statistics offices write. */
export const minusSign = '\u2212'

/** A number of a phone, which a column of such texts has: a regular expression. */
export const phonePattern = '[ \\t]*[+][0-9]{10,}[ \\t]*'

export const plainNumbers: NumberStyle = { decimalMark: '.' }

/** Regular expressions of RE2 and JavaScript alike, for a whole text. */
export interface NumberPatterns {
  /** digits, which may be an identifier: 02134; not -0, which is no whole number's */
  readonly digits: string
  /** a whole number, also one with zeros behind the decimal mark */
  readonly wholeDigits: string
  /** a whole number as people write one: no zeros in front, and none that is -0, which no long is */
  readonly whole: string
  /** any number; zeros in front only before a decimal mark */
  readonly number: string
  /**
   * a number that needs no further look if it has up to 200 characters: not too large or small, not beyond 2^53
   * with more than 15 digits
   */
  readonly simple: string
  /** a number that is zero, whatever its exponent */
  readonly zero: string
}

export function numberPatterns(style: NumberStyle): NumberPatterns {
  const { decimalMark, thousands, units = [], hasMinusSign } = style
  const mark = escaped(decimalMark)
  const { signed, end } = besideDigits(units)
  const sign = signed(`+${hasMinusSign ? minusSign : ''}-`)
  const exponent = '([eE][+-]?[0-9]+)?'
  const grouped =
    thousands === undefined ? '' : `[1-9][0-9]{0,2}([${groupMarks(thousands).map(escaped).join('')}][0-9]{3})+|`
  const wholePart = `(${grouped}0|[1-9][0-9]*)`
  const upTo15Digits = `(${grouped.replace('+|', '{1,4}|')}[0-9]{1,15})`
  const zeroWithoutMinus = `${signed('+')}0${end}`
  return {
    digits: `${sign}(${grouped}[1-9]|[0-9]{2,})${end}|${zeroWithoutMinus}`,
    wholeDigits: `${sign}(${grouped}[0-9]+)(${mark}0*)?${end}`,
    whole: `${sign}(${grouped}[1-9][0-9]*)${end}|${zeroWithoutMinus}`,
    number:
      `${sign}(${wholePart}${exponent}|(${grouped}[0-9]+)${mark}[0-9]*${exponent}|` + `${mark}[0-9]+${exponent})${end}`,
    simple:
      `${sign}(0|[1-9][0-9]{0,14}|(${upTo15Digits}${mark}[0-9]*|${mark}[0-9]+)([eE]-[0-9]{1,2})?|` +
      `[0-9]${mark}[0-9]{1,14}[eE][+]?[0-9]{1,2})${end}`,
    zero: `${sign}[0${mark}]+${exponent}${end}`,
  }
}

/** What every number has in any style with these units, and much else: a regular expression. */
export function looseNumberPattern(units: readonly string[]): string {
  const { signed, end } = besideDigits(units)
  return `${signed(`+${minusSign}-`)}[0-9eE+.,' ${blanks}\u2019-]+${end}`
}

/** What may stand before digits, and behind them. */
function besideDigits(units: readonly string[]): { readonly signed: (signs: string) => string; readonly end: string } {
  const blank = `[ \\t${blanks}]*`
  const unit = units.length === 0 ? '' : `((${units.map(escaped).join('|')})${blank})?`
  return {
    signed: (signs) => `[ \\t]*${unit}[${signs}]?${unit}`,
    end: units.length === 0 ? '[ \\t]*' : `${blank}${unit}`,
  }
}

/** Blanks at which no line breaks: U+00A0, and the narrow U+202F and U+2009. */
export const blanks = '\u00a0\u202f\u2009'

/**
 * The characters that a mark between thousands stands for: a blank for all blanks, an apostrophe for the printed one.
 */
export function groupMarks(thousands: string): string[] {
  if (thousands === ' ') return [' ', ...blanks]
  return thousands === "'" ? ["'", '\u2019'] : [thousands]
}

/** The SQL that turns a text of this style into one that DuckDB casts to a number. */
export function plainNumber(text: string, style: NumberStyle): string {
  const { decimalMark, thousands, units = [], hasMinusSign } = style
  // The longest first: US$ before $.
  const long = [...units].sort((a, b) => b.length - a.length)
  const removed = [
    ...long,
    ...(thousands === undefined ? [] : groupMarks(thousands)),
    ...(units.length === 0 ? [] : ` \t${blanks}`),
  ]
  let sql = removed.reduce((sql, part) => `replace(${sql}, ${sqlText(part)}, '')`, text)
  if (hasMinusSign) sql = `replace(${sql}, '${minusSign}', '-')`
  return decimalMark === '.' ? sql : `replace(${sql}, ${sqlText(decimalMark)}, '.')`
}

/** @throws UsageError for marks that cannot be told apart */
export function checkNumberStyle({ decimalMark, thousands, units = [] }: NumberStyle): void {
  if (decimalMark !== '.' && decimalMark !== ',') {
    throw new UsageError(`"${decimalMark}" is not a decimal mark`, 'Give --decimal-mark . or --decimal-mark ,')
  }
  // A sign that is left out, or an exponent, makes another number.
  const unit = units.find((text) => /^[eE]?$|[0-9.,+()\u2212-]/.test(text))
  if (unit !== undefined)
    throw new UsageError(`"${unit}" is no unit`, 'Give texts without digits, marks and signs: --units $,%')
  if (thousands === undefined) return
  if (thousands.length !== 1 || /[0-9+\-eE"()\u2212]/.test(thousands)) {
    throw new UsageError(`"${thousands}" cannot be the thousands separator`, "Give one of . , ' or a space")
  }
  if (thousands === decimalMark) {
    throw new UsageError(
      `"${thousands}" cannot be both the decimal mark and the thousands separator`,
      thousands === '.' ? 'Add --decimal-mark ,' : 'Leave out one of --decimal-mark and --thousands',
    )
  }
}

function escaped(character: string): string {
  return character.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
