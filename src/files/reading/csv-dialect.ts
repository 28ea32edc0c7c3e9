import { UsageError } from '../../errors.ts'
import { type CsvMarks, type CsvRecord, firstRecords } from './csv-text.ts'
import { type NumberStyle, numberPatterns } from './number-style.ts'

/** What a CSV file can be told about itself; the rest is found out. */
export interface DialectOptions {
  readonly delimiter?: string | undefined
  /** `"` unless told; empty for none */
  readonly quote?: string | undefined
  readonly header?: boolean | undefined
  /** lines at the beginning that are no part of the table */
  readonly skipLines?: number | undefined
  readonly nullTexts: readonly string[]
  readonly numbers: NumberStyle
}

/** How a CSV file's lines are to be taken apart. */
export interface CsvDialect extends CsvMarks {
  readonly header: boolean
  /** names of the columns, in the file's order, each once */
  readonly names: readonly string[]
  /** lines before the header or the first row: those that were told, Excel's "sep=", and empty ones */
  readonly skipLines: number
  /** whether those lines have quotes, which a reader of records takes for those of values */
  readonly skipsQuotes: boolean
  /** the line of a header that has text behind a closing quote: DuckDB loses rows behind it (1.5.6) */
  readonly misquotedLine: number | undefined
  /** why the header is a guess; undefined if it is certain or was told */
  readonly doubt: string | undefined
}

/** In this order where several fit: commas stand within numbers and texts more often than the others do. */
const delimiters = ['\t', ';', '|', ',']
/** Records at the beginning that are looked at. */
const lookedAtRecords = 1_000
/** The share of records that have as many values as the first one, from which on a delimiter fits. */
const mostRecords = 0.9

/**
 * Finds delimiter and header of a CSV text.
 *
 * @param head the text's beginning
 * @param isWhole whether it is all of it
 */
export async function csvDialect(head: string, isWhole: boolean, options: DialectOptions): Promise<CsvDialect> {
  const { skipLines: toldLines = 0, quote = '"' } = options
  const whole = withoutLines(head, toldLines)
  const told = /^"?sep=(.)"?(?=\r|\n|$)/i.exec(whole)
  const named = told === null ? whole : withoutLines(whole, 1)
  // DuckDB takes an empty line for the header.
  const emptyLines = named.match(/^(\r\n|\r|\n)*/)?.[0].match(/\r\n|\r|\n/g)?.length ?? 0
  const text = withoutLines(named, emptyLines)
  const skipLines = toldLines + (told === null ? 0 : 1) + emptyLines
  const delimiter = options.delimiter ?? told?.[1] ?? (await likelyDelimiter(text, isWhole, quote))
  if (delimiter === quote) {
    throw new UsageError(`${quote} cannot be the delimiter and the quote`, 'Give another --delimiter or --quote')
  }
  const records = await firstRecords(text, isWhole, { delimiter, quote }, lookedAtRecords)
  const { header, doubt } =
    options.header === undefined ? likelyHeader(records, options) : { header: options.header, doubt: undefined }
  const skipsQuotes = quote !== '' && head.slice(0, head.length - text.length).includes(quote)
  const names = columnNames(records[0]?.cells ?? [], header)
  const misquotedLine = header && records[0]?.isMisquoted ? skipLines + records[0].line : undefined
  return { delimiter, quote, header, doubt, skipLines, skipsQuotes, names, misquotedLine }
}

/**
 * What may help where rows have not as many values as the first one: another delimiter, titles to be skipped, or a name
 * that the header lacks. Undefined where the rows at the beginning tell nothing, or most of them fit as they are: a few
 * bad rows among good ones are bad rows, by whatever delimiter they could be cut.
 */
