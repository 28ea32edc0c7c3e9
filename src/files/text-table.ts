import type { DuckDBConnection } from '@duckdb/node-api'
import { mostlyNumbers, type SurveyedColumn, surveyColumns } from './column-survey.ts'
import { type ColumnType, columnType } from './column-types.ts'
import { BadRowError, type BadRowPlace, FileColumnError } from './file-errors.ts'
import { plainNumbers } from './number-style.ts'
import type { FileColumn } from './record-schema.ts'
import { sqlText } from './sql-literals.ts'
import type { ChosenColumn, TableFileOptions } from './table-options.ts'
import { textRemarks } from './text-remarks.ts'
import { namedType, preferredType, type TextColumn, type TextStyle, type TextType } from './text-types.ts'

export interface TextTableSource {
  readonly connection: DuckDBConnection
  /** SQL: all rows that are rows, behind FROM */
  readonly scan: string
  readonly chosen: readonly ChosenColumn[]
  /** shape (chosen) */
  readonly texts: readonly TextColumn[]
  /** Where row `row`, counted from 1, stands in the file. */
  readonly placeOf: (row: number) => Promise<{ place: BadRowPlace; where: string }>
}

export interface TextTable {
  /** SQL: the rows whose values all have their types */
  readonly rows: string
  readonly columns: readonly FileColumn[]
  readonly rowCount: number
  /** SQL conditions on a row that is set aside, with the column that they are about */
  readonly misfits: readonly SurveyedColumn[]
}

/** How the options want numbers and dates to be read. */
export function textStyle({ text }: TableFileOptions): TextStyle {
  return { numbers: text?.numbers ?? plainNumbers, dateFormat: text?.dateFormat }
}

/**
 * The columns of a table of texts: every value is read, and has the type of its column or is refused.
 *
 * @throws BadRowError for the first value that does not fit, unless bad rows are collected; for a null that may not be
 * @throws FileColumnError for a column of objects or lists, and a type that Avro has no flat place for
 */
export async function textTable(source: TextTableSource, options: TableFileOptions): Promise<TextTable> {
  const { connection, scan, chosen, texts } = source
  const { file, text, topicRecord, signal, collectBadRows = false } = options
  const style = textStyle(options)
  const given = new Map(Object.entries(text?.types ?? {}))
  const named = new Map<string, TextType>()
  const preferred = new Map<string, TextType>()
  for (const [i, { column, field }] of chosen.entries()) {
    const sqlType = given.get(column)
    const known = topicRecord?.fields.get(field)?.sqlType
    const wanted = known === undefined ? undefined : preferredType(texts[i], known, style)
    if (sqlType !== undefined) {
      named.set(column, namedType(texts[i], await printedType(connection, file, column, sqlType), style))
    } else if (wanted !== undefined) preferred.set(column, wanted)
  }
  const survey = await surveyColumns({ connection, scan, columns: texts, style, named, preferred, signal })
  const misfits = survey.columns.filter(({ misfits }) => misfits > 0)
  const nested = misfits.find(
    ({ type, values, misfits, column: { jsonType } }) =>
      jsonType !== undefined && type.sqlType === 'VARCHAR' && misfits === values,
  )
  if (nested !== undefined) throw nestedColumn(options, nested.column.column, survey.columns)
  const good = misfits.map(({ column: { text }, type }) => `(${text} IS NULL OR ${type.fits})`).join(' AND ')
  const rows = good === '' ? scan : `(FROM ${scan} WHERE ${good})`
  if (misfits.length > 0 && !collectBadRows) throw await firstMisfit(source, file, misfits)
  const found = survey.columns.filter(
    ({ column: { column }, type }) => type.sqlType === 'VARCHAR' && !named.has(column) && !preferred.has(column),
  )
  const remarks = await textRemarks(connection, scan, found)
  const rowCount = misfits.length === 0 ? survey.rows : await countRows(connection, rows)
  const columns = survey.columns.map(({ column: { column }, type, values, numbers }, i): FileColumn => {
    const { field, notNull } = chosen[i]
    const avro = columnType(type.sqlType)
    if (avro === undefined) throw noPlace(options, column, type.sqlType)
    const asText =
      type.sqlType === 'VARCHAR' && preferred.has(column) && numbers > mostlyNumbers * values
        ? 'text, as in the topic or in another of the files, though its values are numbers here'
        : undefined
    const isNullFree = values === survey.rows && topicRecord?.fields.get(field)?.nullable === false
    return {
      column,
      field,
      sqlType: type.sqlType,
      type: avro,
      value: type.value,
      nullable: !notNull && !isNullFree,
      isEmpty: values === 0,
      remark: values === 0 ? 'it has no value' : (otherInTopic(options, field, avro) ?? remarks.get(column) ?? asText),
    }
  })
  // The survey has counted: a column with a value in every row need not be read for a null.
  const withNull = survey.columns.filter(({ values }, i) => chosen[i].notNull && values < survey.rows)
  await checkNulls(source, file, rows, withNull, collectBadRows)
  return { rows, columns, rowCount, misfits }
}

/** What is said of a column whose values do not fit its field in the topic. */
function otherInTopic({ topicRecord }: TableFileOptions, field: string, { avro }: ColumnType): string | undefined {
  const known = columnType(topicRecord?.fields.get(field)?.sqlType ?? '')?.avro
  if (known === undefined || known === avro) return undefined
  return `${avro}, for its values do not fit the topic's ${known}: the topic has rows of both from now on`
}

