import type { DuckDBConnection } from '@duckdb/node-api'

export interface CountOptions {
  readonly connection: DuckDBConnection
  /** SQL: the table whose rows are counted */
  readonly scan: string
  readonly signal?: AbortSignal | undefined
}

/** Columns of one query: the time to plan regular expressions grows with their square (DuckDB 1.5.6). */
const queryColumns = 100

/** Evaluates aggregates, a list a column, and counts the rows. */
export async function countColumns(
  { connection, scan, signal }: CountOptions,
  aggregates: readonly (readonly string[])[],
): Promise<{ rows: number; values: number[][] }> {
  const values: number[][] = []
  let rows = 0
  for (let from = 0; from === 0 || from < aggregates.length; from += queryColumns) {
    signal?.throwIfAborted()
    const group = aggregates.slice(from, from + queryColumns)
    const sql = `SELECT ${['count(*)', ...group.flat()].join(', ')} FROM ${scan}`
    const cells = (await connection.runAndReadAll(sql)).getRowsJson()[0].map(Number)
    rows = cells[0]
    let at = 1
    for (const column of group) {
      values.push(cells.slice(at, at + column.length))
      at += column.length
    }
  }
  return { rows, values }
}

/** SQL: an aggregate. */
export function countWhere(condition: string): string {
  return `count(*) FILTER (WHERE ${condition})`
}
