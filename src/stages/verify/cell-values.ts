import { UsageError } from '../../errors.ts'
import {
  cellText,
  type DecimalText,
  type FileCell,
  type FileCells,
  type JsonText,
} from '../../files/reading/file-cells.ts'
import { type NumberStyle, plainNumbers } from '../../files/reading/number-style.ts'
import type { TextOptions } from '../../files/reading/table-options.ts'
import { exactDouble, exactWhole, plainNumberReader, specialNumber } from './number-text.ts'
import type { PlainType } from './row-types.ts'
import {
  certainTime,
  type DateOrder,
  dateOrderOf,
  formattedTime,
  orderedTime,
  type TextTime,
  type TimeReader,
  timeOfDay,
} from './time-text.ts'

/** How a file writes numbers and dates, and what its columns were told to be. */
export interface CellStyle {
  readonly numbers: NumberStyle
  readonly dateFormat?: string | undefined
  /** DuckDB types that were named, by column */
  readonly types: Readonly<Record<string, string>>
  /** of the columns whose dates are not written year first */
  readonly dateOrders: ReadonlyMap<string, DateOrder>
}

/** A cell that is not null. */
export type Cell = string | JsonText | DecimalText

/** The value that a cell has as a field of a row; undefined if the field has no such value. */
export type CellReader = (cell: Cell) => unknown

/**
 * Reads a column's cells as the values of a field: strings, numbers, bigints, booleans and buffers, as avsc gives them.
 *
 * @returns undefined for a type that no column of a file becomes
 */
export function cellReader(column: string, { type, logicalType }: PlainType, style: CellStyle): CellReader | undefined {
  const named = Object.hasOwn(style.types, column) ? style.types[column].toUpperCase() : undefined
  const plain = numberReader(style.numbers)
  switch (logicalType ?? type) {
    case 'string':
      // A whole number that is longer than any of Avro's.
      if (named !== undefined && /^(U?HUGEINT|BIGNUM)$/.test(named)) return (cell) => wholeText(plain(cell))
      return cellText
    case 'uuid':
      return (cell) => uuidText(cellText(cell))
    case 'boolean':
      return (cell) => truth.get(cellText(cell).toLowerCase())
    case 'int':
    case 'long':
      return (cell) => {
        const text = plain(cell)
        return text === undefined ? undefined : exactWhole(text)
      }
    case 'double':
      return (cell) => {
        const text = plain(doubleOf(cell))
        return text === undefined ? specialNumber(cellText(cell)) : exactDouble(text)
      }
    case 'float':
      return (cell) => {
        const text = plain(doubleOf(cell))
        const double = text === undefined ? specialNumber(cellText(cell)) : Number(text)
        return double === undefined ? undefined : Math.fround(double)
      }
    case 'bytes':
      return (cell) => blob(cellText(cell))
    case 'time-micros':
      return (cell) => inUnits(nanosOnly(timeOfDay(cellText(cell))), 1_000n)
    case 'date':
    case 'timestamp-millis':
    case 'timestamp-micros':
    case 'timestamp-nanos':
      return timeValue(logicalType ?? type, timeReader(column, style))
    default:
      return undefined
  }
}

/** As DuckDB casts a text to BOOLEAN, if --types says so. */
const truth = new Map<string, boolean>([
  ...['true', 't', 'yes', 'y', '1'].map((text): [string, boolean] => [text, true]),
  ...['false', 'f', 'no', 'n', '0'].map((text): [string, boolean] => [text, false]),
])

/** Numbers of JSON have a style of their own, whatever the texts have. */
function numberReader(numbers: NumberStyle): (cell: Cell) => string | undefined {
  const ofText = plainNumberReader(numbers)
  const ofJson = plainNumberReader(plainNumbers)
  return (cell) => (typeof cell === 'string' ? ofText(cell) : ofJson(cell.json))
}

/** What a double is made of. */
function doubleOf(cell: Cell): Cell {
  return typeof cell === 'object' && 'double' in cell ? cell.double : cell
}

function wholeText(plain: string | undefined): string | undefined {
  return plain === undefined ? undefined : exactWhole(plain)?.toString()
}

