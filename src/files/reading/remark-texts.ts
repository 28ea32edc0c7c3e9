import type { DuckDBConnection } from '@duckdb/node-api'
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
 * The flag that makes null of a text, beside those that are told; undefined for a text that no list can name.
 *
 * @example nullFlag(' ', ['NA']) // "--null 'NA, '"
 */
export function nullFlag(text: string, told: readonly string[]): string | undefined {
  if (/[,\r\n]/.test(text) || (text.trim() !== text && text.trim() !== '')) return undefined
  const list = [...told, text].join(',')
  // A list that begins with a dash would be taken for another flag.
  return list.startsWith('-') ? `--null=${shellWord(list)}` : `--null ${shellWord(list)}`
}

/**
 * What is said of a column that has texts among other values.
 *
 * @param what what the `count` others are
 * @param texts the first or most usual ones
 * @example '80 of its 100 values are numbers, the others texts, as "NA": --null NA takes such a text for null'
 */
export function textsAmong(
  what: string,
  count: number,
  values: number,
  texts: readonly string[],
  toldNulls: readonly string[],
): string {
  const named = texts.map((text) => `"${text.slice(0, 20)}"`).join(', ')
  const flag = nullFlag(texts[0], toldNulls)
  return (
    `${count.toLocaleString('en')} of its ${values.toLocaleString('en')} values are ${what}, the others texts, ` +
    `as ${named}` +
    (flag === undefined ? '' : `: ${flag} takes such a text for null`)
  )
}

/** Said where some of a column's texts seem to stand for nothing. */
export const nullAdvice = ', and name the text that means null with --null'
