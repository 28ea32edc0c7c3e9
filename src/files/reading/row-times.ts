import type { DuckDBConnection } from '@duckdb/node-api'
import { UsageError } from '../../errors.ts'
import { FileColumnError } from '../file-errors.ts'
import type { FileColumn } from './record-schema.ts'
import type { FormatTable } from './table-options.ts'

/** The times that a column of a file gives to its rows. */
export interface RowTimes {
  readonly column: string
  /** SQL: ms since 1970 of a row, as BIGINT; never null */
  readonly value: string
  /** what its values are, as 'seconds since 1970' */
  readonly unit: string
  /** ms since 1970; undefined if no row has one */
  readonly fromMs: number | undefined
  readonly toMs: number | undefined
  /** rows without one, which get the time that was given for them */
  readonly withoutTime: number
}

const integerTypes = /^U?(TINYINT|SMALLINT|INTEGER|BIGINT)$/
const otherNumbers = /^(FLOAT|DOUBLE|HUGEINT|UHUGEINT|DECIMAL\(.*\))$/
const timestamps = /^(TIMESTAMP(_S|_MS|_NS)?|TIMESTAMP WITH TIME ZONE|DATE)$/

/** Units of numbers: the first whose limit is above all of them. They meet nowhere between 1973 and 5138. */
const units = [
  { limit: 1e11, name: 'seconds', times: 1_000, by: 1 },
  { limit: 1e14, name: 'milliseconds', times: 1, by: 1 },
  { limit: 1e17, name: 'microseconds', times: 1, by: 1_000 },
  { limit: Infinity, name: 'nanoseconds', times: 1, by: 1_000_000 },
] as const
/** In the year 1973, in seconds: smaller numbers are something else, as 20261123. */
const leastNumber = 1e8

/**
 * Reads a column through for the times of its rows.
 *
 * @param defaultMs the time of rows that have none; undefined: such a row is an error
 * @throws FileColumnError for a column that is not there or holds no times; UsageError for rows without one
 */
export async function rowTimes(
  connection: DuckDBConnection,
  file: string,
  { rows, columns, rowCount }: Pick<FormatTable, 'rows' | 'columns' | 'rowCount'>,
  name: string,
  defaultMs: number | undefined,
): Promise<RowTimes> {
  const column = columns.find(({ column }) => column === name)
  if (column === undefined) {
    const names = columns.map(({ column }) => column).join(', ')
    throw new FileColumnError(file, name, 'there is no such column that could be the time', `Name one of ${names}`)
  }
  const query = async (list: string) => (await connection.runAndReadAll(`SELECT ${list} FROM ${rows}`)).getRows()[0]
  const { sql, unit } = await timeOf(file, column, query)
  const [known, held, least, most] = await query(
    `count(${sql}), count(${column.value}), min(${sql})::DOUBLE, max(${sql})::DOUBLE`,
  )
  const withoutTime = rowCount - Number(known)
  const unreadable = Number(held) - Number(known)
  if (unreadable > 0) {
    const [example] = await query(
      `first(${column.value}::VARCHAR) FILTER (${sql} IS NULL AND ${column.value} IS NOT NULL)`,
    )
    throw new FileColumnError(
      file,
      name,
      `"${String(example)}" and ${unreadable - 1} more values are no times`,
      'Name its format with --date-format, such as %d.%m.%Y %H:%M, or another column',
    )
  }
  if (withoutTime > 0 && defaultMs === undefined)
    throw new UsageError(
      `${withoutTime} of the ${rowCount} rows of ${file} have no time in column "${name}"`,
      'Give them one with --default-timestamp (defaultTimestamp): now, or a time such as 2026-11-23T06:00:00Z',
    )
  if (least !== null && Number(least) < 0)
    throw new FileColumnError(
      file,
      name,
      `it has times before 1970, from ${new Date(Number(least)).toISOString()} on, and records cannot have those`,
      'Load without --timestamp: "vgm replay --event-time" goes by the column itself',
    )
  return {
    column: name,
    value: defaultMs === undefined ? sql : `COALESCE(${sql}, ${defaultMs})`,
    unit,
    fromMs: least === null ? undefined : Number(least),
    toMs: most === null ? undefined : Number(most),
    withoutTime,
  }
}

/** The SQL of a value's time in ms, null of one that is no time. */
async function timeOf(
  file: string,
  { column, sqlType, value }: FileColumn,
  query: (list: string) => Promise<readonly unknown[]>,
): Promise<{ readonly sql: string; readonly unit: string }> {
  const ofMicros = (micros: string) => `CAST(floor(${micros} / 1000) AS BIGINT)`
  if (timestamps.test(sqlType))
    return {
      sql: ofMicros(`epoch_us(${sqlType.startsWith('TIMESTAMP W') ? value : `CAST(${value} AS TIMESTAMP)`})`),
      unit: sqlType === 'DATE' ? 'dates' : 'timestamps',
    }
  if (sqlType === 'VARCHAR')
    return { sql: ofMicros(`epoch_us(TRY_CAST(${value} AS TIMESTAMPTZ))`), unit: 'texts, UTC where they name no zone' }
  const isInteger = integerTypes.test(sqlType)
  if (!isInteger && !otherNumbers.test(sqlType))
    throw new FileColumnError(
      file,
      column,
      `it is ${sqlType}, which is no time`,
      'Name a column of times or of numbers',
    )
  const [largest] = await query(`max(abs(CAST(${value} AS DOUBLE)))`)
  const size = Number(largest ?? leastNumber)
  if (size < leastNumber)
    throw new FileColumnError(
      file,
      column,
      `its numbers, up to ${size}, are no times since 1970`,
      `If they are dates such as 20261123, add --types ${column}:VARCHAR --date-format %Y%m%d`,
    )
  const { name, times, by } = units.find(({ limit }) => size < limit)!
  // Whole numbers of nanoseconds are beyond 2^53: doubles would round them.
  const number = isInteger ? `CAST(${value} AS HUGEINT) * ${times} // ${by}` : `floor(${value} * ${times} / ${by})`
  return { sql: `CAST(${number} AS BIGINT)`, unit: `${name} since 1970` }
}
