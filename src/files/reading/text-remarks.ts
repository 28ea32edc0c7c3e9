import type { DuckDBConnection } from '@duckdb/node-api'
import { countText } from '../../count-text.ts'
import { shellWord } from '../shell-word.ts'
import { sqlText } from '../sql-literals.ts'
import { countColumns, countWhere } from './column-counts.ts'
import { mostly, type SurveyedColumn } from './column-survey.ts'
import { dateRemark, looseDatePattern } from './date-remarks.ts'
import { looseNumberPattern, type NumberStyle, numberPatterns, phonePattern } from './number-style.ts'
import { missingTexts, nullAdvice, type RemarkOptions, textsAmong } from './remark-texts.ts'
import {
  bookkeptForm,
  bookkeptNegative,
  digitGroups,
  formAmongNumbers,
  groupStyles,
  knownUnits,
  numberStyles,
  otherForms,
} from './text-forms.ts'
import { longType, type TextColumn } from './text-types.ts'

/** Rows at the beginning that are looked at: a remark is advice, and decides nothing. */
const remarkRows = 20_480

const groupNames: Readonly<Record<string, string>> = { ',': 'commas', '.': 'points', "'": 'apostrophes', ' ': 'blanks' }

/** What a value has that a remark is about: a digit, or the beginning of a spreadsheet's formula. */
const telling = '[0-9]|^="'
const missing = `(${missingTexts.map(sqlText).join(', ')})`

/**
 * Says of text columns what would make them numbers or dates, where their values look like that: a column that is text
 * is no column of the model.
 *
 * @param texts the columns, of type text, that nobody has called so
 * @returns remarks by column
 */
export async function textRemarks(
  options: RemarkOptions,
  texts: readonly SurveyedColumn[],
): Promise<ReadonlyMap<string, string>> {
  const remarks = new Map<string, string>()
  // A column at a time: a table may have thousands.
  for (const surveyed of await withTellingValues(options, texts)) {
    const remark = await textRemark(options, surveyed)
    if (remark !== undefined) remarks.set(surveyed.column.column, remark)
  }
  return remarks
}

/** The columns of which there may be something to say: most have words, and the forms take a hundred times as long. */
async function withTellingValues(
  { connection, scan }: RemarkOptions,
  texts: readonly SurveyedColumn[],
): Promise<SurveyedColumn[]> {
  const filled = texts.filter(({ values }) => values > 0)
  const { values: counts } = await countColumns(
    { connection, scan: firstRows(scan) },
    filled.map(({ column: { text } }) => [
      `count(${text})`,
      countWhere(`lower(trim(${text})) IN ${missing}`),
      countWhere(`regexp_matches(${text}, ${sqlText(telling)})`),
    ]),
  )
  return filled.filter(({ numbers }, i) => {
    const [all, absent, told] = counts[i]
    return numbers > 0 || told > (all - absent) / 2
  })
}

function firstRows(scan: string): string {
  return `(FROM ${scan} LIMIT ${remarkRows})`
}

/** Digits in groups of three with points between them, or a number that needs none. */
const pointGroups = '[ \\t]*[+-]?(0|[1-9][0-9]{0,2}([.][0-9]{3})*)[ \\t]*'

/**
 * Says of numbers with a decimal point that they may be whole ones with points between thousands: for files that write
 * decimal commas.
 *
 * @param columns those that are doubles by their values
 */
export async function pointRemarks(
  { connection, scan }: RemarkOptions,
  columns: readonly SurveyedColumn[],
): Promise<ReadonlyMap<string, string>> {
  if (columns.length === 0) return new Map()
  const { values: counts } = await countColumns(
    { connection, scan: firstRows(scan) },
    columns.map(({ column: { text } }) => [
      countWhere(`contains(${text}, '.')`),
      countWhere(`NOT ${fullMatch(text, pointGroups)}`),
    ]),
  )
  const pointed = columns.filter((_, i) => counts[i][0] > 0 && counts[i][1] === 0)
  return new Map(pointed.map(({ column }) => [column.column, pointRemark]))
}

