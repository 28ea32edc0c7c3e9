import type { TableFormat } from '../../files/file-format.ts'
import { type CsvColumn, maxCsvRowBytes, writeCsvRows } from '../../files/synthetic/csv-rows.ts'
import { type ParquetChunk, ParquetChunkWriter } from '../../files/synthetic/parquet-rows.ts'
import { PartFile } from '../../files/synthetic/part-file.ts'
import type { RowSpec } from './row-spec.ts'
import { syntheticValues } from './synthetic-values.ts'

/** What all parts of a file have in common; plain data, for threads. */
export interface SyntheticFile {
  readonly spec: RowSpec
  readonly seed: number
  readonly format: TableFormat
}

/** Some rows of a file, on their own. */
export interface SyntheticPart {
  /** where to write it */
  readonly path: string
  readonly firstRow: number
  readonly rows: number
}

/** What is known of a part that has been written. */
export interface WrittenPart {
  readonly bytes: number
  /** of Parquet: the part is a row group; else none */
  readonly chunks: readonly ParquetChunk[]
}

/** Rows that are made at once: their numbers stay in the second-level cache until they are text. */
const csvBlockRows = 4096
/** Rows of a Parquet page, some 160 KiB. */
const pageRows = 20_000

/** Writes a part. @param buffer as `PartFile` takes it */
export function writeSyntheticPart(file: SyntheticFile, part: SyntheticPart, buffer: Uint8Array): WrittenPart {
  const out = new PartFile(part.path, buffer)
  try {
    const chunks = file.format === 'csv' ? writeCsvPart(file, part, out) : writeRowGroup(file, part, out)
    return { bytes: out.sizeBytes, chunks }
  } finally {
    out.close()
  }
}

function writeCsvPart({ spec, seed }: SyntheticFile, { firstRow, rows }: SyntheticPart, out: PartFile): [] {
  const columns = spec.map(
    ({ type, decimals }): CsvColumn => ({ type, decimals, values: new Float64Array(csvBlockRows) }),
  )
  // A block of thousands of columns would be more than the buffer holds.
  const blockRows = Math.min(csvBlockRows, Math.floor(out.bytes.length / maxCsvRowBytes(columns.length)))
  for (let from = 0; from < rows; from += blockRows) {
    const count = Math.min(blockRows, rows - from)
    for (const [place, { values }] of columns.entries()) {
      syntheticValues(spec[place], place, { seed, partition: 0, firstRow: firstRow + from }, values.subarray(0, count))
    }
    out.reserve(count * maxCsvRowBytes(columns.length))
    out.at = writeCsvRows(columns, count, out, out.at)
  }
  return []
}

function writeRowGroup(
  { spec, seed }: SyntheticFile,
  { firstRow, rows }: SyntheticPart,
  out: PartFile,
): ParquetChunk[] {
  const values = new Float64Array(pageRows)
  return spec.map((column, place) => {
    const writer = new ParquetChunkWriter({ ...column, nullable: column.nullRate > 0 }, out, pageRows)
    for (let from = 0; from < rows; from += pageRows) {
      const page = values.subarray(0, Math.min(pageRows, rows - from))
      syntheticValues(column, place, { seed, partition: 0, firstRow: firstRow + from }, page)
      writer.appendPage(page)
    }
    return writer.finish()
  })
}
