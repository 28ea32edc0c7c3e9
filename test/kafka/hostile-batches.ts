import { randomBytes } from 'node:crypto'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { compressFrameSync } from 'lz4-napi'
import { compressSync } from 'snappy'
import { batchHeaderBytes, type Compression, writeBatchHeader } from '../../src/batch/batch-header.ts'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import type { BrokerConnections } from '../../src/kafka/broker-connections.ts'
import { BrokerError } from '../../src/kafka/broker-errors.ts'
import { produce } from '../../src/kafka/produce-request.ts'

/** Batches that brokers take, whatever they do to their readers. */

const time = 1_700_000_000_000
const noProducer = { isTransactional: false, producerId: -1n, producerEpoch: -1, baseSequence: -1 } as const

/** Records without keys, as they stand in a batch before it is compressed. */
export function recordsOf(values: Iterable<Uint8Array | null>, mostBytes = 2 ** 20): { bytes: Buffer; count: number } {
  const writer = new RecordBatchWriter(mostBytes, mostBytes)
  let count = 0
  for (const value of values) {
    if (!writer.append(time, null, value)) throw new RangeError('More than the batch has room for')
    count++
  }
  const batch = writer.finish({ compression: 'none', ...noProducer })
  return { bytes: Buffer.from(batch.subarray(batchHeaderBytes)), count }
}

/** A batch around a stream that may be anything. */
export function batchAround(stream: Uint8Array, compression: Compression, recordCount: number): Uint8Array {
  const batch = new Uint8Array(batchHeaderBytes + stream.length)
  batch.set(stream, batchHeaderBytes)
  writeBatchHeader(batch, new DataView(batch.buffer), recordCount, time, time, { compression, ...noProducer })
  return batch
}

const codecs = {
  gzip: (bytes: Buffer) => gzipSync(bytes),
  snappy: (bytes: Buffer) => xerial(bytes),
  lz4: (bytes: Buffer) => compressFrameSync(bytes),
  zstd: (bytes: Buffer) => zstdCompressSync(bytes),
} as const
export type Codec = keyof typeof codecs

export function compressedBatch(codec: Codec, values: Iterable<Uint8Array | null>, mostBytes = 2 ** 20): Uint8Array {
  const { bytes, count } = recordsOf(values, mostBytes)
  return batchAround(codecs[codec](bytes), codec, count)
}

/** One whose stream has two frames, members or streams, the second of which begins in the middle of a record. */
export function batchOfTwo(codec: Codec, values: Iterable<Uint8Array | null>): Uint8Array {
  const { bytes, count } = recordsOf(values)
  const half = (bytes.length >> 1) + 1
  return batchAround(
    Buffer.concat([codecs[codec](bytes.subarray(0, half)), codecs[codec](bytes.subarray(half))]),
    codec,
    count,
  )
}

/** Xerial's blocks, as Java clients write snappy. */
export function xerial(bytes: Buffer, blockBytes = 32 * 1024): Buffer {
  const parts: Buffer[] = [Buffer.from('82534e41505059000000000100000001', 'hex')]
  for (let at = 0; at < bytes.length; at += blockBytes) {
    const block = compressSync(bytes.subarray(at, at + blockBytes))
    const size = Buffer.alloc(4)
    size.writeInt32BE(block.length)
    parts.push(size, block)
  }
  return Buffer.concat(parts)
}

/**
 * A batch with one record without a key, of which nothing is in memory but what it is compressed to: the value is
 * `valueBytes` zeros after `head`, in zstd blocks that each repeat a byte.
 */
export function zstdBomb(head: Uint8Array, valueBytes: number): Uint8Array {
  const size = head.length + valueBytes
  const body = Buffer.concat([Buffer.from([0, 0, 0]), varint(-1), varint(size), head])
  const length = varint(body.length + valueBytes + 1)
  const blockBytes = 128 * 1024
  const parts = [
    Buffer.from('28b52ffd', 'hex'),
    Buffer.from([0x00, 0x58]),
    rawBlock(Buffer.concat([length, body]), false),
  ]
  // Then the zeros, and one for the headers that are none.
  for (let left = valueBytes + 1; left > 0; left -= blockBytes)
    parts.push(blockHead(Math.min(left, blockBytes), 1, left <= blockBytes), Buffer.from([0]))
  return batchAround(Buffer.concat(parts), 'zstd', 1)
}

/** One record whose value no codec makes smaller than `bytes`, behind `head`. */
export function incompressible(head: Uint8Array, bytes: number): Buffer {
  return Buffer.concat([head, randomBytes(bytes)])
}

function rawBlock(content: Buffer, isLast: boolean): Buffer {
  return Buffer.concat([blockHead(content.length, 0, isLast), content])
}

function blockHead(size: number, type: 0 | 1, isLast: boolean): Buffer {
  const head = Buffer.alloc(3)
  head.writeUIntLE((size << 3) | (type << 1) | (isLast ? 1 : 0), 0, 3)
  return head
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let zigzag = value < 0 ? -2 * value - 1 : 2 * value
  for (; zigzag > 127; zigzag = Math.floor(zigzag / 128)) bytes.push((zigzag % 128) | 128)
  return Buffer.from([...bytes, zigzag])
}

/** Writes a batch as it is. */
export async function produceBatch(
  connections: BrokerConnections,
  topic: string,
  partition: number,
  batch: Uint8Array,
): Promise<void> {
  const what = `Writing to ${topic}/${partition}`
  const connection = await connections.leaderConnection({ topic, partition }, 'produce')
  const [{ errorCode }] = await connections.request(connection, what, () =>
    produce.async(connection, null, 10_000, [{ topic, partition, bytes: batch }]),
  )
  if (errorCode !== 0) throw new BrokerError(errorCode, what)
}
