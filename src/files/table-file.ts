import { open, stat } from 'node:fs/promises'
import { type DuckDBConnection, type DuckDBDataChunk, ResultReturnType } from '@duckdb/node-api'
import { UsageError } from '../errors.ts'
import { columnExpression, columnType } from './column-types.ts'
import { type CsvEncoding, type CsvOptions, csvDialect, csvLinesScan, csvScan } from './csv-dialect.ts'
import { type DatabaseOptions, openDatabase } from './database.ts'
import { fieldNames } from './field-names.ts'
import { FileColumnError, FileUnreadableError } from './file-errors.ts'
import { fileFingerprint } from './file-fingerprint.ts'
import { type FileFormat, fileFormatOf } from './file-format.ts'
import { type NullRowSource, nullRowError } from './null-rows.ts'
import { type FileColumn, recordSchema } from './record-schema.ts'
import { rowError } from './row-errors.ts'
import { sqlName, sqlText } from './sql-literals.ts'

export interface TableFileOptions extends DatabaseOptions {
  readonly file: string
  /** the Avro record is called after it */
  readonly dataset: string
  /** as the file's name says unless given */
  readonly format?: FileFormat
  /** which columns, in this order, by the file's names; all of them unless given */
  readonly columns?: readonly string[]
  /** columns that hold no null: their fields are `T`, not `["null", T]` */
  readonly notNull?: readonly string[]
  readonly csv?: CsvOptions
  /** Skip bad CSV rows and keep them for `writeRejected`, where an error would end the load. */
  readonly collectBadRows?: boolean
}

/** A CSV, Parquet or JSON file as a table whose rows have a fixed order. */
export interface TableFile {
  readonly file: string
  readonly format: FileFormat
  readonly columns: readonly FileColumn[]
  /** the Avro schema of its rows, as JSON text */
  readonly schema: string
  /** where the file says so without being read: Parquet */
  readonly rowCount: number | undefined
  /** what tells this content from another, see `fileFingerprint` */
  readonly fingerprint: string
  /** all that decides which rows the content has and what is in them; the same text for the same rows */
  readonly reading: string
  /**
   * Reads every row without handing it over, at several million rows a second, and returns how many there are. Of a
   * Parquet file only columns are read that were declared as not null and whose statistics do not say so.
   *
   * @throws BadRowError for the first row that cannot be read, unless bad rows are collected, and for the first null
   * in a column that was declared as not null
   */
  countRows(signal?: AbortSignal): Promise<number>
  /**
   * Rows in the file's order from row `fromRow` on, a chunk of up to 2,048 at a time: the columns' values as
   * `columnExpression` gives them, then the key's text if a key column was named. One iteration at a time.
   *
   * @throws BadRowError
   */
  chunks(fromRow: number, keyColumn?: string): AsyncGenerator<RowChunk, void, void>
  /** Writes the rows that the last iteration skipped to a CSV file, why and where from; returns how many. */
  writeRejected(file: string): Promise<number>
  close(): void
}

/** Valid until the next one is asked for. */
export interface RowChunk {
  readonly chunk: DuckDBDataChunk
  /** rows of the chunk that come before the row asked for; 0 in all but the first */
  readonly skip: number
}

/**
 * Opens a file and finds out its columns; rows are read later.
 *
 * @throws FileUnreadableError, FileColumnError, UsageError
 */
export async function openTableFile(options: TableFileOptions): Promise<TableFile> {
  const { file } = options
  const format = options.format ?? fileFormatOf(file)
  if (options.collectBadRows && format !== 'csv') {
    throw new UsageError(`Bad rows can be collected from CSV only, and ${file} is ${format}`, 'Leave out --bad-rows')
  }
  await checkFile(file)
  const database = await openDatabase(options)
  const { connection } = database
  try {
    const scan = await fileScan(connection, file, format, options)
    const proven = new Set(format === 'parquet' ? await parquetWithoutNull(connection, file) : [])
    const columns = await fileColumns(connection, file, format, scan.scan, proven, options)
    const declared = columns.filter(({ column, nullable }) => !nullable && !proven.has(column))
    const rowCount = format === 'parquet' ? await parquetRowCount(connection, file) : undefined
    const { collectBadRows: collectsBadRows = false } = options
    const source: Source = { ...scan, file, format, columns, declared, rowCount, collectsBadRows }
    return {
      file,
      format,
      columns,
      schema: recordSchema(options.dataset, columns),
      rowCount,
      fingerprint: await fileFingerprint(file),
      reading: JSON.stringify([
        format,
        scan.decisions,
        columns.map(({ column, sqlType, nullable }) => [column, sqlType, nullable]),
        collectsBadRows,
      ]),
      countRows: (signal) => countRows(connection, source, signal),
      chunks: (fromRow, keyColumn) => readChunks(connection, source, fromRow, keyColumn),
      writeRejected: (target) => writeRejected(connection, target),
      close: database.close,
    }
  } catch (thrown) {
    database.close()
    throw rowError(file, thrown)
  }
}

