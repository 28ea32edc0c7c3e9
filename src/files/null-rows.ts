import type { DuckDBConnection } from '@duckdb/node-api'
import { columnExpression } from './column-types.ts'
import { BadRowError } from './file-errors.ts'
import type { FileColumn } from './record-schema.ts'

export interface NullRowSource {
  readonly file: string
  /** the table function that reads the rows, as SQL */
  readonly scan: string
  /** all that are loaded: a row is bad, and skipped, for any of them */
  readonly columns: readonly FileColumn[]
  /** whether bad rows are skipped */
  readonly collectsBadRows: boolean
  /** of a CSV file: the table function that reads its lines as they are, and whether the first one is the header */
  readonly lines?: { readonly scan: string; readonly header: boolean }
}

/** The first row that is null in a column which was declared to hold none; the file is read for it once more. */
export async function nullRowError(
  connection: DuckDBConnection,
  source: NullRowSource,
  declared: FileColumn,
  rowCount: number,
): Promise<BadRowError> {
  const { file, scan, columns, collectsBadRows } = source
  const { column } = declared
  const values = columns.map(({ column, type }, i) => `${columnExpression(column, type)} AS c${i}`)
  const numbered = `SELECT row_number() OVER () AS row, ${values.join(', ')} FROM ${scan}`
  const isNull = `c${columns.indexOf(declared)} IS NULL`
  const reader = await connection.runAndReadAll(`FROM (${numbered}) WHERE ${isNull} LIMIT 1`)
  const row = Number(reader.getRowsJson()[0][0])
  const line = await lineOfRow(connection, source, row, rowCount)
  const place = { column, ...(line !== undefined && { line }) }
  return new BadRowError(file, place, nullRowProblem(row, collectsBadRows), nullRowFix(column))
}

/** @param row counted from 1, without a header and without bad rows that are skipped */
export function nullRowProblem(row: number, collectsBadRows = false): string {
  return `row ${row}${collectsBadRows ? ', bad ones not counted,' : ''} is null, and the column was declared as not null`
}

export function nullRowFix(column: string): string {
  return `Correct the row, or leave "${column}" out of --not-null`
}

/**
 * DuckDB does not say in which line a row stands. It is known where every row is one line: empty lines, values over
 * several lines and rows that were rejected all make more lines than rows.
 */
async function lineOfRow(
  connection: DuckDBConnection,
  { lines }: NullRowSource,
  row: number,
  rowCount: number,
): Promise<number | undefined> {
  if (lines === undefined) return undefined
  const headerLines = lines.header ? 1 : 0
  try {
    const reader = await connection.runAndReadAll(`SELECT count(*) FROM ${lines.scan}`)
    return Number(reader.getRowsJson()[0][0]) === rowCount + headerLines ? row + headerLines : undefined
  } catch {
    return undefined
  }
}
