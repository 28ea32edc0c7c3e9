import type { DuckDBConnection } from '@duckdb/node-api'
import { BadRowError, type BadRowPlace, FileColumnError } from '../file-errors.ts'
import { shellWord } from '../shell-word.ts'
import { sqlText } from '../sql-literals.ts'
import { countWhere } from './column-counts.ts'
import { mostly, type SurveyedColumn, surveyColumns } from './column-survey.ts'
import { columnType } from './column-types.ts'
import { exactDecimal, inexactDecimalRemark } from './decimal-types.ts'
import { groupMarks, numberPatterns, plainNumbers } from './number-style.ts'
import { type FileColumn, otherTypeRemark } from './record-schema.ts'
import { nullFlag } from './remark-texts.ts'
import { type ChosenColumn, nullCells, type TableFileOptions } from './table-options.ts'
import { formAmongNumbers } from './text-forms.ts'
import { pointRemarks, textRemarks, unitOf } from './text-remarks.ts'
import { namedType, preferredType, type TextColumn, type TextStyle, type TextType } from './text-types.ts'

const numberTypes = /INT|^(DOUBLE|FLOAT|DECIMAL)/

export interface TextTableSource {
  readonly connection: DuckDBConnection
  /** SQL: all rows that are rows, behind FROM */
  readonly scan: string
  readonly chosen: readonly ChosenColumn[]
  /** shape (chosen) */
  readonly texts: readonly TextColumn[]
  /** whether the file looks like those that are written with decimal commas */
  readonly mayUseCommas?: boolean
  /** SQL: the same rows, and the texts of their columns, with those that mean null still in them */
  readonly untouched: { readonly scan: string; readonly texts: readonly string[] }
  /** Where row `row`, counted from 1, stands in the file. */
  readonly placeOf: (row: number) => Promise<{ place: BadRowPlace; where: string }>
}

export interface TextTable {
  /** SQL: the rows whose values all have their types */
  readonly rows: string
  readonly columns: readonly FileColumn[]
  readonly rowCount: number
  /** rows that are rows, whatever their values are */
  readonly readCount: number
  /** SQL conditions on a row that is set aside, with the column that they are about */
  readonly misfits: readonly SurveyedColumn[]
  /** what was told and has changed nothing: a line each */
  readonly doubts: readonly string[]
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
  if (nested !== undefined) throw await nestedColumn(source, options, nested, survey.columns)
  const good = misfits.map(({ column: { text }, type }) => `(${text} IS NULL OR ${type.fits})`).join(' AND ')
  const rows = good === '' ? scan : `(FROM ${scan} WHERE ${good})`
  if (misfits.length > 0 && !collectBadRows) throw await firstMisfit(source, options, misfits)
  const found = survey.columns.filter(
    ({ column: { column }, type }) => type.sqlType === 'VARCHAR' && !named.has(column) && !preferred.has(column),
  )
  const remarkOptions = { connection, scan, style, nullTexts: text?.nullTexts ?? [] }
  const remarks = await textRemarks(remarkOptions, found)
  const usesCommas = source.mayUseCommas || [...remarks.values()].some((said) => said.includes('--decimal-mark ,'))
  const doubles = survey.columns.filter(
    ({ column: { column }, type }) => type.sqlType === 'DOUBLE' && !named.has(column) && !preferred.has(column),
  )
  const points =
    usesCommas && style.numbers.decimalMark === '.' && style.numbers.thousands === undefined
      ? await pointRemarks(remarkOptions, doubles)
      : new Map<string, string>()
  const rowCount = misfits.length === 0 ? survey.rows : await countRows(connection, rows)
  const mixed = await mixedUnits(connection, scan, survey.columns, style)
  const decimals = await exactDecimals(connection, rows, survey.columns)
  const keptAsText = new Set(
    survey.columns
      .filter(({ column: { column }, type }) => type.sqlType === 'VARCHAR' && preferred.has(column))
      .filter(({ numbers, values }) => numbers > mostly * values)
      .map(({ column: { column } }) => column),
  )
  const columns = survey.columns.map(({ column: { column, text }, type, values }, i): FileColumn => {
    const { field, notNull } = chosen[i]
    const exact = decimals.get(column)
    const sqlType = exact ?? type.sqlType
    const avro = columnType(sqlType)
    if (avro === undefined) throw noPlace(options, column, sqlType)
    const asText = keptAsText.has(column)
      ? 'text, as in the topic or another of the files; in another data set its values are numbers'
      : undefined
    const isNullFree = values === survey.rows && topicRecord?.fields.get(field)?.nullable === false
    return {
      column,
      field,
      sqlType,
      type: avro,
      value: exact === 'VARCHAR' ? text : exact === 'BIGINT' ? `CAST(${type.value} AS BIGINT)` : type.value,
      nullable: !notNull && !isNullFree,
      isEmpty: values === 0,
      remark:
        values === 0
          ? 'it has no value'
          : (otherTypeRemark(topicRecord, field, avro) ??
            (exact === 'VARCHAR' ? inexactDecimalRemark(type.sqlType) : undefined) ??
            remarks.get(column) ??
            mixed.get(column) ??
            points.get(column) ??
            asText ??
            type.remark),
    }
  })
  // The survey has counted: a column with a value in every row need not be read for a null.
  const withNull = survey.columns.filter(({ values }, i) => chosen[i].notNull && values < survey.rows)
  await checkNulls(source, file, rows, withNull, collectBadRows)
  const doubts = await unusedFlags(source, survey.columns, keptAsText.size > 0, options)
  return { rows, columns, rowCount, readCount: survey.rows, misfits, doubts }
}

