import { shellWord } from '../shell-word.ts'
import { looseDatePattern } from './date-remarks.ts'
import { blanks, type NumberStyle, numberPatterns, plainNumbers } from './number-style.ts'
import { infinities } from './remark-texts.ts'

/** None of a single letter: those are parts of identifiers more often than units. */
export const knownUnits = [
  ...['%', '$', '€', '£', '¥', '₹', '₽', '₩', 'US$', 'R$', 'USD', 'EUR', 'GBP', 'CHF', 'JPY', 'kr', 'zł', 'pct'],
  ...['km', 'cm', 'mm', 'mi', 'ft', 'kg', 'mg', 'lb', 'lbs', 'oz', 'ml', 'min', 'sec', 'ms', 'hrs', 'km/h', 'mph'],
  ...['°', '°C', '°F', 'kW', 'kWh', 'MW', 'MWh', 'KB', 'kB', 'MB', 'GB', 'TB', 'Hz', 'MHz', 'GHz', 'ppm', 'hPa'],
]

/** How people write numbers, the most usual way first. */
export const groupStyles: readonly NumberStyle[] = [
  plainNumbers,
  { decimalMark: ',' },
  { decimalMark: '.', thousands: ',' },
  { decimalMark: ',', thousands: '.' },
  { decimalMark: '.', thousands: "'" },
  { decimalMark: '.', thousands: ' ' },
  { decimalMark: ',', thousands: ' ' },
]
export const numberStyles: readonly NumberStyle[] = [
  ...groupStyles,
  ...groupStyles.map((style) => ({ ...style, units: knownUnits })),
]

/** Numbers of bookkeepers, negative ones in brackets or with the sign behind. */
export const digitGroups = '[^0-9a-zA-Z()-]{0,2}[0-9]+([.,][0-9]+)*'
export const bookkeptNegative = `\\(${digitGroups}\\)|${digitGroups}-`
export const bookkeptForm = 'are numbers in a form that no flag reads, as (1.50) or 1.50-: change them in the file'

const anyBlanks = `[ \\t${blanks}]*`
const anyNumber = '[+-]?[0-9]+([.,][0-9]+)*'

/** Forms of texts that mean more than a text, by regular expression, and what is said of such values. */
export const otherForms: readonly (readonly [pattern: string, form: string])[] = [
  [
    '[0-9]{1,3}:[0-5][0-9]',
    'look like times: write times of day as 08:30:00 in the file, and how long something takes as a number',
  ],
  ['[+-]?0[xX][0-9a-fA-F]+', 'look like hexadecimal numbers: write them in decimal digits in the file'],
  [
    '[+-]?(0|[1-9][0-9]{0,2}(_[0-9]{3})*)([.][0-9]*)?',
    'are numbers with underscores between thousands: add --thousands _',
  ],
  [
    '[+-]?([0-9]{1,2}(,[0-9]{2})+,[0-9]{3}|[0-9]{1,2},[0-9]{3}|[0-9]{1,3})([.][0-9]*)?',
    'are numbers with commas in front of groups of two digits, as in India: take the commas out of the file',
  ],
  ['="[^"]*"', 'are formulas of a spreadsheet, as ="007": write them without = in the file'],
  [`'[+-]?[0-9]*[.,]?[0-9]+'`, `are numbers between apostrophes: add --quote "'"`],
  [
    '[+-]?([0-9]+[.][0-9]*|[.][0-9]+)[dD][+-]?[0-9]+',
    'are numbers with the exponent D of Fortran: write E in the file',
  ],
  [
    `[ \\t]*[${blanks}]${anyBlanks}${anyNumber}${anyBlanks}|${anyBlanks}${anyNumber}[ \\t]*[${blanks}]${anyBlanks}`,
    'are numbers with no-break spaces around them: remove these in the file',
  ],
  [
    '\\[?[0-9]{1,2}/[A-Za-z]{3}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2}( [+-][0-9]{4})?\\]?',
    'look like dates of a web log: write them as 2024-12-31 23:59:00+00:00 in the file',
  ],
]

const numberTests = numberStyles.map((style) => whole(numberPatterns(style).number))
const formTests = otherForms.map(([pattern, form]) => ({ test: whole(pattern), form }))
const timeOfDay = whole('[0-9]{1,3}(:[0-5][0-9]){2}([.,][0-9]+)?')
const looseDate = whole(looseDatePattern)
const identifier = whole(numberPatterns(plainNumbers).digits)

const datesForm = 'look like dates: write them as numbers in the file, or in a column of their own'
const zeroLedForm = 'have zeros in front, as identifiers have: remove the zeros in the file where these are numbers'

/**
 * What a text among numbers is, if it says more than that there is no number, and what to do about it; undefined for a
 * text that may stand for null.
 *
 * @example formAmongNumbers('0xff', 'v') // 'look like hexadecimal numbers: write them in decimal digits in the file'
 */
export function formAmongNumbers(text: string, column: string): string | undefined {
  const trimmed = text.trim()
  if (infinities.includes(trimmed.toLowerCase()))
    return `are infinite: --types ${shellWord(`${column}:DOUBLE`)} reads inf and -inf, and no model holds them`
  const [, beforeSign, inBrackets] = /^(.+)-$|^\p{Sc}?\((.+)\)$/u.exec(trimmed) ?? []
  if (isNumber(beforeSign ?? inBrackets ?? '')) return bookkeptForm
  if (isNumber(trimmed)) return 'are numbers with marks or units: --decimal-mark, --thousands or --units reads them'
  // Before other forms, of which one has three digits without a comma as well.
  if (identifier.test(trimmed)) return zeroLedForm
  const form = formTests.find(({ test }) => test.test(text))?.form
  if (form !== undefined) return form
  if (timeOfDay.test(trimmed)) return 'look like times: write how long something takes as a number in the file'
  return looseDate.test(trimmed) ? datesForm : undefined
}

/** In any style, and with any currency's sign. */
function isNumber(text: string): boolean {
  const plain = text.replace(/\p{Sc}/gu, '$')
  return numberTests.some((test) => test.test(plain))
}

function whole(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`)
}
