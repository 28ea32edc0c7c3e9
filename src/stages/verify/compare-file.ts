import { cellText, type FileCell, type FileCells, type FileRow } from '../../files/reading/file-cells.ts'
import type { StockRow } from '../../ports/stock-log.ts'
import { schemaIdOf } from './audited-framing.ts'
import { type CellReader, type CellStyle, cellReader, evenJson } from './cell-values.ts'
import type { Comparison, Prints } from './comparison.ts'
import { hasTimeOf } from './record-time.ts'
import { valueText } from './row-print.ts'
import { decodeRow, type Fields, type RowType, type RowTypes } from './row-types.ts'
import { isSameValue } from './same-value.ts'

/** A row of a file, and the key that its row in the topic must have. */
export interface ExpectedRow {
  readonly fileRow: FileRow
  readonly key: string | null
  /** made when it is needed */
  print?: string | undefined
}

/** Rows that are remembered for telling a doubled row from somebody else's: a block, and so any batch, of a load. */
const remembered = 10_000

/** Rows that were found one after the other, and the prints of as many of them as were asked for. */
interface FoundRows {
  readonly rows: ExpectedRow[]
  printed: number
  readonly prints: Set<string | undefined>
}

function noRows(): FoundRows {
  return { rows: [], printed: 0, prints: new Set() }
}

/** What all rows of a load have in common, and hardly another row has: their time and their schema. */
export function loadStamp({ timestamp, value }: StockRow): string {
  return `${timestamp} ${value === null ? '' : schemaIdOf(value)}`
}

interface DecodedRow {
  readonly type: RowType
  readonly fields: Fields
}

/** A field of the topic for each column of the file; undefined without one, or for one that no column becomes. */
type Readers = readonly (CellReader | undefined)[]

/**
 * Compares rows of a topic with the rows of the file that they were loaded from: each cell's text must be what the
 * field says. Fields that the file has no column for are passed over.
 */
export class FileComparison implements Comparison<ExpectedRow, StockRow> {
  readonly #cells: FileCells
  readonly #types: RowTypes
  readonly #style: CellStyle
  readonly #loads: Set<string>
  /** the topic's name of the field that is the time of a record; undefined if all rows of a load have one time */
  readonly #timeField: string | undefined
  readonly #readers = new Map<number, Readers>()
  #recent = noRows()
  /** the `remembered` rows before them */
  #before = noRows()
  /** the type that the prints of expected rows are made with */
  #printType: RowType | undefined
  readonly #copies = new WeakSet<StockRow>()
  #decodedRow: StockRow | undefined
  #decoded: DecodedRow | undefined
  /** rows that were found */
  matched = 0
  /** the farthest row that was found; undefined before the first one */
  last: StockRow | undefined

  /**
   * @param loads gets the stamps of the loads that have written the rows that are found
   * @param timeColumn the file's name of the column that is the time of a record, if one is
   */
  constructor(cells: FileCells, types: RowTypes, style: CellStyle, loads: Set<string>, timeColumn?: string) {
    this.#cells = cells
    this.#types = types
    this.#style = style
    this.#loads = loads
    this.#timeField = cells.columns.find(({ column }) => column === timeColumn)?.field
  }

  /** Whether each row has a time of its own: then a load cannot be told by the time of its rows. */
  get hasRowTimes(): boolean {
    return this.#timeField !== undefined
  }