const pointRemark =
  'three digits are behind each point: if points stand between thousands, add --decimal-mark , --thousands .'

async function textRemark(options: RemarkOptions, surveyed: SurveyedColumn): Promise<string | undefined> {
  const { connection, scan, style } = options
  const { column, values, numbers } = surveyed
  const { text } = column
  // Where there are numbers somewhere, what is no number may be anywhere.
  const rows = numbers > 0 ? scan : firstRows(scan)
  const { units: toldUnits = [] } = style.numbers
  const patterns = numberStyles.map((numbers) => {
    const units = numbers.units === undefined ? toldUnits : [...toldUnits, ...numbers.units]
    return numberPatterns({ ...numbers, units, hasMinusSign: true }).number
  })
  const [plain, withUnits] = [patterns.slice(0, groupStyles.length), patterns.slice(groupStyles.length)]
  const { digits } = numberPatterns(style.numbers)
  const matching = (pattern: string) => countWhere(fullMatch(text, pattern))
  const counts = [
    countWhere(`lower(trim(${text})) IN ${missing}`),
    countWhere(column.jsonType === undefined ? 'false' : `${column.jsonType} <> 'VARCHAR'`),
    countWhere(longType({ column: column.column, text }, style).fits),
    ...[
      digits,
      phonePattern,
      looseDatePattern,
      bookkeptNegative,
      `${bookkeptNegative}|${digitGroups}`,
      looseNumberPattern([...toldUnits, ...knownUnits]),
      ...otherForms.map(([pattern]) => pattern),
      ...plain,
    ].map(matching),
  ]
  const numbersOf = async (counts: readonly string[]) =>
    (await countColumns({ connection, scan: rows }, [counts])).values[0]
  const [all, absent, noTexts, whole, ofDigits, phones, dates, negative, bookkept, loose, ...others] = await numbersOf([
    `count(${text})`,
    ...counts,
  ])
  const [forms, alikePlain] = [others.slice(0, otherForms.length), others.slice(otherForms.length)]
  const present = all - absent
  if (present === 0) return undefined
  if (phones === present) return phoneRemark
  if (column.jsonType !== undefined && noTexts === 0 && whole === present) {
    return (
      'its values are texts in the file, and look like whole numbers: add --types ' +
      `${shellWord(`${column.column}:BIGINT`)}`
    )
  }
  if (ofDigits === present && numbers < present) return identifierRemark
  // What is plain has no unit, and where few are loosely numbers few are numbers.
  const mayHaveUnits = loose >= mostly * present && Math.max(...alikePlain) < present
  const alike = [...alikePlain, ...(mayHaveUnits ? await numbersOf(withUnits.map(matching)) : alikePlain)]
  // The form that reads most values, of several the one with the told decimal mark, then the most usual one.
  const most = Math.max(...alike)
  const isMost = (count: number) => count === most && most >= mostly * present
  const isTold = (i: number) => numberStyles[i].decimalMark === style.numbers.decimalMark
  const told = alike.findIndex((count, i) => isMost(count) && isTold(i))
  const shape = told >= 0 ? told : alike.findIndex(isMost)
  // Numbers of JSON have one form: they are text for another reason.
  if (shape >= 0 && noTexts <= present / 2) {
    const remark = await numberRemark(options, column, rows, numberStyles[shape], patterns[shape])
    if (remark !== undefined) return remark + (absent > 0 ? nullAdvice : '')
  }
  if (shape < 0 && numbers < mostly * present) {
    const form = forms.findIndex((count) => count >= mostly * present)
    if (form >= 0) return `its values ${otherForms[form][1]}${absent > 0 ? nullAdvice : ''}`
  }
  if (negative > 0 && bookkept >= mostly * present) return `its values ${bookkeptForm}`
  if (numbers > values / 2 || shape >= 0) return numbersAmongTexts(options, rows, surveyed)
  return dates > present / 2 ? dateRemark(options, column, rows) : undefined
}

const phoneRemark = 'its values have a plus and ten digits or more, as phone numbers have: they stay text'
const identifierRemark =
  'its values are digits, of which some have zeros in front or are too long for a number: they stay ' +
  'text, as identifiers'

