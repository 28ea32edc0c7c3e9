import { FitOptionError } from './errors.ts'

/**
 * Refuses what is no object, and options that nobody knows: one that is misspelt would be passed over.
 *
 * @throws FitOptionError
 */
export function checkOptionNames(options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new FitOptionError(`The options are ${shown(options)}`, 'Give an object, or leave them out')
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw new FitOptionError(`There is no option ${unknown}`, `Choose one of ${known.join(', ')}`)
}

/** @throws FitOptionError with what the option may be, unless the condition holds */
export function demand(condition: boolean, name: string, value: unknown, range: string): void {
  if (!condition) throw new FitOptionError(`${name} is ${shown(value)}`, `Choose ${range}`)
}

/** Comparisons alone would take texts for numbers. */
export function isNumberIn(x: unknown, least: number, most: number): boolean {
  return typeof x === 'number' && x >= least && x <= most
}

export function isWholeIn(x: unknown, least: number, most: number): boolean {
  return Number.isInteger(x) && isNumberIn(x, least, most)
}

/** A value in a message: texts in quotes, so that "1" is told from 1; of other things what they are. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  if (typeof value === 'object' && value !== null) return kindOf(value)
  return String(value)
}

/** @example kindOf(new DataView(buffer)) // 'a DataView' */
function kindOf(value: object): string {
  const name = Object.prototype.toString.call(value).slice('[object '.length, -1)
  return `${/^[AEIOU](?!int)/i.test(name) ? 'an' : 'a'} ${name === 'Object' ? 'object' : name}`
}