async function checkFile(file: string): Promise<void> {
  let problem = ''
  try {
    const facts = await stat(file)
    if (!facts.isFile()) problem = 'it is not a file'
    else if (facts.size === 0) problem = 'it is empty'
  } catch (cause) {
    throw new FileUnreadableError(file, 'there is no such file', 'Check the path', cause)
  }
  if (problem !== '') throw new FileUnreadableError(file, problem, 'Name a CSV, Parquet or JSON file')
}

interface FileScan extends Pick<NullRowSource, 'lines'> {
  /** the table function that reads the file, as SQL */
  readonly scan: string
  /** see `CsvDialect`; nothing to decide elsewhere */
  readonly decisions: string
}

async function fileScan(
  connection: DuckDBConnection,
  file: string,
  format: FileFormat,
  { csv = {}, collectBadRows = false }: TableFileOptions,
): Promise<FileScan> {
  if (format === 'parquet') return { scan: `read_parquet(${sqlText(file)}, file_row_number=true)`, decisions: '' }
  if (format === 'json') return { scan: `read_json(${sqlText(file)})`, decisions: '' }
  const dialect = await csvDialect(connection, file, await firstLine(file, csv.encoding), csv)
  for (const name of Object.keys(csv.types ?? {})) {
    if (!dialect.columns.has(name)) throw unknownColumn(file, name, [...dialect.columns.keys()])
  }
  return {
    scan: csvScan(file, dialect, collectBadRows ? ', store_rejects=true, rejects_limit=0' : ''),
    lines: { scan: csvLinesScan(file, dialect, csv), header: dialect.header },
    decisions: dialect.decisions,
  }
}

/** What TextDecoder calls the encodings. */
const decoderLabels: Readonly<Record<CsvEncoding, string>> = {
  'utf-8': 'utf-8',
  'latin-1': 'latin1',
  'utf-16': 'utf-16le',
}

/** The first line of a text file; of a compressed one nothing that tells, so that the comma is assumed. */
async function firstLine(file: string, encoding: CsvEncoding = 'utf-8'): Promise<string> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(64 * 1024), 0, 64 * 1024, 0)
    const text = new TextDecoder(decoderLabels[encoding]).decode(buffer.subarray(0, bytesRead))
    return text.split(/\r\n|\n|\r/, 1)[0]
  } finally {
    await handle.close()
  }
}

/** What `file_row_number` adds to the columns of a Parquet file. */
const rowNumber = 'file_row_number'

async function fileColumns(
  connection: DuckDBConnection,
  file: string,
  format: FileFormat,
  scan: string,
  proven: ReadonlySet<string>,
  { columns: named, notNull = [] }: TableFileOptions,
): Promise<FileColumn[]> {
  const reader = await connection.runAndReadAll(`DESCRIBE FROM ${scan}`)
  const types = new Map(reader.getRowsJson().map(([name, type]) => [String(name), String(type)]))
  if (format === 'parquet') types.delete(rowNumber)
  const names = [...types.keys()]
  for (const name of [...(named ?? []), ...notNull]) if (!types.has(name)) throw unknownColumn(file, name, names)
  const chosen = named ?? names
  const withoutNull = new Set([...notNull, ...proven])
  const fields = fieldNames(file, chosen)
  return chosen.map((column, i) => {
    const sqlType = types.get(column) ?? ''
    const type = columnType(sqlType)
    if (type === undefined) {
      const others = names.filter((name) => columnType(types.get(name) ?? '') !== undefined)
      const problem = `its type ${sqlType} has no place in a flat Avro record`
      throw new FileColumnError(file, column, problem, `Leave it out: --columns ${others.join(',')}`)
    }
    return { column, field: fields[i], sqlType, type, nullable: !withoutNull.has(column) }
  })
}

function unknownColumn(file: string, column: string, names: readonly string[]): FileColumnError {
  return new FileColumnError(file, column, 'there is no such column', `Name one of ${names.join(', ')}`)
}

/** Columns whose statistics count no null in any row group. */
async function parquetWithoutNull(connection: DuckDBConnection, file: string): Promise<string[]> {
  const reader = await connection.runAndReadAll(
    `SELECT path_in_schema FROM parquet_metadata(${sqlText(file)}) GROUP BY path_in_schema ` +
      'HAVING bool_and(coalesce(stats_null_count = 0, false))',
  )
  return reader.getRowsJson().map(([name]) => String(name))
}

