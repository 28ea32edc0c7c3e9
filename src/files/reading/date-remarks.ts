import type { DuckDBConnection } from '@duckdb/node-api'
import { shellWord } from '../shell-word.ts'
import { countColumns, countWhere } from './column-counts.ts'
import { mostly } from './column-survey.ts'
import { numberPatterns } from './number-style.ts'
import { nullAdvice, type RemarkOptions, textsAmong } from './remark-texts.ts'
import {
  certainDatePattern,
  formatPattern,
  nanosecondType,
  otherDateTypes,
  type TextColumn,
  type TextType,
  toldType,
  zonedTimestampType,
} from './text-types.ts'

const year = '(1[5-9]|2[0-9])[0-9]{2}'
const monthName = '[A-Za-z]{3,9}\\.?'
const shortMonth = 'jan feb mar apr may jun jul aug sep oct nov dec'
  .split(' ')
  .map((name) => [...name].map((letter) => `[${letter}${letter.toUpperCase()}]`).join(''))
  .join('|')

/** What people take for a date: a regular expression that says no more than that. */
export const looseDatePattern = [
  `${year}[-/. ][0-9]{1,2}[-/. ][0-9]{1,2}([ T].*)?`,
  `[0-9]{1,2}[-/. ][0-9]{1,2}[-/. ](${year}|[0-9]{2})([ T].*)?`,
  `([A-Za-z]{3,9},? )?[0-9]{1,2}\\.?[-/ ]${monthName}[-/ ](${year}|[0-9]{2})([ T].*)?`,
  `([A-Za-z]{3,9},? )?${monthName} [0-9]{1,2},? (${year}|[0-9]{2})([ T].*)?`,
  `${year}[0-9]{4}[T ][0-9:.]+Z?`,
  `[0-9]{1,2}(${shortMonth})(${year}|[0-9]{2})([: ].*)?`,
].join('|')

/** Formats that somebody has to tell, for their dates may mean others as well. */
const toldFormats = [
  ...['/', '-'].flatMap((mark) => [`%d${mark}%m${mark}%Y`, `%m${mark}%d${mark}%Y`]),
  ...['/', '-', '.'].flatMap((mark) => [
    `%d${mark}%m${mark}%y`,
    `%m${mark}%d${mark}%y`,
    `%y${mark}%m${mark}%d`,
    `%m${mark}%d${mark}%Y`,
  ]),
  ...['%d-%b-%y', '%d %b %y', '%d/%b/%y', '%b %d, %y', '%b %d %y', '%Y%m%d', '%Y %m %d', '%d %m %Y'],
  ...['%a, %d %b %Y', '%a %b %d %Y', '%A, %d %B %Y', '%A, %B %d, %Y', '%d.%m.%Y'],
  // SAS
  ...['%d%b%Y', '%d%b%y'],
]
const toldTimes = ['', ' %H:%M', ' %H:%M:%S', ' %H:%M:%S.%f', ' %I:%M %p', ' %I:%M:%S %p', ' %I:%M%p', ' %I:%M:%S%p']
const joinedTimes = [
  'T%H:%M',
  'T%H:%M:%S',
  'T%H%M%S',
  ' %H%M%S',
  'T%H:%M:%S.%f',
  'T%H:%M:%SZ',
  'T%H%M%SZ',
  ' %H:%M:%S GMT',
  ...[':%H:%M', ':%H:%M:%S', ':%H:%M:%S.%f'],
]
/** Times with a comma before the decimals, as the logs of Python and log4j have them. */
const commaTimes = ['%g', '%f'].flatMap((decimals) => [` %H:%M:%S,${decimals}`, `T%H:%M:%S,${decimals}`])
/** Dates that need no format without such a time. */
const commaDates = ['%Y-%m-%d', '%Y/%m/%d', '%d %b %Y', '%d-%b-%Y']

const candidates = [
  ...[...new Set(toldFormats)].flatMap((date) =>
    [...toldTimes, ...joinedTimes, ...commaTimes].map((time) => date + time),
  ),
  ...commaDates.flatMap((date) => commaTimes.map((time) => date + time)),
].map((format) => ({ format, test: whole(formatPattern(format)) }))

/** The formats that most of the dates have. Milliseconds are microseconds as well, and named as what they are. */
function fittingFormats(areMost: (test: RegExp) => boolean): string[] {
  const fitting = candidates.filter(({ test }) => areMost(test)).map(({ format }) => format)
  return fitting.filter((format) => !(format.endsWith(',%f') && fitting.includes(format.replace(/f$/, 'g'))))
}

/** Values that are looked at. */
const lookedAt = 2000

