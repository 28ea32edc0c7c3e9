import type { DuckDBConnection } from '@duckdb/node-api'
import { BadRowError, type BadRowPlace, FileUnreadableError } from '../file-errors.ts'
import { sqlPath, sqlText } from '../sql-literals.ts'
import { checkNumberStyle } from './number-style.ts'
import { rowError } from './row-errors.ts'
import { type ChosenColumn, chosenColumns, type FormatTable, type TableFileOptions } from './table-options.ts'
import { openTextSource, type TextSource } from './text-source.ts'
import { type TextTable, type TextTableSource, textStyle, textTable, withoutNullTexts } from './text-table.ts'
import type { TextColumn } from './text-types.ts'

/** A JSON file of objects, in an array or one after the other: their keys are the columns, whichever row has them. */
export async function jsonTable(connection: DuckDBConnection, options: TableFileOptions): Promise<FormatTable> {
  const { file, signal, text: { encoding, nullTexts = [] } = {} } = options
  const { numbers } = textStyle(options)
  checkNumberStyle(numbers)
  // DuckDB reads an array behind a byte order mark as one value.
  const source = await openTextSource({ file, encoding, refusesMark: true })
  let copy: TextSource | undefined
  const close = () => (copy ?? source).close()
  try {
    const objects = jsonObjects(source)
    const names = await jsonKeys(connection, source, objects)
    if (names.length === 0) {
      throw new FileUnreadableError(
        file,
        'its objects have no keys',
        'Name a file whose objects have keys: the columns',
      )
    }
    const chosen = chosenColumns(names, options)
    const placeOf = (row: number) => placeOfObject(source, row)
    const read = (cells: JsonCells) => textTable({ connection, chosen, placeOf, ...cells }, options)
    const readSource = async () => {
      copy = await source.copy((text) => withSourceTexts(file, text))
      return read(sourceCells(jsonObjects(copy), chosen, nullTexts))
    }
    const readObjects = async () => {
      if (nullTexts.some(isFraction) || (await hasLongNumbers(connection, objects))) return readSource()
      const cells = duckCells(objects, chosen, nullTexts)
      const table = await read(cells)
      return (await isPrintedAnew(connection, cells, table)) ? readSource() : table
    }
    const [table] = await Promise.all([readObjects(), source.checkWhole(signal)])
    return {
      rows: table.rows,
      columns: table.columns,
      rowCount: table.rowCount,
      decisions: JSON.stringify([[...new Set(nullTexts)].sort(), source.encoding]),
      doubts: table.doubts,
      close,
    }
  } catch (thrown) {
    await close()
    throw thrown
  }
}

/** The rows of a JSON file, and the SQL of their columns' texts. */
type JsonCells = Pick<TextTableSource, 'scan' | 'texts' | 'untouched'>

/** Cells as DuckDB prints them: the numbers of texts and of nested values anew, 1.10 as 1.1 (1.5.6). */
function duckCells(objects: string, chosen: readonly ChosenColumn[], nullTexts: readonly string[]): JsonCells {
  return jsonCells(objects, chosen, nullTexts, (cell) => [`(${cell} ->> '$')`, `json_type(${cell})`])
}

/** Cells of a copy by `withSourceTexts`. */
function sourceCells(objects: string, chosen: readonly ChosenColumn[], nullTexts: readonly string[]): JsonCells {
  return jsonCells(objects, chosen, nullTexts, (cell) => {
    const kinds = Object.entries(cellKinds).map(([kind, jsonType]) => `WHEN '${kind}' THEN '${jsonType}'`)
    return [`substr(${cell} ->> '$', 2)`, `(CASE left(${cell} ->> '$', 1) ${kinds.join(' ')} END)`]
  })
}

function jsonCells(
  objects: string,
  chosen: readonly ChosenColumn[],
  nullTexts: readonly string[],
  sqlOf: (cell: string) => [text: string, jsonType: string],
): JsonCells {
  const paths = chosen.map(({ column }) => sqlText(jsonPointer(column)))
  // One look into each object for all of its keys: a look a key parses it as often.
  const scan = `(SELECT json_extract(json, [${paths.join(', ')}]) AS cells FROM ${objects})`
  const cells = chosen.map((_, i) => sqlOf(`cells[${i + 1}]`))
  return {
    scan,
    texts: chosen.map(({ column }, i): TextColumn => {
      const [text, jsonType] = cells[i]
      return { column, text: withoutNullTexts(text, nullTexts), jsonType }
    }),
    untouched: { scan, texts: cells.map(([text]) => text) },
  }
}

