import { join } from 'node:path'
import type { DuckDBAppender } from '@duckdb/node-api'
import { PipelineError, UsageError } from '../../errors.ts'
import { type Database, type DatabaseOptions, openDatabase } from '../database.ts'
import { FileUnwritableError } from '../file-errors.ts'
import type { TableFormat } from '../file-format.ts'
import { openPartialFolder, type PartialFolder } from '../partial-folder.ts'
import { sqlName, sqlText } from '../sql-literals.ts'
import { chunkRows, TableChunk } from './table-chunk.ts'
import type { TableColumn, TableType } from './table-columns.ts'

export interface TableWriterOptions extends DatabaseOptions {
  /** appears when it is complete */
  readonly file: string
  /** whether a file that exists is replaced [false: that is an error] */
  readonly overwrite?: boolean
  readonly format: TableFormat
  /** of CSV: texts that a spreadsheet would take for a formula get an apostrophe in front */
  readonly csvSafe?: boolean
}

/** A column whose name the file cannot have beside those of the others. */
export interface RenamedColumn {
  readonly column: string
  /** in the file */
  readonly name: string
}

/** A table that is being written; rows stay in the order in which they were appended. */
export interface TableWriter {
  /** The columns so far. */
  readonly columns: readonly TableColumn[]
  /** The chunk to fill next; it has `rows` rows and the columns of the last `addColumns`. */
  readonly chunk: TableChunk
  readonly rows: number
  /**
   * Adds what is new; rows before have null there. A column that is INTEGER or FLOAT for some and BIGINT or DOUBLE
   * for others becomes the wider of the two, and the chunk takes values of either.
   *
   * @returns shape (columns), where each of them is in the chunk
   * @throws UsageError when a column is known with another type that is neither
   */
  addColumns(columns: readonly TableColumn[]): Promise<Int32Array>
  /** Counts the row that was just filled in; appends a chunk that is full. */
  endRow(): void
  /** Writes the file and takes its temporary folder away; returns the columns that have another name in it. */
  finish(): Promise<RenamedColumn[]>
  /** Gives up: nothing remains. Also after `finish`, where it does nothing. */
  discard(): Promise<void>
}

/**
 * Opens a Parquet or CSV file to be written. DuckDB writes such files from a query, so rows go to a table on disk
 * first, in a hidden folder beside the file, which takes about the file's size again; memory stays bounded however
 * many rows there are.
 *
 * @throws FileExistsError, FileUnwritableError
 */
export async function openTableWriter(options: TableWriterOptions): Promise<TableWriter> {
  const { file, overwrite = false, format, csvSafe = false } = options
  const unwritable = (cause: unknown) =>
    cause instanceof PipelineError
      ? cause
      : new FileUnwritableError(file, (cause as Error).message.split('\n')[0], cause)
  let folder: PartialFolder | undefined
  let database: Database
  try {
    folder = await openPartialFolder(file, overwrite)
    database = await openDatabase(options, join(folder.path, 'rows.duckdb'))
  } catch (cause) {
    await folder?.discard()
    throw unwritable(cause)
  }
  return tableIn(database, folder, format, csvSafe ? withoutFormula : plainValue, unwritable)
}

/**
 * @param folder where the database is, and where the file is written before it takes its place
 * @param sqlValue the SQL of a column's value in the file
 */
