import { sqlText } from '../sql-literals.ts'
import { type NumberStyle, numberPatterns, plainNumber } from './number-style.ts'

/** A column whose values are text, as of CSV, or have a text, as of JSON. */
export interface TextColumn {
  /** as the file calls it */
  readonly column: string
  /** SQL: a value's text, null for a missing one */
  readonly text: string
  /** SQL: what JSON says that a value is; undefined for CSV, where any text may be anything */
  readonly jsonType?: string
}

/** A type that texts may have. The SQL is of one column. */
export interface TextType {
  /** DuckDB's name of it */
  readonly sqlType: string
  /** regular expression that its texts match from end to end; nearly all that match it fit */
  readonly pattern: string
  /** what JSON calls its values */
  readonly jsonTypes: readonly string[]
  /** SQL: whether a text is a value of this type, and comes back from it */
  readonly fits: string
  /** SQL that is true for most texts that fit, never for another, and soon answered */
  readonly quick?: string
  /** SQL: the value of a text that fits */
  readonly value: string
  /** what a text that does not fit is not */
  readonly what: string
  /** whether it is of the dates that somebody has told the format of */
  readonly isTold?: boolean
  /** what is said of a column of this type, if its values may mean another one */
  readonly remark?: string
}

/** How a file writes numbers and dates. */
export interface TextStyle {
  readonly numbers: NumberStyle
  /** of `strptime`: %d/%m/%Y; found out unless told */
  readonly dateFormat?: string | undefined
}

const jsonNumbers = ['BIGINT', 'UBIGINT', 'HUGEINT', 'UHUGEINT', 'DOUBLE']

/** SQL: `condition`, for values that JSON does not call something else. */
function among({ jsonType }: TextColumn, jsonTypes: readonly string[], condition: string): string {
  return jsonType === undefined ? condition : `(${jsonType} IN (${jsonTypes.map(sqlText).join(', ')}) AND ${condition})`
}

function fullMatch(text: string, pattern: string): string {
  return `regexp_full_match(${text}, ${sqlText(pattern)})`
}

/** Whole numbers within 64 bits, without zeros in front: those would be lost. */
export function longType(column: TextColumn, { numbers }: TextStyle): TextType {
  const plain = plainNumber(column.text, numbers)
  const { whole } = numberPatterns(numbers)
  return {
    sqlType: 'BIGINT',
    pattern: whole,
    jsonTypes: jsonNumbers,
    quick: among(column, jsonNumbers, `(${fullMatch(column.text, whole)} AND strlen(${column.text}) <= 18)`),
    fits: among(column, jsonNumbers, `(${fullMatch(column.text, whole)} AND TRY_CAST(${plain} AS BIGINT) IS NOT NULL)`),
    value: `CAST(${plain} AS BIGINT)`,
    what: 'a whole number',
  }
}

/** SQL: the digits of a number's text, without its exponent and the zeros around them. */
function significantDigits(plain: string): string {
  return `trim(regexp_replace(${plain}, '[eE].*|[^0-9]', '', 'g'), '0')`
}

/**
 * Numbers that a double holds: a fraction may be rounded to the nearest double, as it is everywhere. A whole number may
 * not: it may be an identifier. Where doubles have no fractions, beyond 2^53, the digits must be the double's own: rows
 * would become equal. One that becomes infinite or zero is none.
 */
