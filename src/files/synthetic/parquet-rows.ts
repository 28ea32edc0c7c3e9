import { constants, zstdCompressSync } from 'node:zlib'
import { writeUnsigned } from '../../batch/varint.ts'
import type { PartFile } from './part-file.ts'
import { type ThriftField, type ThriftValue, thriftStruct } from './thrift-compact.ts'

/*
 * Parquet, as little of it as columns of numbers need: plain values in compressed pages, null as a bit.
 * https://parquet.apache.org/docs/file-format/ and its parquet.thrift, whose names the numbers below stand for.
 */

export interface ParquetColumn {
  readonly name: string
  readonly type: 'int' | 'long' | 'float' | 'double'
  readonly nullable: boolean
}

/** A column's part of a row group. */
export interface ParquetChunk {
  /** of the first page, from the start of the row group */
  readonly start: number
  readonly bytes: number
  readonly uncompressedBytes: number
  readonly nulls: number
}

/** Rows whose columns stand together, each in one piece. */
export interface ParquetRowGroup {
  readonly rows: number
  /** in the order of the columns */
  readonly chunks: readonly ParquetChunk[]
}

/** At the file's start, and at its end. */
export const parquetMagic = Buffer.from('PAR1')

/** Type, and bytes a value. */
const physicalTypes = {
  int: { id: 1, bytes: 4 },
  long: { id: 2, bytes: 8 },
  float: { id: 4, bytes: 4 },
  double: { id: 5, bytes: 8 },
} as const

const repetition = { required: 0, optional: 1 } as const
const encodings = { plain: 0, rle: 3 } as const
const zstd = 6
const dataPage = 0
const formatVersion = 1

const compression = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

/** Writes a row group's column a page at a time. */
export class ParquetChunkWriter {
  readonly #column: ParquetColumn
  readonly #part: PartFile
  readonly #start: number
  readonly #page: Buffer
  readonly #view: DataView
  #uncompressedBytes = 0
  #nulls = 0

  /** @param pageRows most rows of a page */
  constructor(column: ParquetColumn, part: PartFile, pageRows: number) {
    this.#column = column
    this.#part = part
    this.#start = part.sizeBytes
    // The length of the levels, the head of their only run, and the levels themselves.
    this.#page = Buffer.alloc(4 + 5 + Math.ceil(pageRows / 8) + pageRows * physicalTypes[column.type].bytes)
    this.#view = new DataView(this.#page.buffer, this.#page.byteOffset, this.#page.byteLength)
  }

