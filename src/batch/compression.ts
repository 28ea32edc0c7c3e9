import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { compressFrameSync as lz4CompressSync, decompressFrameSync as lz4DecompressSync } from 'lz4-napi'
import { compressSync as snappyCompressSync, uncompressSync as snappyUncompressSync } from 'snappy'
import type { Compression } from './batch-header.ts'

/** Java clients frame snappy as the xerial library does: a magic, two versions, then blocks behind their lengths. */
const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const xerialHeaderBytes = 16

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

/** The reverse of `compress`, for what any client has written. */
export function decompress(compression: Exclude<Compression, 'none'>, records: Uint8Array): Uint8Array {
  const input = asBuffer(records)
  switch (compression) {
    case 'gzip':
      return gunzipSync(input)
    case 'snappy':
      return snappyDecompress(input)
    case 'lz4':
      return lz4DecompressSync(input)
    case 'zstd':
      return zstdDecompressSync(input)
  }
}

function snappyDecompress(input: Buffer): Buffer {
  if (!input.subarray(0, xerialMagic.length).equals(xerialMagic)) return snappyUncompress(input)
  const blocks: Buffer[] = []
  for (let at = xerialHeaderBytes; at < input.length; ) {
    const end = at + 4 + input.readUInt32BE(at)
    if (end > input.length) throw new RangeError('A snappy block is longer than its batch')
    blocks.push(snappyUncompress(input.subarray(at + 4, end)))
    at = end
  }
  return Buffer.concat(blocks)
}

function snappyUncompress(input: Buffer): Buffer {
  return snappyUncompressSync(input, { asBuffer: true }) as Buffer
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