async function parquetRowCount(connection: DuckDBConnection, file: string): Promise<number> {
  const reader = await connection.runAndReadAll(`SELECT num_rows FROM parquet_file_metadata(${sqlText(file)})`)
  return Number(reader.getRowsJson()[0][0])
}

interface Source extends FileScan, NullRowSource {
  readonly format: FileFormat
  /** of these the ones that are not null by the user's word alone */
  readonly declared: readonly FileColumn[]
  readonly rowCount: number | undefined
}

async function countRows(connection: DuckDBConnection, source: Source, signal?: AbortSignal): Promise<number> {
  const { declared, rowCount } = source
  if (rowCount !== undefined && declared.length === 0) return rowCount
  const interrupt = () => connection.interrupt()
  signal?.addEventListener('abort', interrupt, { once: true })
  try {
    signal?.throwIfAborted()
    // Counting a column's values makes DuckDB parse and cast each of them.
    const counted = rowCount === undefined ? source.columns : declared
    const counts = counted.map(({ column, type }) => `count(${columnExpression(column, type)})`)
    const reader = await connection.runAndReadAll(`SELECT count(*), ${counts.join(', ')} FROM ${source.scan}`)
    const [rows, ...values] = reader.getRowsJson()[0].map(Number)
    const withNull = counted.find((column, i) => values[i] < rows && declared.includes(column))
    if (withNull !== undefined) throw await nullRowError(connection, source, withNull, rows)
    return rows
  } catch (thrown) {
    throw rowError(source.file, thrown)
  } finally {
    signal?.removeEventListener('abort', interrupt)
  }
}

/** How far DuckDB may read ahead. With its own 1 MB its threads stop and start again so often that text takes a sixth longer. */
const readAhead = '64MiB'

async function* readChunks(
  connection: DuckDBConnection,
  source: Source,
  fromRow: number,
  keyColumn: string | undefined,
): AsyncGenerator<RowChunk, void, void> {
  const { file, format, scan, columns } = source
  const expressions = columns.map(({ column, type }) => columnExpression(column, type))
  if (keyColumn !== undefined) expressions.push(`CAST(${sqlName(keyColumn)} AS VARCHAR)`)
  // Parquet passes over whole row groups; a text file has to be parsed from its beginning.
  const seeks = format === 'parquet' && fromRow > 0
  let skip = seeks ? 0 : fromRow
  try {
    await dropRejects(connection)
    const where = seeks ? ` WHERE ${rowNumber} >= ${fromRow}` : ''
    await connection.run(`SET streaming_buffer_size = '${readAhead}'`)
    const result = await connection.stream(`SELECT ${expressions.join(', ')} FROM ${scan}${where}`)
    // One chunk ahead: DuckDB parses the next one while this one is encoded.
    let next = result.fetchChunk()
    for (;;) {
      const chunk = await next
      if (chunk === null || chunk.rowCount === 0) {
        // A stream that fails ends like one that is complete (node-api 1.5.6); only the result's type tells.
        if (result.returnType === ResultReturnType.INVALID) throw await readFailure(connection, source)
        return
      }
      next = result.fetchChunk()
      // Whoever stops iterating never awaits it.
      next.catch(() => {})
      const { rowCount } = chunk
      if (skip < rowCount) yield { chunk, skip }
      skip = Math.max(0, skip - rowCount)
    }
  } catch (thrown) {
    throw rowError(file, thrown)
  }
}

/** Why a stream has failed: its error's text cannot be had, that of a query that is not streamed can. */
async function readFailure(connection: DuckDBConnection, source: Source): Promise<Error> {
  try {
    await countRows(connection, { ...source, rowCount: undefined, declared: [] })
  } catch (thrown) {
    return thrown as Error
  }
  return new FileUnreadableError(source.file, 'reading it stopped in the middle', 'Check the disk and start again')
}

async function dropRejects(connection: DuckDBConnection): Promise<void> {
  await connection.run('DROP TABLE IF EXISTS reject_errors')
  await connection.run('DROP TABLE IF EXISTS reject_scans')
}

async function writeRejected(connection: DuckDBConnection, target: string): Promise<number> {
  const tables = await connection.runAndReadAll("SELECT 1 FROM duckdb_tables() WHERE table_name = 'reject_errors'")
  if (tables.currentRowCount === 0) return 0
  const count = await connection.runAndReadAll('SELECT count(DISTINCT line) FROM reject_errors')
  const rejected = Number(count.getRowsJson()[0][0])
  if (rejected > 0) {
    await connection.run(
      'COPY (SELECT line, column_name AS "column", error_message AS problem, csv_line AS "row" ' +
        `FROM reject_errors ORDER BY line, column_idx) TO ${sqlText(target)} (FORMAT csv, HEADER true)`,
    )
  }
  return rejected
}
