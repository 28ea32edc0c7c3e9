import { UsageError } from '../errors.ts'
import { sqlText } from './sql-literals.ts'

/** How a file writes numbers. */
export interface NumberStyle {
  readonly decimalMark: string
  /** between groups of three digits; none unless told */
  readonly thousands?: string | undefined
  /** texts before or behind a number that are no part of it: $, %, km */
  readonly units?: readonly string[] | undefined
}

export const plainNumbers: NumberStyle = { decimalMark: '.' }

/** Regular expressions of RE2 and JavaScript alike, for a whole text. */
export interface NumberPatterns {
  /** digits, which may be an identifier: 02134 */
  readonly digits: string
  /** a whole number, also one with zeros behind the decimal mark */
  readonly wholeDigits: string
  /** a whole number as people write one: no zeros in front */
  readonly whole: string
  /** any number; zeros in front only before a decimal mark */
  readonly number: string
  /** a number that needs no further look if it has up to 200 characters: not too large or small, not whole beyond 2^53 */
  readonly simple: string
  /** a number that is zero, whatever its exponent */
  readonly zero: string
}

export function numberPatterns({ decimalMark, thousands, units = [] }: NumberStyle): NumberPatterns {
  const mark = escaped(decimalMark)
  const unit = units.length === 0 ? '' : `((${units.map(escaped).join('|')})[ \\t]*)?`
  const sign = `[ \\t]*${unit}[+-]?${unit}`
  const end = `[ \\t]*${unit}`
  const exponent = '([eE][+-]?[0-9]+)?'
  const grouped = thousands === undefined ? '' : `[1-9][0-9]{0,2}(${escaped(thousands)}[0-9]{3})+|`
  const wholePart = `(${grouped}0|[1-9][0-9]*)`
  return {
    digits: `${sign}(${grouped}[0-9]+)${end}`,
    wholeDigits: `${sign}(${grouped}[0-9]+)(${mark}0*)?${end}`,
    whole: `${sign}${wholePart}${end}`,
    number: `${sign}(${wholePart}${exponent}|(${grouped}[0-9]+)${mark}[0-9]*${exponent}|${mark}[0-9]+${exponent})${end}`,
    simple: `${sign}(0|[1-9][0-9]{0,14}|((${grouped}[0-9]{1,15})${mark}[0-9]*|${mark}[0-9]+)([eE][+-]?[0-9]{1,2})?)${end}`,
    zero: `${sign}[0${mark}]+${exponent}${end}`,
  }
}

/** The SQL that turns a text of this style into one that DuckDB casts to a number. */
export function plainNumber(text: string, { decimalMark, thousands, units = [] }: NumberStyle): string {
  const removed = thousands === undefined ? units : [...units, thousands]
  const ungrouped = removed.reduce((sql, part) => `replace(${sql}, ${sqlText(part)}, '')`, text)
  return decimalMark === '.' ? ungrouped : `replace(${ungrouped}, ${sqlText(decimalMark)}, '.')`
}

/** @throws UsageError for marks that cannot be told apart */
export function checkNumberStyle({ decimalMark, thousands, units = [] }: NumberStyle): void {
  if (decimalMark !== '.' && decimalMark !== ',') {
    throw new UsageError(`A number has no decimal mark "${decimalMark}"`, 'Give --decimal-mark . or --decimal-mark ,')
  }
  const unit = units.find((text) => /^$|[0-9.,+-]/.test(text))
  if (unit !== undefined)
    throw new UsageError(`"${unit}" is no unit`, 'Give texts without digits and marks: --units $,%')
  if (thousands === undefined) return
  if (thousands.length !== 1 || /[0-9+\-eE"]/.test(thousands)) {
    throw new UsageError(`"${thousands}" cannot stand between thousands`, "Give one of . , ' or a space")
  }
  if (thousands === decimalMark) {
    throw new UsageError(
      `"${thousands}" cannot be the decimal mark and stand between thousands`,
      thousands === '.' ? 'Add --decimal-mark ,' : 'Leave out one of --decimal-mark and --thousands',
    )
  }
}

function escaped(character: string): string {
  return character.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