export function doubleType(column: TextColumn, { numbers }: TextStyle): TextType {
  const { text } = column
  const plain = plainNumber(text, numbers)
  const { digits, number, wholeDigits, simple, zero } = numberPatterns(numbers)
  const double = `TRY_CAST(${plain} AS DOUBLE)`
  const isWhole = fullMatch(text, wholeDigits)
  const isWholeExact = `${isWhole} AND TRY_CAST(${plain} AS HUGEINT) = TRY_CAST(${double} AS HUGEINT)`
  const comesBack = `${significantDigits(plain)} = ${significantDigits(`CAST(${double} AS VARCHAR)`)}`
  const isExact =
    `(strlen(${text}) <= 15 OR (${isWholeExact}) OR ` +
    `(NOT ${fullMatch(text, digits)} AND (abs(${double}) < ${2 ** 53} OR ${comesBack})))`
  const fits =
    `(${fullMatch(text, number)} AND isfinite(${double}) AND (${double} <> 0 OR ` +
    `${fullMatch(text, zero)}) AND ${isExact})`
  return {
    sqlType: 'DOUBLE',
    pattern: number,
    jsonTypes: jsonNumbers,
    quick: among(column, jsonNumbers, `(${fullMatch(text, simple)} AND strlen(${text}) <= 200)`),
    fits: among(column, jsonNumbers, fits),
    value: `CAST(${plain} AS DOUBLE)`,
    what: 'a number that a double holds',
  }
}

export function booleanType(column: TextColumn): TextType {
  return {
    sqlType: 'BOOLEAN',
    pattern: '[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]',
    jsonTypes: ['BOOLEAN'],
    fits: among(column, ['BOOLEAN'], `lower(${column.text}) IN ('true', 'false')`),
    value: `CAST(${column.text} AS BOOLEAN)`,
    what: 'true or false',
  }
}

const isoDate = ' *[0-9]{4}(-[0-9]{1,2}-|/[0-9]{1,2}/)[0-9]{1,2}'
const isoTime = '([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]'
/** The end of a day is the beginning of the next one. */
const dayEnd = '24:00(:00(\\.0{1,9})?)?'
/** Offsets are as PostgreSQL takes them, below 16 hours: real ones go from -12:00 to +14:00. */
const zone = '( ?(Z|UTC|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?))'

export function dateType(column: TextColumn): TextType {
  return timeType(column, 'DATE', `${isoDate} *`, `TRY_CAST(${column.text} AS DATE)`, 'a date such as 2024-12-31')
}

export function timeOfDayType(column: TextColumn): TextType {
  const value = `TRY_CAST(${column.text} AS TIME)`
  return timeType(column, 'TIME', `${isoTime}(\\.[0-9]{1,6})?)`, value, 'a time of day such as 23:59:00')
}

const isoTimestamp = (zone: string, digits: number) =>
  `${isoDate}([ T](${isoTime}(\\.[0-9]{1,${digits}})?)?|${dayEnd})${zone})? *`
const whatTimestamp = 'a time such as 2024-12-31 23:59:00'

/** Dates with a time and no zone, to the microsecond. */
export function timestampType(column: TextColumn): TextType {
  const value = `TRY_CAST(${column.text} AS TIMESTAMP)`
  return timeType(column, 'TIMESTAMP', isoTimestamp('', 6), value, whatTimestamp)
}

/**
 * Dates with a time, to the microsecond, some with a zone. They become UTC: DuckDB's own cast drops the zone, and the
 * one to TIMESTAMPTZ takes no zone behind minutes (1.5.6).
 */
export function zonedTimestampType(column: TextColumn): TextType {
  const { text } = column
  const withSeconds = `regexp_replace(${text}, '^([^:]*:[0-9]{2})(${zone} *)$', '\\1:00\\2')`
  const instant = `make_timestamp(epoch_us(TRY_CAST(${withSeconds} AS TIMESTAMPTZ)))`
  const value = `CASE WHEN ${fullMatch(text, `.*:.*${zone} *`)} THEN ${instant} ELSE TRY_CAST(${text} AS TIMESTAMP) END`
  return timeType(column, 'TIMESTAMP', isoTimestamp(`${zone}?`, 6), `(${value})`, whatTimestamp)
}

/** Dates with a time, to the nanosecond: from 1677 to 2262. */
export function nanosecondType(column: TextColumn): TextType {
  const value = `TRY_CAST(${column.text} AS TIMESTAMP_NS)`
  return timeType(column, 'TIMESTAMP_NS', isoTimestamp(`${zone}?`, 9), value, 'a time between 1677 and 2262')
}

