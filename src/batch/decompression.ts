import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { uncompressSync as snappyUncompressSync } from 'snappy'
import type { Compression } from './batch-header.ts'
import { lz4Decompress } from './lz4.ts'
import { maxIntBytes, unsignedVarint, varintEnd } from './varint.ts'
import { type ZstdFrame, zstdFrames } from './zstd-frames.ts'

/**
 * Limit for the inflated records of a batch: 8 kB of zstd can become 256 MiB, and 1 MB can become 32 GB. A reader holds
 * one such batch at a time.
 */
const maxInflatedBytes = 256 * 1024 * 1024 - 1

/** The records of a batch inflate to more than a reader takes. */
export class InflatedTooLargeError extends RangeError {
  constructor(limitBytes: number) {
    super(`It inflates to more than ${Math.ceil(limitBytes / 2 ** 20)} MiB`)
    this.name = 'InflatedTooLargeError'
  }
}

/** Java clients frame snappy as the xerial library does: a magic, two versions, then blocks behind their lengths. */
const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const xerialHeaderBytes = 16
/** Maximum expansion of snappy: three bytes become at most 64. */
const snappyRatio = 22
/** Upper bound for the expansion of a byte in deflate. */
const gzipRatio = 1_032
/** Output is collected in pieces of this size where its own is not known. */
const usualBytes = 64 * 1024
/** Node's least size of such a piece. */
const leastBytes = 64

/**
 * The reverse of `compress`, for what any client has written: streams of several frames or members too.
 *
 * @throws InflatedTooLargeError before more than the limit is in memory
 * @throws Error if the bytes are no such stream
 */
export function decompress(
  compression: Exclude<Compression, 'none'>,
  records: Uint8Array,
  limitBytes: number = maxInflatedBytes,
): Uint8Array {
  const input = Buffer.from(records.buffer, records.byteOffset, records.byteLength)
  switch (compression) {
    case 'gzip':
      return gunzip(input, limitBytes)
    case 'snappy':
      return snappyDecompress(input, limitBytes)
    case 'lz4':
      return lz4(records, limitBytes)
    case 'zstd':
      return zstd(input, limitBytes)
  }
}

function lz4(records: Uint8Array, limitBytes: number): Uint8Array {
  const inflated = lz4Decompress(records, limitBytes)
  if (inflated === undefined) throw new InflatedTooLargeError(limitBytes)
  return inflated
}

/** A member ends with its size, which a lie makes a broken stream of. */
function gunzip(input: Buffer, limitBytes: number): Buffer {
  const declared = input.length < 4 ? 0 : input.readUInt32LE(input.length - 4)
  if (declared > limitBytes) throw new InflatedTooLargeError(limitBytes)
  const chunkSize = Math.max(leastBytes, Math.min(declared, gzipRatio * input.length, limitBytes) + 1)
  return bounded(limitBytes, () => gunzipSync(input, { maxOutputLength: limitBytes, chunkSize }))
}

function zstdFrame(input: Buffer, { mostBytes, declaredBytes }: ZstdFrame, limitBytes: number): Buffer {
  if (declaredBytes !== undefined && declaredBytes > limitBytes) throw new InflatedTooLargeError(limitBytes)
  const expected = declaredBytes ?? (mostBytes <= 2 ** 22 ? usualBytes : mostBytes)
  // In one piece if possible: several pieces are joined, and then need twice the memory.
  const chunkSize = Math.max(leastBytes, Math.min(expected, mostBytes, limitBytes) + 1)
  return bounded(limitBytes, () => zstdDecompressSync(input, { maxOutputLength: limitBytes, chunkSize }))
}

function zstd(input: Buffer, limitBytes: number): Buffer {
  let left = limitBytes
  const inflated = zstdFrames(input).map((frame) => {
    const content = zstdFrame(input.subarray(frame.start, frame.end), frame, Math.max(left, 1))
    left -= content.length
    if (left < 0) throw new InflatedTooLargeError(limitBytes)
    return content
  })
  return inflated.length === 1 ? inflated[0] : Buffer.concat(inflated)
}

function bounded(limitBytes: number, inflate: () => Buffer): Buffer {
  try {
    return inflate()
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
      ? new InflatedTooLargeError(limitBytes)
      : error
  }
}

function snappyDecompress(input: Buffer, limitBytes: number): Buffer {
  if (!isXerial(input, 0)) return snappyUncompress(input, limitBytes)
  const blocks: Buffer[] = []
  let left = limitBytes
  for (let at = 0; at < input.length; ) {
    // A stream that was appended to has another header in its middle.
    if (isXerial(input, at)) {
      at += xerialHeaderBytes
      continue
    }
    const end = at + 4 + input.readUInt32BE(at)
    if (end > input.length) throw new RangeError('A snappy block is longer than its batch')
    const block = snappyUncompress(input.subarray(at + 4, end), left)
    left -= block.length
    blocks.push(block)
    at = end
  }
  return Buffer.concat(blocks)
}

function isXerial(input: Buffer, at: number): boolean {
  return input.subarray(at, at + xerialMagic.length).equals(xerialMagic)
}

/** A block begins with the size of its content, for which the library takes memory before it looks further. */
function snappyUncompress(input: Buffer, limitBytes: number): Buffer {
  const declared = snappySize(input)
  if (declared > snappyRatio * input.length) throw new RangeError('A snappy block is too short for its size')
  if (declared > limitBytes) throw new InflatedTooLargeError(limitBytes)
  return snappyUncompressSync(input, { asBuffer: true }) as Buffer
}

function snappySize(input: Buffer): number {
  const end = varintEnd(input, 0, input.length, maxIntBytes)
  if (end < 0) throw new RangeError('A snappy block has no size')
  return unsignedVarint(input, 0, end)
}