/**
 * Numbers of which DuckDB's JSON does not tell the digits: those of a double's size with more of them than it holds,
 * and -0. The pattern may be in a text too, which does no harm.
 */
const longNumber = '":\\s*(-0\\s*[,}]|-?[0-9]{16,}\\.|-?[0-9.]{17,}[eE][+]?[0-9])'

async function hasLongNumbers(connection: DuckDBConnection, objects: string): Promise<boolean> {
  const sql = `SELECT 1 FROM ${objects} WHERE regexp_matches(json, ${sqlText(longNumber)}) LIMIT 1`
  return (await connection.runAndReadAll(sql)).currentRowCount > 0
}

/** Whether columns whose texts are loaded have values that DuckDB may have printed in other digits than the file's. */
async function isPrintedAnew(connection: DuckDBConnection, cells: JsonCells, table: TextTable): Promise<boolean> {
  const conditions = cells.texts.flatMap(({ jsonType }, i) => {
    const { sqlType } = table.columns[i]
    const isText = sqlType === 'VARCHAR' || sqlType.startsWith('DECIMAL')
    return isText ? [`${jsonType} IN ('DOUBLE', 'OBJECT', 'ARRAY')`] : []
  })
  if (conditions.length === 0) return false
  const sql = `SELECT 1 FROM ${cells.scan} WHERE ${conditions.join(' OR ')} LIMIT 1`
  return (await connection.runAndReadAll(sql)).currentRowCount > 0
}

function isFraction(text: string): boolean {
  return /^-?[0-9]+[.eE]/.test(text)
}

// ECMAScript 2026, in Node since 22; the compiler's library does not have them yet.
const { rawJSON, isRawJSON, parse } = JSON as unknown as {
  rawJSON(text: string): unknown
  isRawJSON(value: unknown): value is { readonly rawJSON: string }
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source: string }) => unknown): object
}

/** What a cell of `withSourceTexts` begins with, and what JSON calls its value. */
const cellKinds = { n: 'DOUBLE', s: 'VARCHAR', b: 'BOOLEAN', o: 'OBJECT' } as const

/**
 * JSON objects one after the other, each value a text: its kind, then what stands in the file, with all digits of its
 * numbers.
 *
 * @throws BadRowError for numbers that DuckDB takes and JSON has not
 */
async function* withSourceTexts(file: string, text: AsyncIterable<string>): AsyncGenerator<string, void, void> {
  let lines = ''
  for await (const { line, text: object } of objectTexts(text)) {
    let values: object
    try {
      values = parse(object, (_key, value, { source }) => (typeof value === 'number' ? rawJSON(source) : value))
    } catch (cause) {
      if (cause instanceof RangeError)
        throw new BadRowError(
          file,
          { line },
          'the object is nested too deeply',
          'Make it flatter: 1,000 levels are read',
          cause,
        )
      throw new BadRowError(file, { line }, 'the object is not JSON', 'Write null for NaN and Infinity', cause)
    }
    // JSON.parse keeps the last of two.
    if (keyCount(values) !== (object.match(/"(\\.|[^"\\])*"|:/gs) ?? []).filter((token) => token === ':').length) {
      throw new BadRowError(file, { line }, 'a nested object has a key twice', 'Rename or remove one of the two')
    }
    const texts = Object.entries(values).map(([key, value]) => [key, kindAndText(value)])
    lines += `${JSON.stringify(Object.fromEntries(texts))}\n`
    if (lines.length < 65_536) continue
    yield lines
    lines = ''
  }
  yield lines
}

function keyCount(value: unknown): number {
  if (typeof value !== 'object' || value === null || isRawJSON(value)) return 0
  const values = Object.values(value)
  return values.reduce<number>((sum, item) => sum + keyCount(item), Array.isArray(value) ? 0 : values.length)
}

function kindAndText(value: unknown): string | null {
  if (value === null) return null
  if (isRawJSON(value)) return `n${value.rawJSON}`
  if (typeof value === 'string') return `s${value}`
  return typeof value === 'object' ? `o${JSON.stringify(value)}` : `b${value}`
}

const maxObjectBytes = 64 * 1024 * 1024

/** SQL: the text of each object in the file's order, as column `json`, behind FROM. */
export function jsonObjects(source: TextSource): string {
  const format = isArray(source) ? 'array' : 'unstructured'
  const compression = source.compression === 'none' ? 'uncompressed' : source.compression
  return (
    `read_json_objects(${sqlPath(source.path)}, format='${format}', hive_partitioning=false, ` +
    `compression='${compression}', maximum_object_size=${maxObjectBytes})`
  )
}

function isArray({ head }: TextSource): boolean {
  return head.trimStart().startsWith('[')
}

