import type { DuckDBConnection } from '@duckdb/node-api'
import { FileUnreadableError } from './file-errors.ts'
import { sqlName, sqlText } from './sql-literals.ts'

export type CsvEncoding = 'utf-8' | 'latin-1' | 'utf-16'

/** What a CSV file can be told about itself; the rest is found out. */
export interface CsvOptions {
  readonly delimiter?: string
  readonly header?: boolean
  readonly encoding?: CsvEncoding
  /** texts that mean null; the empty one unless told */
  readonly nullTexts?: readonly string[]
  /** DuckDB types of columns, by the file's name for them; the others are found out */
  readonly types?: Readonly<Record<string, string>>
}

/** How a CSV file is to be read, every decision made. */
export interface CsvDialect {
  /** names and DuckDB types, in the file's order */
  readonly columns: ReadonlyMap<string, string>
  /** the call's arguments after the file's name */
  readonly parameters: string
  readonly header: boolean
  /** as `new_line` has it */
  readonly newLine: string
  /** What was told or found out, the same text for the same decisions: which rows the file has hangs on it. */
  readonly decisions: string
}

const delimiters = [',', ';', '\t', '|']
/** Rows at the beginning from which types are found out: DuckDB's own default. */
const sampleRows = 20_480
/**
 * A text column with at least this share of numbers is a number column with bad numbers in it. DuckDB's sniffer
 * would make it text and so take it from the model without a word.
 */
const mostlyNumbers = 0.9

/**
 * Finds out delimiter, header and types. The delimiter is the one that the first line has most of: DuckDB's sniffer
 * takes the one that all lines agree on, so that a single ragged line makes a table of one text column.
 *
 * @param firstLine of the file, decoded
 * @throws FileUnreadableError if no dialect fits
 */
export async function csvDialect(
  connection: DuckDBConnection,
  file: string,
  firstLine: string,
  options: CsvOptions,
): Promise<CsvDialect> {
  const delimiter = options.delimiter ?? likelyDelimiter(firstLine)
  const fixed =
    `delim=${sqlText(delimiter)}, quote='"', escape='"', skip=0, strict_mode=true, null_padding=false, ` +
    `nullstr=[${(options.nullTexts ?? ['']).map(sqlText).join(', ')}]` +
    (options.encoding === undefined ? '' : `, encoding=${sqlText(options.encoding)}`)
  const header = options.header === undefined ? '' : `, header=${options.header}`
  const found = await sniff(connection, file, `${fixed}${header}, ignore_errors=true, sample_size=${sampleRows}`)
  const parameters =
    `${fixed}, auto_detect=false, header=${found.header}, new_line=${sqlText(found.newLine)}` +
    (found.dateFormat === null ? '' : `, dateformat=${sqlText(found.dateFormat)}`) +
    (found.timestampFormat === null ? '' : `, timestampformat=${sqlText(found.timestampFormat)}`)
  // A column may be called "constructor", which an object has without anybody having said so.
  const given = new Map(Object.entries(options.types ?? {}))
  const columns = new Map(found.columns.map(({ name, type }) => [name, given.get(name) ?? type]))
  const undecided = [...columns].filter(([name, type]) => type === 'VARCHAR' && !given.has(name))
  for (const [name, type] of await numberTypes(connection, file, parameters, columns, undecided)) {
    columns.set(name, type)
  }
  const decisions = JSON.stringify([
    delimiter,
    [...new Set(options.nullTexts ?? [''])].sort(),
    options.encoding ?? 'utf-8',
    found.header,
    found.newLine,
    found.dateFormat,
    found.timestampFormat,
    [...columns],
  ])
  return { columns, parameters, header: found.header, newLine: found.newLine, decisions }
}

/** The SQL that reads the file's rows. */
export function csvScan(
  file: string,
  { columns, parameters }: Pick<CsvDialect, 'columns' | 'parameters'>,
  more = '',
): string {
  const types = [...columns].map(([name, type]) => `${sqlText(name)}: ${sqlText(type)}`).join(', ')
  return `read_csv(${sqlText(file)}, ${parameters}, columns={${types}}${more})`
}

/** The SQL that reads the file's lines as they are, the header and the empty ones too, a row each. */
export function csvLinesScan(file: string, { newLine }: Pick<CsvDialect, 'newLine'>, { encoding }: CsvOptions): string {
  const encoded = encoding === undefined ? '' : `, encoding=${sqlText(encoding)}`
  return (
    `read_csv(${sqlText(file)}, delim='\u0001', quote='', escape='', skip=0, auto_detect=false, header=false, ` +
    `new_line=${sqlText(newLine)}, columns={'line': 'VARCHAR'}${encoded})`
  )
}

function likelyDelimiter(firstLine: string): string {
  const unquoted = firstLine.replace(/"[^"]*"/g, '')
  const counts = delimiters.map((delimiter) => unquoted.split(delimiter).length - 1)
  return delimiters[counts.indexOf(Math.max(...counts))]
}

interface Sniffed {
  readonly header: boolean
  readonly newLine: string
  readonly dateFormat: string | null
  readonly timestampFormat: string | null
  readonly columns: readonly { name: string; type: string }[]
}

async function sniff(connection: DuckDBConnection, file: string, parameters: string): Promise<Sniffed> {
  const sql =
    'SELECT HasHeader AS header, NewLineDelimiter AS "newLine", DateFormat AS "dateFormat", ' +
    'TimestampFormat AS "timestampFormat", CAST(to_json(Columns) AS VARCHAR) AS columns ' +
    `FROM sniff_csv(${sqlText(file)}, ${parameters})`
  try {
    const [row] = (await connection.runAndReadAll(sql)).getRowObjectsJson()
    return { ...row, columns: JSON.parse(String(row.columns)) } as unknown as Sniffed
  } catch (cause) {
    throw new FileUnreadableError(
      file,
      'it is no CSV table with one delimiter and quotes that are closed',
      'Look at its first lines: name the delimiter or the encoding, or correct the line with the open quote',
      cause,
    )
  }
}

/** Of text columns the ones that are nearly all numbers, and the numbers' type. */
async function numberTypes(
  connection: DuckDBConnection,
  file: string,
  parameters: string,
  columns: ReadonlyMap<string, string>,
  texts: readonly (readonly [string, string])[],
): Promise<[string, string][]> {
  if (texts.length === 0) return []
  const asText = new Map([...columns.keys()].map((name) => [name, 'VARCHAR']))
  const counts = texts.flatMap(([name]) => {
    const column = sqlName(name)
    // A pattern, not a cast: 1.5 casts to an integer as well, by rounding.
    const isInteger = `regexp_full_match(${column}, '[+-]?[0-9]{1,18}')`
    return [`count(${column})`, `count(TRY_CAST(${column} AS DOUBLE))`, `count(*) FILTER (WHERE ${isInteger})`]
  })
  const scan = csvScan(file, { columns: asText, parameters }, ', ignore_errors=true')
  const sql = `SELECT ${counts.join(', ')} FROM (FROM ${scan} LIMIT ${sampleRows})`
  const [row] = (await connection.runAndReadAll(sql)).getRowsJson().map((cells) => cells.map(Number))
  return texts.flatMap(([name], i): [string, string][] => {
    const [values, numbers, integers] = row.slice(3 * i, 3 * i + 3)
    if (numbers === 0 || numbers === values || numbers < mostlyNumbers * values) return []
    return [[name, integers === numbers ? 'BIGINT' : 'DOUBLE']]
  })
}