function uuidText(text: string): string {
  const digits = text.toLowerCase().replace(/[{}-]/g, '')
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** A blob as DuckDB writes it: bytes that are no ASCII as \xAB. */
function blob(text: string): Buffer {
  return Buffer.from(
    text.replace(/\\x([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
}

function timeReader(column: string, { dateFormat, dateOrders }: CellStyle): TimeReader {
  const formatted = dateFormat === undefined ? undefined : formattedTime(dateFormat)
  const order = dateOrders.get(column)
  // A format holds for the columns that need it: others may have their dates year first.
  const other = formatted ?? (order === undefined ? undefined : orderedTime(order))
  return other === undefined ? certainTime : (text) => other(text) ?? certainTime(text)
}

/** What DuckDB has in place of an endless time, in whatever unit: the largest numbers that it knows. */
const endless: Readonly<Record<string, { readonly day: number; readonly instant: bigint }>> = {
  infinity: { day: 2 ** 31 - 1, instant: 2n ** 63n - 1n },
  '-infinity': { day: 1 - 2 ** 31, instant: 1n - 2n ** 63n },
}

const timestampUnits: Readonly<Record<string, bigint>> = {
  'timestamp-millis': 1_000_000n,
  'timestamp-micros': 1_000n,
  'timestamp-nanos': 1n,
}

function timeValue(logicalType: string, read: TimeReader): CellReader {
  if (logicalType === 'date') {
    return (cell) => {
      const text = cellText(cell)
      if (Object.hasOwn(endless, text)) return endless[text].day
      const time = read(text)
      return time?.nanos === undefined ? time?.days : undefined
    }
  }
  const unit = timestampUnits[logicalType]
  return (cell) => {
    const text = cellText(cell)
    return Object.hasOwn(endless, text) ? endless[text].instant : inUnits(nanosSinceEpoch(read(text)), unit)
  }
}

function nanosOnly(nanos: number | undefined): bigint | undefined {
  return nanos === undefined ? undefined : BigInt(nanos)
}

function nanosSinceEpoch(time: TextTime | undefined): bigint | undefined {
  return time === undefined ? undefined : BigInt(time.days) * 86_400_000_000_000n + BigInt(time.nanos ?? 0)
}

/** Undefined for what would have to be rounded. */
function inUnits(nanos: bigint | undefined, unit: bigint): bigint | undefined {
  return nanos === undefined || nanos % unit !== 0n ? undefined : nanos / unit
}

/**
 * A JSON text whose numbers are written in one way, for comparing two: 1.50 is 1.5. A text that is no JSON stays as it
 * is.
 */
export function evenJson(text: string): string {
  // Of most texts an error would tell, which takes longer.
  if (!/^[-0-9{[]/.test(text)) return text
  try {
    return JSON.stringify(
      parseJson(text, (_key, value, { source }) =>
        typeof value === 'number' ? (exactWhole(source)?.toString() ?? String(value)) : value,
      ),
    )
  } catch (error) {
    return error instanceof RangeError ? evenDeepJson(text) : text
  }
}

/** The same for JSON that is nested too deeply for a reviver, which calls itself for each level. */
function evenDeepJson(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|-?[0-9][-+.0-9eE]*|\s+/g, (token) => {
    if (token.startsWith('"')) return JSON.stringify(JSON.parse(token))
    return token.trim() === '' ? '' : (exactWhole(token)?.toString() ?? String(Number(token)))
  })
}

// ECMAScript 2026, in Node since 22; the compiler's library does not have it yet.
const { parse: parseJson } = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source: string }) => unknown): unknown
}

/** The style of a file that is read as the options say. @throws UsageError for a format of dates that cannot be read */
export async function cellStyle(cells: FileCells, text: TextOptions = {}): Promise<CellStyle> {
  const { numbers = plainNumbers, types = {}, dateFormat } = text
  if (dateFormat !== undefined && formattedTime(dateFormat) === undefined) {
    throw new UsageError(
      `The dates of --date-format ${dateFormat} cannot be compared`,
      'Leave out the columns of dates with --columns, and --date-format',
    )
  }
  const isFound = dateFormat === undefined && !cells.isTyped
  return { numbers, types, dateFormat, dateOrders: isFound ? await findDateOrders(cells) : new Map() }
}

/**
 * Finds out in which order the dates of each column have day and month: a load takes the one that all of its values
 * have. The file is read through if its first rows have such dates.
 */
async function findDateOrders(cells: FileCells): Promise<ReadonlyMap<string, DateOrder>> {
  const orders = new Map<string, DateOrder>()
  let open: number[] | undefined
  for await (const rows of cells.rows()) {
    if (rows.length === 0) continue
    open ??= cells.columns.flatMap((_, c) => (rows.some(({ cells }) => isOtherDate(cells[c])) ? [c] : []))
    for (const { cells: row } of rows) {
      for (const c of open) {
        const cell = row[c]
        const order = typeof cell === 'string' ? dateOrderOf(cell) : undefined
        if (order === undefined) continue
        orders.set(cells.columns[c].column, order)
        open = open.filter((other) => other !== c)
      }
    }
    if (open.length === 0) break
  }
  return orders
}

function isOtherDate(cell: FileCell): boolean {
  return typeof cell === 'string' && /^[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}/.test(cell)
}
