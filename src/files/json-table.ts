import type { DuckDBConnection } from '@duckdb/node-api'
import { BadRowError, type BadRowPlace, FileUnreadableError } from './file-errors.ts'
import { checkNumberStyle } from './number-style.ts'
import { sqlPath, sqlText } from './sql-literals.ts'
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
  const problems = await connection.runAndReadAll(
    `SELECT min(row) FILTER (WHERE json_type(json) <> 'OBJECT'), ` +
      `min(row) FILTER (WHERE len(keys) <> len(list_distinct(keys))), count(*) FROM ${numbered}`,
  )
  const [noObject, doubled, rows] = problems.getRowsJson()[0]
  const { file, head } = source
  if (noObject !== null) {
    throw new BadRowError(file, {}, `value ${noObject} is no object`, 'Make it an object, whose keys are the columns')
  }
  if (doubled !== null) {
    throw new BadRowError(file, {}, `object ${doubled} has a key twice`, 'Rename or remove one of the two')
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

/** The line of an object, where each stands in a line of its own. */
async function placeOfObject(source: TextSource, row: number): Promise<{ place: BadRowPlace; where: string }> {
  const where = `object ${row}: `
  if (isArray(source)) return { place: {}, where }
  let line = 0
  let objects = 0
  let rest = ''
  for await (const text of source.text()) {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const one of lines) {
      line++
      if (one.trim() === '') continue
      if (!isObject(one)) return { place: {}, where }
      if (++objects === row) return { place: { line }, where: '' }
    }
  }
  return ++objects === row && isObject(rest) ? { place: { line: line + 1 }, where: '' } : { place: {}, where }
}

function isObject(line: string): boolean {
  return /^\s*\{.*\}\s*$/.test(line)
}