/**
 * The keys of all objects, in the order in which they first appear.
 *
 * @throws BadRowError for a value that is no object, and for an object that has a key twice
 */
export async function jsonKeys(connection: DuckDBConnection, source: TextSource, objects: string): Promise<string[]> {
  const numbered = `(SELECT json, json_keys(json) AS keys, row_number() OVER () AS row FROM ${objects})`
  const problems = await readJson(
    connection,
    source,
    `SELECT min(row) FILTER (WHERE json_type(json) <> 'OBJECT'), ` +
      `min(row) FILTER (WHERE len(keys) <> len(list_distinct(keys))), count(*) FROM ${numbered}`,
  )
  const [noObject, doubled, rows] = problems.getRowsJson()[0]
  const { file, head } = source
  if (noObject !== null) {
    throw new BadRowError(
      file,
      {},
      `value ${noObject} is not an object`,
      'Make it an object, whose keys are the columns',
    )
  }
  if (doubled !== null) {
    const [[keys]] = (
      await connection.runAndReadAll(`SELECT keys FROM ${numbered} WHERE row = ${doubled}`)
    ).getRowsJson()
    const key = (keys as string[]).find((key, i, all) => all.indexOf(key) !== i)
    const { place } = await placeOfObject(source, Number(doubled))
    const problem = `object ${doubled} has the key "${key}" twice`
    throw new BadRowError(file, place, problem, 'Rename or remove one of the two')
  }
  if (Number(rows) === 0) {
    throw new FileUnreadableError(
      file,
      'it has no row',
      `Name a file with rows: this one begins with ${head.slice(0, 20)}`,
    )
  }
  const reader = await connection.runAndReadAll(
    `SELECT name FROM (SELECT unnest(keys) AS name, row, unnest(range(len(keys))) AS place FROM ${numbered}) ` +
      'GROUP BY name ORDER BY min(struct_pack(r := row, p := place))',
  )
  return reader.getRowsJson().map(([name]) => String(name))
}

/** https://www.rfc-editor.org/rfc/rfc6901 */
function jsonPointer(key: string): string {
  return `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** A query of the objects. @throws BadRowError with the line of an object that is no JSON */
async function readJson(connection: DuckDBConnection, source: TextSource, sql: string) {
  try {
    return await connection.runAndReadAll(sql)
  } catch (thrown) {
    const error = rowError(source.file, thrown)
    // The place that DuckDB names is of a record, and not always of the right one (1.5.6).
    if (!(error instanceof BadRowError)) throw error
    for await (const { line, text } of objectTexts(source.text())) {
      if (!isJson(text)) throw error.at(line)
    }
    throw error
  }
}

function isJson(text: string): boolean {
  try {
    // What DuckDB takes for a number.
    JSON.parse(text.replace(/(?<=[:[,]\s*-?)(NaN|Infinity|inf)\b/gi, '0'))
    return true
  } catch {
    return false
  }
}

async function placeOfObject(source: TextSource, row: number): Promise<{ place: BadRowPlace; where: string }> {
  let objects = 0
  for await (const { line } of objectTexts(source.text())) {
    if (++objects === row) return { place: { line }, where: isArray(source) ? `object ${row}: ` : '' }
  }
  return { place: {}, where: `object ${row}: ` }
}

/** The objects of a JSON text in an array or one after the other, whatever they hold, and what else is between them. */
async function* objectTexts(text: AsyncIterable<string>): AsyncGenerator<{ line: number; text: string }, void, void> {
  let depth = 0
  let isQuoted = false
  let line = 1
  let start = 1
  let object = ''
  let held = ''
  for await (const part of text) {
    const whole = held + part
    // What it escapes is in the next part.
    held = (/\\+$/.exec(whole)?.[0].length ?? 0) % 2 === 1 ? '\\' : ''
    for (const [piece] of whole.slice(0, whole.length - held.length).matchAll(/\\.?|["{}[\]\n]|[^\\"{}[\]\n]+/gs)) {
      if (depth > 0) object += piece
      if (piece === '\n') line++
      else if (piece === '"') isQuoted = !isQuoted
      else if (isQuoted) continue
      else if (piece === '{' || (piece === '[' && depth > 0)) {
        if (depth === 0) [object, start] = [piece, line]
        depth++
      } else if (depth > 0 && (piece === '}' || piece === ']')) {
        if (--depth === 0) yield { line: start, text: object }
      } else if (depth === 0 && !/^[\s,[\]]*$/.test(piece)) yield { line, text: '' }
    }
  }
  if (depth > 0) yield { line: start, text: object }
}