/** A type's name as DuckDB prints it: INTEGER for int. @throws FileColumnError if there is none */
async function printedType(
  connection: DuckDBConnection,
  file: string,
  column: string,
  sqlType: string,
): Promise<string> {
  try {
    const [[type]] = (await connection.runAndReadAll(`SELECT typeof(CAST(NULL AS ${sqlType}))`)).getRowsJson()
    return String(type)
  } catch {
    throw new FileColumnError(
      file,
      column,
      `DuckDB knows no type ${sqlType}`,
      'Name one such as BIGINT, DOUBLE, VARCHAR or DATE',
    )
  }
}

async function countRows(connection: DuckDBConnection, rows: string): Promise<number> {
  return Number((await connection.runAndReadAll(`SELECT count(*) FROM ${rows}`)).getRowsJson()[0][0])
}

/** SQL: the rows of `scan` with their numbers, from 1, as `row`. */
export function numberedRows(scan: string, expressions: readonly string[]): string {
  return `(SELECT row_number() OVER () AS row, ${expressions.join(', ')} FROM ${scan})`
}

async function firstMisfit(
  source: TextTableSource,
  file: string,
  misfits: readonly SurveyedColumn[],
): Promise<BadRowError> {
  const { connection, scan, placeOf } = source
  let first: { row: number; text: string; misfit: SurveyedColumn } | undefined
  for (const misfit of misfits.slice(0, 20)) {
    const { text } = misfit.column
    const numbered = numberedRows(scan, [`${text} AS text`, `${misfit.type.fits} AS fits`])
    const sql = `SELECT row, text FROM ${numbered} WHERE text IS NOT NULL AND fits IS NOT TRUE LIMIT 1`
    const [found] = (await connection.runAndReadAll(sql)).getRowsJson()
    if (found !== undefined && (first === undefined || Number(found[0]) < first.row)) {
      first = { row: Number(found[0]), text: String(found[1]), misfit }
    }
  }
  if (first === undefined) throw new Error(`No misfit among ${misfits.length} columns`)
  const { row, text, misfit } = first
  const { column } = misfit.column
  const { place, where } = await placeOf(row)
  return new BadRowError(file, { ...place, column }, `${where}${misfitProblem(text, misfit.type)}`, misfitFix(misfit))
}

/** @example misfitProblem('abc', type) // '"abc" is not a whole number' */
export function misfitProblem(text: string, { what }: TextType): string {
  return `"${text.length > 40 ? `${text.slice(0, 40)}...` : text}" is not ${what}`
}

function misfitFix({ column: { column, jsonType } }: SurveyedColumn): string {
  return (
    `Correct the row, name the text that means null with --null, or call the column text with --types ${column}:VARCHAR` +
    (jsonType === undefined ? ', or collect bad rows with --bad-rows FILE' : '')
  )
}

async function checkNulls(
  { connection, placeOf }: TextTableSource,
  file: string,
  rows: string,
  columns: readonly SurveyedColumn[],
  collectsBadRows: boolean,
): Promise<void> {
  for (const { column } of columns) {
    const numbered = numberedRows(rows, [`${column.text} AS text`])
    const [found] = (
      await connection.runAndReadAll(`SELECT row FROM ${numbered} WHERE text IS NULL LIMIT 1`)
    ).getRowsJson()
    if (found === undefined) continue
    const row = Number(found[0])
    const place = collectsBadRows ? {} : (await placeOf(row)).place
    const problem = `row ${row}${collectsBadRows ? ', bad ones not counted,' : ''} is null, and the column was declared as not null`
    throw new BadRowError(
      file,
      { ...place, column: column.column },
      problem,
      `Correct the row, or leave "${column.column}" out of --not-null`,
    )
  }
}

function nestedColumn(options: TableFileOptions, column: string, columns: readonly SurveyedColumn[]): FileColumnError {
  const flat = columns.filter(({ misfits }) => misfits === 0).map(({ column }) => column.column)
  return new FileColumnError(
    options.file,
    column,
    'its values are objects or lists, which have no place in a flat Avro record',
    `${leaveOut(flat)}, or take its JSON as text: --types ${column}:VARCHAR`,
  )
}

function noPlace(options: TableFileOptions, column: string, sqlType: string): FileColumnError {
  return new FileColumnError(
    options.file,
    column,
    `its type ${sqlType} has no place in a flat Avro record`,
    `Give it another one with --types ${column}:VARCHAR`,
  )
}

/** @example leaveOut(['a', 'b']) // 'Leave it out: --columns a,b' */
export function leaveOut(others: readonly string[]): string {
  if (others.length === 0) return 'Make a file of flat rows: no column of this one can be loaded'
  if (others.length > 30) return `Leave it out: name the ${others.length} others with --columns`
  return `Leave it out: --columns ${others.join(',')}`
}

/** SQL: a text, null for those that mean null. */
export function withoutNullTexts(text: string, nullTexts: readonly string[]): string {
  return nullTexts.length === 0
    ? text
    : `CASE WHEN ${text} IN (${nullTexts.map(sqlText).join(', ')}) THEN NULL ELSE ${text} END`
}
