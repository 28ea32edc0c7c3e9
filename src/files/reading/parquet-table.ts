import type { DuckDBConnection } from '@duckdb/node-api'
import { BadRowError, FileColumnError } from '../file-errors.ts'
import { sqlName, sqlPath } from '../sql-literals.ts'
import { columnType } from './column-types.ts'
import { exactDecimal, inexactDecimalRemark } from './decimal-types.ts'
import { type FileColumn, otherTypeRemark, type TopicRecord } from './record-schema.ts'
import { type ChosenColumn, chosenColumns, type FormatTable, type TableFileOptions } from './table-options.ts'
import { checkIsParquet } from './text-source.ts'
import { leaveOut, numberedRows } from './text-table.ts'

/** What DuckDB's reader adds to the columns of a Parquet file. */
const rowNumber = 'file_row_number'

/** A Parquet file: it says itself what its columns are, how many rows it has, and mostly where there is no null. */
export async function parquetTable(connection: DuckDBConnection, options: TableFileOptions): Promise<FormatTable> {
  const { file, topicRecord } = options
  await checkIsParquet(file)
  const plain = `read_parquet(${sqlPath(file)}, hive_partitioning=false)`
  const found = await parquetColumns(connection, file)
  const types = new Map(found.map(({ column, sqlType }) => [column, sqlType]))
  const names = new Map(found.map(({ column, name }) => [column, sqlName(name)]))
  const nameOf = (column: string) => names.get(column) ?? sqlName(column)
  // A file may have a column of that name: then its rows are passed over one by one.
  const isNumbered = !found.some(({ name }) => name.toLowerCase() === rowNumber)
  const rows = isNumbered ? `read_parquet(${sqlPath(file)}, hive_partitioning=false, ${rowNumber}=true)` : plain
  const chosen = chosenColumns([...types.keys()], options)
  await refuseLongDecimals(connection, options, chosen, types)
  const rowCount = await countRows(connection, file)
  const withoutNull = new Set(await columnsWithoutNull(connection, file))
  const wanted = await topicTypes(connection, plain, chosen, types, nameOf, topicRecord)
  for (const [column, sqlType] of await exactDecimals(connection, plain, chosen, types, nameOf)) {
    if (!wanted.has(column)) wanted.set(column, sqlType)
  }
  const nanoseconds = await cutNanoseconds(connection, file)
  const columns = chosen.map(({ column, field, notNull }): FileColumn => {
    const own = types.get(column) ?? ''
    const sqlType = wanted.get(column) ?? own
    const type = columnType(sqlType)
    if (type === undefined) throw noPlace(options, column, sqlType, types)
    const value = sqlType === own ? nameOf(column) : `CAST(${nameOf(column)} AS ${sqlType})`
    const remark =
      sqlType === 'VARCHAR' && own.startsWith('DECIMAL')
        ? inexactDecimalRemark(own)
        : nanoseconds.has(column)
          ? 'the file has nanoseconds, and only microseconds are read'
          : otherTypeRemark(topicRecord, field, type)
    return { column, field, sqlType, type, value, nullable: !notNull && !withoutNull.has(column), remark }
  })
  for (const { column, notNull } of chosen) {
    if (notNull && !withoutNull.has(column)) await refuseNull(connection, file, plain, column, nameOf(column))
  }
  return { rows, ...(isNumbered && { rowNumber }), columns, rowCount, decisions: '', doubts: [] }
}

/** A column of a Parquet file. */
export interface ParquetColumn {
  /** as the file calls it; a second one of the same name as DuckDB calls it */
  readonly column: string
  /** as DuckDB calls it, to whom A is a second column a */
  readonly name: string
  readonly sqlType: string
}

/** The columns of a Parquet file in its order. */
export async function parquetColumns(connection: DuckDBConnection, file: string): Promise<ParquetColumn[]> {
  const described = await connection.runAndReadAll(
    `DESCRIBE FROM read_parquet(${sqlPath(file)}, hive_partitioning=false)`,
  )
  const schema = await connection.runAndReadAll(`SELECT name, num_children FROM parquet_schema(${sqlPath(file)})`)
  const elements = schema.getRowsJson().map(([name, children]) => ({ name: String(name), children: Number(children) }))
  const own: string[] = []
  // The root comes first, and each column before what is nested in it.
  for (let at = 1; at < elements.length; at++) {
    own.push(elements[at].name)
    for (let nested = elements[at].children; nested > 0; nested--) nested += elements[++at].children
  }
  const seen = new Set<string>()
  return described.getRowsJson().map(([name, sqlType], i) => {
    const column = seen.has(own[i]) ? String(name) : (own[i] ?? String(name))
    seen.add(column)
    return { column, name: String(name), sqlType: String(sqlType) }
  })
}

function noPlace(
  { file }: TableFileOptions,
  column: string,
  sqlType: string,
  types: ReadonlyMap<string, string>,
): FileColumnError {
  const others = [...types].filter(([, type]) => columnType(type) !== undefined).map(([name]) => name)
  return new FileColumnError(file, column, `its type ${sqlType} has no place in a flat Avro record`, leaveOut(others))
}

