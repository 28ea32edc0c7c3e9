import { crc32c } from '@node-rs/crc32'

/** Bytes of a record batch before its records, magic 2. https://kafka.apache.org/documentation/#recordbatch */
export const batchHeaderBytes = 61
/** Bytes before the part that `batchLength` counts: baseOffset and batchLength itself. */
export const batchLengthOverhead = 12

export const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Compression = (typeof compressions)[number]

/** The header of a record batch; positions refer to the bytes that it was read from. */
export interface BatchHeader {
  /** position of the batch's first byte */
  readonly start: number
  /** position after its last byte */
  readonly end: number
  readonly baseOffset: number
  readonly lastOffset: number
  /** of the leader that has appended it */
  readonly leaderEpoch: number
  readonly compression: Compression
  readonly isTransactional: boolean
  /** a transaction marker, not rows */
  readonly isControl: boolean
  /** records carry no time of their own: `maxTimestampMs` is the time of each */
  readonly isLogAppendTime: boolean
  readonly baseTimestampMs: number
  readonly maxTimestampMs: number
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly recordCount: number
}

const compressionMask = 0x07
const logAppendTimeBit = 0x08
const transactionalBit = 0x10
const controlBit = 0x20

/** Reads an int64 that is known to be within 2^52 in magnitude: offsets are, and times up to the year 144,000. */
export function readInt64(view: DataView, at: number): number {
  return view.getInt32(at) * 0x1_0000_0000 + view.getUint32(at + 4)
}

/** Writes an integer within 2^53 as an int64. */
export function writeInt64(view: DataView, at: number, value: number): void {
  view.setInt32(at, Math.floor(value / 0x1_0000_0000))
  view.setUint32(at + 4, value >>> 0)
}

/**
 * Reads the header of the batch at `start`; undefined if the bytes end before the batch does, as the last
 * batch of a fetch response may.
 *
 * @throws RangeError for a magic byte other than 2: brokers convert nothing for us since Kafka 4
 */
export function readBatchHeader(bytes: Uint8Array, view: DataView, start: number): BatchHeader | undefined {
  if (start + batchHeaderBytes > bytes.length) return undefined
  const end = start + batchLengthOverhead + view.getInt32(start + 8)
  if (end > bytes.length) return undefined
  const magic = view.getInt8(start + 16)
  if (magic !== 2) throw new RangeError(`Record batch has magic ${magic}; only 2 is supported`)
  const attributes = view.getInt16(start + 21)
  const baseOffset = readInt64(view, start)
  return {
    start,
    end,
    baseOffset,
    lastOffset: baseOffset + view.getInt32(start + 23),
    leaderEpoch: view.getInt32(start + 12),
    compression: compressions[attributes & compressionMask],
    isTransactional: (attributes & transactionalBit) !== 0,
    isControl: (attributes & controlBit) !== 0,
    isLogAppendTime: (attributes & logAppendTimeBit) !== 0,
    baseTimestampMs: readInt64(view, start + 27),
    maxTimestampMs: readInt64(view, start + 35),
    producerId: view.getBigInt64(start + 43),
    producerEpoch: view.getInt16(start + 51),
    baseSequence: view.getInt32(start + 53),
    recordCount: view.getInt32(start + 57),
  }
}

/** Whether the batch's CRC-32C, which covers everything after itself, is right. */
export function isIntact(bytes: Uint8Array, view: DataView, header: BatchHeader): boolean {
  return view.getUint32(header.start + 17) === crc32c(bytes.subarray(header.start + 21, header.end))
}

/** The fields that a producer decides, written over the 61 bytes before the records. */
export interface BatchIdentity {
  readonly compression: Compression
  readonly isTransactional: boolean
  /** -1 for a producer that is neither idempotent nor transactional */
  readonly producerId: bigint
  readonly producerEpoch: number
  /** of the first record; wraps from 2^31 - 1 to 0 */
  readonly baseSequence: number
}

/**
 * Writes the header of a batch that begins at byte 0 of `bytes`, CRC included.
 *
 * @param bytes the whole batch, its records already in place after the header
 */
export function writeBatchHeader(
  bytes: Uint8Array,
  view: DataView,
  recordCount: number,
  baseTimestampMs: number,
  maxTimestampMs: number,
  identity: BatchIdentity,
): void {
  const attributes = compressions.indexOf(identity.compression) | (identity.isTransactional ? transactionalBit : 0)
  writeInt64(view, 0, 0)
  view.setInt32(8, bytes.length - batchLengthOverhead)
  view.setInt32(12, -1)
  view.setInt8(16, 2)
  view.setInt16(21, attributes)
  view.setInt32(23, recordCount - 1)
  writeInt64(view, 27, baseTimestampMs)
  writeInt64(view, 35, maxTimestampMs)
  view.setBigInt64(43, identity.producerId)
  view.setInt16(51, identity.producerEpoch)
  view.setInt32(53, identity.baseSequence)
  view.setInt32(57, recordCount)
  view.setUint32(17, crc32c(bytes.subarray(21)))
}
