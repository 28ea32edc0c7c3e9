import {
  ParquetChunkWriter,
  type ParquetColumn,
  type ParquetRowGroup,
  parquetFooter,
  parquetMagic,
} from '../synthetic/parquet-rows.ts'
import { PartFile, partBufferBytes } from '../synthetic/part-file.ts'
import type { ColumnsWriter } from './matrix-writer.ts'

/** Rows of a page. */
const pageRows = 65_536

/** Opens a new Parquet file of columns of float32 without nulls. */
export async function createParquet(path: string, names: readonly string[]): Promise<ColumnsWriter> {
  const part = new PartFile(path, new Uint8Array(partBufferBytes))
  const columns = names.map((name): ParquetColumn => ({ name, type: 'float', nullable: false }))
  const groups: ParquetRowGroup[] = []
  put(part, parquetMagic)
  return {
    async append(rows, column) {
      const chunks = []
      for (const [c, what] of columns.entries()) {
        const writer = new ParquetChunkWriter(what, part, 0)
        const values = column(c)
        for (let from = 0; from < rows; from += pageRows) {
          writer.appendFloats(values.subarray(from, Math.min(rows, from + pageRows)))
          // Sockets and signals get their turn between two.
          await new Promise(setImmediate)
        }
        chunks.push(writer.finish())
      }
      groups.push({ rows, chunks })
    },
    async close() {
      try {
        // The places of the groups' columns are counted from the beginning of the file.
        const footer = parquetFooter(
          columns,
          groups,
          groups.map(() => 0),
        )
        for (let from = 0; from < footer.length; from += partBufferBytes)
          put(part, footer.subarray(from, from + partBufferBytes))
      } finally {
        part.close()
      }
    },
  }
}

function put(part: PartFile, bytes: Uint8Array): void {
  part.reserve(bytes.length)
  part.bytes.set(bytes, part.at)
  part.at += bytes.length
}
