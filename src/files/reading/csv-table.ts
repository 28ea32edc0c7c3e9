import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { DuckDBConnection } from '@duckdb/node-api'
import { countText } from '../../count-text.ts'
import { BadRowError, type BadRowPlace, FileUnreadableError, FileUnwritableError, NoRowsError } from '../file-errors.ts'
import { sqlPath, sqlText } from '../sql-literals.ts'
import { badRowsHeader } from '../target-file.ts'
import { type CsvDialect, columnsAdvice, csvDialect, raggedAdvice } from './csv-dialect.ts'
import {
  type CsvRecord,
  csvRecordBatches,
  csvRecords,
  mixesLineEnds,
  withEmptyLines,
  withEvenLineEnds,
} from './csv-text.ts'
import { checkNumberStyle } from './number-style.ts'
import { raggedRow, rowError } from './row-errors.ts'
import { chosenColumns, type FormatTable, nullCells, type TableFileOptions } from './table-options.ts'
import { openTextSource, type TextSource } from './text-source.ts'
import { misfitProblem, numberedRows, type TextTable, textStyle, textTable } from './text-table.ts'

/** What DuckDB says of a file that ends its lines in two ways, sometimes far behind the first one that differs. */
const mixedLineEnds = /state machine reached an invalid state|unterminated quote|cannot be told apart/i
/** What it says of a row that is larger than its buffer, without a line. */
const beyondBuffer = /does not support a full read/
/** What it says of an open quote, and of text behind a closing one. */
const openQuote = /unterminated quote/i
const behindQuote = 'text follows a closing quote'

/** Rows up to this size are read; DuckDB's own limit is an eighth of it. */
const maxLineBytes = 16_000_000
/** DuckDB's own: it would grow with the size of lines. */
const bufferBytes = 32_000_000

const escapedFix =
  'Export the file with doubled quotes: a quote after a backslash is not supported (MySQL: FIELDS ' +
  "ENCLOSED BY '\"' ESCAPED BY '\"')"

