import { type BatchHeader, batchHeaderBytes } from './batch-header.ts'
import { decompress, InflatedTooLargeError } from './decompression.ts'
import { layoutPrefixBytes, type Records, reserveRecords } from './records.ts'
import { intWord, numbersWithin } from './varint.ts'

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

/** The decompressed records of a batch, and how far they have been read. */
export interface OpenBatch {
  readonly header: BatchHeader
  readonly bytes: Uint8Array
  readonly view: DataView
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
    return { header, bytes, view, at, row: 0, end: header.end }
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
  return { header, bytes: inflated, view: inflatedView, at: 0, row: 0, end: inflated.length }
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

/** Where the varint that `varint` has read ends: two results would be an object a call. */
let next = 0

/**
 * Reads a varint of two bytes or more; the caller has checked that the first byte is not the last. With `varintEnd` and
 * `zigzag`, which check its length and walk it twice, a row takes 20 ns more.
 */
function varint(bytes: Uint8Array, at: number): number {
  let zigzag = bytes[at] & 127
  for (let shift = 7; shift < 28; shift += 7) {
    const byte = bytes[++at]
    zigzag |= (byte & 127) << shift
    if (byte < 128) {
      next = at + 1
      return (zigzag >>> 1) ^ -(zigzag & 1)
    }
  }
  return longVarint(bytes, at + 1, zigzag)
}

/** The rest of a varint of five bytes and more: timestamps far apart, in floating point up to 2^53. */
function longVarint(bytes: Uint8Array, at: number, low: number): number {
  let zigzag = low
  let scale = 2 ** 28
  for (let i = 0; i < 6; i++, scale *= 128) {
    const byte = bytes[at++]
    zigzag += (byte & 127) * scale
    if (byte < 128) {
      next = at
      return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
    }
  }
  next = beyondEverything
  return 0
}

/** The length -1 as a varint. */
const nullLength = 1

/** A position that no record reaches. */
const beyondEverything = 0x7fffffff

/**
 * Walks up to `limit` records from `start` on, fewer if they are large; returns the position after the last one, -1 if
 * they do not fit before `end`.
 *
 * One function on purpose, with the one-byte case of each varint in place: it runs once a row. Reading beyond the array
 * gives undefined, which no comparison below takes for a size.
 */
function walk(records: Records, header: BatchHeader, limit: number, start: number, end: number): number {
  const { bytes, view, offsetDelta, timestampMs, keyStart, keyEnd, valueStart, valueEnd, recordEnd } = records
  const { baseTimestampMs } = header
  const pieceEnd = start + pieceBytes
  let count = limit
  let at = start
  records.count = 0
  records.hasFixedLayout = false
  records.schemaId = -1
  // Length and first bytes of the first value, as long as all are like it; length -1: one was not.
  let likeBytes = beyondEverything
  let likeWord = 0
  let likeByte = 0
  for (let i = 0; i < count; i++) {
    let value = -1
    let valueStop = 0
    let stop = 0
    let isShort = false
    if (at + 8 <= end) {
      // Most records are short and have no key: their frames are two words.
      const first = view.getInt32(at, true)
      const second = view.getInt32(at + 4, true)
      let number = first >>> 24
      let rest = second
      let frame = 6
      if (number > 127) {
        number = (number & 127) | ((second & 127) << 7)
        rest = second >>> 8
        frame = 7
        if ((second & 128) !== 0) {
          number |= (second & 0x7f00) << 6
          rest = second >>> 16
          frame = (second & 0x8000) === 0 ? 8 : 0
        }
      }
      const size = (rest >>> 8) & 255
      // Bits that say of the lengths and the time that they go on, and of the lengths that they are negative; then the
      // key.
      if ((first & 0x80_0081) === 0 && (size & 129) === 0 && (rest & 255) === nullLength && frame !== 0) {
        stop = at + 1 + ((first & 255) >>> 1)
        value = at + frame
        valueStop = value + (size >>> 1)
        const time = (first >>> 16) & 127
        timestampMs[i] = baseTimestampMs + ((time >>> 1) ^ -(time & 1))
        offsetDelta[i] = (number >>> 1) ^ -(number & 1)
        keyStart[i] = -1
        isShort = true
      }
    }
    if (!isShort) {
      let byte = bytes[at]
      let size = (byte >>> 1) ^ -(byte & 1)
      if (byte < 128) at++
      else {
        size = varint(bytes, at)
        at = next
      }
      stop = at + size
      // The shortest record has six bytes: attributes, two deltas, two lengths, the headers' count.
      if (!(size >= 6 && stop <= end)) return -1
      byte = bytes[++at]
      if (byte < 128) {
        timestampMs[i] = baseTimestampMs + ((byte >>> 1) ^ -(byte & 1))
        at++
      } else {
        timestampMs[i] = baseTimestampMs + varint(bytes, at)
        at = next
      }
      byte = bytes[at]
      if (byte < 128) {
        offsetDelta[i] = (byte >>> 1) ^ -(byte & 1)
        at++
      } else {
        offsetDelta[i] = varint(bytes, at)
        at = next
      }
      byte = bytes[at]
      if (byte === nullLength) {
        keyStart[i] = -1
        at++
      } else {
        size = (byte >>> 1) ^ -(byte & 1)
        if (byte < 128) at++
        else {
          size = varint(bytes, at)
          at = next
        }
        keyStart[i] = size < 0 ? -1 : at
        at += Math.max(size, 0)
        keyEnd[i] = at
        likeBytes = -1
      }
      if (!(at < stop)) return -1
      byte = bytes[at]
      size = (byte >>> 1) ^ -(byte & 1)
      if (byte < 128) at++
      else {
        size = varint(bytes, at)
        at = next
      }
      valueStop = at
      if (size < 0) likeBytes = -1
      else {
        value = at
        valueStop += size
      }
    }
    if (!(valueStop < stop && stop <= end)) return -1
    valueStart[i] = value
    valueEnd[i] = valueStop
    recordEnd[i] = stop
    at = stop
    if (
      likeBytes >= 0 &&
      (valueStop - value !== likeBytes ||
        stop - valueStop !== 1 ||
        view.getInt32(value, true) !== likeWord ||
        bytes[value + 4] !== likeByte)
    ) {
      likeBytes = -1
      if (i === 0 && stop - valueStop === 1 && valueStop - value >= layoutPrefixBytes) {
        likeBytes = valueStop - value
        likeWord = view.getInt32(value, true)
        likeByte = bytes[value + 4]
      }
    }
    if (at >= pieceEnd) count = i + 1
    else if (isShort && likeBytes >= 0 && offsetDelta[i] === i) {
      i = walkFixedLayout(records, header, i + 1, count, at, end, likeBytes, likeWord, likeByte) - 1
      at = next
    }
  }
  records.count = count
  records.hasFixedLayout = count > 0 && likeBytes > 0
  return at
}

/**
 * Everything of the first word but the seven bits of the time: length, attributes, time of one byte, first byte of the
 * number.
 */
const firstMask = 0xff80_ffff | 0

/**
 * Walks over records that are like the one before, with consecutive numbers: while the number takes the same bytes, all
 * records are at equal distances, and the two words before each value are known except for the time.
 *
 * @returns the first record that is not; `next` is where it begins
 */
function walkFixedLayout(
  records: Records,
  { baseTimestampMs }: BatchHeader,
  from: number,
  count: number,
  start: number,
  end: number,
  likeBytes: number,
  likeWord: number,
  likeByte: number,
): number {
  const { bytes, view, offsetDelta, timestampMs, keyStart, valueStart, valueEnd, recordEnd } = records
  let at = start
  let row = from
  for (let numberBytes = 1; numberBytes <= 3; numberBytes++) {
    const to = Math.min(count, numbersWithin[numberBytes])
    const frame = 5 + numberBytes
    const stride = frame + likeBytes + 1
    const length = (stride - 1) << 1
    // It would take two bytes.
    if (length > 127) break
    const secondMask = -1 >>> (24 - 8 * numberBytes)
    const noKeyAndSize = (nullLength | (likeBytes << 9)) << (8 * (numberBytes - 1))
    for (; row < to && at + stride <= end; row++, at += stride) {
      const first = view.getInt32(at, true)
      const second = view.getInt32(at + 4, true)
      const value = at + frame
      const number = intWord(row, numberBytes)
      if (
        (first & firstMask) !== (length | (number << 24)) ||
        (second & secondMask) !== (noKeyAndSize | (number >>> 8)) ||
        view.getInt32(value, true) !== likeWord ||
        bytes[value + 4] !== likeByte
      )
        break
      const time = (first >>> 16) & 127
      timestampMs[row] = baseTimestampMs + ((time >>> 1) ^ -(time & 1))
      offsetDelta[row] = row
      keyStart[row] = -1
      valueStart[row] = value
      valueEnd[row] = value + likeBytes
      recordEnd[row] = at + stride
    }
    if (row < to) break
  }
  next = at
  return row
}
