import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { type DuckDBConnection, type DuckDBDataChunk, ResultReturnType } from '@duckdb/node-api'
import { InterruptedError, UsageError } from '../../errors.ts'
import { openDatabase } from '../database.ts'
import { FileUnreadableError, NoRowsError } from '../file-errors.ts'
import { type FileFormat, fileFormatOf } from '../file-format.ts'
import { columnExpression } from './column-types.ts'
import { csvTable } from './csv-table.ts'
import { type FileContent, fileContent } from './file-fingerprint.ts'
import { jsonTable } from './json-table.ts'
import { parquetTable } from './parquet-table.ts'
import { type FileColumn, recordSchema } from './record-schema.ts'
import { rowError } from './row-errors.ts'
import { type RowTimes, rowTimes } from './row-times.ts'
import { type FormatTable, idleFlags, type TableFileOptions } from './table-options.ts'

/** What a file is as a table. Every value has been proven to have its type. */
export interface TableFacts extends FileContent {
  readonly file: string
  readonly format: FileFormat
  readonly columns: readonly FileColumn[]
  /** the Avro schema of its rows, as JSON text */
  readonly schema: string
  /** rows that can be read */
  readonly rowCount: number
  /** all that decides which rows the content has and what is in them; the same text for the same rows */
  readonly reading: string
  /** what of it decides where a row ends and which rows there are: the same for a file that has grown */
  readonly layout: string
  /** what was guessed and may be wrong, and what would mend it: one line each, not about a single column */
  readonly doubts: readonly string[]
}

/** A CSV, Parquet or JSON file as a table whose rows have a fixed order. */
export interface TableFile extends TableFacts {
  /**
   * Rows in the file's order from row `fromRow` on, a chunk of up to 2,048 at a time: the columns' values as
   * `columnExpression` gives them, then the key's text if a key column was named, then the time if it was asked for.
   * One iteration at a time.
   *
   * @throws BadRowError
   */
  chunks(fromRow: number, keyColumn?: string, times?: RowTimes): AsyncGenerator<RowChunk, void, void>
  /**
   * Reads a column through for the times of the rows.
   *
   * @param defaultMs the time of rows that have none; undefined: such a row is an error
   * @throws FileColumnError, UsageError
   */
  rowTimes(column: string, defaultMs: number | undefined): Promise<RowTimes>
  /**
   * What tells the file's first rows from those of others, whatever the format: a text for the first row, one for the
   * first two and so on, for 1,000 rows or 100,000 values.
   */
  firstRows(): Promise<string[]>
  /** Writes the rows that cannot be read to a CSV file, why and where from; returns how many. */
  writeRejected(file: string): Promise<number>
  close(): Promise<void>
}

/** Valid until the next one is asked for. */
export interface RowChunk {
  readonly chunk: DuckDBDataChunk
  /** rows of the chunk that come before the row asked for; 0 in all but the first */
  readonly skip: number
}

/**
 * Opens a file: finds out its columns, and reads a text file through, so that what it refuses is refused before the
 * first row is loaded.
 *
 * @throws FileUnreadableError, FileColumnError, UsageError
 * @throws BadRowError for the first row that cannot be read, unless bad rows are collected, and for the first null
 * in a column that was declared as not null
 * @throws InterruptedError when the signal fires
 */