  difference(expected: ExpectedRow, found: StockRow): string | undefined {
    const problem = this.#difference(expected, found)
    if (problem === undefined) {
      this.matched++
      this.#recent.rows.push(expected)
      if (this.#recent.rows.length === remembered) [this.#before, this.#recent] = [this.#recent, noRows()]
      if (!this.hasRowTimes && found.timestamp !== this.last?.timestamp) this.#loads.add(loadStamp(found))
      if (this.last === undefined || Number(found.offset) > Number(this.last.offset)) this.last = found
    }
    return problem
  }

  /** Whether they are equal, without taking note of it. */
  isEqual(expected: ExpectedRow, found: StockRow): boolean {
    return this.#difference(expected, found) === undefined
  }

  /** Whether half of the cells are the same; of a single one, and of what cannot be read, nobody knows. */
  isSameRow({ fileRow: { cells } }: ExpectedRow, found: StockRow): boolean {
    if (found.value === null) return false
    const decoded = this.#decode(found)
    const { columns } = this.#cells
    if (decoded === undefined || columns.length === 1) return true
    const { type, fields } = decoded
    const readers = this.#readersOf(type)
    let others = 0
    for (const [c, { field }] of columns.entries()) {
      if (isSameCell(cells[c], readers[c], fields[field])) continue
      others++
      // Around a difference a row is compared with many, and most are others.
      if (2 * others > columns.length) return false
    }
    return true
  }

  prints(expected: readonly ExpectedRow[], found: readonly StockRow[]): Prints {
    const foundPrints = found.map((row) => this.#foundPrint(row))
    const expectedPrints = expected.map((row) => this.#expectedPrint(row))
    const known = [this.#before, this.#recent].map((found) => this.#printed(found))
    known.push(new Set(expectedPrints))
    for (const [i, print] of foundPrints.entries()) {
      if (print !== undefined && known.some((prints) => prints.has(print))) this.#copies.add(found[i])
    }
    return { expected: expectedPrints, found: foundPrints }
  }

  /** Whether a row that was found beside those that are expected equals one of them. */
  isCopy(found: StockRow): boolean {
    return this.#copies.has(found)
  }

  #difference({ fileRow, key }: ExpectedRow, found: StockRow): string | undefined {
    if (found.value === null) return 'the value is null'
    const decoded = this.#decode(found)
    if (decoded === undefined) return 'its schema is unknown, or the value does not match it'
    const { type, fields } = decoded
    const foundKey = found.key === null ? null : found.key.toString()
    if (foundKey !== key) return `the key is ${quoted(foundKey)} instead of ${quoted(key)}`
    const readers = this.#readersOf(type)
    const { columns } = this.#cells
    for (let c = 0; c < columns.length; c++) {
      const cell = fileRow.cells[c]
      const { column, field } = columns[c]
      if (isSameCell(cell, readers[c], fields[field])) continue
      if (!Object.hasOwn(fields, field)) return `column "${column}": the row has no field "${field}"`
      return `column "${column}": ${cellPrint(cell)} became ${short(valueText(fields[field]))}`
    }
    const timeField = this.#timeField
    if (timeField === undefined) return undefined
    const timeType = type.fields.find(({ name }) => name === timeField)?.plainType
    if (hasTimeOf(Number(found.timestamp), fields[timeField], timeType)) return undefined
    return `the time of the record is ${found.timestamp} instead of that of field "${timeField}"`
  }

  #decode(row: StockRow): DecodedRow | undefined {
    // Around a difference one row is compared with many.
    if (row === this.#decodedRow) return this.#decoded
    const { value } = row
    const type = value === null ? undefined : this.#types.get(schemaIdOf(value) ?? Number.NaN)
    const fields = type && decodeRow(type, value!)
    this.#decodedRow = row
    this.#decoded = fields === undefined ? undefined : { type: type!, fields }
    return this.#decoded
  }

  #readersOf(type: RowType): Readers {
    let readers = this.#readers.get(type.id)
    if (readers === undefined) {
      readers = this.#cells.columns.map(({ column, field }) => {
        const plainType = type.fields.find(({ name }) => name === field)?.plainType
        return plainType && cellReader(column, plainType, this.#style)
      })
      this.#readers.set(type.id, readers)
    }
    return readers
  }

  #printed(found: FoundRows): ReadonlySet<string | undefined> {
    for (; found.printed < found.rows.length; found.printed++) {
      found.prints.add(this.#expectedPrint(found.rows[found.printed]))
    }
    return found.prints
  }

  #foundPrint(row: StockRow): string | undefined {
    const decoded = this.#decode(row)
    if (decoded === undefined) return undefined
    const { columns } = this.#cells
    const { type, fields } = decoded
    if (!columns.every(({ field }) => Object.hasOwn(fields, field))) return undefined
    this.#printType ??= type
    const values = columns.map(({ field }) => valuePrint(fields[field]))
    return `${quoted(row.key === null ? null : row.key.toString())}|${values.join('|')}`
  }

  #expectedPrint(row: ExpectedRow): string | undefined {
    if (row.print !== undefined || this.#printType === undefined) return row.print
    const readers = this.#readersOf(this.#printType)
    const values = row.fileRow.cells.map((cell, c) => {
      if (cell === null) return 'null'
      const value = readers[c]?.(cell)
      return value === undefined ? `?${cellText(cell)}` : valuePrint(value)
    })
    row.print = `${quoted(row.key)}|${values.join('|')}`
    return row.print
  }
}

function isSameCell(cell: FileCell, read: CellReader | undefined, found: unknown): boolean {
  if (cell === null) return found === null
  if (read === undefined || found === null || found === undefined) return false
  const value = read(cell)
  // A zero has no sign in a JSON number.
  if (value === found || isSameValue(value, found)) return value !== undefined
  if (typeof found === 'string') {
    // A decimal that is text has all of its digits, and `value` is that text.
    const isJson = typeof cell !== 'string' && !('double' in cell)
    return isJson && evenJson(cell.json) === evenJson(found)
  }
  // A number in the middle of two floats: rounding its digits at once may give the one, by way of a double the other.
  if (typeof value !== 'number' || typeof found !== 'number') return false
  const double = Number(cellText(cell))
  return value !== double && (value + found) / 2 === double
}

/** Equal for equal values, whatever the schema calls them. */
function valuePrint(value: unknown): string {
  if (typeof value === 'string') return `"${evenJson(value)}"`
  return valueText(value === 0 ? 0 : value)
}

function cellPrint(cell: FileCell): string {
  if (cell === null) return 'null'
  return typeof cell === 'string' ? quoted(short(cell)) : short(cell.json)
}

function quoted(text: string | null): string {
  return text === null ? 'null' : `"${text}"`
}

function short(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}...` : text
}