export async function raggedAdvice(
  head: string,
  isWhole: boolean,
  { delimiter, quote, header, names, skipLines }: CsvDialect,
): Promise<string | undefined> {
  const text = withoutLines(head, skipLines)
  const own = await firstRecords(text, isWhole, { delimiter, quote }, lookedAtRecords)
  const [first, ...rows] = own
  const apostrophes = await firstRecords(text, isWhole, { delimiter, quote: "'" }, lookedAtRecords)
  if (quote !== "'" && apostrophes.some(({ text }) => text.includes("'"))) {
    if (apostrophes.length > 1 && apostrophes.every(({ cells }) => cells.length === names.length))
      return `Try --quote "'": then all lines have ${names.length} values`
  }
  if (header && rows.length > 0 && rows.every(({ cells }) => cells.length === names.length + 1)) {
    const alone = names.length === 1 ? belowOneName(rows, { delimiter, quote, skipLines }) : undefined
    if (alone !== undefined) return alone
    return (
      'Each row has one value more than the header has names: if the first value is the name of the ' +
      'row, as R writes it, ' +
      `put a name and a delimiter at the beginning of line ${skipLines + first.line} (in R: col.names = NA)` +
      (delimiter === ',' ? '. If a number has a comma of its own, quote it' : '')
    )
  }
  const fitting = rows.filter(({ cells }) => cells.length === names.length).length
  if (2 * fitting >= rows.length) return undefined
  for (const other of [delimiter, ...delimiters.filter((other) => other !== delimiter), ' ']) {
    const records =
      other === delimiter ? own : await firstRecords(text, isWhole, { delimiter: other, quote }, lookedAtRecords)
    const width = usualWidth(records)
    const begin = records.findIndex(({ cells }) => cells.length === width)
    const table = records.slice(Math.max(0, begin))
    const alike = table.filter(({ cells }) => cells.length === width).length
    // Titles are skipped where nearly all lines behind them are a table; another delimiter has to fit all of them.
    const fits = other === delimiter ? alike >= mostRecords * table.length : alike === table.length
    if (width < 2 || table.length < 2 || 2 * table.length < records.length || !fits) continue
    const titles = begin > 0 ? [`--skip-lines ${skipLines + records[begin].line - 1}`] : []
    const flags = [...titles, ...(other === delimiter ? [] : [`--delimiter ${shownDelimiter(other)}`])]
    const from = skipLines + records[begin].line
    if (flags.length > 0) return `Try ${flags.join(' ')}: then the lines from line ${from} on have ${width} values`
  }
  return undefined
}

/** What may help where one name stands above two values a row: a title above the header, or decimal commas. */
function belowOneName(
  [second, ...rest]: readonly CsvRecord[],
  { delimiter, quote, skipLines }: Pick<CsvDialect, 'delimiter' | 'quote' | 'skipLines'>,
): string | undefined {
  const hasNumber = ({ cells }: CsvRecord) => cells.some(isPlainNumber)
  if (!hasNumber(second) && rest.some(hasNumber)) {
    const line = skipLines + second.line
    return `Try --skip-lines ${line - 1}: then the lines from line ${line} on have 2 values`
  }
  // R writes names of rows between quotes.
  const isDecimal = ({ cells, text }: CsvRecord) =>
    cells.every((cell) => /^[+-]?[0-9]+$/.test(cell)) && (quote === '' || !text.includes(quote))
  if (delimiter !== ',' || ![second, ...rest].every(isDecimal)) return undefined
  return "If the commas are decimal marks, add --delimiter ';' --decimal-mark ,"
}

/** Between the values of some programs' files, and within texts as often: advised, and never taken unasked. */
const rareDelimiters = [' ', '\u0001', '\u001f', '^', '~', ':']

/**
 * What makes a table of a text that has one column by its delimiter: undefined unless another character parts nearly
 * all records into as many values, some of them numbers.
 */
export async function columnsAdvice(
  head: string,
  isWhole: boolean,
  { quote, skipLines }: CsvDialect,
): Promise<string | undefined> {
  const text = withoutLines(head, skipLines)
  for (const delimiter of rareDelimiters) {
    const records = await firstRecords(text, isWhole, { delimiter, quote }, lookedAtRecords)
    const isPadded = delimiter === ' ' && records.some(({ text }) => /^ | {2}| $/.test(text))
    const rows = records.map(({ cells }) => ({ cells: isPadded ? cells.filter((cell) => cell !== '') : cells }))
    const width = usualWidth(rows)
    const table = rows.filter(({ cells }) => cells.length === width).map(({ cells }) => cells)
    const isOfNumbers = (_: string, c: number) =>
      table.slice(1).filter((cells) => isPlainNumber(cells[c])).length >= mostRecords * (table.length - 1)
    const hasNumbers = table[0]?.some(isOfNumbers)
    if (width < 2 || table.length < 2 || table.length < mostRecords * rows.length || !hasNumbers) continue
    const shown = shownDelimiter(delimiter)
    return isPadded
      ? `its lines have ${width} values with blanks around them, which are no delimiter: write the file with one`
      : `its lines have ${width} values with ${shown} between them: add --delimiter ${shown}`
  }
  return undefined
}

function isPlainNumber(text: string): boolean {
  return /^[+-]?[0-9]*[.,]?[0-9]+([eE][+-]?[0-9]+)?$/.test(text)
}

/** As --delimiter takes it. */
function shownDelimiter(delimiter: string): string {
  if (delimiter === '\t') return "'\\t'"
  const isVisible = delimiter >= ' '
  return isVisible ? `'${delimiter}'` : `'\\x${delimiter.charCodeAt(0).toString(16).padStart(2, '0')}'`
}

