import { open } from 'node:fs/promises'
import { extname } from 'node:path'
import { UsageError } from '../../errors.ts'
import type { ColumnsWriter, RowsWriter } from './matrix-writer.ts'
import { npyHeader } from './npy-file.ts'
import { type MatrixFormat, matrixFormats } from './spans.ts'

/** The format that the name of a matrix says. @throws UsageError for a name that says none */
export function matrixFormatOf(file: string): MatrixFormat {
  const ending = extname(file).slice(1).toLowerCase()
  const format = matrixFormats.find((format) => format === ending)
  if (format !== undefined) return format
  throw new UsageError(
    `The extension of ${file} is none of a matrix`,
    `Use ${matrixFormats.map((format) => `.${format}`).join(', ')}, or name the format (--format)`,
  )
}

/** Opens a new .npy file for a matrix whose shape is known. */
export async function createNpy(path: string, rows: number, width: number): Promise<RowsWriter> {
  const file = await open(path, 'wx')
  let end = 0
  const write = async (bytes: Uint8Array) => {
    const start = end
    end += bytes.length
    for (let from = 0; from < bytes.length; )
      from += (await file.write(bytes, from, bytes.length - from, start + from)).bytesWritten
  }
  await write(npyHeader(rows, width))
  return {
    append: (values) => write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
    close: () => file.close(),
  }
}

/** Opens a new file of named columns. */
export async function createColumns(
  format: Exclude<MatrixFormat, 'npy'>,
  path: string,
  names: readonly string[],
): Promise<ColumnsWriter> {
  if (format === 'arrow') return (await import('./arrow-file.ts')).createArrow(path, names)
  return (await import('./parquet-file.ts')).createParquet(path, names)
}
