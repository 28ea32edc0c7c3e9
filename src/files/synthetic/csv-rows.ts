import { maxNumberBytes, type TextBuffer, writeDouble, writeFixed, writeFloat, writeWhole } from './number-text.ts'

/** A column of numbers on its way into a CSV file. */
export interface CsvColumn {
  /** shape (rows), NaN for null */
  readonly values: Float64Array
  readonly type: 'int' | 'long' | 'float' | 'double'
  /** that all of its values have, and are written with; without them a value has as many digits as it needs */
  readonly decimals?: number | undefined
}

/** The most that a row takes. */
export function maxCsvRowBytes(columns: number): number {
  return columns * (maxNumberBytes + 1)
}

/** The first line. Names that are Avro's need no quotes: letters, digits and underscores. */
export function csvHeader(names: readonly string[]): string {
  return `${names.join(',')}\n`
}

/**
 * Writes the first `rows` rows from `at` on, null as nothing, and returns the position after them. Where there is one
 * column null is "": pandas and R pass over an empty line.
 *
 * @param out has room for `rows` times `maxCsvRowBytes`
 */
export function writeCsvRows(columns: readonly CsvColumn[], rows: number, out: TextBuffer, at: number): number {
  const values = columns.map((column) => column.values)
  const writers = columns.map(numberWriter)
  const last = columns.length - 1
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c <= last; c++) {
      const value = values[c][row]
      if (!Number.isNaN(value)) at = writers[c](out, at, value)
      else if (last === 0) {
        out.bytes[at++] = quote
        out.bytes[at++] = quote
      }
      out.bytes[at++] = c < last ? comma : newLine
    }
  }
  return at
}

const comma = 44
const quote = 34
const newLine = 10

function numberWriter({ type, decimals }: CsvColumn): (out: TextBuffer, at: number, value: number) => number {
  if (type === 'int' || type === 'long') return writeWhole
  if (decimals !== undefined) return (out, at, value) => writeFixed(out, at, value, decimals)
  return type === 'float' ? writeFloat : writeDouble
}
