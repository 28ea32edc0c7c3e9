import type { Compression } from './batch-header.ts'

/**
 * Records of one batch, all or a piece of it, as columns of positions: a record never becomes an object.
 * Record format v2: https://kafka.apache.org/documentation/#record
 *
 * All arrays have at least `count` elements; `bytes` is borrowed from the fetch response (or from the
 * decompressor) and stays valid until the next batch is read.
 */
export interface Records {
  /** what the positions below point into */
  bytes: Uint8Array
  /** over `bytes` */
  view: DataView
  /** records read */
  count: number
  /** offset of the batch's first record in its partition */
  baseOffset: number
  /** of the leader that has appended the batch */
  leaderEpoch: number
  /** how the batch came */
  compression: Compression
  /**
   * id of the schema that all values name, if none is framed otherwise and no record has headers, null values aside;
   * else -1, or not known
   */
  schemaId: number
  /** shape (count), offset minus baseOffset: compaction leaves holes */
  offsetDelta: Int32Array
  /** shape (count), ms since the epoch; of a LogAppendTime batch its maxTimestamp */
  timestampMs: Float64Array
  /** shape (count), first byte of the key; -1 for a null key */
  keyStart: Int32Array
  /** shape (count), byte after the key; means nothing for a null key */
  keyEnd: Int32Array
  /** shape (count), first byte of the value; -1 for a null value (tombstone) */
  valueStart: Int32Array
  /** shape (count), byte after the value, where the headers' count begins */
  valueEnd: Int32Array
  /** shape (count), byte after the record and so after its headers */
  recordEnd: Int32Array
}

const nothing = new Uint8Array(0)

/** Empty columns with room for `capacity` records; `readRecords` grows them as needed. */
export function createRecords(capacity = 1024): Records {
  return {
    bytes: nothing,
    view: new DataView(nothing.buffer),
    count: 0,
    baseOffset: 0,
    leaderEpoch: -1,
    compression: 'none',
    schemaId: -1,
    offsetDelta: new Int32Array(capacity),
    timestampMs: new Float64Array(capacity),
    keyStart: new Int32Array(capacity),
    keyEnd: new Int32Array(capacity),
    valueStart: new Int32Array(capacity),
    valueEnd: new Int32Array(capacity),
    recordEnd: new Int32Array(capacity),
  }
}

/** Makes room for `count` records; what the columns held is lost. */
export function reserveRecords(records: Records, count: number): void {
  if (records.offsetDelta.length >= count) return
  const capacity = Math.max(count, 2 * records.offsetDelta.length)
  records.offsetDelta = new Int32Array(capacity)
  records.timestampMs = new Float64Array(capacity)
  records.keyStart = new Int32Array(capacity)
  records.keyEnd = new Int32Array(capacity)
  records.valueStart = new Int32Array(capacity)
  records.valueEnd = new Int32Array(capacity)
  records.recordEnd = new Int32Array(capacity)
}
