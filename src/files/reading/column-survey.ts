import { sqlText } from '../sql-literals.ts'
import { type CountOptions, countColumns, countWhere } from './column-counts.ts'
import { minusSign, numberPatterns, phonePattern } from './number-style.ts'
import {
  booleanType,
  compactDatePattern,
  dateType,
  doubleType,
  longType,
  nanosecondType,
  otherDatePattern,
  otherDateTypes,
  type TextColumn,
  type TextStyle,
  type TextType,
  textType,
  timeOfDayType,
  timestampType,
  toldType,
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

export interface SurveyOptions extends CountOptions {
  readonly columns: readonly TextColumn[]
  readonly style: TextStyle
  /** types that somebody has named, which stand */
  readonly named: ReadonlyMap<string, TextType>
  /** types to be taken where all values fit, before any other; by column */
  readonly preferred: ReadonlyMap<string, TextType>
}

/** Values at the beginning from which types are guessed, which are then proven of all rows. */
const guessValues = 200_000
const guessRows = 20_480
/**
 * A column with at least this share of numbers or of dates is a column of them with bad ones in it: one typing error
 * must not take it out of the model without a word.
 */
export const mostly = 0.9
/** The types that most values of a column are enough for. */
const mostlyTypes = new Set(['BIGINT', 'DOUBLE', 'DATE', 'TIMESTAMP', 'TIMESTAMP_NS'])

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
 * for dates of which day and month may be either way round.
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
  const [otherDate, compactDate, phone] = [otherDatePattern, compactDatePattern, phonePattern].map(wholeText)
  for (const [i, column] of columns.entries()) {
    const [values, jsonTypes] = [texts[2 * i] ?? [], texts[2 * i + 1] ?? []]
    const present = values.flatMap((text, row) => (text === null ? [] : [{ text, jsonType: jsonTypes[row] }]))
    if (present.length === 0) continue
    const countOf = ({ pattern, jsonTypes }: TextType) => {
      const test = wholeText(pattern)
      return present.filter(
        ({ text, jsonType }) => test.test(text) && (jsonType === null || jsonTypes.includes(jsonType)),
      ).length
    }
    const hasMinusSign = present.some(({ text }) => text.includes(minusSign))
    const shapes = shapesOf(column, hasMinusSign ? withMinusSign(style) : style)
    const digits = wholeText(shapes.digits)
    const ofDigits = present.filter(({ text }) => digits.test(text)).length
    const phones = present.filter(({ text }) => phone.test(text)).length
    const type = likelyType(shapes, present.length, shapes.ladder.map(countOf), ofDigits, phones)
    const areCompact = type.sqlType === 'BIGINT' && present.every(({ text }) => compactDate.test(text))
    if (areCompact && column.jsonType === undefined && style.dateFormat === undefined) {
      guesses.set(column.column, { ...type, remark: compactRemark })
      continue
    }
    const others = type.sqlType === 'VARCHAR' ? present.filter(({ text }) => otherDate.test(text)).length : 0
    if (others < mostly * present.length) guesses.set(column.column, type)
    else {
      const types = otherDateTypes(column, style)
      const counts = types.map((ways) => ways.map((way) => way.map(countOf)))
      const date = likelyDate(types, counts, present.length)
      if (date !== undefined) guesses.set(column.column, date)
    }
  }
  return guesses
}

const compactRemark = 'whole numbers that look like dates: --date-format %Y%m%d reads them as dates'

function withMinusSign(style: TextStyle): TextStyle {
  return { ...style, numbers: { ...style.numbers, hasMinusSign: true } }
}