/** Dates of a format of `strptime` that somebody has named, with a time if the format has one. */
export function toldType(column: TextColumn, format: string): TextType {
  const sqlType = /%-?[^YymbBdjaAuwUWV%-]/.test(format) ? 'TIMESTAMP' : 'DATE'
  return { ...formattedType(column, sqlType, formatPattern(format), [format]), isTold: true }
}

/** @param formats of `strptime`, of which a text has one */
function formattedType(column: TextColumn, sqlType: string, pattern: string, formats: readonly string[]): TextType {
  const parsed = `try_strptime(${column.text}, [${formats.map(sqlText).join(', ')}])`
  const value = sqlType === 'DATE' ? `CAST(${parsed} AS DATE)` : parsed
  return timeType(column, sqlType, pattern, value, `a date of the form ${formats[0]}`)
}

/** Patterns of the parts of a format: strptime itself takes 24 for the year 24, and blanks around a date. */
const formatParts: Readonly<Record<string, string>> = {
  d: '(0?[1-9]|[12][0-9]|3[01])',
  m: '(0?[1-9]|1[0-2])',
  Y: '[0-9]{4}',
  y: '[0-9]{2}',
  b: '[A-Za-z]{3}',
  B: '[A-Za-z]{3,9}',
  a: '[A-Za-z]{3}',
  A: '[A-Za-z]{6,9}',
  H: '([01]?[0-9]|2[0-3])',
  I: '(0?[1-9]|1[0-2])',
  M: '[0-5]?[0-9]',
  S: '[0-5]?[0-9]',
  f: '[0-9]{1,6}',
  g: '[0-9]{1,3}',
  p: '[AaPp][Mm]',
  '%': '%',
}

/** What texts of a format of `strptime` look like; anything for a format with parts that are not known here. */
export function formatPattern(format: string): string {
  const parts = format.split(/%-?(.)/s)
  if (parts.some((part, i) => i % 2 === 1 && formatParts[part] === undefined)) return '.*'
  const isNumber = (part: string | undefined) => part !== undefined && /[dmYyHIMS]/.test(part)
  return parts
    .map((part, i) => {
      if (i % 2 === 0) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      // Where digits follow digits a number has all of its own: 2024105 is no date.
      const isBeside =
        (parts[i - 1] === '' && isNumber(parts[i - 2])) || (parts[i + 1] === '' && isNumber(parts[i + 2]))
      return isBeside ? formatParts[part].replace(/(?<=0|\])\?/, '') : formatParts[part]
    })
    .join('')
}

function timeType(column: TextColumn, sqlType: string, pattern: string, value: string, what: string): TextType {
  const fits = `(${fullMatch(column.text, pattern)} AND ${value} IS NOT NULL)`
  return { sqlType, pattern, jsonTypes: ['VARCHAR'], fits: among(column, ['VARCHAR'], fits), value, what }
}

/** A type of which the texts alone do not tell. */
const anything = { pattern: '[^]*', jsonTypes: [...jsonNumbers, 'BOOLEAN', 'VARCHAR'] }

/** Any text. Of JSON an object or a list is no text, unless somebody wants its JSON. */
export function textType(column: TextColumn): TextType {
  const fits = column.jsonType === undefined ? 'true' : `${column.jsonType} NOT IN ('OBJECT', 'ARRAY')`
  return {
    sqlType: 'VARCHAR',
    ...anything,
    fits: `(${column.text} IS NOT NULL AND ${fits})`,
    value: column.text,
    what: 'a text',
  }
}

