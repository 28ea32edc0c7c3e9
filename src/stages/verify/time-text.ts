/** A day and a time of it, as a text has them. */
export interface TextTime {
  /** since 1970-01-01 */
  readonly days: number
  /** of that day, in UTC if the text names a zone; undefined for a date alone */
  readonly nanos: number | undefined
}

export type TimeReader = (text: string) => TextTime | undefined

/** Which of the two numbers in front of the year is the day. */
export type DateOrder = 'day first' | 'month first'

const minuteNanos = 60e9
const timePattern = '([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\\.([0-9]{1,9}))?)?'
const isoPattern = new RegExp(
  `^ *([0-9]{4,6})([-/.])([0-9]{1,2})\\2([0-9]{1,2})( \\(BC\\))?` +
    `(?:[ T]${timePattern}(?: ?([AaPp])[Mm])? ?(Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?)? *$`,
)
const wholeTime = new RegExp(`^${timePattern}$`)
const otherTime = `(?: ${timePattern}(?: ?([AaPp])[Mm])?)?$`
const otherPattern = new RegExp(`^([0-9]{1,2})([-/.])([0-9]{1,2})\\2([0-9]{4})${otherTime}`)

/**
 * Reads dates of which nobody can mean another one: those that begin with the year, and those that name the month.
 *
 * @example certainTime('2024-12-31T23:59:00+02:00') // 21:59 of that day in UTC
 * @example certainTime('31 Dec 2024')
 */
export function certainTime(text: string): TextTime | undefined {
  const match = isoPattern.exec(text)
  if (match === null) return namedTime(text)
  const [, year, , month, day, bc, hour, minute, second, fraction, half, zone] = match
  const days = daysOf(bc === undefined ? Number(year) : 1 - Number(year), Number(month), Number(day))
  if (days === undefined || hour === undefined) return days === undefined ? undefined : { days, nanos: undefined }
  const nanos = nanosOf(hourOf(hour, half), minute, second, fraction)
  return nanos === undefined ? undefined : { days, nanos: nanos - zoneMinutes(zone) * minuteNanos }
}

/** Nanoseconds of a day. */
export function timeOfDay(text: string): number | undefined {
  const match = wholeTime.exec(text)
  return match === null ? undefined : nanosOf(match[1], match[2], match[3], match[4])
}

/**
 * Which order the dates of a column have, as far as a text tells: 31/12/2024 has its day first.
 *
 * @returns undefined for a text that tells nothing, or is no such date
 */
export function dateOrderOf(text: string): DateOrder | undefined {
  const match = otherPattern.exec(text)
  if (match === null) return undefined
  const [, first, mark, second] = match
  if (Number(first) > 12 || mark === '.') return 'day first'
  return Number(second) > 12 ? 'month first' : undefined
}