export async function openTableFile(options: TableFileOptions): Promise<TableFile> {
  const { file, signal } = options
  await checkFile(file)
  const format = options.format ?? fileFormatOf(file)
  if (options.collectBadRows && format !== 'csv') {
    throw new UsageError(`--bad-rows applies to CSV only, and ${file} is ${format}`, 'Leave out --bad-rows')
  }
  const database = await openDatabase(options)
  const { connection } = database
  const interrupt = () => connection.interrupt()
  signal?.addEventListener('abort', interrupt, { once: true })
  try {
    const table = await formatTables[format](connection, options)
    if (table.rowCount === 0 && format !== 'parquet' && !options.collectBadRows) {
      await table.close?.()
      throw new NoRowsError(file, `it has ${format === 'csv' ? 'a header and ' : ''}no row`, 'Name a file with rows')
    }
    const columns = asNullableAs(table.columns, options)
    const { collectBadRows = false } = options
    const reading = JSON.stringify([
      format,
      table.decisions,
      table.columns.map(({ column, sqlType, nullable, value }) => [column, sqlType, nullable, value]),
      collectBadRows,
    ])
    return {
      ...(await fileContent(file)),
      file,
      format,
      columns,
      schema: recordSchema(options.dataset, columns, options.topicRecord),
      rowCount: table.rowCount,
      reading,
      layout: layoutOf(format, table, options, reading),
      doubts: [
        ...(table.rowCount === 0 ? ['The file has no row.'] : table.doubts),
        ...idleFlagsText(format, options),
        ...otherFields(columns, options),
        ...pathColumns(file, columns),
      ],
      chunks: (fromRow, keyColumn, times) => readChunks(connection, file, table, fromRow, keyColumn, times),
      rowTimes: async (column, defaultMs) => {
        try {
          return await rowTimes(connection, file, table, column, defaultMs)
        } catch (thrown) {
          throw rowError(file, thrown)
        }
      },
      firstRows: () => firstRows(connection, table),
      writeRejected: (target) => table.writeRejected?.(target) ?? Promise.resolve(0),
      async close() {
        database.close()
        await table.close?.()
      },
    }
  } catch (thrown) {
    database.close()
    throw signal?.aborted ? new InterruptedError() : rowError(file, thrown)
  } finally {
    signal?.removeEventListener('abort', interrupt)
  }
}

/** Rows that are appended may change the types and nulls of columns, and not what was told of them. */
function layoutOf(format: FileFormat, { decisions }: FormatTable, options: TableFileOptions, reading: string): string {
  const { columns, notNull, text, collectBadRows = false } = options
  // A value that does not fit its column's type makes its row a bad one.
  return collectBadRows ? reading : JSON.stringify([format, decisions, columns, notNull, text?.types])
}

/**
 * A field that may be null in the topic stays so, whether this file has a null or not: no schema may take that away.
 */
function asNullableAs(
  columns: readonly FileColumn[],
  { topicRecord, notNull = [] }: TableFileOptions,
): readonly FileColumn[] {
  return columns.map((each) => {
    const isNullable = topicRecord?.fields.get(each.field)?.nullable === true && !notNull.includes(each.column)
    return isNullable ? { ...each, nullable: true } : each
  })
}

function idleFlagsText(format: FileFormat, { text }: TableFileOptions): string[] {
  const flags = idleFlags(format, text)
  return flags.length === 0 ? [] : [`${flags.join(', ')}: this has no effect on a ${format} file.`]
}

/** What is said of columns that the topic lacks, and of those that the file lacks. */
function otherFields(columns: readonly FileColumn[], { topicRecord }: TableFileOptions): string[] {
  if (topicRecord === undefined) return []
  const own = new Set(columns.map(({ field }) => field))
  const added = [...own].filter((field) => !topicRecord.fields.has(field))
  const missing = [...topicRecord.fields.keys()].filter((field) => !own.has(field))
  return [
    ...(added.length > 0 ? [`New columns, which the topic or other files do not have: ${someOf(added)}.`] : []),
    ...(missing.length > 0
      ? [`Columns of the topic or other files that this file does not have: ${someOf(missing)}.`]
      : []),
  ]
}

/** What is said of folders such as `year=2024`, in which Spark and Hive keep columns that the file lacks. */
function pathColumns(file: string, columns: readonly FileColumn[]): string[] {
  const own = new Set(columns.map(({ column }) => column))
  const names = file.split(/[/\\]/).slice(0, -1)
  const lacking = names.filter((name) => /^[A-Za-z_]\w*=./.test(name) && !own.has(name.slice(0, name.indexOf('='))))
  if (lacking.length === 0) return []
  return [`The path says ${lacking.join(' and ')}, which is no column: only what the file itself has is loaded.`]
}

