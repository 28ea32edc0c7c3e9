import { type BatchHeader, batchHeaderBytes } from './batch-header.ts'
import { decompress, InflatedTooLargeError } from './decompression.ts'
import { type Records, reserveRecords } from './records.ts'
import { maxLongBytes } from './varint.ts'

/** A record batch whose bytes contradict each other although its CRC is right, or cannot be decompressed. */
export class MalformedBatchError extends RangeError {
  /** what is wrong, as a clause */
  readonly problem: string
  /** it is no more than too large */
  readonly isTooLarge: boolean
  constructor(header: BatchHeader, problem: string, cause?: unknown) {
    super(`Record batch at offset ${header.baseOffset}: ${problem}`, cause === undefined ? undefined : { cause })
    this.name = 'MalformedBatchError'
    this.problem = problem
    this.isTooLarge = cause instanceof InflatedTooLargeError
  }
}

/**
 * Records that are read at once. Batches of a usual size are one piece; one of 39 kB that becomes 200 MB is many,
 * between which a transaction may end, and none of which makes the columns that are filled from it larger.
 */
export const pieceRows = 32 * 1024
const pieceBytes = 4 * 1024 * 1024

/** The records of a batch, and how far they have been read. */
export interface OpenBatch {
  readonly header: BatchHeader
  /** that the records stand in; of a packed batch the bytes that it came in */
  readonly bytes: Uint8Array
  readonly view: DataView
  /** whether it is inflated in the memory of the kernel that has opened it, and nowhere else */
  readonly isPacked: boolean
  /** position of the next record, its number in the batch, and the position after the last one */
  at: number
  row: number
  readonly end: number
}

/**
 * Opens a batch to be read piece by piece; nothing is copied unless it is compressed.
 *
 * @param bytes the bytes that contain the batch; the result borrows them
 * @throws MalformedBatchError if it cannot be decompressed
 */
export function openBatch(bytes: Uint8Array, view: DataView, header: BatchHeader): OpenBatch {
  const at = header.start + batchHeaderBytes
  // Compaction leaves batches without records, whose codec means nothing.
  if (header.compression === 'none' || header.recordCount === 0)
    return { header, bytes, view, isPacked: false, at, row: 0, end: header.end }
  let inflated: Uint8Array
  try {
    inflated = decompress(header.compression, bytes.subarray(at, header.end))
  } catch (cause) {
    const problem =
      cause instanceof InflatedTooLargeError
        ? `its ${header.compression} stream is too large: ${cause.message}`
        : `its ${header.compression} stream is broken`
    throw new MalformedBatchError(header, problem, cause)
  }
  const inflatedView = new DataView(inflated.buffer, inflated.byteOffset, inflated.byteLength)
  return { header, bytes: inflated, view: inflatedView, isPacked: false, at: 0, row: 0, end: inflated.length }
}

/** Fills `records` with the positions of the next records of a batch. @throws MalformedBatchError */
export function readPiece(batch: OpenBatch, records: Records): void {
  const { header, bytes, view, row, at, end } = batch
  const { recordCount } = header
  if (recordCount < 0) throw new MalformedBatchError(header, `it claims ${recordCount} records`)
  const count = Math.min(recordCount - row, pieceRows)
  reserveRecords(records, count)
  records.baseOffset = header.baseOffset
  records.leaderEpoch = header.leaderEpoch
  records.compression = header.compression
  records.bytes = bytes
  records.view = view
  const next = walk(records, header, count, at, end)
  if (next < 0) throw new MalformedBatchError(header, 'a record ends after its batch')
  if (row + records.count === recordCount && next !== end)
    throw new MalformedBatchError(header, 'bytes follow its last record')
  if (header.isLogAppendTime) records.timestampMs.fill(header.maxTimestampMs, 0, records.count)
  batch.at = next
  batch.row = row + records.count
}

/** Whether all records of a batch have been read. */
export function isRead({ header, row }: OpenBatch): boolean {
  return row >= header.recordCount
}

/**
 * Fills `records` with one piece of a batch after another.
 *
 * @throws MalformedBatchError
 */
export function* readPieces(bytes: Uint8Array, view: DataView, header: BatchHeader, records: Records): Generator<void> {
  const batch = openBatch(bytes, view, header)
  do {
    readPiece(batch, records)
    yield
  } while (!isRead(batch))
}

/**
 * Reads the first piece of a batch: all of it, if its records are no more than `pieceRows` in a few MiB.
 *
 * @throws MalformedBatchError
 */
export function readRecords(bytes: Uint8Array, view: DataView, header: BatchHeader, records: Records): void {
  readPiece(openBatch(bytes, view, header), records)
}

/** Where the varint that `varint` has read ends. */
let next = 0

/** Reads a varint, in floating point from 2^53 on. */
function varint(bytes: Uint8Array, start: number): number {
  let zigzag = 0
  let scale = 1
  for (let at = start; at < start + maxLongBytes; at++, scale *= 128) {
    zigzag += (bytes[at] & 127) * scale
    if (bytes[at] < 128) {
      next = at + 1
      return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
    }
  }
  next = beyondEverything
  return 0
}

/** A position that no record reaches. */
const beyondEverything = 0x7fffffff

/**
 * Walks up to `limit` records from `start` on, fewer if they are large; returns the position after the last one, -1 if
 * they do not fit before `end`. Reading beyond the array gives undefined, which no comparison takes for a size.
 */
function walk(records: Records, { baseTimestampMs }: BatchHeader, limit: number, start: number, end: number): number {
  const { bytes, offsetDelta, timestampMs, keyStart, keyEnd, valueStart, valueEnd, recordEnd } = records
  const pieceEnd = start + pieceBytes
  let at = start
  records.count = 0
  records.schemaId = -1
  for (let i = 0; i < limit && at < pieceEnd; i++) {
    const size = varint(bytes, at)
    const stop = next + size
    // The shortest record has six bytes: attributes, two deltas, two lengths, the headers' count.
    if (!(size >= 6 && stop <= end)) return -1
    timestampMs[i] = baseTimestampMs + varint(bytes, next + 1)
    offsetDelta[i] = varint(bytes, next)
    const keyBytes = varint(bytes, next)
    keyStart[i] = keyBytes < 0 ? -1 : next
    keyEnd[i] = next + Math.max(keyBytes, 0)
    if (!(keyEnd[i] < stop)) return -1
    const valueBytes = varint(bytes, keyEnd[i])
    valueStart[i] = valueBytes < 0 ? -1 : next
    const valueStop = next + Math.max(valueBytes, 0)
    if (!(valueStop < stop)) return -1
    valueEnd[i] = valueStop
    recordEnd[i] = stop
    records.count = i + 1
    at = stop
  }
  return at
}
