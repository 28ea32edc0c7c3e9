import { type DuckDBConnection, ResultReturnType } from '@duckdb/node-api'
import { UsageError } from '../../errors.ts'
import { openDatabase } from '../database.ts'
import { BadRowError, FileUnreadableError } from '../file-errors.ts'
import { fileFormatOf } from '../file-format.ts'
import { sqlName, sqlPath } from '../sql-literals.ts'
import { csvDialect } from './csv-dialect.ts'
import { type CsvRecord, csvRecordBatches, csvRecords, withEmptyLines } from './csv-text.ts'
import { jsonKeys, jsonObjects } from './json-table.ts'
import { checkNumberStyle } from './number-style.ts'
import { type ParquetColumn, parquetColumns } from './parquet-table.ts'
import { rowError } from './row-errors.ts'
import { checkFile } from './table-file.ts'
import { type ChosenColumn, chosenColumns, nullCells, type TableFileOptions } from './table-options.ts'
import { openTextSource } from './text-source.ts'
import { textStyle } from './text-table.ts'

/** A number, an object or a list of JSON, as the file writes it. */
export interface JsonText {
  readonly json: string
}

/** A long decimal of Parquet, and the text of the double that DuckDB makes of it: another one may be as close. */
export interface DecimalText extends JsonText {
  readonly double: string
}

/** What stands in a cell; null for what means null. */
export type FileCell = string | JsonText | DecimalText | null

export interface FileRow {
  /** counted from 0; rows in the bad rows' file are not counted */
  readonly row: number
  /** CSV only, counted from 1, as an editor does */
  readonly line?: number | undefined
  /** shape (columns) */
  readonly cells: readonly FileCell[]
  /** Parquet only: text of the key column, if there is one */
  readonly key?: string | null | undefined
}

/** The rows of a file as texts, for an audit of what was loaded from it. */
export interface FileCells {
  readonly file: string
  readonly columns: readonly ChosenColumn[]
  /** about; a line end between quotes counts as a row */
  readonly rowCount: number
  /** Whether its texts are those of DuckDB's values, as of Parquet, not of the file. */
  readonly isTyped: boolean
  /** All rows in the file's order, some hundreds at a time; from the beginning each time. */
  rows(): AsyncGenerator<FileRow[], void, void>
  close(): Promise<void>
}

export interface FileCellsOptions extends TableFileOptions {
  /** what a load has written with --bad-rows: those rows are passed over */
  readonly badRowsFile?: string | undefined
  /** the file's name of the column that is the key */
  readonly keyColumn?: string | undefined
}

/**
 * Opens a file whose rows are to be compared with those of a topic. The cells do not come through what has loaded them:
 * CSV is taken apart by `csvRecords`, JSON values by JSON.parse, while a load has both done by DuckDB. The two share
 * the file's decoding, delimiter and header, the names of the columns, and where one JSON object ends.
 *
 * A Parquet file is read by DuckDB here and there, for there is no second reader. That proves what comes behind it:
 * the way of a value from DuckDB's memory through Avro and Kafka; not that DuckDB reads the file right.
 *
 * @throws FileUnreadableError, FileColumnError, UsageError
 */
export async function openFileCells(options: FileCellsOptions): Promise<FileCells> {
  const format = options.format ?? fileFormatOf(options.file)
  if (options.badRowsFile !== undefined && format !== 'csv') {
    throw new UsageError(`--bad-rows applies to CSV only, and ${options.file} is ${format}`, 'Leave out --bad-rows')
  }
  checkNumberStyle(textStyle(options).numbers)
  await checkFile(options.file)
  return await formatCells[format](options)
}

const formatCells = { csv: csvCells, json: jsonCells, parquet: parquetCells }

async function csvCells(options: FileCellsOptions): Promise<FileCells> {
  const {
    file,
    badRowsFile,
    text: { encoding, delimiter, quote, header, skipLines: titleLines, nullTexts = [] } = {},
  } = options
  const source = await openTextSource({ file, encoding, refusesMark: false })
  try {
    const nulls = new Set(nullCells(nullTexts))
    const { numbers } = textStyle(options)
    const told = { delimiter, quote, header, skipLines: titleLines, nullTexts: [...nulls], numbers }
    const dialect = await csvDialect(source.head, source.headIsWhole, told)
    const { names, skipLines } = dialect
    const columns = chosenColumns(names, options)
    const places = columns.map(({ column }) => names.indexOf(column))
    const text = () => (dialect.skipsQuotes ? withEmptyLines(source.text(), skipLines) : source.text())
    return {
      file,
      columns,
      rowCount: await countLines(source.text()),
      isTyped: false,
      async *rows() {
        const bad = badRowsFile === undefined ? undefined : await BadRows.open(badRowsFile, file)
        let isHeader = dialect.header
        let row = 0
        for await (const records of csvRecordBatches(text(), dialect, names.length === 1)) {
          const rows: FileRow[] = []
          for (const { cells, line, text } of records) {
            if (line <= skipLines) continue
            if (isHeader) {
              isHeader = false
              continue
            }
            if (bad !== undefined && line === bad.line) {
              await bad.take(text)
              continue
            }
            // DuckDB passes over a delimiter at the end.
            const hasEnd = cells.length === names.length + 1 && text.endsWith(dialect.delimiter)
            if (cells.length !== names.length && !hasEnd) throw wrongWidth(file, line, cells.length, names.length)
            rows.push({ row: row++, line, cells: places.map((c) => (nulls.has(cells[c]) ? null : cells[c])) })
          }
          yield rows
        }
        bad?.checkEnd()
      },
      close: () => source.close(),
    }
  } catch (thrown) {
    await source.close()
    throw thrown
  }
}

