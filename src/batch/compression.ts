import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { compressSync as snappyCompressSync } from 'snappy'
import type { Compression } from './batch-header.ts'
import { lz4Compress, lz4MostBytes } from './lz4.ts'

export type Codec = Exclude<Compression, 'none'>

/** Compresses the records of a batch, the part after its 61 bytes of header. */
export function compress(codec: Codec, records: Uint8Array): Uint8Array {
  const input = asBuffer(records)
  switch (codec) {
    case 'gzip':
      return gzipSync(input)
    case 'snappy':
      return snappyCompressSync(input)
    case 'lz4': {
      const out = new Uint8Array(lz4MostBytes(records.length))
      return out.subarray(0, lz4Compress(records, out, 0))
    }
    case 'zstd':
      return zstdCompressSync(input)
  }
}

/**
 * The same, to `out` from position `at` on.
 *
 * @returns the position after it; -1 if there is no room
 */
export function compressInto(codec: Codec, records: Uint8Array, out: Uint8Array, at: number): number {
  if (codec === 'lz4') return lz4Compress(records, out, at)
  const compressed = compress(codec, records)
  if (compressed.length > out.length - at) return -1
  out.set(compressed, at)
  return at + compressed.length
}

/** Beyond it the strongest search takes too many seconds. */
const strongestBytes = 32 * 1024 * 1024

/**
 * Makes records as small as it takes, for a batch that is to hold one row.
 *
 * @param came how the row came: the codec that had made it small enough before
 * @returns the smallest that was tried, which has `enoughBytes` at most if any has
 */
export function squeeze(
  records: Uint8Array,
  came: Compression,
  enoughBytes: number,
): { readonly compression: Compression; readonly records: Uint8Array } {
  // After it gzip, which every client knows, then zstd, which compresses best.
  const codecs = new Set([...(came === 'none' ? [] : [came]), 'gzip', 'zstd'] as const)
  let best: { readonly compression: Compression; readonly records: Uint8Array } = { compression: 'none', records }
  const isEnough = (compression: Codec, compressed: Uint8Array) => {
    if (compressed.length < best.records.length) best = { compression, records: compressed }
    return best.records.length <= enoughBytes
  }
  for (const codec of codecs) if (isEnough(codec, compress(codec, records))) return best
  if (records.length <= strongestBytes) isEnough('zstd', zstdCompressSync(asBuffer(records), strongest))
  return best
}

const strongest = {
  params: {
    [constants.ZSTD_c_compressionLevel]: 15,
    [constants.ZSTD_c_enableLongDistanceMatching]: 1,
  },
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
