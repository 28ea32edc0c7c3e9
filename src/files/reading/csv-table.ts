import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { DuckDBConnection } from '@duckdb/node-api'
import { BadRowError, type BadRowPlace, FileUnreadableError } from '../file-errors.ts'
import { sqlPath, sqlText } from '../sql-literals.ts'
import { type CsvDialect, csvDialect, raggedAdvice } from './csv-dialect.ts'
import { type CsvRecord, csvRecords, mixesLineEnds, withEmptyLines, withEvenLineEnds } from './csv-text.ts'
import { checkNumberStyle } from './number-style.ts'
import { raggedRow, rowError } from './row-errors.ts'
import { chosenColumns, type FormatTable, type TableFileOptions } from './table-options.ts'
import { openTextSource, type TextSource } from './text-source.ts'
import { misfitProblem, numberedRows, type TextTable, textStyle, textTable } from './text-table.ts'

/** What DuckDB says of a file that ends its lines in two ways, sometimes far behind the first one that differs. */
const mixedLineEnds = /state machine reached an invalid state|unterminated quote/i

/** Rows up to this size are read; DuckDB's own limit is an eighth of it. */
const maxLineBytes = 16_000_000
/** DuckDB's own: it would grow with the size of lines. */
const bufferBytes = 32_000_000

const escapedFix =
  "Export the file with doubled quotes: one behind a backslash is not read (MySQL: FIELDS ENCLOSED BY '\"' ESCAPED BY '\"')"

/** A CSV file: every cell is read as text, and given its type by us. */
export async function csvTable(connection: DuckDBConnection, options: TableFileOptions): Promise<FormatTable> {
  const { file, text: { encoding, delimiter, quote, header, skipLines, nullTexts = [] } = {} } = options
  const { numbers } = textStyle(options)
  checkNumberStyle(numbers)
  let source = await openTextSource({ file, encoding, refusesMark: false })
  try {
    const allNulls = ['', ...nullTexts]
    const dialect = await csvDialect(source.head, source.headIsWhole, {
      delimiter,
      quote,
      header,
      skipLines,
      nullTexts: allNulls,
      numbers,
    })
    if (dialect.names.length === 0) throw new FileUnreadableError(file, 'it has no row', 'Name a file with rows')
    if (dialect.skipsQuotes) source = await source.copy((text) => withEmptyLines(text, dialect.skipLines))
    const read = (from: TextSource) => readTable(connection, from, dialect, allNulls, options)
    const table = await read(source).catch(async (thrown: Error) => {
      const isMixed = mixedLineEnds.test(thrown.message) && (await mixesLineEnds(source.text(), dialect))
      if (!isMixed) throw await withLine(thrown, source, dialect)
      source = await source.copy((text) => withEvenLineEnds(text, dialect))
      return read(source)
    })
    return { ...table, close: () => source.close() }
  } catch (thrown) {
    await source.close()
    throw thrown
  }
}

/**
 * The error with the line as an editor counts it: DuckDB leaves out line ends that stand between quotes. Of a row that
 * has not as many values as the table it says what may help.
 */
async function withLine(thrown: Error, source: TextSource, dialect: CsvDialect): Promise<Error> {
  const error = rowError(source.file, thrown)
  if (error === thrown || !(error instanceof BadRowError) || error.line === undefined) return error
  const isRagged = raggedRow.test(thrown.message)
  const advice = isRagged ? await raggedAdvice(source.head, source.headIsWhole, dialect) : undefined
  for await (const { ordinal, line, text } of csvRecords(source.text(), dialect, true)) {
    if (ordinal !== error.line) continue
    const isEscaped = dialect.quote !== '' && text.includes(`\\${dialect.quote}`)
    return error.at(line, isEscaped ? escapedFix : advice)
  }
  return error
}

async function readTable(
  connection: DuckDBConnection,
  source: TextSource,
  dialect: CsvDialect,
  nullTexts: readonly string[],
  options: TableFileOptions,
): Promise<FormatTable> {
  const { collectBadRows = false, signal } = options
  const { names, delimiter, quote, header, skipLines } = dialect
  const chosen = chosenColumns(names, options)
  const ids = new Map(names.map((name, i) => [name, `c${i}`]))
  const texts = chosen.map(({ column }) => ({ column, text: String(ids.get(column)) }))
  const parameters = csvParameters(source, dialect, nullTexts)
  const scanOf = (parameters: string) => `read_csv(${parameters}${collectBadRows ? ', ignore_errors=true' : ''})`
  const scan = scanOf(parameters)
  const untouched = { scan: scanOf(csvParameters(source, dialect, [''])), texts: texts.map(({ text }) => text) }
  const records = () => rowRecords(source, dialect)
  const placeOf = async (row: number): Promise<{ place: BadRowPlace; where: string }> => {
    let at = 0
    for await (const { line } of records()) if (++at === row) return { place: { line }, where: '' }
    return { place: {}, where: `row ${row}: ` }
  }
  const [table] = await Promise.all([
    textTable({ connection, scan, chosen, texts, untouched, placeOf }, options),
    source.checkWhole(signal),
  ])
  return {
    rows: table.rows,
    columns: table.columns,
    rowCount: table.rowCount,
    decisions: JSON.stringify([
      ...[delimiter, header, skipLines, [...new Set(nullTexts)].sort(), source.encoding],
      // Loads that began without such a flag have no place for it.
      ...(quote === '"' ? [] : [quote]),
    ]),
    doubts: [
      ...(dialect.doubt === undefined ? [] : [`Guessed: ${dialect.doubt}. --header yes or --header no decides it.`]),
      ...(names.length === 1 && !source.head.includes(delimiter) && options.text?.delimiter !== undefined
        ? [`The delimiter "${delimiter}" is nowhere at the beginning of the file.`]
        : []),
      ...table.doubts,
    ],
    writeRejected: (target) => writeRejected(connection, scan, parameters, records(), table, target),
  }
}

