import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { ResultReturnType } from '@duckdb/node-api'
import { openDatabase } from '../database.ts'
import { FileUnreadableError } from '../file-errors.ts'
import { columnNames } from '../matrix/column-names.ts'
import { NpyFile, npyHeader } from '../matrix/npy-file.ts'
import { type Spans, spanEncodings } from '../matrix/spans.ts'
import { openPartialFolder } from '../partial-folder.ts'
import { sqlName, sqlPath } from '../sql-literals.ts'
import { fileMagic } from './file-magic.ts'
import { parquetColumns } from './parquet-table.ts'
import { rowError } from './row-errors.ts'
import { firstBytes } from './text-source.ts'

/** What pandas writes beside the columns of a table. */
const ownColumns = /^__index_level_\d+__$/

/** A matrix, which is closed once. */
export interface OpenedMatrix {
  readonly matrix: NpyFile
  close(): Promise<void>
}

/**
 * Opens a matrix that a generator has made: a .npy file, or a Parquet file with the columns that the training matrix
 * has by their names, in any order. That is written as a .npy file among the temporary ones, for its rows are read
 * twice.
 *
 * @throws FileUnreadableError for what is neither, and for columns of other names
 */
export async function openGenerated(file: string, spans: Spans): Promise<OpenedMatrix> {
  if (extname(file).toLowerCase() !== '.parquet') {
    await refuseNamed(file)
    const matrix = await NpyFile.open(file)
    return { matrix, close: () => matrix.close() }
  }
  const magic = await firstBytes(file).then(fileMagic, (cause: NodeJS.ErrnoException) => cause)
  if (magic !== 'parquet')
    throw new FileUnreadableError(
      file,
      magic instanceof Error ? magic.message : 'its first bytes are not those of a Parquet file',
      'Name a Parquet file with the columns of the training matrix, or a .npy file',
    )
  const folder = await openPartialFolder(join(tmpdir(), 'vgm-generated'), false)
  try {
    const path = join(folder.path, 'matrix.npy')
    await writeNpy(file, spans, path)
    const matrix = await NpyFile.open(path, file)
    return { matrix, close: () => matrix.close().finally(() => folder.discard()) }
  } catch (error) {
    await folder.discard()
    throw error
  }
}

/** Says what a file is instead of a .npy file, where its first bytes tell. @throws FileUnreadableError */
async function refuseNamed(file: string): Promise<void> {
  const magic = await firstBytes(file).then(fileMagic, () => undefined)
  if (magic === 'parquet') throw new FileUnreadableError(file, 'it is a Parquet file', 'Name it .parquet')
  if (magic === 'arrow')
    throw new FileUnreadableError(file, 'it is a Feather or Arrow file', 'Write the matrix as .npy or .parquet')
}

async function writeNpy(file: string, spans: Spans, path: string): Promise<void> {
  const database = await openDatabase()
  const out = await open(path, 'wx')
  try {
    const { connection } = database
    const found = await parquetColumns(connection, file)
    const names = wantedNames(file, spans, found)
    const duckNames = new Map(found.map(({ column, name }) => [column, name]))
    const cast = names.map((name) => `CAST(${sqlName(duckNames.get(name) as string)} AS DOUBLE)`)
    const rows = `read_parquet(${sqlPath(file)}, hive_partitioning=false)`
    const counted = await connection.runAndReadAll(`SELECT count(*)::DOUBLE FROM ${rows}`)
    await out.write(npyHeader(Number(counted.getRowsJS()[0][0]), names.length, '<f8'))
    const result = await connection.stream(`SELECT ${cast.join(', ')} FROM ${rows}`)
    for (;;) {
      const chunk = await result.fetchChunk()
      if (chunk === null || chunk.rowCount === 0) {
        // As in table-file.ts: a stream that fails ends like one that is complete.
        if (result.returnType !== ResultReturnType.INVALID) break
        throw new FileUnreadableError(file, 'reading it stopped in the middle', 'Write it again')
      }
      const block = new Float64Array(chunk.rowCount * names.length)
      for (const [c, values] of chunk.getColumns().entries())
        for (let row = 0; row < chunk.rowCount; row++)
          block[row * names.length + c] = values[row] === null ? Number.NaN : Number(values[row])
      await out.appendFile(new Uint8Array(block.buffer))
    }
  } catch (thrown) {
    throw rowError(file, thrown)
  } finally {
    await out.close()
    database.close()
  }
}

/** The columns of the matrix by their names, in its order. @throws FileUnreadableError if the file has not those */
function wantedNames(file: string, spans: Spans, found: readonly { readonly column: string }[]): readonly string[] {
  const has = new Set(found.map(({ column }) => column))
  const lists = spanEncodings.map((encoding) => columnNames(spans.spans, encoding))
  const names = lists.find((list) => list.every((name) => has.has(name)))
  if (names === undefined) {
    const [missing, ...more] = lists[0].filter((name) => !has.has(name))
    throw new FileUnreadableError(
      file,
      `it has no column "${missing}"${more.length > 0 ? `, nor ${more.length} others of the matrix` : ''}`,
      'Name its columns as those of the training matrix in Parquet ("vgm export --as"), and give the spans.json ' +
        'of that',
    )
  }
  const known = new Set(names)
  const other = found.find(({ column }) => !known.has(column) && !ownColumns.test(column))
  if (other !== undefined)
    throw new FileUnreadableError(
      file,
      `it has a column "${other.column}", which the matrix does not have`,
      'Leave that out, or give the spans.json of the matrix that the generator was trained on (--spans)',
    )
  return names
}