function tableIn(
  database: Database,
  folder: PartialFolder,
  format: TableFormat,
  sqlValue: (name: string, type: TableType) => string,
  unwritable: (cause: unknown) => PipelineError,
): TableWriter {
  const { connection } = database
  const columns: TableColumn[] = []
  let chunk = new TableChunk([])
  let rows = 0
  let appender: DuckDBAppender | undefined
  let open = true

  const append = () => {
    if (rows === 0 || appender === undefined) return
    chunk.seal(rows)
    appender.appendDataChunk(chunk.chunk)
    chunk.clear()
    rows = 0
  }

  const addColumns = async (wanted: readonly TableColumn[]) => {
    append()
    appender?.closeSync()
    appender = undefined
    for (const column of wanted) {
      const known = columns.find(({ name }) => name === column.name)
      if (known === undefined) await addColumn(column)
      else if (wider[known.type]?.includes(column.type)) await widenColumn(columns.indexOf(known), column)
      else if (known.type !== column.type && !wider[column.type]?.includes(known.type)) throw changedType(known, column)
    }
    chunk = new TableChunk(columns)
    appender = await connection.createAppender('exported')
    return Int32Array.from(wanted, ({ name }) => columns.findIndex((column) => column.name === name))
  }

  const addColumn = async (column: TableColumn) => {
    const definition = `c${columns.length} ${column.type}`
    // Numbers for names: DuckDB takes "a" and "A" for the same.
    if (columns.length === 0) await connection.run(`CREATE TABLE exported (${definition})`)
    else await connection.run(`ALTER TABLE exported ADD COLUMN ${definition}`)
    columns.push(column)
  }

  const widenColumn = async (index: number, column: TableColumn) => {
    await connection.run(`ALTER TABLE exported ALTER COLUMN c${index} TYPE ${column.type}`)
    columns[index] = column
  }

  const close = async () => {
    if (!open) return
    open = false
    database.close()
    await folder.discard()
  }

  return {
    columns,
    get chunk() {
      return chunk
    },
    get rows() {
      return rows
    },
    addColumns,
    endRow() {
      rows++
      if (rows === chunkRows) append()
    },
    async finish() {
      if (columns.length === 0) throw new UsageError('There are no rows to export', 'Read a topic that has rows')
      try {
        append()
        appender?.closeSync()
        appender = undefined
        const written = join(folder.path, 'rows.out')
        const values = columns.map(({ type }, i) => sqlValue(`c${i}`, type))
        const names = format === 'csv' ? columns.map(({ name }) => name) : namesBesideCase(columns)
        const [query, settings] = format === 'csv' ? csvCopy(names, values) : parquetCopy(names, values)
        await connection.run(`COPY (${query}) TO ${sqlText(written)} (${settings})`)
        await folder.publish(written)
        return columns.flatMap(({ name }, i) => (name === names[i] ? [] : [{ column: name, name: names[i] }]))
      } catch (cause) {
        throw unwritable(cause)
      } finally {
        await close()
      }
    },
    discard: close,
  }
}

/**
 * The rows of a CSV file and DuckDB's settings for it. The header is a row: as names of the query's columns "a" and "A"
 * would not both be kept.
 */
function csvCopy(names: readonly string[], values: readonly string[]): readonly [query: string, settings: string] {
  const cells = values.map((value) => `CAST(${value} AS VARCHAR)`)
  // pandas and R pass over an empty line, and the row would be lost to them: an empty text is written as "".
  if (cells.length === 1) cells[0] = `coalesce(${cells[0]}, '')`
  const query = `SELECT ${names.map(sqlText).join(', ')} UNION ALL SELECT ${cells.join(', ')} FROM exported`
  return [query, 'FORMAT csv, HEADER false']
}

function parquetCopy(names: readonly string[], values: readonly string[]): readonly [query: string, settings: string] {
  const cells = values.map((value, i) => `${value} AS ${sqlName(names[i])}`)
  return [`SELECT ${cells.join(', ')} FROM exported`, 'FORMAT parquet, COMPRESSION zstd']
}

/**
 * The columns' names, of which no two differ only in case: DuckDB's Parquet writer would rename one without a word
 * (1.5.6). The first one keeps its name, the others get a number behind.
 *
 * @example namesBesideCase([{ name: 'T', type: 'INTEGER' }, { name: 't', type: 'INTEGER' }]) // ['T', 't_1']
 */
function namesBesideCase(columns: readonly TableColumn[]): string[] {
  const taken = new Set(columns.map(({ name }) => name.toLowerCase()))
  const seen = new Set<string>()
  return columns.map(({ name }) => {
    const isFirst = !seen.has(name.toLowerCase())
    seen.add(name.toLowerCase())
    if (isFirst) return name
    let n = 1
    while (taken.has(`${name}_${n}`.toLowerCase())) n++
    taken.add(`${name}_${n}`.toLowerCase())
    return `${name}_${n}`
  })
}

const plainValue = (name: string): string => name

/** Text types: a number may begin with a minus and is no formula. A blob is written as text. */
const formulaTypes: ReadonlySet<TableType> = new Set(['VARCHAR', 'BLOB'])
/**
 * What begins a formula in a spreadsheet, in wide letters too, or is passed over before it.
 * https://owasp.org/www-community/attacks/CSV_Injection
 */
const formulaStarts = '=+-@\t\r\n＝＋－＠'

function withoutFormula(name: string, type: TableType): string {
  if (!formulaTypes.has(type)) return name
  const text = `${name}::VARCHAR`
  return (
    `CASE WHEN contains(${sqlText(formulaStarts)}, left(${text}, 1)) AND ${text} <> '' THEN '''' ` +
    `|| ${text} ELSE ${text} END`
  )
}

/** Types whose values another one holds without a change. */
const wider: Partial<Record<TableType, readonly TableType[]>> = { INTEGER: ['BIGINT', 'DOUBLE'], FLOAT: ['DOUBLE'] }

function changedType(known: TableColumn, now: TableColumn): UsageError {
  return new UsageError(
    `Column "${now.name}" is ${known.type} in the topic's first rows and ${now.type} in later ones`,
    'No column holds both unchanged. Load the rows into another --dataset or --topic where ' +
      `"${now.name}" has one type, and export that`,
  )
}