/** DuckDB reads decimals of more than 38 digits as doubles that have nothing to do with them (1.5.6). */
async function refuseLongDecimals(
  connection: DuckDBConnection,
  { file }: TableFileOptions,
  chosen: readonly ChosenColumn[],
  types: ReadonlyMap<string, string>,
): Promise<void> {
  const reader = await connection.runAndReadAll(
    `SELECT name, precision FROM parquet_schema(${sqlPath(file)}) ` +
      "WHERE (converted_type = 'DECIMAL' OR logical_type LIKE 'DecimalType%') AND precision > 38",
  )
  const long = new Map(reader.getRowsJson().map(([name, precision]) => [String(name), Number(precision)]))
  const found = chosen.find(({ column }) => long.has(column))
  if (found === undefined) return
  const others = [...types.keys()].filter((name) => !long.has(name))
  throw new FileColumnError(
    file,
    found.column,
    `its values are decimals of ${long.get(found.column)} digits, and no more than 38 can be read`,
    `Write the column with fewer digits, or as text. ${leaveOut(others)}`,
  )
}

/** Decimals that become another type than a double. */
async function exactDecimals(
  connection: DuckDBConnection,
  scan: string,
  chosen: readonly ChosenColumn[],
  types: ReadonlyMap<string, string>,
  nameOf: (column: string) => string,
): Promise<Map<string, string>> {
  const exact = new Map<string, string>()
  for (const { column } of chosen) {
    const sqlType = await exactDecimal(connection, scan, nameOf(column), types.get(column) ?? '')
    if (sqlType !== undefined) exact.set(column, sqlType)
  }
  return exact
}

/** Columns of nanoseconds that DuckDB reads as microseconds: with a zone, and those of INT96 (1.5.6). */
async function cutNanoseconds(connection: DuckDBConnection, file: string): Promise<ReadonlySet<string>> {
  const reader = await connection.runAndReadAll(
    `SELECT name FROM parquet_schema(${sqlPath(file)}) WHERE type = 'INT96' OR ` +
      "(logical_type LIKE '%NANOS=NanoSeconds%' AND logical_type LIKE '%isAdjustedToUTC=1%')",
  )
  return new Set(reader.getRowsJson().map(([name]) => String(name)))
}

/** Columns whose statistics count no null in any row group. */
async function columnsWithoutNull(connection: DuckDBConnection, file: string): Promise<string[]> {
  const reader = await connection.runAndReadAll(
    `SELECT path_in_schema FROM parquet_metadata(${sqlPath(file)}) GROUP BY path_in_schema ` +
      'HAVING bool_and(coalesce(stats_null_count = 0, false))',
  )
  return reader.getRowsJson().map(([name]) => String(name))
}

async function countRows(connection: DuckDBConnection, file: string): Promise<number> {
  const reader = await connection.runAndReadAll(`SELECT num_rows FROM parquet_file_metadata(${sqlPath(file)})`)
  return Number(reader.getRowsJson()[0][0])
}

/** Of columns whose field in the topic has another type the ones whose values all fit it, with that type. */
async function topicTypes(
  connection: DuckDBConnection,
  scan: string,
  chosen: readonly ChosenColumn[],
  types: ReadonlyMap<string, string>,
  nameOf: (column: string) => string,
  topic: TopicRecord | undefined,
): Promise<Map<string, string>> {
  const others = chosen.flatMap(({ column, field }) => {
    const wanted = topic?.fields.get(field)?.sqlType
    const own = types.get(column) ?? ''
    const made = columnType(own)
    const differs = wanted !== undefined && made !== undefined && columnType(wanted)?.avro !== made.avro
    return differs && made.logicalType === undefined ? [{ column, wanted, own }] : []
  })
  if (others.length === 0) return new Map()
  const misfits = others.map(({ column, wanted, own }) => {
    const name = nameOf(column)
    const cast = `TRY_CAST(${name} AS ${wanted})`
    // The way back shows what the way there has lost.
    const isSame = `TRY_CAST(${cast} AS ${own}) = ${name}`
    return `count(*) FILTER (WHERE ${name} IS NOT NULL AND (${isSame}) IS NOT TRUE)`
  })
  const counts = (await connection.runAndReadAll(`SELECT ${misfits.join(', ')} FROM ${scan}`))
    .getRowsJson()[0]
    .map(Number)
  return new Map(others.filter((_, i) => counts[i] === 0).map(({ column, wanted }) => [column, wanted]))
}

async function refuseNull(
  connection: DuckDBConnection,
  file: string,
  scan: string,
  column: string,
  name: string,
): Promise<void> {
  const numbered = numberedRows(scan, [`${name} AS value`])
  const [found] = (
    await connection.runAndReadAll(`SELECT row FROM ${numbered} WHERE value IS NULL LIMIT 1`)
  ).getRowsJson()
  if (found === undefined) return
  throw new BadRowError(
    file,
    { column },
    `row ${found[0]} is null, and the column was declared as not null`,
    `Correct the row, or leave "${column}" out of --not-null`,
  )
}