/** Formats of dates that are not ISO's; two of them where day and month may be either way round. */
const dateFormats: readonly (readonly string[])[] = [['%d/%m/%Y', '%m/%d/%Y'], ['%d-%m-%Y', '%m-%d-%Y'], ['%d.%m.%Y']]
/** The ones of which nobody can mean another date. */
const certainFormats = [
  ...['%Y.%m.%d', '%Y-%m-%d', '%Y/%m/%d'],
  ...['%d-%b-%Y', '%d %b %Y', '%d/%b/%Y', '%b %d, %Y', '%b %d %Y'],
].map((format) => [format])
/** What may follow a date, in all of a column's values or in some of them. */
const timeFormats = [
  [''],
  ['', ' %H:%M', ' %H:%M:%S', ' %H:%M:%S.%f'],
  ['', ' %I:%M %p', ' %I:%M:%S %p', ' %I:%M%p', ' %I:%M:%S%p'],
]
const monthName = '[A-Za-z]{3,9}'
/** What all texts of such a column look like: a regular expression. */
export const otherDatePattern =
  '([0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}|[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|' +
  `[0-9]{1,2}[-/ ]${monthName}[-/ ][0-9]{4}|${monthName} [0-9]{1,2},? [0-9]{4})( [0-9].*)?`
/** Dates that are read of themselves, whatever else the column has: a regular expression. */
export const certainDatePattern = [
  isoTimestamp(`${zone}?`, 9),
  ...certainFormats.flat().flatMap((date) => timeFormats.flat().map((time) => formatPattern(date + time))),
].join('|')
/** A date of digits alone, which may be a number as well. */
export const compactDatePattern = `(19|20)${formatPattern('%y%m%d')}`

/**
 * The types that dates of other forms than ISO's may have.
 *
 * @returns shape (forms, ways round, times)
 */
export function otherDateTypes(column: TextColumn, { dateFormat }: TextStyle): readonly TextType[][][] {
  const formats = dateFormat === undefined ? [...dateFormats, ...certainFormats] : certainFormats
  return formats.map((ways) =>
    ways.map((way) => {
      const dates = way.includes('%b') ? [way, way.replace('%b', '%B')] : [way]
      return timeFormats.map((times) => {
        const all = dates.flatMap((date) => times.map((time) => date + time))
        const pattern = all.map(formatPattern).join('|')
        return formattedType(column, times.length === 1 ? 'DATE' : 'TIMESTAMP', pattern, all)
      })
    }),
  )
}

const integerTypes = /^(TINYINT|SMALLINT|INTEGER|BIGINT|UTINYINT|USMALLINT|UINTEGER|UBIGINT|HUGEINT|UHUGEINT)$/

/** Decimals of a second that types of times have room for. */
const secondDecimals = new Map([
  ['TIMESTAMP_S', 0],
  ['TIMESTAMP_MS', 3],
  ['TIMESTAMP WITH TIME ZONE', 6],
  ['TIME', 6],
])

/**
 * The type that somebody has named. Fractions may be rounded to it if it is FLOAT; nothing else may change.
 *
 * @param sqlType as DuckDB prints it
 */