/** DuckDB's arguments for a CSV text whose columns are c0, c1 and so on, all of them text. */
function csvParameters(source: TextSource, dialect: CsvDialect, nullTexts: readonly string[]): string {
  const { names, delimiter, quote, header, skipLines } = dialect
  // DuckDB takes names that differ in case for the same: numbers are none of ours.
  const columns = names.map((_, i) => `'c${i}': 'VARCHAR'`)
  // Without new_line, which finds no row in strict mode if it is \r\n (1.5.6).
  return (
    `${sqlPath(source.path)}, auto_detect=false, strict_mode=true, null_padding=false, hive_partitioning=false, ` +
    `compression='${source.compression}', delim=${sqlText(delimiter)}, quote=${sqlText(quote)}, escape=${sqlText(quote)}, ` +
    `max_line_size=${maxLineBytes}, buffer_size=${bufferBytes}, header=${header}, skip=${skipLines}, nullstr=[${nullTexts.map(sqlText).join(', ')}], columns={${columns.join(', ')}}`
  )
}

/** The file's records that are rows. DuckDB passes over empty lines, except in a table of one column. */
async function* rowRecords(source: TextSource, dialect: CsvDialect) {
  const { header, skipLines, names } = dialect
  let isHeader = header
  for await (const record of csvRecords(source.text(), dialect, names.length === 1)) {
    if (record.line <= skipLines) continue
    if (!isHeader) yield record
    isHeader = false
  }
}

/**
 * Writes bad rows in the file's order: those that are no rows of the table, and those with a value that does not fit.
 */
async function writeRejected(
  connection: DuckDBConnection,
  scan: string,
  parameters: string,
  records: AsyncIterable<CsvRecord>,
  { misfits }: TextTable,
  target: string,
): Promise<number> {
  for (const table of ['rejected', 'rejected_in']) await connection.run(`DROP TABLE IF EXISTS ${table}`)
  await connection.runAndReadAll(
    `SELECT count(*) FROM read_csv(${parameters}, store_rejects=true, rejects_table='rejected', rejects_scan='rejected_in', rejects_limit=0)`,
  )
  const broken = new Map<number, string>()
  const reader = await connection.runAndReadAll(
    'SELECT line, any_value(error_message) FROM rejected GROUP BY line ORDER BY line',
  )
  for (const [line, problem] of reader.getRowsJson()) broken.set(Number(line), String(problem))
  const bad = await misfitRows(connection, scan, misfits)
  if (broken.size === 0 && bad.size === 0) return 0
  let written = 0
  const lines = async function* () {
    yield 'line,column,problem,row\n'
    let row = 0
    for await (const { line, ordinal, text } of records) {
      const problem = broken.get(ordinal)
      const misfit = problem === undefined ? bad.get(++row) : undefined
      if (problem === undefined && misfit === undefined) continue
      written++
      yield `${[line, misfit?.column ?? '', misfit?.problem ?? problem, text].map(csvCell).join(',')}\n`
    }
  }
  await pipeline(Readable.from(lines()), createWriteStream(target))
  return written
}

/** The first value of each row that does not fit its column, by the row's number from 1. */
async function misfitRows(
  connection: DuckDBConnection,
  scan: string,
  misfits: TextTable['misfits'],
): Promise<Map<number, { column: string; problem: string }>> {
  const found = new Map<number, { column: string; problem: string }>()
  for (const { column, type } of misfits) {
    const numbered = numberedRows(scan, [`${column.text} AS text`, `${type.fits} AS fits`])
    const sql = `SELECT row, text FROM ${numbered} WHERE text IS NOT NULL AND fits IS NOT TRUE`
    for (const [row, text] of (await connection.runAndReadAll(sql)).getRowsJson()) {
      if (found.has(Number(row))) continue
      found.set(Number(row), { column: column.column, problem: misfitProblem(String(text), type) })
    }
  }
  return found
}

function csvCell(value: string | number | undefined): string {
  const text = String(value ?? '')
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