/** The columns of decimals that become another type than a double. */
async function exactDecimals(
  connection: DuckDBConnection,
  rows: string,
  columns: readonly SurveyedColumn[],
): Promise<ReadonlyMap<string, 'BIGINT' | 'VARCHAR'>> {
  const exact = new Map<string, 'BIGINT' | 'VARCHAR'>()
  for (const { column, type } of columns) {
    const sqlType = await exactDecimal(connection, rows, type.value, type.sqlType)
    if (sqlType !== undefined) exact.set(column.column, sqlType)
  }
  return exact
}

/** What is said of columns whose numbers have several units, none of which is loaded. */
async function mixedUnits(
  connection: DuckDBConnection,
  scan: string,
  columns: readonly SurveyedColumn[],
  { numbers: { units = [] } }: TextStyle,
): Promise<ReadonlyMap<string, string>> {
  const remarks = new Map<string, string>()
  if (units.length < 2) return remarks
  for (const { column, type } of columns.filter(({ type: { sqlType } }) => numberTypes.test(sqlType))) {
    const unit = unitOf(column.text)
    const counts = units.map((unit) => countWhere(`unit = ${sqlText(unit)}`))
    const sql = `SELECT ${counts.join(', ')} FROM (SELECT ${unit} AS unit FROM ${scan} WHERE ${type.fits})`
    const [found] = (await connection.runAndReadAll(sql)).getRowsJson()
    const used = units.filter((_, i) => Number(found[i]) > 0)
    if (used.length > 1)
      remarks.set(column.column, `numbers of several units, ${used.join(' and ')}: the units are left out`)
  }
  return remarks
}

const noSuchValue = 'no loaded value has that form'

/**
 * What is said of flags that no value has needed: a mark or a text that the file does not have is a slip.
 *
 * @param hasNumbersAsText whether columns of numbers are loaded as text
 */
async function unusedFlags(
  { connection, scan, untouched }: TextTableSource,
  columns: readonly SurveyedColumn[],
  hasNumbersAsText: boolean,
  { text: { numbers, dateFormat, nullTexts = [] } = {} }: TableFileOptions,
): Promise<string[]> {
  const isAnywhere = async (from: string, conditions: readonly string[]) => {
    if (conditions.length === 0) return false
    const sql = `SELECT 1 FROM ${from} WHERE ${conditions.join(' OR ')} LIMIT 1`
    return (await connection.runAndReadAll(sql)).currentRowCount > 0
  }
  const ofNumbers = columns.filter(({ type: { sqlType } }) => numberTypes.test(sqlType))
  const isInNumbers = (marks: readonly string[]) =>
    isAnywhere(
      scan,
      ofNumbers.flatMap(({ column: { text } }) => marks.map((mark) => `contains(${text}, ${sqlText(mark)})`)),
    )
  const { decimalMark = '.', thousands, units = [] } = numbers ?? {}
  const idle: string[] = []
  if (decimalMark !== '.' && !(await isInNumbers([decimalMark]))) idle.push(`--decimal-mark ${decimalMark}`)
  if (thousands !== undefined && !(await isInNumbers(groupMarks(thousands)))) {
    idle.push(`--thousands ${shellWord(thousands)}`)
  }
  for (const unit of units) if (!(await isInNumbers([unit]))) idle.push(`--units ${shellWord(unit)}`)
  const noNumber = hasNumbersAsText ? 'its columns are text in the topic or another of the files' : noSuchValue
  const doubts = idle.map((flag) => `${flag} has no effect: ${noNumber}.`)
  const unused = (flag: string) => doubts.push(`${flag} has no effect: ${noSuchValue}.`)
  if (dateFormat !== undefined && !columns.some(({ type, values }) => type.isTold && values > 0)) {
    unused(`--date-format ${shellWord(dateFormat)}`)
  }
  for (const nullText of nullTexts.filter((text) => text !== '')) {
    const cells = nullCells([nullText]).filter((cell) => cell !== '')
    const conditions = untouched.texts.map((text) => `${text} IN (${cells.map(sqlText).join(', ')})`)
    if (!(await isAnywhere(untouched.scan, conditions))) unused(`--null ${shellWord(nullText)}`)
  }
  return doubts
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
  options: TableFileOptions,
  misfits: readonly SurveyedColumn[],
): Promise<BadRowError> {
  const { connection, scan, placeOf } = source
  const { file } = options
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
  return new BadRowError(
    file,
    { ...place, column },
    `${where}${misfitProblem(text, misfit.type)}`,
    misfitFix(misfit, text, options),
  )
}

