import type { DuckDBConnection } from '@duckdb/node-api'
import { numberPatterns } from './number-style.ts'
import { sqlText } from './sql-literals.ts'
import {
  booleanType,
  dateOrders,
  dateType,
  doubleType,
  formattedType,
  longType,
  nanosecondType,
  otherDatePattern,
  type TextColumn,
  type TextStyle,
  type TextType,
  textType,
  timeFormats,
  timeOfDayType,
  timestampType,
  zonedTimestampType,
} from './text-types.ts'

/** What has been found out about a column by reading all of its values. */
export interface SurveyedColumn {
  readonly column: TextColumn
  readonly type: TextType
  /** values that are not null */
  readonly values: number
  /** values that do not fit the type: a load must refuse them or set them aside */
  readonly misfits: number
  /** of a text column: values that are numbers */
  readonly numbers: number
}

export interface Survey {
  readonly rows: number
  readonly columns: readonly SurveyedColumn[]
}

export interface SurveyOptions {
  readonly connection: DuckDBConnection
  /** SQL: the table whose rows are surveyed */
  readonly scan: string
  readonly columns: readonly TextColumn[]
  readonly style: TextStyle
  /** types that somebody has named, which stand */
  readonly named: ReadonlyMap<string, TextType>
  /** types to be taken where all values fit, before any other; by column */
  readonly preferred: ReadonlyMap<string, TextType>
  readonly signal?: AbortSignal | undefined
}

/** Values at the beginning from which types are guessed, which are then proven of all rows. */
const guessValues = 200_000
const guessRows = 20_480
/** Columns of one query: the time to plan regular expressions grows with their square (DuckDB 1.5.6). */
const queryColumns = 100
/**
 * A column with at least this share of numbers is a number column with bad numbers in it: one typing error must not
 * take it out of the model without a word.
 */
export const mostlyNumbers = 0.9

/**
 * Reads all rows and finds the narrowest type that all values of a column have and come back from. The file's beginning
 * gives a guess, so that the rows themselves are asked one question a column; where the guess does not hold, the
 * column is asked all of them.
 */
export async function surveyColumns(options: SurveyOptions): Promise<Survey> {
  const { columns, named, preferred } = options
  const guesses = await guessTypes(
    options,
    columns.filter(({ column }) => !named.has(column)),
  )
  const typeOf = ({ column, ...rest }: TextColumn) =>
    named.get(column) ?? preferred.get(column) ?? guesses.get(column) ?? textType({ column, ...rest })
  const quick = await countFits(options, columns, typeOf, ({ quick, fits }) => quick ?? fits)
  const slow = quick.columns.filter(({ misfits, type }) => misfits > 0 && type.quick !== undefined)
  const counted = await recount(
    quick,
    slow.map(({ column }) => column),
    typeOf,
    options,
  )
  const isSettled = ({ column: { column }, type, values, misfits, numbers }: SurveyedColumn) => {
    if (named.has(column) || (preferred.has(column) && misfits === 0)) return true
    if (!guesses.has(column)) return values === 0
    return misfits === 0 && (type.sqlType !== 'VARCHAR' || numbers === 0)
  }
  const unsettled = counted.columns.filter((column) => !isSettled(column)).map(({ column }) => column)
  if (unsettled.length === 0) return counted
  const types = new Map(await likelyTypes(options, unsettled))
  return recount(counted, unsettled, (column) => types.get(column.column) ?? textType(column), options)
}

/** A survey in which some of the columns have been counted anew. */
async function recount(
  survey: Survey,
  columns: readonly TextColumn[],
  typeOf: (column: TextColumn) => TextType,
  options: SurveyOptions,
): Promise<Survey> {
  if (columns.length === 0) return survey
  const counted = await countFits(options, columns, typeOf, ({ fits }) => fits)
  const anew = new Map(counted.columns.map((column) => [column.column, column]))
  return { rows: survey.rows, columns: survey.columns.map((column) => anew.get(column.column) ?? column) }
}

/**
 * The types of which the texts of the file's beginning have the pattern; none for a column without a value, and none
 * for dates that are not written year first.
 */
async function guessTypes(
  { connection, scan, style }: SurveyOptions,
  columns: readonly TextColumn[],
): Promise<Map<string, TextType>> {
  const guesses = new Map<string, TextType>()
  if (columns.length === 0) return guesses
  const rows = Math.min(guessRows, Math.ceil(guessValues / columns.length))
  const cells = columns.flatMap(({ text, jsonType = 'NULL' }) => [text, jsonType])
  const reader = await connection.runAndReadAll(`SELECT ${cells.join(', ')} FROM ${scan} LIMIT ${rows}`)
  const texts = reader.getColumns() as (string | null)[][]
  const otherDate = wholeText(otherDatePattern)
  for (const [i, column] of columns.entries()) {
    const [values, jsonTypes] = [texts[2 * i] ?? [], texts[2 * i + 1] ?? []]
    const shapes = shapesOf(column, style)
    const present = values.flatMap((text, row) => (text === null ? [] : [{ text, jsonType: jsonTypes[row] }]))
    if (present.length === 0 || present.every(({ text }) => otherDate.test(text))) continue
    const fitting = shapes.ladder.map(({ pattern, jsonTypes }) => {
      const test = wholeText(pattern)
      return present.filter(
        ({ text, jsonType }) => test.test(text) && (jsonType === null || jsonTypes.includes(jsonType)),
      ).length
    })
    const digits = wholeText(shapes.digits)
    const ofDigits = present.filter(({ text }) => digits.test(text)).length
    guesses.set(column.column, likelyType(shapes, present.length, fitting, ofDigits))
  }
  return guesses
}