/**
 * Says of a text column whose values look like dates which format reads them.
 *
 * @param rows SQL: those that are looked at
 */
export async function dateRemark(
  { connection, style, nullTexts }: RemarkOptions,
  column: TextColumn,
  rows: string,
): Promise<string | undefined> {
  const { text } = column
  const { dateFormat } = style
  const reader = await connection.runAndReadAll(
    `SELECT ${text} FROM ${rows} WHERE ${text} IS NOT NULL LIMIT ${lookedAt}`,
  )
  const texts = reader.getRowsJson().map(([value]) => String(value))
  const loose = whole(looseDatePattern)
  const dates = texts.filter((value) => loose.test(value))
  const others = texts.filter((value) => !loose.test(value))
  const areMost = (test: RegExp) => dates.filter((value) => test.test(value)).length >= mostly * dates.length
  if (dates.length === 0) return undefined
  const fitting = fittingFormats(areMost)
  const areCertain = areMost(whole(certainDatePattern)) || (dateFormat !== undefined && fitting.includes(dateFormat))
  const { number, zero } = numberPatterns(style.numbers)
  // A zero stands for no date more often than it is one.
  const formOf = (other: string) => (whole(number).test(other) && !whole(zero).test(other) ? numbersForm : undefined)
  const told = dateFormat ?? (fitting.length === 1 ? fitting[0] : undefined)
  const isAmbiguous = dateFormat === undefined && fitting.length > 1
  if (others.length === 0 && !isAmbiguous) {
    const types = [
      ...(told === undefined ? [] : [toldType(column, told)]),
      ...[zonedTimestampType(column), nanosecondType(column), ...otherDateTypes(column, style).flat(2)],
    ]
    const wrong = await impossibleDates(connection, text, rows, dates, types)
    const needed = dateFormat === undefined && told !== undefined ? ` and add --date-format ${shellWord(told)}` : ''
    if (wrong.length > 0) return impossibleRemark(wrong) + needed
  }
  if (areCertain && others.length > 0) {
    return textsAmong('dates', dates.length, texts.length, [...new Set(others)].slice(0, 10), formOf, nullTexts)
  }
  if (dateFormat !== undefined) {
    return (
      `its values look like dates of another form than --date-format ${shellWord(dateFormat)}, as ` +
      `"${dates[0]}": write them as 2024-12-31 in the file`
    )
  }
  if (fitting.length === 0) {
    return (
      `its values look like dates, as "${dates[0]}", in several forms that no single format reads: ` +
      'write them as 2024-12-31 in the file'
    )
  }
  const flags = fitting.slice(0, 3).map((format) => shellWord(format))
  const what = flags.length === 1 ? 'its values look like dates' : 'its dates are ambiguous'
  return `${what}: add --date-format ${flags.join(' or ')}${others.length > 0 ? nullAdvice : ''}`
}

const numbersForm = 'are numbers: write them as dates in the file'

/**
 * Dates that the calendar does not have, among others of the same form: none where the forms differ, or there is no type
 * that reads most of them and leaves out only what no type reads.
 *
 * @param dates texts that look like dates
 * @returns up to three, sorted
 */
async function impossibleDates(
  connection: DuckDBConnection,
  text: string,
  rows: string,
  dates: readonly string[],
  types: readonly TextType[],
): Promise<string[]> {
  const shapes = new Set(
    dates.map((date) =>
      date
        .trim()
        .replace(/[0-9]+/g, '0')
        .replace(/[A-Za-z]+/g, 'a'),
    ),
  )
  if (shapes.size > 1) return []
  const scan = `(FROM ${rows} WHERE ${text} IS NOT NULL LIMIT ${lookedAt})`
  const isWrong = `(${types.map(({ fits }) => fits).join(' OR ')}) IS NOT TRUE`
  const counts = [isWrong, ...types.map(({ fits }) => fits)].map(countWhere)
  const [[none, ...fitting]] = (await countColumns({ connection, scan }, [counts])).values
  const most = Math.max(...fitting)
  if (none === 0 || most <= dates.length / 2 || most + none < dates.length) return []
  const wrong = await connection.runAndReadAll(
    `SELECT DISTINCT ${text} AS t FROM ${scan} WHERE ${isWrong} ORDER BY t LIMIT 3`,
  )
  return wrong.getRowsJson().map(([found]) => String(found))
}

function impossibleRemark(wrong: readonly string[]): string {
  const named = wrong.map((date) => `"${date}"`).join(', ')
  const what = wrong.length === 1 ? 'is no date: correct it' : 'are no dates: correct them'
  return `its values look like dates, and ${named} ${what} in the file`
}

function whole(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`)
}
