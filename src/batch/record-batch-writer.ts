import {
  type BatchHeader,
  type BatchIdentity,
  batchHeaderBytes,
  type Compression,
  writeBatchHeader,
} from './batch-header.ts'
import { compress, squeeze } from './compression.ts'
import { copyBytes } from './copy-bytes.ts'
import type { Records } from './records.ts'
import type { BlockWriter, FixedLayoutWriter, ValueWriter } from './value-writer.ts'
import { intBytes, intWord, isInt, longBytes, numbersWithin, writeInt, writeLong } from './varint.ts'

/** The headers of a record without any: the count, zero. */
export const noHeaders = new Uint8Array(1)

/** Bytes of a record in addition to its key, value and headers: five varints and the attributes. */
const frameBytes = 5 * 10 + 1

const initialBytes = 8 * 1024

/** Rows appended at a time: what is looked up of them stays in the nearest cache until it is written. */
const blockRows = 512

/** Buffers kept for reuse: as many as may be in flight, and one. */
const maxSpare = 6

/** Room that a buffer has beyond its batch's limit, for what is made sure of before it is known to be needed. */
const slackBytes = 1024

/**
 * Builds one outgoing record batch (magic 2) in a buffer that it reuses.
 *
 * Positions within the batch are as in https://kafka.apache.org/documentation/#record: a record's length comes
 * first, so the size of its value must be known before it is written (`ValueWriter.valueBytes`).
 */
export class RecordBatchWriter {
  readonly #limitBytes: number
  readonly #largestBytes: number
  /** of a buffer that holds any batch but an oversized record */
  readonly #usualBytes: number
  #out: Uint8Array<ArrayBuffer>
  #view: DataView
  #at = batchHeaderBytes
  readonly #spare: Uint8Array<ArrayBuffer>[] = []
  #count = 0
  #baseTimestampMs = 0
  #maxTimestampMs = 0
  /** scratch of `appendBlock`, shape (rows): where each value goes */
  #valueAt = new Int32Array(0)
  /** the one record, made to fit */
  #squeezed: ReturnType<typeof squeeze> | undefined

  /**
   * @param limitBytes   size that a batch of more than one record does not exceed
   * @param largestBytes that the topic takes: one record alone is made smaller if it has more
   */
  constructor(limitBytes = 1024 * 1024, largestBytes = limitBytes) {
    this.#limitBytes = limitBytes
    this.#largestBytes = largestBytes
    this.#usualBytes = limitBytes + slackBytes
    this.#out = new Uint8Array(Math.min(limitBytes, initialBytes))
    this.#view = new DataView(this.#out.buffer)
  }

  get recordCount(): number {
    return this.#count
  }

  /** Bytes so far, header included, uncompressed. */
  get sizeBytes(): number {
    return this.#at
  }

  /**
   * Appends rows [from, to) of `records` with their keys, headers and timestamps, and the values that `values` writes.
   *
   * @returns the row that the batch has no room for, `to` if it took them all: send it, and go on from there
   */
  appendRows(records: Records, from: number, to: number, values: ValueWriter | FixedLayoutWriter): number {
    if (!('fixedLayoutBytes' in values)) return this.#appendEach(records, from, to, values)
    for (let start = from; start < to; ) {
      const end = Math.min(start + blockRows, to)
      const size = values.fixedLayoutBytes(start, end)
      const isEven = size > 0 && this.#isEven(records, start, end)
      const next = isEven
        ? this.#appendEven(records, start, end, values, size)
        : this.#appendEach(records, start, end, values)
      if (next < end) return next
      start = end
    }
    return to
  }