/** @example misfitProblem('abc', type) // '"abc" is not a whole number' */
export function misfitProblem(text: string, { what }: TextType): string {
  return `"${text.length > 40 ? `${text.slice(0, 40)}...` : text}" is not ${what}`
}

function misfitFix(
  { column: { column, jsonType }, type: { sqlType } }: SurveyedColumn,
  misfit: string,
  { text: { nullTexts = [], numbers = plainNumbers } = {} }: TableFileOptions,
): string {
  const flag = nullFlag([misfit], nullTexts)
  const asText = `call the column text with --types ${shellWord(`${column}:VARCHAR`)}`
  const collect = jsonType === undefined ? ', or collect bad rows with --bad-rows FILE' : ''
  if (misfit.trim() === '' && flag !== undefined) return `Add ${flag} if blanks mean null, or ${asText}${collect}`
  if (numbers.decimalMark === '.' && /^ *[+-]?[0-9]{1,3}([.][0-9]{3}){2,} *$/.test(misfit)) {
    return `Add --decimal-mark , --thousands . if points stand between thousands, or ${asText}${collect}`
  }
  const thousands = numbers.decimalMark === ',' ? '.' : ','
  const isGrouped =
    misfit.includes(thousands) && new RegExp(`^(${numberPatterns({ ...numbers, thousands }).number})$`).test(misfit)
  if (numbers.thousands === undefined && isGrouped)
    return `Add --thousands ${thousands} if that stands between thousands, or ${asText}${collect}`
  const isOtherText = numberTypes.test(sqlType) && !new RegExp(`^(${numberPatterns(numbers).number})$`).test(misfit)
  const form = isOtherText ? formAmongNumbers(misfit, column) : undefined
  if (form !== undefined) return `Such values ${form}; or ${asText}${collect}`
  return `Correct the row, name the text that means null with --null, or ${asText}${collect}`
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
    const counted = collectsBadRows ? ', bad ones not counted,' : ''
    const problem = `row ${row}${counted} is null, and the column was declared as not null`
    throw new BadRowError(
      file,
      { ...place, column: column.column },
      problem,
      `Correct the row, or leave "${column.column}" out of --not-null`,
    )
  }
}

async function nestedColumn(
  { connection, scan }: TextTableSource,
  { file }: TableFileOptions,
  { column: { column, text }, values }: SurveyedColumn,
  columns: readonly SurveyedColumn[],
): Promise<FileColumnError> {
  const reader = await connection.runAndReadAll(`SELECT ${text} FROM ${scan} WHERE ${text} IS NOT NULL LIMIT 1`)
  const json = String(reader.getRowsJson()[0]?.[0])
  const flat = columns.filter(({ misfits }) => misfits === 0).map(({ column }) => column.column)
  const problem = 'its values are objects or lists, which have no place in a flat Avro record'
  return new FileColumnError(file, column, problem, nestedFix(column, json, values === 1, flat))
}

/** @param isOnly whether the file is a single object, as answers of web services are, and tables of pandas */
function nestedFix(column: string, json: string, isOnly: boolean, flat: readonly string[]): string {
  const asText = `take its JSON as text: --types ${shellWord(`${column}:VARCHAR`)}`
  if (/^\{"\$[a-zA-Z]+":/.test(json)) return `Export plain values (mongoexport --type=csv --fields=...), or ${asText}`
  if (isOnly && json.startsWith('[{')) {
    return `If these are the rows, write them one after the other: jq -c ${shellWord(`.["${column}"][]`)}; or ${asText}`
  }
  if (isOnly && /^(\{"0":|\[)/.test(json)) {
    return `Write a row after the other (pandas: to_json(..., orient="records", lines=True)), or ${asText}`
  }
  return `${leaveOut(flat)}, or ${asText}`
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
