import type { DuckDBConnection } from '@duckdb/node-api'
import type { SurveyedColumn } from './column-survey.ts'
import { type NumberStyle, numberPatterns } from './number-style.ts'
import { sqlText } from './sql-literals.ts'
import { otherDatePattern } from './text-types.ts'

/** Rows at the beginning that are looked at: a remark is advice, and decides nothing. */
const remarkRows = 20_480
/** The share of a column's values, missing ones left out, that must look like something to be called it. */
const most = 0.9

const currencies = ['$', '€', '£', '¥', '₹', '₽', 'USD', 'EUR', 'GBP', 'CHF']
const missingTexts = [
  'na',
  'n/a',
  '#n/a',
  'nan',
  'null',
  'none',
  'nil',
  'missing',
  'unknown',
  '-',
  '--',
  '.',
  '?',
  '\\n',
]

interface Shape {
  readonly pattern: string
  readonly remark: (column: string) => string
}

const plain: NumberStyle = { decimalMark: '.' }
const withUnits = (units: string[]): NumberStyle => ({ decimalMark: '.', thousands: ',', units })
const numbersWith = (what: string, flags: string) => () => `its values are numbers with ${what}: add ${flags}`

/** What numbers look like that are read as text, the most usual first. */
const shapes: readonly Shape[] = [
  {
    pattern: numberPatterns(plain).number,
    remark: (column) => `its values are texts in the file, and look like numbers: --types ${column}:DOUBLE reads them`,
  },
  {
    pattern: numberPatterns({ decimalMark: ',' }).number,
    remark: numbersWith('a decimal comma', '--decimal-mark ,'),
  },
  {
    pattern: numberPatterns({ decimalMark: '.', thousands: ',' }).number,
    remark: numbersWith('commas between thousands', '--thousands ,'),
  },
  {
    pattern: numberPatterns({ decimalMark: ',', thousands: '.' }).number,
    remark: numbersWith('a decimal comma and points between thousands', '--decimal-mark , --thousands .'),
  },
  {
    pattern: numberPatterns({ decimalMark: '.', thousands: "'" }).number,
    remark: numbersWith('apostrophes between thousands', `--thousands "'"`),
  },
  {
    pattern: numberPatterns({ decimalMark: '.', thousands: ' ' }).number,
    remark: numbersWith('spaces between thousands', `--thousands ' '`),
  },
  {
    pattern: numberPatterns({ decimalMark: ',', thousands: ' ' }).number,
    remark: numbersWith('a decimal comma and spaces between thousands', `--decimal-mark , --thousands ' '`),
  },
  { pattern: numberPatterns(withUnits(['%'])).number, remark: numbersWith('a percent sign', '--units %') },
  {
    pattern: numberPatterns({ decimalMark: ',', thousands: '.', units: ['%', ...currencies] }).number,
    remark: numbersWith('a unit and a decimal comma', `--decimal-mark , --thousands . and --units with the unit`),
  },
  {
    pattern: numberPatterns(withUnits(currencies)).number,
    remark: numbersWith(
      'a currency',
      `--units with its sign, as --units '$', and --thousands , if there are such commas`,
    ),
  },
  {
    pattern: `\\([^0-9a-zA-Z]{0,2}[0-9.,]+\\)|[^0-9a-zA-Z]{0,2}[0-9.,]+-?`,
    remark: () => 'its values are numbers in a form that no flag reads, as (1.50) or 1.50-: change them in the file',
  },
  {
    pattern: otherDatePattern,
    remark: () => 'its dates may begin with the day or the month: add --date-format %d/%m/%Y or %m/%d/%Y',
  },
]

/**
 * Says of text columns what would make them numbers or dates, where their values look like that: a column that is text
 * is no column of the model.
 *
 * @param scan SQL: the table
 * @param texts the columns, of type text, that nobody has called so
 * @returns remarks by column
 */
export async function textRemarks(
  connection: DuckDBConnection,
  scan: string,
  texts: readonly SurveyedColumn[],
): Promise<ReadonlyMap<string, string>> {
  const remarks = new Map<string, string>()
  if (texts.length === 0) return remarks
  const missing = `(${missingTexts.map(sqlText).join(', ')})`
  // A column at a time: a table may have thousands.
  for (const { column, values, numbers } of texts) {
    if (values === 0) continue
    const { text } = column
    // Where there are numbers somewhere, what is no number may be anywhere.
    const rows = numbers > 0 ? scan : `(FROM ${scan} LIMIT ${remarkRows})`
    const counts = [
      `count(${text})`,
      `count(*) FILTER (WHERE lower(trim(${text})) IN ${missing})`,
      `count(*) FILTER (WHERE regexp_full_match(${text}, ${sqlText(numberPatterns(plain).digits)}))`,
      ...shapes.map(({ pattern }) => `count(*) FILTER (WHERE regexp_full_match(${text}, ${sqlText(pattern)}))`),
    ]
    const reader = await connection.runAndReadAll(`SELECT ${counts.join(', ')} FROM ${rows}`)
    const [all, absent, digits, ...alike] = reader.getRowsJson()[0].map(Number)
    const present = all - absent
    const shape = shapes.findIndex((_, i) => present > 0 && alike[i] >= most * present)
    if (present > 0 && digits === present && numbers < present) remarks.set(column.column, identifierRemark)
    else if (shape > 0 || (shape === 0 && numbers === 0)) {
      remarks.set(column.column, shapes[shape].remark(column.column) + (absent > 0 ? nullAdvice : ''))
    } else if (numbers > values / 2 || shape === 0) {
      remarks.set(column.column, await numbersAmongTexts(connection, rows, text, numbers, values))
    }
  }
  return remarks
}

const identifierRemark =
  'its values are digits, of which some have zeros in front or are too long for a number: they stay text, as identifiers'

const nullAdvice = ', and name the text that means null with --null'

/** @example '80 of its 100 values are numbers, the others are texts, as "NA": --null names the texts that mean null' */
async function numbersAmongTexts(
  connection: DuckDBConnection,
  rows: string,
  text: string,
  numbers: number,
  values: number,
): Promise<string> {
  const isNumber = `regexp_full_match(${text}, ${sqlText(numberPatterns(plain).number)})`
  const others = await connection.runAndReadAll(
    `SELECT ${text} AS t FROM ${rows} WHERE ${text} IS NOT NULL AND NOT ${isNumber} GROUP BY t ORDER BY count(*) DESC, t LIMIT 3`,
  )
  const examples = others.getRowsJson().map(([other]) => String(other))
  // They look like numbers, and no double is what they say.
  if (examples.length === 0) {
    return `${numbers.toLocaleString('en')} of its ${values.toLocaleString('en')} values are numbers, the others too large, too small or too exact for one`
  }
  const named = examples.map((example) => `"${example.slice(0, 20)}"`).join(', ')
  return (
    `${numbers.toLocaleString('en')} of its ${values.toLocaleString('en')} values are numbers, the others texts, as ${named}: ` +
    `--null ${examples.slice(0, 1).join('')} takes such a text for null`
  )
}