  /** Whether rows have neither keys nor headers, and times whose distance to the batch's takes a byte. */
  #isEven({ hasFixedLayout, keyStart, valueEnd, recordEnd, timestampMs }: Records, from: number, to: number): boolean {
    const baseMs = this.#count === 0 ? timestampMs[from] : this.#baseTimestampMs
    const [earliest, latest] = [baseMs - 64, baseMs + 63]
    for (let row = from; row < to; row++) {
      const timeMs = timestampMs[row]
      if (timeMs < earliest || timeMs > latest) return false
    }
    let odd = 0
    if (!hasFixedLayout)
      for (let row = from; row < to; row++) odd |= ~keyStart[row] | (recordEnd[row] - valueEnd[row] - 1)
    return odd === 0
  }

  /**
   * Rows whose records differ only in their numbers: while the row's number takes the same bytes, each record begins
   * one stride after the one before. Their common bytes are written once and copied, twice as many each time.
   */
  #appendEven(records: Records, from: number, to: number, values: FixedLayoutWriter, size: number): number {
    const { timestampMs } = records
    for (let row = from; row < to; ) {
      if (this.#count === 0) this.#baseTimestampMs = this.#maxTimestampMs = timestampMs[row]
      const countBytes = intBytes(this.#count)
      // Attributes, time, number, no key, size of the value, value, no headers.
      const length = 3 + countBytes + intBytes(size) + size + noHeaders.length
      const stride = intBytes(length) + length
      const room = Math.floor((this.#limitBytes - this.#at - frameBytes - size - noHeaders.length) / stride) + 1
      if (room <= 0 && this.#count > 0) return row
      const rows = Math.min(to - row, numbersWithin[countBytes] - this.#count, Math.max(room, 1))
      while (this.#at + rows * stride + frameBytes > this.#out.length) this.#grow(rows * stride + frameBytes)
      const out = this.#out
      const first = this.#at
      const afterLength = writeInt(out, first, length)
      out[afterLength] = 0
      out[afterLength + 1] = 0
      let at = writeInt(out, afterLength + 2, this.#count)
      at = writeInt(out, at, -1)
      at = writeInt(out, at, size)
      values.writeHead(out, this.#view, at)
      out[first + stride - 1] = 0
      repeat(out, first, stride, rows)
      this.#writeNumbers(timestampMs, row, row + rows, afterLength + 1, stride, countBytes)
      values.writeFixedLayout(row, row + rows, out, this.#view, at, stride)
      this.#at += rows * stride
      this.#count += rows
      row += rows
    }
    return to
  }

  /**
   * Time and number of each row, which begin at `start` in the first one: a word, if the number takes up to three
   * bytes.
   */
  #writeNumbers(
    timestampMs: Float64Array,
    from: number,
    to: number,
    start: number,
    stride: number,
    countBytes: number,
  ): void {
    const out = this.#out
    const view = this.#view
    const baseMs = this.#baseTimestampMs
    // What stands behind a short number.
    const rest = countBytes < 3 ? view.getInt32(start, true) & (-1 << (8 + 8 * countBytes)) : 0
    let maxMs = this.#maxTimestampMs
    let number = this.#count
    let at = start
    for (let row = from; row < to; row++, number++, at += stride) {
      const timeMs = timestampMs[row]
      if (timeMs > maxMs) maxMs = timeMs
      const delta = timeMs - baseMs
      const zigzag = delta < 0 ? -2 * delta - 1 : 2 * delta
      if (countBytes <= 3) view.setInt32(at, zigzag | (intWord(number, countBytes) << 8) | rest, true)
      else {
        out[at] = zigzag
        writeInt(out, at + 1, number)
      }
    }
    this.#maxTimestampMs = maxMs
  }

  /** One long function on purpose: it runs once a row, and its state lives in local variables. */
  #appendEach(records: Records, from: number, to: number, values: ValueWriter): number {
    const { bytes, view: source, keyStart, keyEnd, valueEnd, recordEnd, timestampMs } = records
    const limit = this.#limitBytes
    let out = this.#out
    let view = this.#view
    let at = this.#at
    let count = this.#count
    let row = from
    if (count === 0 && from < to) this.#baseTimestampMs = this.#maxTimestampMs = timestampMs[from]
    const baseMs = this.#baseTimestampMs
    let maxMs = this.#maxTimestampMs
    // Neighbours mostly have the same time; and an integer, unlike the times themselves, stays in a register.
    let lastMs = Number.NaN
    let isNear = true
    let deltaMs = 0
    let deltaBytes = 1
    for (; row < to; row++) {
      const key = keyStart[row]
      const keyBytes = key < 0 ? -1 : keyEnd[row] - key
      const valueBytes = values.valueBytes(row)
      const headers = valueEnd[row]
      const payload = Math.max(keyBytes, 0) + Math.max(valueBytes, 0) + recordEnd[row] - headers
      if (at + frameBytes + payload > limit && count > 0) break
      if (at + frameBytes + payload > out.length) {
        this.#at = at
        this.#grow(frameBytes + payload)
        out = this.#out
        view = this.#view
      }
      const timeMs = timestampMs[row]
      if (timeMs !== lastMs) {
        lastMs = timeMs
        if (timeMs > maxMs) maxMs = timeMs
        isNear = isInt(timeMs - baseMs)
        deltaMs = isNear ? (timeMs - baseMs) | 0 : 0
        deltaBytes = longBytes(timeMs - baseMs)
      }
      const countBytes = intBytes(count)
      if (keyBytes < 0 && deltaBytes === 1 && valueBytes > 0 && payload + countBytes < 60) {
        // The common case, a short row without a key: all but one of the five varints take a byte.
        out[at] = (4 + countBytes + payload) << 1
        out[at + 1] = 0
        out[at + 2] = (deltaMs << 1) ^ (deltaMs >> 31)
        at = writeInt(out, at + 3, count)
        out[at] = 1
        out[at + 1] = valueBytes << 1
        at += 2
      } else {
        at = writeInt(out, at, 1 + deltaBytes + countBytes + intBytes(keyBytes) + intBytes(valueBytes) + payload)
        out[at++] = 0
        at = isNear ? writeInt(out, at, deltaMs) : writeLong(out, at, timeMs - baseMs)
        at = writeInt(out, at, count)
        at = writeInt(out, at, keyBytes)
        if (keyBytes > 0) at = copyBytes(bytes, source, key, key + keyBytes, out, view, at)
        at = writeInt(out, at, valueBytes)
      }
      if (valueBytes > 0) at = values.writeValue(row, out, view, at)
      // Most records have no headers: then this is one byte, their count.
      if (recordEnd[row] - headers === 1) out[at++] = bytes[headers]
      else at = copyBytes(bytes, source, headers, recordEnd[row], out, view, at)
      count++
    }
    this.#at = at
    this.#count = count
    this.#maxTimestampMs = maxMs
    return row
  }

  /**
   * Appends a record; false if the batch has no room for it: send it first.
   *
   * @param headers count and headers as they stand in a record; `encodeHeaders` makes them
   */
  append(
    timestampMs: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: Uint8Array = noHeaders,
  ): boolean {
    const keyBytes = key === null ? -1 : key.length
    const valueBytes = value === null ? -1 : value.length
    if (!this.#open(timestampMs, keyBytes, valueBytes, headers.length)) return false
    const out = this.#out
    let at = writeInt(out, this.#at, keyBytes)
    if (key !== null) at = putBytes(key, out, at)
    at = writeInt(out, at, valueBytes)
    if (value !== null) at = putBytes(value, out, at)
    this.#at = putBytes(headers, out, at)
    return true
  }

  /**
   * Appends rows [from, to) of `block`, which have no incoming records: all with one time and one key, null for none.
   *
   * First the frames of all rows, then their values, each column in a loop of its own: row by row, every value would be
   * a call that the compiler cannot resolve.
   *
   * @returns the row that the batch has no room for, `to` if it took them all: send it, and go on from there
   */
  appendBlock(timestampMs: number, key: Uint8Array | null, block: BlockWriter, from: number, to: number): number {
    const { valueBytes } = block
    if (this.#valueAt.length < to) this.#valueAt = new Int32Array(valueBytes.length)
    const valueAt = this.#valueAt
    const limit = this.#limitBytes
    const keyBytes = key === null ? -1 : key.length
    let out = this.#out
    let at = this.#at
    let count = this.#count
    let row = from
    if (count === 0 && from < to) this.#baseTimestampMs = this.#maxTimestampMs = timestampMs
    const deltaMs = timestampMs - this.#baseTimestampMs
    const deltaBytes = longBytes(deltaMs)
    for (; row < to; row++) {
      const payload = Math.max(keyBytes, 0) + valueBytes[row] + noHeaders.length
      if (at + frameBytes + payload > limit && count > 0) break
      if (at + frameBytes + payload > out.length) {
        this.#at = at
        this.#grow(frameBytes + payload)
        out = this.#out
      }
      const sizes = deltaBytes + intBytes(count) + intBytes(keyBytes) + intBytes(valueBytes[row])
      at = writeInt(out, at, 1 + sizes + payload)
      out[at++] = 0
      at = deltaBytes === 1 ? writeInt(out, at, deltaMs) : writeLong(out, at, deltaMs)
      at = writeInt(out, at, count++)
      at = writeInt(out, at, keyBytes)
      if (key !== null) at = putBytes(key, out, at)
      at = writeInt(out, at, valueBytes[row])
      valueAt[row] = at
      at += valueBytes[row]
      out[at++] = 0
    }
    this.#at = at
    this.#count = count
    if (row > from && timestampMs > this.#maxTimestampMs) this.#maxTimestampMs = timestampMs
    block.writeValues(from, row, out, this.#view, valueAt)
    return row
  }

  /** Takes over all records of a batch that is not compressed, byte by byte, if nothing has been appended yet. */
  adopt(bytes: Uint8Array, { start, end, recordCount, baseTimestampMs, maxTimestampMs }: BatchHeader): void {
    if (this.#count > 0) throw new RangeError('Only an empty batch can take over another one')
    const size = end - start
    if (size > this.#out.length) this.#grow(size)
    this.#out.set(bytes.subarray(start, end), 0)
    this.#at = size
    this.#count = recordCount
    this.#baseTimestampMs = baseTimestampMs
    this.#maxTimestampMs = maxTimestampMs
  }

  /** Whether the batch is one record, larger than batches are. */
  get isOversized(): boolean {
    return this.#count === 1 && this.#at > this.#limitBytes
  }

  /**
   * Compresses an oversized record so that the topic accepts it, regardless of the compression of `finish`: it may have
   * arrived compressed, and not fit otherwise.
   *
   * @param came how the record came
   * @returns whether the topic takes it
   */
  fit(came: Compression = 'none'): boolean {
    if (this.#at <= this.#largestBytes) return true
    const enoughBytes = this.#largestBytes - batchHeaderBytes
    this.#squeezed = squeeze(this.#out.subarray(batchHeaderBytes, this.#at), came, enoughBytes)
    return this.#squeezed.records.length <= enoughBytes
  }

  /**
   * Closes the batch and returns its bytes; the writer is empty afterwards. The bytes are the caller's until he
   * gives them back with `recycle`: a producer may have to send them twice.
   */
  finish(asked: BatchIdentity): Uint8Array {
    if (this.isOversized && this.#squeezed === undefined) this.fit()
    const { compression, records } = this.#squeezed ?? this.#compressed(asked.compression)
    let batch = this.#out.subarray(0, this.#at)
    let view = this.#view
    if (compression === 'none')
      this.#use(this.#spare.pop() ?? new Uint8Array(Math.min(this.#out.length, this.#usualBytes)))
    else {
      batch = new Uint8Array(batchHeaderBytes + records.length)
      batch.set(records, batchHeaderBytes)
      view = new DataView(batch.buffer)
    }
    const identity = compression === asked.compression ? asked : { ...asked, compression }
    writeBatchHeader(batch, view, this.#count, this.#baseTimestampMs, this.#maxTimestampMs, identity)
    this.clear()
    return batch
  }

  /** Takes back what `finish` has returned, to be written to again. */
  recycle(batch: Uint8Array): void {
    const { buffer } = batch
    // A compressed batch has a buffer of its own size, and the writer may have grown since.
    if (buffer instanceof ArrayBuffer && buffer.byteLength === this.#out.length && this.#spare.length < maxSpare)
      this.#spare.push(new Uint8Array(buffer))
  }

  /** Forgets what was appended. */
  clear(): void {
    this.#at = batchHeaderBytes
    this.#count = 0
    this.#squeezed = undefined
    // One giant record must not make the buffers of all later batches as large.
    if (this.#out.length > this.#usualBytes) {
      this.#spare.length = 0
      this.#use(new Uint8Array(this.#usualBytes))
    }
  }

  /** Never larger than they are: a limit holds for what is sent. */
  #compressed(compression: Compression): { readonly compression: Compression; readonly records: Uint8Array } {
    const records = this.#out.subarray(batchHeaderBytes, this.#at)
    if (compression === 'none') return { compression, records }
    const compressed = compress(compression, records)
    return compressed.length < records.length ? { compression, records: compressed } : { compression: 'none', records }
  }

  /** Writes a record up to its key's length, if there is room for it within the limit. */
  #open(timestampMs: number, keyBytes: number, valueBytes: number, headersBytes: number): boolean {
    const payload = Math.max(keyBytes, 0) + Math.max(valueBytes, 0) + headersBytes
    if (this.#at + frameBytes + payload > this.#limitBytes && this.#count > 0) return false
    if (this.#at + frameBytes + payload > this.#out.length) this.#grow(frameBytes + payload)
    if (this.#count === 0) {
      this.#baseTimestampMs = timestampMs
      this.#maxTimestampMs = timestampMs
    } else if (timestampMs > this.#maxTimestampMs) this.#maxTimestampMs = timestampMs
    const deltaMs = timestampMs - this.#baseTimestampMs
    const sizes = intBytes(this.#count) + intBytes(keyBytes) + intBytes(valueBytes)
    const out = this.#out
    let at = writeInt(out, this.#at, 1 + longBytes(deltaMs) + sizes + payload)
    out[at++] = 0
    at = writeLong(out, at, deltaMs)
    this.#at = writeInt(out, at, this.#count++)
    return true
  }

  #grow(neededBytes: number): void {
    const usual = Math.min(2 * this.#out.length, this.#usualBytes)
    const larger = new Uint8Array(Math.max(usual, this.#at + neededBytes))
    larger.set(this.#out.subarray(0, this.#at))
    this.#spare.length = 0
    this.#use(larger)
  }

  #use(buffer: Uint8Array<ArrayBuffer>): void {
    this.#out = buffer
    this.#view = new DataView(buffer.buffer)
  }
}

function putBytes(bytes: Uint8Array, out: Uint8Array, at: number): number {
  out.set(bytes, at)
  return at + bytes.length
}

/** Copies the `size` bytes at `at` behind themselves until they stand there `times` times. */
function repeat(out: Uint8Array, at: number, size: number, times: number): void {
  const all = size * times
  for (let done = size; done < all; done *= 2) out.copyWithin(at + done, at, at + Math.min(done, all - done))
}