/** How many values most records have. */
function usualWidth(records: readonly Pick<CsvRecord, 'cells'>[]): number {
  const counts = new Map<number, number>()
  for (const { cells } of records) counts.set(cells.length, (counts.get(cells.length) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? 0
}

function withoutLines(text: string, lines: number): string {
  let at = 0
  for (let line = 0; line < lines; line++) {
    const end = /\r\n|\r|\n/g
    end.lastIndex = at
    const found = end.exec(text)
    if (found === null) return ''
    at = found.index + found[0].length
  }
  return text.slice(at)
}

/**
 * The delimiter by which nearly all records have as many values as the first one; where none does, the one that the
 * first line has most of: a single ragged line must not make a table of one column.
 */
async function likelyDelimiter(text: string, isWhole: boolean, quote: string): Promise<string> {
  let most = ','
  let mostCells = 1
  for (const delimiter of delimiters) {
    const records = await firstRecords(text, isWhole, { delimiter, quote }, lookedAtRecords)
    const width = records[0]?.cells.length ?? 0
    const alike = records.filter(({ cells }) => cells.length === width).length
    if (width > 1 && records.length > 1 && alike >= mostRecords * records.length) return delimiter
    if (width > mostCells) {
      most = delimiter
      mostCells = width
    }
  }
  return most
}

/** Texts that stand for a missing value in somebody's files: no sign of a header. */
const missing = /^(|na|n\/a|nan|null|none|missing|-|\.|\?)$/i
const dateLike = new RegExp(
  '^\\d{1,4}[-/.]\\d{1,2}[-/.]\\d{1,4}([ T]\\d{1,2}:\\d{2}.*)?$|^\\d{1,2}:\\d{2}(:\\d{2}.*)?$|' +
    '^(\\d{1,2}[-/ ][a-z]{3,9}[-/ ]|[a-z]{3,9} \\d{1,2},? )\\d{2,4}( \\d.*)?$',
  'i',
)
const truthLike = /^(true|false)$/i

interface HeaderGuess {
  readonly header: boolean
  readonly doubt: string | undefined
}

/** A header is certain where a column of numbers, dates or truth values begins with another text. */
function likelyHeader(records: readonly CsvRecord[], { numbers, nullTexts }: DialectOptions): HeaderGuess {
  const [first, ...rows] = records.map(({ cells }) => cells)
  if (first === undefined) return { header: true, doubt: undefined }
  const patterns = numberPatterns({ ...numbers, hasMinusSign: true })
  const number = new RegExp(`^(?:${patterns.number}|${patterns.digits})$`)
  const isTyped = (text: string) => number.test(text) || dateLike.test(text) || truthLike.test(text)
  const isMissing = (text: string) => missing.test(text.trim()) || nullTexts.includes(text.trim())
  if (rows.length === 0) return { header: !first.some(isTyped), doubt: undefined }
  const typed = first.map((_, c) => {
    const values = rows.map((row) => row[c] ?? '').filter((text) => !isMissing(text))
    return values.length > 0 && values.filter(isTyped).length >= 0.9 * values.length
  })
  if (first.some((text, c) => typed[c] && !isMissing(text) && !isTyped(text))) {
    return { header: true, doubt: undefined }
  }
  if (!typed.includes(true)) return textHeader(first, rows)
  const isDateAboveNumbers = first.some(
    (text, c) => typed[c] && dateLike.test(text) && !rows.some((row) => dateLike.test(row[c] ?? '')),
  )
  if (isDateAboveNumbers) return { header: true, doubt: undefined }
  return numberHeader(first, typed, new RegExp(`^(?:${patterns.digits})$`))
}

/** All columns are text: a header's names are each another one, and no value of its column. */
function textHeader(first: readonly string[], rows: readonly (readonly string[])[]): HeaderGuess {
  const header =
    new Set(first).size === first.length &&
    first.every((text, c) => !rows.some((row) => text !== '' && row[c] === text))
  return {
    header,
    doubt: `all columns are text, and the first line was read as ${header ? 'their names' : 'a row'}`,
  }
}

/**
 * No name stands above a number. Whole numbers may be names all the same, of years or shops, if no two are alike: most
 * likely so where they rise one by one, as years do.
 */
function numberHeader(first: readonly string[], typed: readonly boolean[], digits: RegExp): HeaderGuess {
  const above = first.filter((_, c) => typed[c])
  const isNames = above.length > 0 && above.every((text) => digits.test(text)) && new Set(first).size === first.length
  if (!isNames) return { header: false, doubt: undefined }
  const areYears = above.every((text) => /^(1[5-9]|20|21)\d\d$/.test(text))
  const doNotFall = above.every((text, i) => i === 0 || Number(text) > Number(above[i - 1]))
  const header = areYears && doNotFall
  const doubt = `the first line's integers were read as ${header ? 'names of columns' : 'a row'}`
  return { header, doubt }
}

/** An empty name becomes `column` and its place, a second one of the same name gets a number behind. */
function columnNames(first: readonly string[], header: boolean): string[] {
  const digits = String(Math.max(0, first.length - 1)).length
  const seen = new Set<string>()
  return first.map((cell, c) => {
    const plain = (header && cell.trim()) || `column${String(c).padStart(digits, '0')}`
    let name = plain
    for (let n = 1; seen.has(name); n++) name = `${plain}_${n}`
    seen.add(name)
    return name
  })
}
