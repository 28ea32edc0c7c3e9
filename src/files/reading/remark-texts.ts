import type { DuckDBConnection } from '@duckdb/node-api'
import { countText } from '../../count-text.ts'
import { shellWord } from '../shell-word.ts'
import type { TextStyle } from './text-types.ts'

export interface RemarkOptions {
  readonly connection: DuckDBConnection
  /** SQL: the table */
  readonly scan: string
  /** what was told, and is not to be advised */
  readonly style: TextStyle
  readonly nullTexts: readonly string[]
}

/**
 * The flag that makes null of texts, beside those that are told; undefined where no list can name one of them.
 *
 * @example nullFlag([' '], ['NA']) // "--null 'NA, '"
 */
export function nullFlag(texts: readonly string[], told: readonly string[]): string | undefined {
  const named = texts.filter((text) => !/[,\r\n]/.test(text) && (text.trim() === text || text.trim() === ''))
  if (named.length === 0) return undefined
  const list = [...told, ...named].join(',')
  // A list that begins with a dash would be taken for another flag.
  return list.startsWith('-') ? `--null=${shellWord(list)}` : `--null ${shellWord(list)}`
}

/** Texts of programs for a number that is infinite, in lower case. */
export const infinities: readonly string[] = [
  ...['inf', '-inf', '+inf', 'infinity', '-infinity', '+infinity', '1.#inf', '-1.#inf'],
]

/** Texts of programs and people for a value that is not there, or that is no finite number, in lower case. */
export const missingTexts: readonly string[] = [
  ...['na', 'n/a', '#n/a', '#nv', 'n.a.', 'nan', 'nat', '<na>', 'null', '(null)', 'none', 'nil', 'missing', 'unknown'],
  ...['-', '--', '---', '.', '..', '...', '?', '*', ':', '\\n'],
  ...['#div/0!', '#value!', '#ref!', '#num!', '#name?', '#null!', '-1.#ind', '1.#qnan'],
  ...infinities,
]

/**
 * What is said of a column that has texts among other values.
 *
 * @param what what the `count` others are
 * @param texts  the first or most usual ones
 * @param formOf what a text is that means more than a text, and what to do about it: it is not to become null
 * @example
 * '80 of its 100 values are numbers, the others texts, as "NA": --null NA takes such a text for null'
 * '80 of its 100 values are numbers; others, as "1_000", are numbers with underscores between thousands: ' +
 *   'add --thousands _'
 */
export function textsAmong(
  what: string,
  count: number,
  values: number,
  texts: readonly string[],
  formOf: (text: string) => string | undefined,
  toldNulls: readonly string[],
): string {
  const forms = Map.groupBy(texts, formOf)
  const meant = [...forms].flatMap(([form, of]) => (form === undefined ? [] : [`; others, as ${quoted(of)}, ${form}`]))
  const plain = forms.get(undefined) ?? []
  const others = plain.length === 0 ? '' : `, ${meant.length === 0 ? 'the ' : ''}others texts, as ${quoted(plain)}`
  const missing = plain.filter((text) => missingTexts.includes(text.trim().toLowerCase()))
  const nulls = missing.length === 0 ? plain.slice(0, 1) : missing
  const flag = nullFlag(nulls, toldNulls)
  const advice = flag === undefined ? '' : `: ${flag} takes such ${nulls.length === 1 ? 'a text' : 'texts'} for null`
  return `${countText(count)} of its ${countText(values)} values are ${what}${others}${advice}${meant.join('')}`
}

/** The first three. */
function quoted(texts: readonly string[]): string {
  return texts
    .slice(0, 3)
    .map((text) => `"${text.slice(0, 20)}"`)
    .join(', ')
}

/** Said where some of a column's texts seem to stand for nothing. */
export const nullAdvice = ', and name the text that means null with --null'
