import { type TextTableOptions, textTable } from '../observe/report-text.ts'

/** A table whose lines fit the terminal; elsewhere each row is one line, for other programs. */
export function screenTable(
  header: Parameters<typeof textTable>[0],
  rows: Parameters<typeof textTable>[1],
  options: TextTableOptions = {},
): string {
  return textTable(header, rows, { width: process.stdout.columns, ...options })
}

/**
 * @param most how many names are listed one by one
 * @param what the names are of, in the plural [said elsewhere]
 *
 * @example listed(['a', 'b', 'c'], 2, 'columns') // 'a, b and 1 more columns'
 */
export function listed(names: readonly string[], most: number, what = ''): string {
  const more = names.length > most ? ` and ${names.length - most} more ${what}`.trimEnd() : ''
  return names.slice(0, most).join(', ') + more
}

/** @example percentText(0.1234) // '12.3 %' */
export function percentText(share: number, digits = 1): string {
  return `${(100 * share).toFixed(digits)} %`
}