export function namedType({ column: name, text }: TextColumn, sqlType: string, style: TextStyle): TextType {
  // Whatever JSON calls the values: a number between quotes is read as one.
  const column = { column: name, text }
  const { numbers, dateFormat } = style
  if (sqlType === 'VARCHAR') return { sqlType, ...anything, fits: `${text} IS NOT NULL`, value: text, what: 'a text' }
  if (sqlType === 'DATE' || sqlType === 'TIMESTAMP') {
    if (dateFormat !== undefined) return toldType(column, dateFormat)
    return sqlType === 'DATE' ? dateType(column) : zonedTimestampType(column)
  }
  const plain = plainNumber(text, numbers)
  const cast = `TRY_CAST(${plain} AS ${sqlType})`
  const { digits, number } = numberPatterns(numbers)
  const isNumber = `(${fullMatch(text, digits)} OR ${fullMatch(text, number)})`
  const value = `CAST(${plain} AS ${sqlType})`
  if (integerTypes.test(sqlType) || sqlType.startsWith('DECIMAL')) {
    const isWhole = fullMatch(text, numberPatterns(numbers).wholeDigits)
    const [, scale] = /^DECIMAL\(\d+,(\d+)\)$/.exec(sqlType) ?? []
    const isExact =
      scale === undefined
        ? `(strlen(${text}) <= 15 OR ${isWhole}) AND NOT (${cast} = 0 AND regexp_matches(${plain}, '^ *-'))`
        : `(strlen(${text}) <= 15 OR NOT regexp_matches(${plain}, '[.][0-9]{${scale}}[0-9]*[1-9]'))`
    const comesBack = `CAST(${cast} AS DOUBLE) = TRY_CAST(${plain} AS DOUBLE) AND ${isExact}`
    return {
      sqlType,
      ...anything,
      fits: `(${isNumber} AND ${cast} IS NOT NULL AND ${comesBack})`,
      value,
      what: `a value of ${sqlType}`,
    }
  }
  if (sqlType === 'DOUBLE' || sqlType === 'FLOAT') {
    const isSpecial = `lower(${text}) IN ('nan', 'inf', '-inf', 'infinity', '-infinity')`
    const isPlain = sqlType === 'DOUBLE' ? doubleType(column, style).fits : `(${isNumber} AND isfinite(${cast}))`
    const isZeroLed = `(${fullMatch(text, `${digits}`)} AND strlen(${text}) <= 15)`
    return {
      sqlType,
      ...anything,
      fits: `(${isPlain} OR ${isZeroLed} OR ${isSpecial})`,
      value,
      what: `a number that ${sqlType} holds`,
    }
  }
  if (sqlType === 'TIMESTAMP_NS') return nanosecondType(column)
  const decimals = secondDecimals.get(sqlType)
  // The cast rounds what it has no room for, or drops it.
  const loses = decimals === undefined ? 'false' : `regexp_matches(${text}, '[.][0-9]{${decimals}}[0-9]*[1-9]')`
  // It drops a zone too, or takes one that cannot be.
  const zoned = zonedTimestampType(column)
  const isTimestamp = sqlType.startsWith('TIMESTAMP')
  const from = isTimestamp && sqlType !== 'TIMESTAMP WITH TIME ZONE' ? zoned.value : text
  const looksSo = isTimestamp ? fullMatch(text, isoTimestamp(`${zone}?`, 9)) : 'true'
  return {
    sqlType,
    ...anything,
    fits: `(TRY_CAST(${from} AS ${sqlType}) IS NOT NULL AND NOT ${loses} AND ${looksSo})`,
    value: `CAST(${from} AS ${sqlType})`,
    what: `a value of ${sqlType}`,
  }
}

/**
 * The type of a topic's field, for a column whose values may have it: whole numbers go into a double as long as it
 * holds them. Undefined for a type that no text becomes.
 */
export function preferredType(column: TextColumn, sqlType: string, style: TextStyle): TextType | undefined {
  const plain = plainNumber(column.text, style.numbers)
  const long = longType(column, style)
  const double = doubleType(column, style)
  switch (sqlType) {
    case 'BIGINT':
      return long
    case 'DOUBLE':
      return double
    case 'INTEGER':
      return {
        ...long,
        sqlType,
        quick: `(${long.quick} AND strlen(${column.text}) <= 9)`,
        fits: `(${long.fits} AND TRY_CAST(${plain} AS INTEGER) IS NOT NULL)`,
        value: `CAST(${plain} AS INTEGER)`,
      }
    case 'FLOAT': {
      // A float's own text, 0.1, is no double that a float holds.
      const comesBack = `CAST(CAST(TRY_CAST(${plain} AS FLOAT) AS VARCHAR) AS DOUBLE) = TRY_CAST(${plain} AS DOUBLE)`
      const fits = `(${double.fits} AND ${comesBack})`
      return { ...double, sqlType, quick: fits, fits, value: `CAST(${plain} AS FLOAT)` }
    }
    case 'BOOLEAN':
      return booleanType(column)
    case 'VARCHAR':
      return textType(column)
    case 'DATE':
    case 'TIMESTAMP':
      if (style.dateFormat !== undefined) return toldType(column, style.dateFormat)
      return sqlType === 'DATE' ? dateType(column) : zonedTimestampType(column)
    case 'TIMESTAMP_NS':
      return nanosecondType(column)
    case 'TIME':
      return timeOfDayType(column)
    default:
      return undefined
  }
}
