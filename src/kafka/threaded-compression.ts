import { promisify } from 'node:util'
import { gzip, zstdCompress } from 'node:zlib'
import { crc32c } from '@node-rs/crc32'
import { compress as snappyCompress } from 'snappy'
import { batchHeaderBytes, batchLengthOverhead, type Compression, compressions } from '../batch/batch-header.ts'

const [gzipLater, zstdLater] = [promisify(gzip), promisify(zstdCompress)]
const compressionMask = 0x07

/** All but lz4: a library's in a thread takes a third more processor time in all than ours does in place. */
export type ThreadedCodec = Exclude<Compression, 'none' | 'lz4'>

export function isThreaded(compression: Compression): compression is ThreadedCodec {
  return compression !== 'none' && compression !== 'lz4'
}

/**
 * Compresses a whole batch in another thread: it takes several times as long as to write the rows, and the loop goes on
 * meanwhile. The batch itself, if it does not become smaller: limits hold for what is sent.
 */
export async function compressInThread(batch: Uint8Array, codec: ThreadedCodec): Promise<Uint8Array> {
  const records = Buffer.from(batch.buffer, batch.byteOffset + batchHeaderBytes, batch.length - batchHeaderBytes)
  const compressed = await compressRecords(records, codec)
  if (compressed.length >= records.length) return batch
  const smaller = new Uint8Array(batchHeaderBytes + compressed.length)
  smaller.set(batch.subarray(0, batchHeaderBytes))
  smaller.set(compressed, batchHeaderBytes)
  const view = new DataView(smaller.buffer)
  view.setInt32(8, smaller.length - batchLengthOverhead)
  view.setInt16(21, (view.getInt16(21) & ~compressionMask) | compressions.indexOf(codec))
  view.setUint32(17, crc32c(smaller.subarray(21)))
  return smaller
}

function compressRecords(records: Buffer, codec: ThreadedCodec): Promise<Buffer> {
  // Each piece of output is another task for a thread, so it comes in one.
  const inOnePiece = { chunkSize: Math.max(records.length, 64) }
  switch (codec) {
    case 'gzip':
      return gzipLater(records, inOnePiece)
    case 'snappy':
      return snappyCompress(records)
    case 'zstd':
      return zstdLater(records, inOnePiece)
  }
}