/** What would make numbers of texts; undefined where what was told reads them already. */
async function numberRemark(
  { connection, style: { numbers: told } }: RemarkOptions,
  { column, text, jsonType }: TextColumn,
  rows: string,
  { decimalMark, thousands, units }: NumberStyle,
  pattern: string,
): Promise<string | undefined> {
  const found = units === undefined ? [] : await unitsOf(connection, rows, text, pattern)
  const newUnits = found.filter((unit) => !told.units?.includes(unit))
  const parts = [
    ...(newUnits.length > 0 ? [`a unit, as ${newUnits[0]}`] : []),
    ...(decimalMark === ',' ? ['a decimal comma'] : []),
    ...(thousands === undefined ? [] : [`${groupNames[thousands]} between thousands`]),
  ]
  const what = parts.length === 0 ? 'numbers with a decimal point' : `numbers with ${parts.join(' and ')}`
  const isOther =
    (told.decimalMark === ',' && decimalMark === '.') ||
    (told.thousands !== undefined && thousands !== undefined && told.thousands !== thousands) ||
    told.thousands === decimalMark
  if (isOther) {
    const flags = [
      ...(told.decimalMark === ',' ? ['--decimal-mark ,'] : []),
      ...(told.thousands === undefined ? [] : [`--thousands ${shellWord(told.thousands)}`]),
    ].join(' ')
    return `its values are ${what}, as ${flags} does not read them: write them in the file as the other numbers are`
  }
  const flags = [
    ...(decimalMark === ',' && told.decimalMark !== ',' ? ['--decimal-mark ,'] : []),
    ...(thousands !== undefined && told.thousands === undefined ? [`--thousands ${shellWord(thousands)}`] : []),
    ...(newUnits.length > 0 ? [`--units ${shellWord([...(told.units ?? []), ...newUnits].join(','))}`] : []),
  ]
  // JSON says that they are texts.
  if (jsonType !== undefined) {
    const all = [...flags, `--types ${shellWord(`${column}:DOUBLE`)}`].join(' ')
    return `its values are texts in the file, and look like ${what}: add ${all}`
  }
  return flags.length === 0 ? undefined : `its values are ${what}: add ${flags.join(' ')}`
}

/** SQL: the unit of a number's text, empty without one. */
export function unitOf(text: string): string {
  return `regexp_replace(${text}, '[^%°/\\p{Sc}\\p{L}]+', '', 'g')`
}

/** What stands before or behind numbers, the most usual first. */
async function unitsOf(connection: DuckDBConnection, rows: string, text: string, pattern: string): Promise<string[]> {
  const isNumber = fullMatch(text, pattern)
  const reader = await connection.runAndReadAll(
    `SELECT ${unitOf(text)} AS unit FROM ${rows} WHERE ${isNumber} AND unit <> '' GROUP BY unit ORDER ` +
      'BY count(*) DESC, unit LIMIT 5',
  )
  return reader.getRowsJson().map(([found]) => String(found))
}

async function numbersAmongTexts(
  { connection, style, nullTexts }: RemarkOptions,
  rows: string,
  { column: { column, text }, numbers, values }: SurveyedColumn,
): Promise<string> {
  const isNumber = fullMatch(text, numberPatterns({ ...style.numbers, hasMinusSign: true }).number)
  const others = await connection.runAndReadAll(
    `SELECT ${text} AS t FROM ${rows} WHERE ${text} IS NOT NULL AND NOT ${isNumber} GROUP BY t ORDER BY ` +
      'count(*) DESC, t LIMIT 10',
  )
  const examples = others.getRowsJson().map(([other]) => String(other))
  // They look like numbers, and no double is what they say.
  if (examples.length === 0) {
    return (
      `${countText(numbers)} of its ${countText(values)} values are numbers, ` +
      'the others too large, too small or too exact for one'
    )
  }
  return textsAmong('numbers', numbers, values, examples, (other) => formAmongNumbers(other, column), nullTexts)
}

function fullMatch(text: string, pattern: string): string {
  return `regexp_full_match(${text}, ${sqlText(pattern)})`
}