/** A CSV file: every cell is read as text, and given its type by us. */
export async function csvTable(connection: DuckDBConnection, options: TableFileOptions): Promise<FormatTable> {
  const { file, text: { encoding, delimiter, quote, header, skipLines, nullTexts = [] } = {} } = options
  const { numbers } = textStyle(options)
  checkNumberStyle(numbers)
  let source = await openTextSource({ file, encoding, refusesMark: false })
  try {
    if (isJson(source.head)) throw new FileUnreadableError(file, 'its content is JSON', 'Add --format json')
    const allNulls = ['', ...nullTexts]
    const dialect = await csvDialect(source.head, source.headIsWhole, {
      delimiter,
      quote,
      header,
      skipLines,
      nullTexts: allNulls,
      numbers,
    })
    if (dialect.names.length === 0) throw new NoRowsError(file, 'it has no row', 'Name a file with rows')
    const { misquotedLine: line } = dialect
    if (line !== undefined) throw await misquotedRow(source, dialect, line)
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

function isJson(head: string): boolean {
  if (/^\s*\[\s*\{\s*("|\})/.test(head)) return true
  const [first] = head.trimStart().split('\n', 1)
  if (!first.startsWith('{"')) return false
  try {
    JSON.parse(first)
    return true
  } catch {
    return false
  }
}

/**
 * The error with the line as an editor counts it: DuckDB leaves out line ends that stand between quotes. Of a row that
 * has not as many values as the table it says what may help.
 */
async function withLine(thrown: Error, source: TextSource, dialect: CsvDialect): Promise<Error> {
  if (beyondBuffer.test(thrown.message)) {
    for await (const record of csvRecords(source.text(), dialect)) if (isTooLong(record)) return tooLong(source, record)
  }
  const error = rowError(source.file, thrown)
  if (error === thrown || !(error instanceof BadRowError) || error.line === undefined) return error
  const isRagged = raggedRow.test(thrown.message)
  const advice = isRagged ? await raggedAdvice(source.head, source.headIsWhole, dialect) : undefined
  for await (const { ordinal, line, text, isUnclosed } of csvRecords(source.text(), dialect, true)) {
    if (ordinal !== error.line) continue
    const isEscaped = dialect.quote !== '' && text.includes(`\\${dialect.quote}`)
    if (openQuote.test(thrown.message) && !isEscaped && !isUnclosed) {
      return misquotedRow(source, dialect, line, thrown)
    }
    return error.at(line, isEscaped ? escapedFix : advice)
  }
  return error
}

async function misquotedRow(
  { file, head, headIsWhole }: TextSource,
  dialect: CsvDialect,
  line: number,
  cause?: Error,
): Promise<BadRowError> {
  const advice = dialect.names.length === 1 ? await columnsAdvice(head, headIsWhole, dialect) : undefined
  const fix = advice === undefined ? 'Double the quotes within the value' : `Look at the delimiter: ${advice}`
  return new BadRowError(file, { line }, behindQuote, fix, cause)
}

function isTooLong({ text }: CsvRecord): boolean {
  return text.length > maxLineBytes / 3 && Buffer.byteLength(text) > maxLineBytes
}

function tooLong({ file }: TextSource, { line }: CsvRecord): BadRowError {
  const problem = `the row has more than ${countText(maxLineBytes)} bytes`
  return new BadRowError(file, { line }, problem, 'Close a quote that is open, or shorten the value')
}

/**
 * Makes sure that every row is either loaded or among the bad ones. DuckDB passes over a row that is larger than its
 * buffer, loses rows behind `"x"y`, and takes the text behind an open quote for rows again where a buffer begins
 * (1.5.6).
 *
 * @param readCount rows that are read
 * @param broken those that are set aside
 * @throws BadRowError
 */
async function checkAllCounted(
  source: TextSource,
  batches: AsyncIterable<readonly CsvRecord[]>,
  readCount: number,
  broken: ReadonlyMap<number, string>,
): Promise<void> {
  const { file } = source
  let counted = 0
  let long: CsvRecord | undefined
  let unclosed: CsvRecord | undefined
  let misquoted: CsvRecord | undefined
  for await (const records of batches) {
    counted += records.length
    for (const record of records) {
      if (record.isUnclosed) unclosed = record
      if (isTooLong(record)) long ??= record
      if (openQuote.test(broken.get(record.ordinal) ?? '')) misquoted ??= record
    }
  }
  const rows = readCount + broken.size
  if (counted === rows) return
  if (unclosed !== undefined) {
    throw new BadRowError(file, { line: unclosed.line }, 'a quote is not closed', 'Close it, or name another --quote')
  }
  if (long !== undefined) throw tooLong(source, long)
  if (misquoted !== undefined) {
    const problem = `${behindQuote}, and the start of the next row is uncertain`
    throw new BadRowError(file, { line: misquoted.line }, problem, 'Double the quotes within the value')
  }
  const [all, read] = [countText(counted), countText(rows)]
  const problem = `its rows cannot be separated: line ends and quotes give ${all}, and ${read} were read`
  throw new BadRowError(
    file,
    {},
    problem,
    'Correct its quotes and line ends; without --bad-rows the error names the first bad row',
  )
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
  const batches = () => rowBatches(source, dialect)
  const placeOf = async (row: number): Promise<{ place: BadRowPlace; where: string }> => {
    let left = row
    for await (const records of batches()) {
      if (left <= records.length) return { place: { line: records[left - 1].line }, where: '' }
      left -= records.length
    }
    return { place: {}, where: `row ${row}: ` }
  }
  const [table] = await Promise.all([
    textTable({ connection, scan, chosen, texts, untouched, placeOf, mayUseCommas: delimiter === ';' }, options),
    source.checkWhole(signal),
  ])
  const isOneText =
    names.length === 1 && table.columns[0].sqlType === 'VARCHAR' && table.columns[0].remark === undefined
  const told = options.text?.delimiter !== undefined || options.text?.types?.[names[0]] !== undefined
  const columnsDoubt = isOneText && !told ? await columnsAdvice(source.head, source.headIsWhole, dialect) : undefined
  const broken = collectBadRows ? await brokenRows(connection, parameters) : new Map<number, string>()
  if (collectBadRows) await checkAllCounted(source, batches(), table.readCount, broken)
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
      ...(columnsDoubt === undefined ? [] : [`Read as one column, but ${columnsDoubt}.`]),
      ...(names.length === 1 && !source.head.includes(delimiter) && options.text?.delimiter !== undefined
        ? [`The delimiter "${delimiter}" does not occur at the beginning of the file.`]
        : []),
      ...table.doubts,
    ],
    writeRejected: (target) => writeRejected(connection, scan, broken, batches(), table, target),
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
    `compression='${source.compression}', delim=${sqlText(delimiter)}, quote=${sqlText(quote)}, ` +
    `escape=${sqlText(quote)}, ` +
    `max_line_size=${maxLineBytes}, buffer_size=${bufferBytes}, header=${header}, skip=${skipLines}, ` +
    `nullstr=[${nullCells(nullTexts).map(sqlText).join(', ')}], columns={${columns.join(', ')}}`
  )
}

/** The file's records that are rows, in batches. DuckDB passes over empty lines, except in a table of one column. */
async function* rowBatches(source: TextSource, dialect: CsvDialect): AsyncGenerator<CsvRecord[], void, void> {
  const { header, skipLines, names } = dialect
  let isHeader = header
  for await (const batch of csvRecordBatches(source.text(), dialect, names.length === 1)) {
    const records = batch.filter(({ line }) => line > skipLines)
    yield isHeader ? records.slice(1) : records
    if (records.length > 0) isHeader = false
  }
}

/** What is wrong with rows that are no rows of the table, by what DuckDB calls their line. */
async function brokenRows(connection: DuckDBConnection, parameters: string): Promise<Map<number, string>> {
  for (const table of ['rejected', 'rejected_in']) await connection.run(`DROP TABLE IF EXISTS ${table}`)
  await connection.runAndReadAll(
    `SELECT count(*) FROM read_csv(${parameters}, store_rejects=true, rejects_table='rejected', ` +
      "rejects_scan='rejected_in', rejects_limit=0)",
  )
  const reader = await connection.runAndReadAll(
    'SELECT line, any_value(error_message) FROM rejected GROUP BY line ORDER BY line',
  )
  return new Map(reader.getRowsJson().map(([line, problem]) => [Number(line), String(problem)]))
}

/**
 * Writes bad rows in the file's order: those that are no rows of the table, and those with a value that does not fit.
 */
async function writeRejected(
  connection: DuckDBConnection,
  scan: string,
  broken: ReadonlyMap<number, string>,
  batches: AsyncIterable<readonly CsvRecord[]>,
  { misfits }: TextTable,
  target: string,
): Promise<number> {
  const bad = await misfitRows(connection, scan, misfits)
  if (broken.size === 0 && bad.size === 0) return 0
  let written = 0
  const lines = async function* () {
    yield `${badRowsHeader}\n`
    let row = 0
    for await (const records of batches)
      for (const { line, ordinal, text, isUnclosed } of records) {
        const told = broken.get(ordinal)
        const problem = told !== undefined && openQuote.test(told) && !isUnclosed ? behindQuote : told
        const misfit = problem === undefined ? bad.get(++row) : undefined
        if (problem === undefined && misfit === undefined) continue
        written++
        yield `${[line, misfit?.column ?? '', misfit?.problem ?? problem, text].map(csvCell).join(',')}\n`
      }
  }
  try {
    await pipeline(Readable.from(lines()), createWriteStream(target))
  } catch (cause) {
    // The records are read at the same time, and have errors of their own.
    if ((cause as NodeJS.ErrnoException).path !== target) throw cause
    throw new FileUnwritableError(target, (cause as Error).message, cause)
  }
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
