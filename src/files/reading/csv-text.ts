/** The characters that take a CSV text apart. */
export interface CsvMarks {
  readonly delimiter: string
  /** around values, and doubled within them; empty if none has that meaning */
  readonly quote: string
}

/** A piece of a CSV text: a line end, or text without one that ends a record. */
interface CsvPiece {
  readonly text: string
  /** whether it is a line end outside of quotes */
  readonly isLineEnd: boolean
  /** whether a quote is open behind it */
  readonly isQuoted: boolean
}

/**
 * Takes a CSV text apart at its line ends, as RFC 4180 has them: between quotes they are part of a value. A quote
 * opens where a value begins; within a value it is a character like others. One blank before the quote and any behind
 * the closing one are left out, as DuckDB does (1.5.6).
 *
 * @returns the pieces of each part of the text: an asynchronous step a piece would take most of the time
 */
async function* csvPieces(
  text: AsyncIterable<string> | Iterable<string>,
  { delimiter, quote }: CsvMarks,
): AsyncGenerator<CsvPiece[], void, void> {
  let isQuoted = false
  /** whether a quote would open: at the beginning of a value, also behind a blank, and behind a quote that closed */
  let opens = true
  let isStart = true
  let held = ''
  const marks = new RegExp(`(${quote === '' ? '' : `${quote.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}|`}\r\n?|\n)`)
  const take = (piece: string): CsvPiece[] => {
    const pieces: CsvPiece[] = []
    for (const part of piece.split(marks)) {
      if (part === '') continue
      const isEnd = isLineEnd(part) && !isQuoted
      if (part !== quote) {
        const beginsValue = part.endsWith(delimiter) || part.endsWith(`${delimiter} `) || (isStart && part === ' ')
        opens = isEnd || (!isQuoted && beginsValue)
      } else if (isQuoted) {
        isQuoted = false
        opens = true
      } else if (opens) isQuoted = true
      isStart = isEnd
      pieces.push({ text: part, isLineEnd: isEnd, isQuoted })
    }
    return pieces
  }
  for await (const piece of text) {
    const whole = held + piece
    // It may be the first half of a line end.
    held = whole.endsWith('\r') ? '\r' : ''
    yield take(whole.slice(0, whole.length - held.length))
  }
  yield take(held)
}

/** Characters. */
const usualSlice = 16_384

function isLineEnd(text: string): boolean {
  return text[0] === '\n' || text[0] === '\r'
}

/** A record of a CSV text. */
export interface CsvRecord {
  readonly cells: readonly string[]
  /** counted from 1 */
  readonly line: number
  /** counted from 1, line ends between quotes left out and empty lines not: what DuckDB calls a line (1.5.6) */
  readonly ordinal: number
  /** whether text follows the closing quote of one of its cells */
  readonly isMisquoted: boolean
  /** as it stands in the text, without its line end */
  readonly text: string
  /** whether a quote in it is open when the text ends */
  readonly isUnclosed: boolean
}

/**
 * The records of a CSV text, with line ends of any kind. It serves for a file's first records, to find the line of
 * a bad one, and for an audit: DuckDB reads the rows that are loaded.
 *
 * @param hasEmpty whether an empty line is a record
 */
export async function* csvRecords(
  text: AsyncIterable<string> | Iterable<string>,
  marks: CsvMarks,
  hasEmpty = false,
): AsyncGenerator<CsvRecord, void, void> {
  for await (const records of csvRecordBatches(text, marks, hasEmpty)) yield* records
}

/** The same, those that end in the same part of the text together: one by one they take several times as long. */
export async function* csvRecordBatches(
  text: AsyncIterable<string> | Iterable<string>,
  marks: CsvMarks,
  hasEmpty = false,
): AsyncGenerator<CsvRecord[], void, void> {
  let record = ''
  let start = 1
  let line = 1
  let ordinal = 1
  let isQuoted = false
  for await (const pieces of csvPieces(text, marks)) {
    const records: CsvRecord[] = []
    for (const piece of pieces) {
      if (isLineEnd(piece.text)) line++
      if (!piece.isLineEnd) {
        record += piece.text
        continue
      }
      if (record !== '' || hasEmpty) {
        records.push(recordOf(record, marks, start, ordinal))
      }
      record = ''
      start = line
      ordinal++
    }
    isQuoted = pieces.at(-1)?.isQuoted ?? isQuoted
    yield records
  }
  if (record !== '') yield [recordOf(record, marks, start, ordinal, isQuoted)]
}

