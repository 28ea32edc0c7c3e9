import type { DuckDBConnection } from '@duckdb/node-api'
import { BadRowError, type BadRowPlace, FileUnreadableError } from '../file-errors.ts'
import { sqlPath, sqlText } from '../sql-literals.ts'
import { checkNumberStyle } from './number-style.ts'
import { rowError } from './row-errors.ts'
import { chosenColumns, type FormatTable, type TableFileOptions } from './table-options.ts'
import { openTextSource, type TextSource } from './text-source.ts'
import { textStyle, textTable, withoutNullTexts } from './text-table.ts'
import type { TextColumn } from './text-types.ts'

/** A JSON file of objects, in an array or one after the other: their keys are the columns, whichever row has them. */
export async function jsonTable(connection: DuckDBConnection, options: TableFileOptions): Promise<FormatTable> {
  const { file, signal, text: { encoding, nullTexts = [] } = {} } = options
  const { numbers } = textStyle(options)
  checkNumberStyle(numbers)
  // DuckDB reads an array behind a byte order mark as one value.
  const source = await openTextSource({ file, encoding, refusesMark: true })
  try {
    const objects = jsonObjects(source)
    const names = await jsonKeys(connection, source, objects)
    const chosen = chosenColumns(names, options)
    const paths = chosen.map(({ column }) => sqlText(jsonPointer(column)))
    // One look into each object for all of its keys: a look a key parses it as often.
    const scan = `(SELECT json_extract(json, [${paths.join(', ')}]) AS cells FROM ${objects})`
    const texts = chosen.map(({ column }, i): TextColumn => {
      const cell = `cells[${i + 1}]`
      return { column, text: withoutNullTexts(`(${cell} ->> '$')`, nullTexts), jsonType: `json_type(${cell})` }
    })
    const untouched = { scan, texts: chosen.map((_, i) => `(cells[${i + 1}] ->> '$')`) }
    const placeOf = (row: number) => placeOfObject(source, row)
    const [table] = await Promise.all([
      textTable({ connection, scan, chosen, texts, untouched, placeOf }, options),
      source.checkWhole(signal),
    ])
    return {
      rows: table.rows,
      columns: table.columns,
      rowCount: table.rowCount,
      decisions: JSON.stringify([[...new Set(nullTexts)].sort(), source.encoding]),
      doubts: table.doubts,
      close: () => source.close(),
    }
  } catch (thrown) {
    await source.close()
    throw thrown
  }
}

const maxObjectBytes = 64 * 1024 * 1024

/** SQL: the text of each object in the file's order, as column `json`, behind FROM. */
export function jsonObjects(source: TextSource): string {
  const format = isArray(source) ? 'array' : 'unstructured'
  const compression = source.compression === 'none' ? 'uncompressed' : source.compression
  return `read_json_objects(${sqlPath(source.path)}, format='${format}', hive_partitioning=false, compression='${compression}', maximum_object_size=${maxObjectBytes})`
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
    throw new BadRowError(file, {}, `value ${noObject} is no object`, 'Make it an object, whose keys are the columns')
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