function wrongWidth(file: string, line: number, cells: number, columns: number): BadRowError {
  return new BadRowError(
    file,
    { line },
    `the row has ${cells} values, the table has ${columns} columns`,
    'Give --bad-rows the file that vgm load has written with --bad-rows',
  )
}

async function countLines(text: AsyncIterable<string>): Promise<number> {
  let [newLines, returns] = [0, 0]
  for await (const part of text) {
    for (let at = part.indexOf('\n'); at >= 0; at = part.indexOf('\n', at + 1)) newLines++
    if (newLines === 0) returns += part.split('\r').length - 1
  }
  return newLines === 0 ? returns : newLines
}

type Records = AsyncGenerator<CsvRecord, void, void>

/** The rows that a load has set aside, in the file's order. */
class BadRows {
  readonly #badRowsFile: string
  readonly #file: string
  readonly #records: Records
  #next: readonly string[] | undefined

  private constructor(badRowsFile: string, file: string, records: Records) {
    this.#badRowsFile = badRowsFile
    this.#file = file
    this.#records = records
  }

  static async open(badRowsFile: string, file: string): Promise<BadRows> {
    const source = await openTextSource({ file: badRowsFile, refusesMark: false }).catch((cause) => {
      if (cause.code !== 'ENOENT') throw cause
      const fix = 'Leave out --bad-rows if vgm load has written no such file, because it found no bad row'
      throw new FileUnreadableError(badRowsFile, 'there is no such file', fix, cause)
    })
    const rows = new BadRows(badRowsFile, file, csvRecords(source.text(), { delimiter: ',', quote: '"' }))
    await rows.#advance()
    if (rows.#next?.join() !== 'line,column,problem,row') throw rows.#foreign('it has another header')
    await rows.#advance()
    return rows
  }

  /** Of the next bad row, in the file. */
  get line(): number | undefined {
    return this.#next === undefined ? undefined : Number(this.#next[0])
  }

  /** @param text of the file's record in that line */
  async take(text: string): Promise<void> {
    if (this.#next?.[3] !== text) throw this.#foreign(`line ${this.line} of ${this.#file} is another row`)
    await this.#advance()
  }

  checkEnd(): void {
    if (this.#next !== undefined) throw this.#foreign(`${this.#file} has no row in line ${this.line}`)
  }

  async #advance(): Promise<void> {
    const { value } = await this.#records.next()
    this.#next = value?.cells
  }

  #foreign(problem: string): UsageError {
    return new UsageError(
      `${this.#badRowsFile} does not have the bad rows of ${this.#file}: ${problem}`,
      'Give --bad-rows the file that vgm load has written for this file',
    )
  }
}

/** A number of JSON with all of its digits. */
class JsonNumber implements JsonText {
  readonly json: string
  constructor(json: string) {
    this.json = json
  }
  toJSON(): unknown {
    return rawJSON(this.json)
  }
}

// ECMAScript 2026, in Node since 22; the compiler's library does not have them yet.
const { rawJSON, parse: parseJson } = JSON as unknown as {
  rawJSON(text: string): unknown
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source: string }) => unknown): unknown
}

async function jsonCells(options: FileCellsOptions): Promise<FileCells> {
  const { file, text: { encoding, nullTexts = [] } = {} } = options
  const source = await openTextSource({ file, encoding, refusesMark: true })
  const database = await openDatabase(options)
  const { connection } = database
  const close = async () => {
    database.close()
    await source.close()
  }
  try {
    const objects = jsonObjects(source)
    const columns = chosenColumns(await jsonKeys(connection, source, objects), options)
    const nulls = new Set(nullTexts)
    const cellOf = (cell: FileCell) => (cell !== null && nulls.has(cellText(cell)) ? null : cell)
    return {
      file,
      columns,
      rowCount: await countRows(connection, objects),
      isTyped: false,
      async *rows() {
        let row = 0
        for await (const texts of columnsOf(connection, file, `SELECT json::VARCHAR FROM ${objects}`)) {
          yield texts[0].map((text) => {
            const object = jsonMembers(String(text))
            return { row: row++, cells: columns.map(({ column }) => cellOf(object.get(column) ?? null)) }
          })
        }
      },
      close,
    }
  } catch (thrown) {
    await close()
    throw rowError(file, thrown)
  }
}

