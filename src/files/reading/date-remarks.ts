import { shellWord } from '../shell-word.ts'
import { mostly } from './column-survey.ts'
import { numberPatterns } from './number-style.ts'
import { nullAdvice, type RemarkOptions, textsAmong } from './remark-texts.ts'
import { certainDatePattern, formatPattern, type TextColumn } from './text-types.ts'

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

const candidates = [...new Set(toldFormats)].flatMap((date) =>
  [...toldTimes, ...joinedTimes].map((time) => ({ format: date + time, test: whole(formatPattern(date + time)) })),
)

/**
 * Says of a text column whose values look like dates which format reads them.
 *
 * @param rows SQL: those that are looked at
 */
export async function dateRemark(
  { connection, style: { numbers, dateFormat }, nullTexts }: RemarkOptions,
  { text }: TextColumn,
  rows: string,
): Promise<string | undefined> {
  const reader = await connection.runAndReadAll(`SELECT ${text} FROM ${rows} WHERE ${text} IS NOT NULL LIMIT 2000`)
  const texts = reader.getRowsJson().map(([value]) => String(value))
  const loose = whole(looseDatePattern)
  const dates = texts.filter((value) => loose.test(value))
  const others = texts.filter((value) => !loose.test(value))
  const areMost = (test: RegExp) => dates.filter((value) => test.test(value)).length >= mostly * dates.length
  if (dates.length === 0) return undefined
  const fitting = candidates.filter(({ test }) => areMost(test)).map(({ format }) => format)
  const areCertain = areMost(whole(certainDatePattern)) || (dateFormat !== undefined && fitting.includes(dateFormat))
  const { number, zero } = numberPatterns(numbers)
  // A zero stands for no date more often than it is one.
  const formOf = (other: string) => (whole(number).test(other) && !whole(zero).test(other) ? numbersForm : undefined)
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

function whole(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`)
}
