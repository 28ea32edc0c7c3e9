import { Readable } from 'node:stream'
import { createZstdDecompress } from 'node:zlib'

/** The input is no zstd, or ends inside a frame. */
class ZstdError extends Error {}

/** A part of a frame. */
interface FramePart {
  readonly bytes: Uint8Array
  readonly isLast: boolean
}

/**
 * The content of a zstd file of any number of frames; skippable ones have none. Node's own stream (24.21) fails
 * behind the first frame.
 *
 * @throws ZstdError, and zlib's errors for what is damaged inside a frame
 */
export async function* zstdContent(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  const parts = frameParts(input)
  try {
    for (let first = await parts.next(); first.done !== true; first = await parts.next()) {
      yield* frameContent(first.value, parts)
    }
  } finally {
    await parts.return()
  }
}

async function* frameContent(first: FramePart, parts: AsyncIterator<FramePart, void>): AsyncGenerator<Uint8Array> {
  const decompress = createZstdDecompress()
  const compressed = Readable.from(frameBytes(first, parts))
  compressed.once('error', (cause) => decompress.destroy(cause))
  yield* compressed.pipe(decompress)
}

/** A frame's compressed bytes, from its first part to its last. */
async function* frameBytes(first: FramePart, parts: AsyncIterator<FramePart, void>): AsyncGenerator<Uint8Array> {
  let part = first
  for (;;) {
    if (part.bytes.length > 0) yield part.bytes
    if (part.isLast) return
    const next = await parts.next()
    if (next.done === true) return
    part = next.value
  }
}

const zstdMagic = 0xfd2fb528
const skippableMagic = 0x184d2a50

/**
 * Splits compressed bytes at the ends of frames, by the lengths that frames and blocks carry.
 * https://www.rfc-editor.org/rfc/rfc8878#section-3.1
 */
async function* frameParts(input: AsyncIterable<Uint8Array>): AsyncGenerator<FramePart, void, void> {
  const bytes = new ByteQueue(input)
  try {
    while (await bytes.hasMore()) {
      const start = await bytes.peek(8)
      const magic = start.readUInt32LE(0)
      if ((magic & 0xfffffff0) >>> 0 === skippableMagic) {
        await bytes.take(8)
        for (let left = start.readUInt32LE(4); left > 0; ) left -= (await bytes.take(Math.min(left, 65_536))).length
        continue
      }
      if (magic !== zstdMagic) throw new ZstdError('what follows the first frame is not zstd')
      const descriptor = start[4]
      yield { bytes: await bytes.take(5 + frameHeaderBytes(descriptor)), isLast: false }
      for (let isLast = false; !isLast; ) {
        const block = (await bytes.peek(3)).readUIntLE(0, 3)
        isLast = (block & 1) === 1
        const isRepeated = ((block >> 1) & 3) === 1
        yield { bytes: await bytes.take(3 + (isRepeated ? 1 : block >>> 3)), isLast: false }
      }
      const hasChecksum = (descriptor & 4) === 4
      yield { bytes: await bytes.take(hasChecksum ? 4 : 0), isLast: true }
    }
  } finally {
    await bytes.close()
  }
}

/** Bytes between the descriptor and the first block: window, dictionary and content size. */
function frameHeaderBytes(descriptor: number): number {
  const isSingleSegment = (descriptor & 0x20) !== 0
  const sizeFlag = descriptor >> 6
  const sizeBytes = sizeFlag === 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeFlag
  return (isSingleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3] + sizeBytes
}

/** Bytes of a stream, as many at a time as somebody asks for. */
class ByteQueue {
  readonly #chunks: AsyncIterator<Uint8Array>
  #buffer = Buffer.alloc(0)

  constructor(input: AsyncIterable<Uint8Array>) {
    this.#chunks = input[Symbol.asyncIterator]()
  }

  async hasMore(): Promise<boolean> {
    return this.#buffer.length > 0 || (await this.#read())
  }

  /** The next bytes, which stay. @throws ZstdError if the stream has fewer */
  async peek(bytes: number): Promise<Buffer> {
    while (this.#buffer.length < bytes) {
      if (!(await this.#read())) throw new ZstdError('the compressed data are truncated')
    }
    return this.#buffer.subarray(0, bytes)
  }

  async take(bytes: number): Promise<Buffer> {
    const taken = await this.peek(bytes)
    this.#buffer = this.#buffer.subarray(bytes)
    return taken
  }

  async close(): Promise<void> {
    await this.#chunks.return?.()
  }

  async #read(): Promise<boolean> {
    for (;;) {
      const { done, value } = await this.#chunks.next()
      if (done === true) return false
      this.#buffer = Buffer.concat([this.#buffer, value])
      if (this.#buffer.length > 0) return true
    }
  }
}