/** Reads dates such as 31/12/2024 1:05 PM, whatever stands between their numbers. */
export function orderedTime(order: DateOrder): TimeReader {
  return (text) => {
    const match = otherPattern.exec(text)
    if (match === null) return undefined
    const [, first, , second, year, hour, minute, seconds, fraction, half] = match
    const [day, month] = order === 'day first' ? [first, second] : [second, first]
    const days = daysOf(Number(year), Number(month), Number(day))
    if (days === undefined || hour === undefined) return days === undefined ? undefined : { days, nanos: undefined }
    const nanos = nanosOf(hourOf(hour, half), minute, seconds, fraction)
    return nanos === undefined ? undefined : { days, nanos }
  }
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const monthNames = `(${months.join('|')})[a-z]*`

const namedPattern = new RegExp(
  `^(?:([0-9]{1,2})([-/ ])${monthNames}\\2|${monthNames} ([0-9]{1,2}),? )([0-9]{4})${otherTime}`,
  'i',
)

function namedTime(text: string): TextTime | undefined {
  const match = namedPattern.exec(text)
  if (match === null) return undefined
  const [, first, , before, behind, second, year, hour, minute, seconds, fraction, half] = match
  const month = months.indexOf((before ?? behind).toLowerCase()) + 1
  const days = daysOf(Number(year), month, Number(first ?? second))
  if (days === undefined || hour === undefined) return days === undefined ? undefined : { days, nanos: undefined }
  const nanos = nanosOf(hourOf(hour, half), minute, seconds, fraction)
  return nanos === undefined ? undefined : { days, nanos }
}

/** Patterns of the parts of a `strptime` format. */
const formatParts: Readonly<Record<string, string>> = {
  d: '(?<day>[0-9]{1,2})',
  m: '(?<month>[0-9]{1,2})',
  b: `(?<name>${monthNames})`,
  B: `(?<name>${monthNames})`,
  Y: '(?<year>[0-9]{4})',
  y: '(?<shortYear>[0-9]{2})',
  H: '(?<hour>[0-9]{1,2})',
  I: '(?<hour>[0-9]{1,2})',
  p: '(?<half>[AaPp])[Mm]',
  M: '(?<minute>[0-9]{1,2})',
  S: '(?<second>[0-9]{1,2})',
  f: '(?<fraction>[0-9]{1,9})',
  g: '(?<fraction>[0-9]{1,3})',
  a: '[A-Za-z]+',
  A: '[A-Za-z]+',
  '%': '%',
}

/**
 * Reads dates of a format of `strptime`.
 *
 * @returns undefined for a format that has a part which this audit cannot read
 */
export function formattedTime(format: string): TimeReader | undefined {
  // The numbers without zeros in front are read the same: %-d as %d.
  const parts = format.split(/%-?(.)/s)
  let source = ''
  for (const [i, part] of parts.entries()) {
    if (i % 2 === 0) source += part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/ +/g, ' +')
    else if (formatParts[part] === undefined) return undefined
    else source += formatParts[part]
  }
  const pattern = new RegExp(`^${source}$`, 'i')
  const hasTime = /%-?[HIMSfgp]/.test(format)
  return (text) => {
    const { day = '1', month, name, year, shortYear, ...time } = pattern.exec(text)?.groups ?? {}
    const fullYear = year === undefined ? fullYearOf(shortYear) : Number(year)
    if (fullYear === undefined) return undefined
    const monthNumber = name === undefined ? Number(month ?? 1) : months.indexOf(name.slice(0, 3).toLowerCase()) + 1
    const days = daysOf(fullYear, monthNumber, Number(day))
    if (days === undefined || !hasTime) return days === undefined ? undefined : { days, nanos: undefined }
    const { hour = '0', half, minute = '0', second, fraction } = time
    const nanos = nanosOf(hourOf(hour, half), minute, second, fraction)
    return nanos === undefined ? undefined : { days, nanos }
  }
}

/** As strptime of POSIX has it: 69 to 99 are of the last century. */
function fullYearOf(shortYear: string | undefined): number | undefined {
  if (shortYear === undefined) return undefined
  const year = Number(shortYear)
  return year >= 69 ? 1900 + year : 2000 + year
}

function hourOf(hour: string, half: string | undefined): string {
  if (half === undefined) return hour
  return String((Number(hour) % 12) + (half.toLowerCase() === 'p' ? 12 : 0))
}

function nanosOf(hour: string, minute: string, second = '0', fraction = ''): number | undefined {
  const [h, m, s] = [Number(hour), Number(minute), Number(second)]
  if (h > 24 || m > 59 || s > 59 || (h === 24 && m + s > 0)) return undefined
  return (h * 60 + m) * minuteNanos + s * 1e9 + Number(fraction.padEnd(9, '0'))
}

/** Minutes that a zone is ahead of UTC. */
function zoneMinutes(zone = 'Z'): number {
  const [, sign, hours, minutes = '0'] = /^([+-])([0-9]{2}):?([0-9]{2})?$/.exec(zone) ?? []
  if (hours === undefined) return 0
  return (sign === '-' ? -1 : 1) * (60 * Number(hours) + Number(minutes))
}

/** Days since 1970-01-01 of a date of the Gregorian calendar; undefined if there is none. */
function daysOf(year: number, month: number, day: number): number | undefined {
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  const isDate = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  return isDate ? date.getTime() / 86_400_000 : undefined
}
