import type { DuckDBConnection } from '@duckdb/node-api'

/**
 * The type of decimals that a double may not hold without a change: BIGINT where there is no fraction, else VARCHAR.
 * Undefined for those that a double holds, and for other types.
 *
 * @param rows SQL: the table
 * @param value SQL: a column's value
 * @param sqlType as DuckDB prints it
 */
export async function exactDecimal(
  connection: DuckDBConnection,
  rows: string,
  value: string,
  sqlType: string,
): Promise<'BIGINT' | 'VARCHAR' | undefined> {
  const [, precision, scale] = /^DECIMAL\((\d+),(\d+)\)$/.exec(sqlType)?.map(Number) ?? []
  if (precision === undefined || (precision <= 15 && scale > 0)) return undefined
  const back = (type: string) => `TRY_CAST(TRY_CAST(${value} AS ${type}) AS ${sqlType}) IS NOT DISTINCT FROM ${value}`
  const sql = `SELECT bool_and(${back('DOUBLE')}), bool_and(${back('BIGINT')}) FROM ${rows}`
  const [[isDouble, isLong]] = (await connection.runAndReadAll(sql)).getRowsJson()
  if (scale === 0) return isLong === false ? 'VARCHAR' : 'BIGINT'
  return isDouble === false ? 'VARCHAR' : undefined
}

export function inexactDecimalRemark(sqlType: string): string {
  return `text: no double holds all of its values of ${sqlType}`
}