function someOf(names: readonly string[]): string {
  return names.length > 20 ? `${names.slice(0, 20).join(', ')} and ${names.length - 20} more` : names.join(', ')
}

const formatTables: Readonly<
  Record<FileFormat, (connection: DuckDBConnection, options: TableFileOptions) => Promise<FormatTable>>
> = { csv: csvTable, json: jsonTable, parquet: parquetTable }

/** @throws FileUnreadableError for what is no file, or an empty one */
export async function checkFile(file: string): Promise<void> {
  const readTwice = 'Write what it gives to a file: a load reads a file several times, and again where it resumes'
  if (file === '-') throw new FileUnreadableError(file, 'standard input is not read', readTwice)
  const facts = await stat(file).catch((cause) => {
    throw new FileUnreadableError(file, 'there is no such file', 'Check the path', cause)
  })
  if (facts.isDirectory()) {
    const name = file.replace(/[/\\]+$/, '')
    throw new FileUnreadableError(file, 'it is a folder', `Name the files in it: ${name}/part-*.csv, for instance`)
  }
  if (!facts.isFile()) throw new FileUnreadableError(file, 'it is a pipe or a device', readTwice)
  if (facts.size === 0) throw new NoRowsError(file, 'it is empty', 'Name a CSV, Parquet or JSON file')
}

const mostFirstRows = 1_000
const mostFirstValues = 100_000

async function firstRows(connection: DuckDBConnection, { rows, columns }: FormatTable): Promise<string[]> {
  const limit = Math.min(mostFirstRows, Math.ceil(mostFirstValues / columns.length))
  const values = columns.map(({ value }) => `CAST(${value} AS VARCHAR)`)
  const reader = await connection.runAndReadAll(`SELECT [${values.join(', ')}] FROM ${rows} LIMIT ${limit}`)
  const hash = createHash('sha256').update(JSON.stringify(columns.map(({ field }) => field)))
  return reader.getRowsJson().map((row) => hash.update(JSON.stringify(row)).copy().digest('base64url').slice(0, 8))
}

/**
 * How far DuckDB may read ahead. With its own 1 MB its threads stop and start again so often that text takes a sixth
 * longer.
 */
const readAhead = '64MiB'

async function* readChunks(
  connection: DuckDBConnection,
  file: string,
  { rows, rowNumber, columns }: FormatTable,
  fromRow: number,
  keyColumn: string | undefined,
  times: RowTimes | undefined,
): AsyncGenerator<RowChunk, void, void> {
  const expressions = columns.map(columnExpression)
  const key = columns.find(({ column }) => column === keyColumn)
  if (key !== undefined) expressions.push(`CAST(${key.value} AS VARCHAR)`)
  if (times !== undefined) expressions.push(times.value)
  // Parquet passes over whole row groups; a text file has to be parsed from its beginning.
  const seeks = rowNumber !== undefined && fromRow > 0
  let skip = seeks ? 0 : fromRow
  const query = `SELECT ${expressions.join(', ')} FROM ${rows}${seeks ? ` WHERE ${rowNumber} >= ${fromRow}` : ''}`
  try {
    await connection.run(`SET streaming_buffer_size = '${readAhead}'`)
    const result = await connection.stream(query)
    // One chunk ahead: DuckDB parses the next one while this one is encoded.
    let next = result.fetchChunk()
    for (;;) {
      const chunk = await next
      if (chunk === null || chunk.rowCount === 0) {
        // A stream that fails ends like one that is complete (node-api 1.5.6); only the result's type tells.
        if (result.returnType === ResultReturnType.INVALID) throw await readFailure(connection, file, query)
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
async function readFailure(connection: DuckDBConnection, file: string, query: string): Promise<Error> {
  try {
    await connection.run(`CREATE OR REPLACE TEMP TABLE failing AS SELECT count(COLUMNS(*)) FROM (${query})`)
  } catch (thrown) {
    return thrown as Error
  }
  return new FileUnreadableError(file, 'reading it stopped in the middle', 'Check the disk and start again')
}
