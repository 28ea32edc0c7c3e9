import { readFileSync } from 'node:fs'

/** What lz4.wasm exports: kernel/assembly/lz4.ts. Positions are those of the memory that it works in. */
export interface Lz4Code {
  /** how many bytes frames [from, end) can become; -1 if they are no sequence of whole frames */
  mostBytes(from: number, end: number): number
  /** inflates them to [out, outEnd); returns the size, -1 if they are malformed, -2 if there is no room */
  inflate(from: number, end: number, out: number, outEnd: number): number
  /** writes a block behind its length; returns the position after it */
  deflateBlock(from: number, to: number, out: number, table: number): number
}

const tooLarge = -2

let module: WebAssembly.Module | undefined

/** The codec over a memory. */
export function lz4Code(memory: WebAssembly.Memory): Lz4Code {
  module ??= new WebAssembly.Module(readFileSync(new URL('./lz4.wasm', import.meta.url)))
  return new WebAssembly.Instance(module, { env: { memory } }).exports as Lz4Code
}

/** Version 1, independent blocks of up to 64 KiB, no checksums but the header's: as Kafka's Java client writes it. */
const header = Uint8Array.of(0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82)
const endMark = Uint8Array.of(0, 0, 0, 0)
const blockBytes = 64 * 1024

const pageBytes = 64 * 1024
/** 2 GiB: sizes are signed words. */
const mostPages = 32_767
/** A memory that has become larger is not kept. */
const keptBytes = 16 * 1024 * 1024

/** Places in the shared memory; the block that is written has room for one that does not compress. */
const tableAt = 64
const contentAt = tableAt + 16 * 1024
const blockAt = contentAt + blockBytes + 64
const streamAt = blockAt + blockBytes + 512

/** The memory for everybody who has none of his own. */
class SharedLz4 {
  readonly #memory = new WebAssembly.Memory({ initial: Math.ceil(streamAt / pageBytes), maximum: mostPages })
  readonly code = lz4Code(this.#memory)
  bytes = new Uint8Array(this.#memory.buffer)

  reserve(bytes: number): void {
    if (bytes <= this.bytes.length) return
    this.#memory.grow(Math.ceil((bytes - this.bytes.length) / pageBytes))
    this.bytes = new Uint8Array(this.#memory.buffer)
  }
}

let shared: SharedLz4 | undefined

/** Of the frame around so many bytes that do not compress. */
export function lz4MostBytes(bytes: number): number {
  return header.length + bytes + 4 * Math.ceil(bytes / blockBytes) + endMark.length
}

/**
 * Compresses bytes to `out` from position `at` on, in one frame.
 *
 * @returns the position after it; -1 if there is no room
 */
export function lz4Compress(content: Uint8Array, out: Uint8Array, at: number): number {
  shared ??= new SharedLz4()
  const { bytes, code } = shared
  let end = at + header.length
  if (end + endMark.length > out.length) return -1
  out.set(header, at)
  for (let from = 0; from < content.length; from += blockBytes) {
    const block = content.subarray(from, from + blockBytes)
    bytes.set(block, contentAt)
    const size = code.deflateBlock(contentAt, contentAt + block.length, blockAt, tableAt) - blockAt
    if (end + size + endMark.length > out.length) return -1
    out.set(bytes.subarray(blockAt, blockAt + size), end)
    end += size
  }
  out.set(endMark, end)
  return end + endMark.length
}

/**
 * Inflates frames, one after another.
 *
 * @returns undefined if they are more than `limitBytes`
 * @throws RangeError if the bytes are no such frames
 */
export function lz4Decompress(stream: Uint8Array, limitBytes: number): Uint8Array<ArrayBuffer> | undefined {
  shared ??= new SharedLz4()
  const { code } = shared
  const end = streamAt + stream.length
  try {
    shared.reserve(end)
    shared.bytes.set(stream, streamAt)
    const most = code.mostBytes(streamAt, end)
    const outEnd = end + Math.min(Math.max(most, 0), limitBytes)
    shared.reserve(outEnd)
    const size = most < 0 ? most : code.inflate(streamAt, end, end, outEnd)
    if (size === tooLarge && most > limitBytes) return undefined
    if (size < 0) throw new RangeError('The bytes are no frames of lz4')
    return shared.bytes.slice(end, end + size)
  } finally {
    if (shared.bytes.length > keptBytes) shared = undefined
  }
}