/** The members of an object by name. */
function jsonMembers(text: string): ReadonlyMap<string, FileCell> {
  try {
    const object = parseJson(text, (_key, value, { source }) =>
      typeof value === 'number' ? new JsonNumber(source) : value,
    )
    return new Map(Object.entries(object as object).map(([name, value]) => [name, jsonCell(value)]))
  } catch (error) {
    if (error instanceof RangeError) return deepMembers(text)
    throw error
  }
}

/** The same of an object that is nested too deeply for JSON.parse with a reviver, which calls itself for each level. */
function deepMembers(text: string): ReadonlyMap<string, FileCell> {
  const members = new Map<string, FileCell>()
  let depth = 0
  let start = 0
  let lastText = ''
  let name: string | undefined
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}:,]/g)) {
    if (token.startsWith('"')) lastText = token
    else if (token === '{' || token === '[') depth++
    else if (token === '}' || token === ']') depth--
    else if (depth === 1 && token === ':') {
      name = JSON.parse(lastText)
      start = index + 1
    }
    const isEnd = depth === 0 || (depth === 1 && token === ',')
    if (!isEnd || name === undefined) continue
    const value = text.slice(start, index).trim()
    members.set(name, /^[-0-9{[]/.test(value) ? { json: value } : jsonCell(JSON.parse(value)))
    name = undefined
  }
  return members
}

function jsonCell(value: unknown): FileCell {
  if (value === null || typeof value === 'string' || value instanceof JsonNumber) return value
  return typeof value === 'object' ? { json: JSON.stringify(value) } : String(value)
}

/** The text of a cell that is not null. */
export function cellText(cell: string | JsonText): string {
  return typeof cell === 'string' ? cell : cell.json
}

async function parquetCells(options: FileCellsOptions): Promise<FileCells> {
  const { file, keyColumn } = options
  const database = await openDatabase(options)
  const { connection } = database
  const close = async () => database.close()
  try {
    const scan = `read_parquet(${sqlPath(file)}, hive_partitioning=false)`
    const found = new Map((await parquetColumns(connection, file)).map((column) => [column.column, column]))
    const columns = chosenColumns([...found.keys()], options)
    const own = columns.map(({ column }) => found.get(column) as ParquetColumn)
    const decimals = own.flatMap((column, c) => (isLongDecimal(column) ? [c] : []))
    const texts = own.map(parquetText)
    texts.push(...decimals.map((c) => doubleText(own[c])))
    if (keyColumn !== undefined) texts.push(`CAST(${sqlName(found.get(keyColumn)?.name ?? keyColumn)} AS VARCHAR)`)
    return {
      file,
      columns,
      rowCount: await countRows(connection, scan),
      isTyped: true,
      async *rows() {
        let row = 0
        for await (const values of columnsOf(connection, file, `SELECT ${texts.join(', ')} FROM ${scan}`)) {
          yield values[0].map((_, i): FileRow => {
            const cells: FileCell[] = columns.map((_, c) => values[c][i] as string | null)
            for (const [place, c] of decimals.entries()) {
              const double = values[columns.length + place][i] as string | null
              if (double !== null) cells[c] = { json: cells[c] as string, double }
            }
            const key = keyColumn === undefined ? undefined : (values[texts.length - 1][i] as string | null)
            return { row: row++, cells, key }
          })
        }
      },
      close,
    }
  } catch (thrown) {
    await close()
    throw rowError(file, thrown)
  }
}

/** SQL: a value's text; that of a float is the text of the double that it becomes. */
function parquetText(column: ParquetColumn): string {
  return column.sqlType === 'FLOAT' ? doubleText(column) : `CAST(${sqlName(column.name)} AS VARCHAR)`
}

function doubleText({ name }: ParquetColumn): string {
  return `CAST(CAST(${sqlName(name)} AS DOUBLE) AS VARCHAR)`
}

/** Whether it is a decimal that may have more digits than a double. */
function isLongDecimal({ sqlType }: ParquetColumn): boolean {
  const [, digits] = /^DECIMAL\((\d+)/.exec(sqlType) ?? []
  return Number(digits) > 15
}

async function countRows(connection: DuckDBConnection, scan: string): Promise<number> {
  return Number((await connection.runAndReadAll(`SELECT count(*) FROM ${scan}`)).getRowsJson()[0][0])
}

/** The values of a query, some 2,000 rows at a time, a list a column. */
async function* columnsOf(
  connection: DuckDBConnection,
  file: string,
  query: string,
): AsyncGenerator<readonly (readonly unknown[])[], void, void> {
  try {
    const result = await connection.stream(query)
    for (;;) {
      const chunk = await result.fetchChunk()
      if (chunk === null || chunk.rowCount === 0) {
        // As in table-file.ts: a stream that fails ends like one that is complete.
        if (result.returnType !== ResultReturnType.INVALID) return
        throw new FileUnreadableError(file, 'reading it stopped in the middle', 'Get the file again')
      }
      yield chunk.getColumns()
    }
  } catch (thrown) {
    throw rowError(file, thrown)
  }
}
