import {
  type BatchHeader,
  type BatchIdentity,
  batchHeaderBytes,
  type Compression,
  writeBatchHeader,
} from './batch-header.ts'
import type { BlockWriter } from './block-writer.ts'
import { compressInto, squeeze } from './compression.ts'
import type { RowEncoder } from './row-encoder.ts'
import { intBytes, longBytes, writeInt, writeLong } from './varint.ts'

/** The headers of a record without any: the count, zero. */
export const noHeaders = new Uint8Array(1)

/** Bytes of a record in addition to its key, value and headers: five varints and the attributes. */
const frameBytes = 5 * 10 + 1

const initialBytes = 8 * 1024

/** Buffers kept for reuse: as many as may be in flight, and one. */
const maxSpare = 6

/** Room that a buffer has beyond its batch's limit, for what is made sure of before it is known to be needed. */
const slackBytes = 1024

/**
 * Builds one outgoing record batch (magic 2) in a buffer that it reuses.
 *
 * Positions within the batch are as in https://kafka.apache.org/documentation/#record: a record's length comes first.
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
   * Appends rows [from, to) as `encoder` writes them.
   *
   * @returns the row that it has stopped before, `to` if it wrote them all
   */
  appendEncoded(encoder: RowEncoder, from: number, to: number): number {
    let row = from
    while (row < to) {
      const rows = encoder.encode(
        row,
        to,
        this.#at,
        this.#limitBytes,
        this.#count,
        this.#baseTimestampMs,
        this.#maxTimestampMs,
      )
      if (this.#at + rows.bytes.length > this.#out.length) this.#grow(rows.bytes.length)
      this.#out.set(rows.bytes, this.#at)
      this.#at += rows.bytes.length
      this.#count = rows.count
      this.#baseTimestampMs = rows.baseMs
      this.#maxTimestampMs = rows.maxMs
      row = rows.next
      if (rows.isStopped) break
    }
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
    const { compression, batch } = this.#compressed(asked.compression)
    const view = new DataView(batch.buffer)
    if (compression === 'none')
      this.#use(this.#spare.pop() ?? new Uint8Array(Math.min(this.#out.length, this.#usualBytes)))
    const identity = compression === asked.compression ? asked : { ...asked, compression }
    writeBatchHeader(batch, view, this.#count, this.#baseTimestampMs, this.#maxTimestampMs, identity)
    this.clear()
    return batch
  }

  /** Takes back what `finish` has returned, to be written to again. */
  recycle(batch: Uint8Array): void {
    const { buffer } = batch
    // The writer may have grown since.
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

  /** The batch but for its header. Records are never larger than they are: a limit holds for what is sent. */
  #compressed(asked: Compression): { readonly compression: Compression; readonly batch: Uint8Array<ArrayBuffer> } {
    const plain = { compression: 'none', batch: this.#out.subarray(0, this.#at) } as const
    if (this.#squeezed !== undefined) {
      const { compression, records } = this.#squeezed
      if (compression === 'none') return plain
      const batch = new Uint8Array(batchHeaderBytes + records.length)
      batch.set(records, batchHeaderBytes)
      return { compression, batch }
    }
    if (asked === 'none') return plain
    const spare = this.#spare.pop() ?? new Uint8Array(this.#out.length)
    const room = spare.subarray(0, this.#at - 1)
    const end = compressInto(asked, plain.batch.subarray(batchHeaderBytes), room, batchHeaderBytes)
    if (end > 0) return { compression: asked, batch: spare.subarray(0, end) }
    this.#spare.push(spare)
    return plain
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