/** The first records of a text that may be cut off behind them. */
export async function firstRecords(
  head: string,
  isWhole: boolean,
  marks: CsvMarks,
  limit: number,
): Promise<CsvRecord[]> {
  const records: CsvRecord[] = []
  for await (const some of csvRecordBatches(slicesOf(head), marks)) {
    for (const record of some) records.push(record)
    if (records.length > limit) return records.slice(0, limit)
  }
  // The last one may go on behind the head.
  return !isWhole && records.length > 1 ? records.slice(0, -1) : records
}

/** A text in pieces that end where a line does: who wants its beginning need not take all of it apart. */
function* slicesOf(text: string): Generator<string, void, void> {
  for (let at = 0; at < text.length; ) {
    const lineEnd = text.indexOf('\n', at + usualSlice)
    const end = lineEnd === -1 ? text.length : lineEnd + 1
    yield text.slice(at, end)
    at = end
  }
}

/** A record whose cells are taken apart when somebody asks for them. */
function recordOf(text: string, marks: CsvMarks, line: number, ordinal: number, isUnclosed = false): CsvRecord {
  return {
    line,
    ordinal,
    text,
    isUnclosed,
    get cells() {
      return cellsOf(text, marks).cells
    },
    get isMisquoted() {
      return cellsOf(text, marks).isMisquoted
    },
  }
}

function cellsOf(record: string, { delimiter, quote }: CsvMarks): Pick<CsvRecord, 'cells' | 'isMisquoted'> {
  const cells: string[] = []
  let isMisquoted = false
  for (let at = 0; ; ) {
    let cell: string | undefined
    const open = record[at] === ' ' && delimiter !== ' ' ? at + 1 : at
    if (record[open] === quote) {
      // Up to the next quote that is not doubled.
      let end = open + 1
      for (; end < record.length; end++) {
        if (record[end] !== quote) continue
        if (record[end + 1] !== quote) break
        end++
      }
      cell = record.slice(open + 1, end).replaceAll(quote + quote, quote)
      at = end + 1
    }
    const next = record.indexOf(delimiter, at)
    const rest = record.slice(at, next < 0 ? undefined : next)
    if (cell === undefined) cells.push(rest)
    else {
      const isBlank = /^ *$/.test(rest)
      if (!isBlank) isMisquoted = true
      cells.push(isBlank ? cell : cell + rest)
    }
    if (next < 0) return { cells, isMisquoted }
    at = next + delimiter.length
  }
}

/** A CSV text with \n at the end of each record, whatever its line ends are; values stay as they are. */
export async function* withEvenLineEnds(
  text: AsyncIterable<string>,
  marks: CsvMarks,
): AsyncGenerator<string, void, void> {
  let even = ''
  for await (const pieces of csvPieces(text, marks)) {
    for (const piece of pieces) even += piece.isLineEnd ? '\n' : piece.text
    if (even.length < 65_536) continue
    yield even
    even = ''
  }
  yield even
}

/** A text whose first lines are empty, whatever quotes they have. */
export async function* withEmptyLines(text: AsyncIterable<string>, lines: number): AsyncGenerator<string, void, void> {
  let left = lines
  let held = ''
  for await (const part of text) {
    let rest = held + part
    held = ''
    while (left > 0 && rest !== '') {
      const end = /\r\n|\n|\r(?!$)/.exec(rest)
      if (end === null) {
        // It may be the first half of a line end.
        held = rest.endsWith('\r') ? '\r' : ''
        rest = ''
      } else {
        yield end[0]
        rest = rest.slice(end.index + end[0].length)
        left--
      }
    }
    if (rest !== '') yield rest
  }
  if (held !== '') yield held
}

/** Whether a CSV text ends its records in more than one way, of \r\n, \n and \r. */
export async function mixesLineEnds(text: AsyncIterable<string>, marks: CsvMarks): Promise<boolean> {
  let first: string | undefined
  for await (const pieces of csvPieces(text, marks)) {
    for (const piece of pieces) {
      if (!piece.isLineEnd) continue
      first ??= piece.text
      if (piece.text !== first) return true
    }
  }
  return false
}