function wholeText(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`)
}

/** The type of each column that most rows speak for; none for a column without a value. */
async function likelyTypes(
  options: SurveyOptions,
  columns: readonly TextColumn[],
): Promise<[column: string, type: TextType][]> {
  const shapes = columns.map((column) => shapesOf(column, options.style))
  const counts = await count(
    options,
    columns.map(({ text }, i) => [
      `count(${text})`,
      ...shapes[i].ladder.map(({ fits }) => `count(*) FILTER (WHERE ${fits})`),
      `count(*) FILTER (WHERE ${shapes[i].isOtherDate})`,
      `count(*) FILTER (WHERE regexp_full_match(${text}, ${sqlText(shapes[i].digits)}))`,
    ]),
  )
  const types = columns.flatMap(({ column }, i): [string, TextType][] => {
    const [values, ...rest] = counts.values[i]
    return values === 0 ? [] : [[column, likelyType(shapes[i], values, rest.slice(0, -2), rest[rest.length - 1])]]
  })
  const dates = columns.filter((_, i) => counts.values[i][0] > 0 && counts.values[i].at(-2) === counts.values[i][0])
  const formats = new Map(await dateFormats(options, dates))
  return types.map(([column, type]) => [column, formats.get(column) ?? type])
}

interface Shapes {
  /** the narrowest first */
  readonly ladder: readonly TextType[]
  readonly long: number
  readonly double: number
  readonly text: TextType
  /** SQL: a date that is not written year first */
  readonly isOtherDate: string
  /** digits alone, which need not be a number: a regular expression */
  readonly digits: string
}

function shapesOf(column: TextColumn, style: TextStyle): Shapes {
  const formatted = style.dateFormat === undefined ? [] : [formattedType(column, style.dateFormat)]
  const numbers = [longType(column, style), doubleType(column, style)]
  const stamps = [timestampType(column), zonedTimestampType(column), nanosecondType(column)]
  const times = [dateType(column), ...stamps, timeOfDayType(column)]
  const ladder = [booleanType(column), ...numbers, ...formatted, ...times]
  return {
    ladder,
    long: 1,
    double: 2,
    text: textType(column),
    isOtherDate: `regexp_full_match(${column.text}, ${sqlText(otherDatePattern)})`,
    digits: numberPatterns(style.numbers).digits,
  }
}

/**
 * @param values that are not null
 * @param fitting shape (ladder), of these the ones that fit each type
 * @param digits  of these the ones that are digits alone
 */
function likelyType(shapes: Shapes, values: number, fitting: readonly number[], digits: number): TextType {
  const { ladder, long, double, text } = shapes
  // Zeros in front, or more digits than a long holds: identifiers.
  if (digits === values) return fitting[long] === values ? ladder[long] : text
  const narrowest = fitting.indexOf(values)
  if (narrowest >= 0) return ladder[narrowest]
  if (fitting[double] < mostlyNumbers * values) return text
  return fitting[long] === fitting[double] ? ladder[long] : ladder[double]
}

/**
 * The types of columns whose dates are not written year first. Where day and month may be either way round the column
 * stays text, for half of its dates would be wrong.
 */
async function dateFormats(options: SurveyOptions, columns: readonly TextColumn[]): Promise<[string, TextType][]> {
  if (columns.length === 0 || options.style.dateFormat !== undefined) return []
  const orders = dateOrders.flatMap((order) => timeFormats.map((time) => order.map((date) => date + time)))
  const types = columns.map((column) => orders.map((order) => order.map((format) => formattedType(column, format))))
  const { values } = await count(
    options,
    columns.map(({ text }, i) => [
      `count(${text})`,
      ...types[i].flat().map(({ fits }) => `count(*) FILTER (WHERE ${fits})`),
    ]),
  )
  return columns.flatMap(({ column }, i): [string, TextType][] => {
    const [all, ...fitting] = values[i]
    let at = 0
    for (const order of types[i]) {
      const fits = order.filter((_, f) => fitting[at + f] === all)
      at += order.length
      if (fits.length === 1) return [[column, fits[0]]]
    }
    return []
  })
}

/** Asks of every row whether its values fit the columns' types. */
async function countFits(
  options: SurveyOptions,
  columns: readonly TextColumn[],
  typeOf: (column: TextColumn) => TextType,
  fitsOf: (type: TextType) => string,
): Promise<Survey> {
  const types = columns.map(typeOf)
  const { rows, values } = await count(
    options,
    columns.map((column, i) => {
      // Whether there are numbers among texts decides whether the text is looked at once more.
      const number = types[i].sqlType === 'VARCHAR' ? fitsOf(doubleType(column, options.style)) : 'false'
      return [
        `count(${column.text})`,
        `count(*) FILTER (WHERE ${fitsOf(types[i])})`,
        `count(*) FILTER (WHERE ${number})`,
      ]
    }),
  )
  return {
    rows,
    columns: columns.map((column, i) => {
      const [all, fitting, numbers] = values[i]
      return { column, type: types[i], values: all, misfits: all - fitting, numbers }
    }),
  }
}

/** Evaluates aggregates, a list a column, and counts the rows. */
async function count(
  { connection, scan, signal }: SurveyOptions,
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
