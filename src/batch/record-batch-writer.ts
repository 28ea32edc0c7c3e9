import { type BatchHeader, type BatchIdentity, batchHeaderBytes, writeBatchHeader } from './batch-header.ts'
import { compress } from './compression.ts'
import type { Records } from './records.ts'
import type { ValueWriter } from './value-writer.ts'
import { varintBytes, writeVarint } from './varint.ts'

/** The headers of a record without any: the count, zero. */
export const noHeaders = new Uint8Array(1)

/** Below this many bytes a loop beats `Uint8Array.set`, which costs about 50 ns a call (measured). */
const shortCopyBytes = 24

/** Room that a record needs beside its key, value and headers: five varints and the attributes. */
const frameBytes = 5 * 10 + 1

const initialBytes = 64 * 1024

/** Buffers kept for reuse: as many as may be in flight, and one. */
const maxSpare = 6

/**
 * Builds one outgoing record batch (magic 2) in a buffer that it reuses.
 *
 * Positions within the batch are as in https://kafka.apache.org/documentation/#record: a record's length comes
 * first, so the size of its value must be known before it is written (`ValueWriter.valueBytes`).
 */
export class RecordBatchWriter {
  readonly #limitBytes: number
  #out: Uint8Array<ArrayBuffer>
  #view: DataView
  #at = batchHeaderBytes
  readonly #spare: Uint8Array<ArrayBuffer>[] = []
  #count = 0
  #baseTimestampMs = 0
  #maxTimestampMs = 0

  /** @param limitBytes size that a batch of more than one record does not exceed */
  constructor(limitBytes = 1024 * 1024) {
    this.#limitBytes = limitBytes
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
   * Appends row `row` of `records` with its key, headers and timestamp, and the value that `values` writes. False, and
   * nothing is appended, if the batch would exceed its limit: send it first.
   */
  appendRow(records: Records, row: number, values: ValueWriter): boolean {
    const { bytes } = records
    const keyStart = records.keyStart[row]
    const keyEnd = records.keyEnd[row]
    const headersStart = records.valueEnd[row]
    const headersEnd = records.recordEnd[row]
    const valueBytes = values.valueBytes(row)
    const keyBytes = keyStart < 0 ? -1 : keyEnd - keyStart
    if (!this.#open(records.timestampMs[row], keyBytes, valueBytes, headersEnd - headersStart)) return false
    const out = this.#out
    let at = writeVarint(out, this.#at, keyBytes)
    if (keyBytes > 0) at = copy(bytes, keyStart, keyEnd, out, at)
    at = writeVarint(out, at, valueBytes)
    if (valueBytes > 0) at = values.writeValue(row, out, this.#view, at)
    this.#at = copy(bytes, headersStart, headersEnd, out, at)
    return true
  }

  /**
   * Appends a record; false as for `appendRow`.
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
    let at = writeVarint(out, this.#at, keyBytes)
    if (key !== null) at = copy(key, 0, key.length, out, at)
    at = writeVarint(out, at, valueBytes)
    if (value !== null) at = copy(value, 0, value.length, out, at)
    this.#at = copy(headers, 0, headers.length, out, at)
    return true
  }

  /** Appends a record whose value `values` writes, for rows that have no incoming record; false as for `appendRow`. */
  appendValue(timestampMs: number, key: Uint8Array | null, values: ValueWriter, row: number): boolean {
    const keyBytes = key === null ? -1 : key.length
    const valueBytes = values.valueBytes(row)
    if (!this.#open(timestampMs, keyBytes, valueBytes, 1)) return false
    const out = this.#out
    let at = writeVarint(out, this.#at, keyBytes)
    if (key !== null) at = copy(key, 0, key.length, out, at)
    at = writeVarint(out, at, valueBytes)
    if (valueBytes > 0) at = values.writeValue(row, out, this.#view, at)
    out[at++] = 0
    this.#at = at
    return true
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

  /**
   * Closes the batch and returns its bytes; the writer is empty afterwards. The bytes are the caller's until he
   * gives them back with `recycle`: a producer may have to send them twice.
   */
  finish(identity: BatchIdentity): Uint8Array {
    let batch = this.#out.subarray(0, this.#at)
    let view = this.#view
    if (identity.compression === 'none') this.#use(this.#spare.pop() ?? new Uint8Array(this.#out.length))
    else {
      const records = compress(identity.compression, batch.subarray(batchHeaderBytes))
      batch = new Uint8Array(batchHeaderBytes + records.length)
      batch.set(records, batchHeaderBytes)
      view = new DataView(batch.buffer)
    }
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
    const timestampDelta = timestampMs - this.#baseTimestampMs
    const offsetDelta = this.#count
    const out = this.#out
    const length =
      1 +
      varintBytes(timestampDelta) +
      varintBytes(offsetDelta) +
      varintBytes(keyBytes) +
      varintBytes(valueBytes) +
      payload
    let at = writeVarint(out, this.#at, length)
    out[at++] = 0
    at = writeVarint(out, at, timestampDelta)
    this.#at = writeVarint(out, at, offsetDelta)
    this.#count = offsetDelta + 1
    return true
  }

  #grow(neededBytes: number): void {
    const larger = new Uint8Array(Math.max(2 * this.#out.length, this.#at + neededBytes))
    larger.set(this.#out.subarray(0, this.#at))
    this.#spare.length = 0
    this.#use(larger)
  }

  #use(buffer: Uint8Array<ArrayBuffer>): void {
    this.#out = buffer
    this.#view = new DataView(buffer.buffer)
  }
}

function copy(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  if (end - start < shortCopyBytes) {
    for (let i = start; i < end; i++) to[at++] = from[i]
    return at
  }
  to.set(from.subarray(start, end), at)
  return at + end - start
}