function wholeText(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`)
}

/** The type of each column that most rows speak for; none for a column without a value. */
async function likelyTypes(
  options: SurveyOptions,
  columns: readonly TextColumn[],
): Promise<[column: string, type: TextType][]> {
  const { style } = options
  const shapes = columns.map((column) => shapesOf(column, withMinusSign(style)))
  const { values: counts } = await countColumns(
    options,
    columns.map(({ text }, i) => [
      `count(${text})`,
      ...[
        shapes[i].isOtherDate,
        shapes[i].isOfDigits,
        `regexp_full_match(${text}, ${sqlText(phonePattern)})`,
        `contains(${text}, '${minusSign}')`,
      ].map(countWhere),
      ...shapes[i].ladder.map(({ fits }) => countWhere(fits)),
    ]),
  )
  const types = columns.flatMap((column, i): [string, TextType][] => {
    const [values, , digits, phones, minusSigns, ...fitting] = counts[i]
    // Without such a sign there is none to be replaced.
    const own = minusSigns > 0 ? shapes[i] : shapesOf(column, style)
    return values === 0 ? [] : [[column.column, likelyType(own, values, fitting, digits, phones)]]
  })
  const texts = new Set(types.flatMap(([column, { sqlType }]) => (sqlType === 'VARCHAR' ? [column] : [])))
  const dates = columns.filter(({ column }, i) => texts.has(column) && counts[i][1] >= mostly * counts[i][0])
  const found = new Map(await likelyDates(options, dates))
  return types.map(([column, type]) => [column, found.get(column) ?? type])
}

interface Shapes {
  /** the narrowest first */
  readonly ladder: readonly TextType[]
  readonly long: number
  readonly text: TextType
  /** SQL: a date of another form than ISO's */
  readonly isOtherDate: string
  /** SQL: digits alone, which need not be a number */
  readonly isOfDigits: string
  /** the same as a regular expression */
  readonly digits: string
}

function shapesOf(column: TextColumn, style: TextStyle): Shapes {
  const told = style.dateFormat === undefined ? [] : [toldType(column, style.dateFormat)]
  const numbers = [longType(column, style), doubleType(column, style)]
  const stamps = [timestampType(column), zonedTimestampType(column), nanosecondType(column)]
  const times = [dateType(column), ...stamps, timeOfDayType(column)]
  const { digits } = numberPatterns(style.numbers)
  return {
    ladder: [...told, booleanType(column), ...numbers, ...times],
    long: told.length + 1,
    text: textType(column),
    isOtherDate: `regexp_full_match(${column.text}, ${sqlText(otherDatePattern)})`,
    isOfDigits: `regexp_full_match(${column.text}, ${sqlText(digits)})`,
    digits,
  }
}

/**
 * @param values that are not null
 * @param fitting shape (ladder), of these the ones that fit each type
 * @param digits  of these the ones that are digits alone
 * @param phones  of these the ones that are a plus and ten digits or more
 */
function likelyType(
  shapes: Shapes,
  values: number,
  fitting: readonly number[],
  digits: number,
  phones: number,
): TextType {
  const { ladder, long, text } = shapes
  // Whoever tells a format means it: 20241231 is a date then.
  if (ladder[0].isTold && fitting[0] >= mostly * values) return ladder[0]
  if (phones === values) return text
  // Zeros in front, or more digits than a long holds: identifiers.
  if (digits === values) return fitting[long] === values ? ladder[long] : text
  const narrowest = fitting.indexOf(values)
  if (narrowest >= 0) return ladder[narrowest]
  const bearing = fitting.map((count, i) => (mostlyTypes.has(ladder[i].sqlType) ? count : 0))
  const most = Math.max(...bearing)
  return most >= mostly * values ? ladder[bearing.indexOf(most)] : text
}

/** The types of columns whose dates are of other forms than ISO's. */
async function likelyDates(options: SurveyOptions, columns: readonly TextColumn[]): Promise<[string, TextType][]> {
  if (columns.length === 0) return []
  const types = columns.map((column) => otherDateTypes(column, options.style))
  const { values } = await countColumns(
    options,
    columns.map(({ text }, i) => [`count(${text})`, ...types[i].flat(2).map(({ fits }) => countWhere(fits))]),
  )
  return columns.flatMap(({ column }, i): [string, TextType][] => {
    const [all, ...fitting] = values[i]
    let at = 0
    const counts = types[i].map((ways) => ways.map((way) => way.map(() => fitting[at++])))
    const type = likelyDate(types[i], counts, all)
    return type === undefined ? [] : [[column, type]]
  })
}

/**
 * The form that a column's dates have. Where day and month may be either way round there is none, for half of the dates
 * would be wrong.
 *
 * @param types  shape (forms, ways round, times)
 * @param counts of values that fit, of the same shape
 */
function likelyDate(
  types: readonly TextType[][][],
  counts: readonly number[][][],
  values: number,
): TextType | undefined {
  for (const [f, ways] of types.entries()) {
    const fitting = counts[f].map((way) => Math.max(...way))
    const most = Math.max(...fitting)
    const way = fitting.indexOf(most)
    const other = Math.max(0, ...fitting.filter((_, w) => w !== way))
    if (most < mostly * values || (other >= mostly * values && (most < values || other === most))) continue
    return ways[way][counts[f][way].indexOf(most)]
  }
  return undefined
}

/** Asks of every row whether its values fit the columns' types. */
async function countFits(
  options: SurveyOptions,
  columns: readonly TextColumn[],
  typeOf: (column: TextColumn) => TextType,
  fitsOf: (type: TextType) => string,
): Promise<Survey> {
  const types = columns.map(typeOf)
  const { rows, values } = await countColumns(
    options,
    columns.map((column, i) => {
      // Whether there are numbers among texts decides whether the text is looked at once more.
      const number = types[i].sqlType === 'VARCHAR' ? fitsOf(doubleType(column, options.style)) : 'false'
      return [`count(${column.text})`, countWhere(fitsOf(types[i])), countWhere(number)]
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
