import { type FileHandle, open } from 'node:fs/promises'
import { FlatBuilder } from './flat-buffer.ts'
import type { ColumnsWriter } from './matrix-writer.ts'

/*
 * Arrow's file format, as little as columns of float32 need:
 * https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format and its Message.fbs, Schema.fbs and File.fbs,
 * whose names the numbers below stand for.
 */

const magic = Buffer.from('ARROW1')
const metadataV5 = 4
const headers = { schema: 1, recordBatch: 3 } as const
const floatingPoint = 3
const singlePrecision = 1
/** Where a buffer begins, for vector instructions. */
const bodyAlign = 64

/** Where a record batch is. */
interface Block {
  readonly start: number
  readonly metadataBytes: number
  readonly bodyBytes: number
}

/** Opens a new Arrow file of columns of float32 without nulls. */
export async function createArrow(path: string, names: readonly string[]): Promise<ColumnsWriter> {
  const writer = new ArrowWriter(await open(path, 'wx'), names)
  await writer.begin()
  return writer
}

class ArrowWriter implements ColumnsWriter {
  readonly #file: FileHandle
  readonly #names: readonly string[]
  readonly #blocks: Block[] = []
  #end = 0

  constructor(file: FileHandle, names: readonly string[]) {
    this.#file = file
    this.#names = names
  }

  async begin(): Promise<void> {
    await this.#write(padded(magic, 8))
    const builder = new FlatBuilder()
    await this.#write(framed(message(builder, headers.schema, schema(builder, this.#names), 0)))
  }

  async append(rows: number, column: (c: number) => Float32Array): Promise<void> {
    const columns = this.#names.length
    const columnBytes = align(4 * rows, bodyAlign)
    const bodyBytes = columnBytes * columns
    const builder = new FlatBuilder()
    const buffers = this.#names.flatMap((_, c) => [c * columnBytes, 0, c * columnBytes, 4 * rows])
    const bufferList = builder.longStructs(buffers, 2)
    const nodes = builder.longStructs(
      this.#names.flatMap(() => [rows, 0]),
      2,
    )
    const batch = builder.table([{ int64: rows }, { offset: nodes }, { offset: bufferList }])
    const head = framed(message(builder, headers.recordBatch, batch, bodyBytes), this.#end)
    this.#blocks.push({ start: this.#end, metadataBytes: head.length, bodyBytes })
    await this.#write(head)
    const pad = Buffer.alloc(columnBytes - 4 * rows)
    for (let c = 0; c < columns; c++) {
      const values = column(c)
      await this.#write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
      if (pad.length > 0) await this.#write(pad)
    }
  }

  async close(): Promise<void> {
    try {
      await this.#write(framed(new Uint8Array(0)))
      const builder = new FlatBuilder()
      const blocks = builder.longStructs(
        this.#blocks.flatMap(({ start, metadataBytes, bodyBytes }) => [start, metadataBytes, bodyBytes]),
        3,
      )
      const dictionaries = builder.longStructs([], 3)
      const fields = schema(builder, this.#names)
      const footer = builder.finish(
        builder.table([{ int16: metadataV5 }, { offset: fields }, { offset: dictionaries }, { offset: blocks }]),
      )
      await this.#write(Buffer.concat([footer, int32(footer.length), magic]))
    } finally {
      await this.#file.close()
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length; )
      from += (await this.#file.write(bytes, from, bytes.length - from, this.#end + from)).bytesWritten
    this.#end += bytes.length
  }
}

function schema(builder: FlatBuilder, names: readonly string[]): number {
  const fields = names.map((name) => {
    const type = builder.table([{ int16: singlePrecision }])
    const children = builder.offsets([])
    const text = builder.text(name)
    return builder.table([
      { offset: text },
      undefined,
      { int8: floatingPoint },
      { offset: type },
      undefined,
      { offset: children },
    ])
  })
  return builder.table([undefined, { offset: builder.offsets(fields) }])
}

function message(builder: FlatBuilder, header: number, content: number, bodyBytes: number): Buffer {
  return builder.finish(
    builder.table([{ int16: metadataV5 }, { int8: header }, { offset: content }, { int64: bodyBytes }]),
  )
}

/** @param start where it will be: the body after it begins at a multiple of `bodyAlign` */
function framed(metadata: Uint8Array, start = 0): Buffer {
  const whole = align(start + 8 + metadata.length, start === 0 ? 8 : bodyAlign) - start
  const bytes = Buffer.alloc(whole)
  bytes.writeInt32LE(-1)
  bytes.writeInt32LE(metadata.length === 0 ? 0 : whole - 8, 4)
  bytes.set(metadata, 8)
  return bytes
}

function align(bytes: number, to: number): number {
  return Math.ceil(bytes / to) * to
}

function padded(bytes: Uint8Array, to: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(align(bytes.length, to) - bytes.length)])
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}