  /** @param values shape (rows of the page), NaN for null */
  appendPage(values: Float64Array): void {
    const { type, nullable } = this.#column
    let at = nullable ? this.#writeLevels(values) : 0
    const { bytes } = physicalTypes[type]
    for (const value of values) {
      if (Number.isNaN(value)) continue
      writeValue[type](this.#view, at, value)
      at += bytes
    }
    this.#append(values.length, this.#page.subarray(0, at))
  }

  /** The same for a column of floats that are never null. */
  appendFloats(values: Float32Array): void {
    this.#append(values.length, new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  }

  #append(rows: number, content: Uint8Array): void {
    const page = zstdCompressSync(content, compression)
    const header = pageHeader(rows, content.length, page.length)
    const part = this.#part
    part.reserve(header.length + page.length)
    part.bytes.set(header, part.at)
    part.bytes.set(page, part.at + header.length)
    part.at += header.length + page.length
    this.#uncompressedBytes += header.length + content.length
  }

  finish(): ParquetChunk {
    const bytes = this.#part.sizeBytes - this.#start
    return { start: this.#start, bytes, uncompressedBytes: this.#uncompressedBytes, nulls: this.#nulls }
  }

  /** Definition levels, 1 for a value: one bit-packed run, its length in front. @returns the position after it */
  #writeLevels(values: Float64Array): number {
    const page = this.#page
    const groups = Math.ceil(values.length / 8)
    const at = writeUnsigned(page, 4, (groups << 1) | 1)
    page.fill(0, at, at + groups)
    for (let row = 0; row < values.length; row++) {
      if (Number.isNaN(values[row])) this.#nulls++
      else page[at + (row >> 3)] |= 1 << (row & 7)
    }
    this.#view.setInt32(0, at - 4 + groups, true)
    return at + groups
  }
}

const writeValue: Readonly<Record<ParquetColumn['type'], (view: DataView, at: number, value: number) => void>> = {
  int: (view, at, value) => view.setInt32(at, value, true),
  long(view, at, value) {
    const high = Math.floor(value / 2 ** 32)
    view.setUint32(at, value - high * 2 ** 32, true)
    view.setInt32(at + 4, high, true)
  },
  float: (view, at, value) => view.setFloat32(at, value, true),
  double: (view, at, value) => view.setFloat64(at, value, true),
}

function pageHeader(rows: number, uncompressedBytes: number, bytes: number): Uint8Array {
  const dataPageHeader: ThriftField[] = [
    [1, { i32: rows }],
    [2, { i32: encodings.plain }],
    [3, { i32: encodings.rle }],
    [4, { i32: encodings.rle }],
  ]
  return thriftStruct([
    [1, { i32: dataPage }],
    [2, { i32: uncompressedBytes }],
    [3, { i32: bytes }],
    [5, { struct: dataPageHeader }],
  ])
}

/**
 * What comes after the row groups: the file's metadata, their length, and the magic again.
 *
 * @param starts shape (row groups), where each of them begins in the file
 */
export function parquetFooter(
  columns: readonly ParquetColumn[],
  rowGroups: readonly ParquetRowGroup[],
  starts: readonly number[],
): Uint8Array {
  const metadata = thriftStruct([
    [1, { i32: formatVersion }],
    [2, { list: schemaElements(columns) }],
    [3, { i64: rowGroups.reduce((sum, { rows }) => sum + rows, 0) }],
    [4, { list: rowGroups.map((group, i) => rowGroup(columns, group, starts[i])) }],
    [6, { text: 'vgm-stream' }],
  ])
  const length = Buffer.alloc(4)
  length.writeInt32LE(metadata.length)
  return Buffer.concat([metadata, length, parquetMagic])
}

function schemaElements(columns: readonly ParquetColumn[]): ThriftValue[] {
  const root: ThriftField[] = [
    [4, { text: 'rows' }],
    [5, { i32: columns.length }],
  ]
  const leaves = columns.map(({ name, type, nullable }): ThriftField[] => [
    [1, { i32: physicalTypes[type].id }],
    [3, { i32: nullable ? repetition.optional : repetition.required }],
    [4, { text: name }],
  ])
  return [root, ...leaves].map((struct) => ({ struct }))
}

function rowGroup(columns: readonly ParquetColumn[], { rows, chunks }: ParquetRowGroup, start: number): ThriftValue {
  const columnChunks = columns.map((column, c) => columnChunk(column, rows, chunks[c], start))
  return {
    struct: [
      [1, { list: columnChunks }],
      [2, { i64: chunks.reduce((sum, { uncompressedBytes }) => sum + uncompressedBytes, 0) }],
      [3, { i64: rows }],
    ],
  }
}

function columnChunk({ name, type }: ParquetColumn, rows: number, chunk: ParquetChunk, start: number): ThriftValue {
  const first = start + chunk.start
  const metadata: ThriftField[] = [
    [1, { i32: physicalTypes[type].id }],
    [2, { list: [{ i32: encodings.plain }, { i32: encodings.rle }] }],
    [3, { list: [{ text: name }] }],
    [4, { i32: zstd }],
    [5, { i64: rows }],
    [6, { i64: chunk.uncompressedBytes }],
    [7, { i64: chunk.bytes }],
    [9, { i64: first }],
    // Without nulls "vgm load" makes a field that needs no branch.
    [12, { struct: [[3, { i64: chunk.nulls }]] }],
  ]
  return {
    struct: [
      [2, { i64: first }],
      [3, { struct: metadata }],
    ],
  }
}
