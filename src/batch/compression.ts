import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { compressFrameSync as lz4CompressSync } from 'lz4-napi'
import { compressSync as snappyCompressSync } from 'snappy'
import type { Compression } from './batch-header.ts'

/** Compresses the records of a batch, the part after its 61 bytes of header. */
export function compress(compression: Exclude<Compression, 'none'>, records: Uint8Array): Uint8Array {
  const input = asBuffer(records)
  switch (compression) {
    case 'gzip':
      return gzipSync(input)
    case 'snappy':
      return snappyCompressSync(input)
    case 'lz4':
      return lz4CompressSync(input)
    case 'zstd':
      return zstdCompressSync(input)
  }
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
  const isEnough = (compression: Exclude<Compression, 'none'>, compressed: Uint8Array) => {
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
