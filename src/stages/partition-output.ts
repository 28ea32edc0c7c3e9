import type { Compression } from '../batch/batch-header.ts'
import type { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import { appendHeaders, type RecordHeaders } from '../batch/record-headers.ts'
import type { Records } from '../batch/records.ts'
import type { RowKernel } from '../kernel/row-kernel.ts'
import { type BatchSizes, bufferBytesFor, OutgoingBuffers, type WaitingRows } from './outgoing-buffers.ts'

/** Sends a full batch on its way, and empties the writer. */
export type SendBatch = (topic: string, partition: number, batch: RecordBatchWriter) => Promise<void>

/**
 * Collects rows for one partition into batches of the best size: small ones that come in are joined, large ones are
 * split below what the topic takes.
 */
export class PartitionOutput implements WaitingRows {
  readonly #topic: string
  readonly #partition: number
  readonly #sizes: BatchSizes
  readonly #buffers: OutgoingBuffers
  readonly #send: SendBatch
  /** while there are rows */
  #batch: RecordBatchWriter | undefined
  #bufferBytes = 0
  /** since `takeRows` was called */
  #rows = 0

  constructor(topic: string, partition: number, sizes: BatchSizes, send: SendBatch, buffers = new OutgoingBuffers()) {
    this.#topic = topic
    this.#partition = partition
    this.#sizes = sizes
    this.#buffers = buffers
    this.#send = send
  }

  get sizeBytes(): number {
    return this.#batch?.sizeBytes ?? 0
  }

  get bufferBytes(): number {
    return this.#bufferBytes
  }

  /**
   * Rows [from, to) of a kernel's records, as it writes them.
   *
   * @returns the first row that was not sent, and whether that is because the topic cannot take it; else `encoder.stop`
   * has the reason
   */
  async encodeRows(
    encoder: RowKernel,
    from: number,
    to: number,
  ): Promise<{ readonly next: number; readonly isTooLarge: boolean }> {
    let row = from
    while (row < to) {
      const batch = this.#open()
      row = batch.appendEncoded(encoder, row, to)
      if (batch.isOversized && !batch.fit(encoder.records.compression)) {
        this.#empty(batch)
        this.#rows += row - 1 - from
        return { next: row - 1, isTooLarge: true }
      }
      this.#grow(batch)
      if (row === to || encoder.stop !== undefined) break
      await this.flush()
    }
    this.#rows += row - from
    await this.#buffers.makeRoom()
    return { next: row, isTooLarge: false }
  }

  /** Row `row` as it is, with `headers` after its own; false if the topic cannot take it. */
  async copyRow(records: Records, row: number, headers: RecordHeaders): Promise<boolean> {
    const { bytes, keyStart, keyEnd, valueStart, valueEnd, recordEnd, timestampMs } = records
    const key = keyStart[row] < 0 ? null : bytes.subarray(keyStart[row], keyEnd[row])
    const value = valueStart[row] < 0 ? null : bytes.subarray(valueStart[row], valueEnd[row])
    const all = appendHeaders(bytes.subarray(valueEnd[row], recordEnd[row]), headers)
    return this.append(timestampMs[row], key, value, all, records.compression)
  }

  /**
   * Appends one row; false if the topic cannot take it, however it is compressed.
   *
   * @param headers count and headers as they stand in a record
   * @param came    how the row came
   */
  async append(
    timestampMs: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: Uint8Array,
    came: Compression = 'none',
  ): Promise<boolean> {
    let batch = this.#open()
    while (!batch.append(timestampMs, key, value, headers)) {
      await this.flush()
      batch = this.#open()
    }
    if (batch.isOversized && !batch.fit(came)) {
      this.#empty(batch)
      return false
    }
    this.#grow(batch)
    this.#rows++
    await this.#buffers.makeRoom()
    return true
  }

  async flush(): Promise<void> {
    const batch = this.#batch
    if (batch === undefined) return
    if (batch.recordCount > 0) await this.#send(this.#topic, this.#partition, batch)
    this.#empty(batch)
  }

  /** Rows appended since the last call. */
  takeRows(): number {
    const rows = this.#rows
    this.#rows = 0
    return rows
  }

  /** Forgets unsent rows, for instance after an abort. */
  clear(): void {
    if (this.#batch !== undefined) this.#empty(this.#batch)
    this.#rows = 0
  }

  #open(): RecordBatchWriter {
    if (this.#batch !== undefined) return this.#batch
    const { writer, bufferBytes } = this.#buffers.take(this.#sizes)
    this.#batch = writer
    this.#bufferBytes = bufferBytes
    this.#buffers.grown(this, bufferBytes)
    return writer
  }

  #grow({ sizeBytes }: RecordBatchWriter): void {
    const more = bufferBytesFor(sizeBytes, this.#sizes) - this.#bufferBytes
    if (more <= 0) return
    this.#bufferBytes += more
    this.#buffers.grown(this, more)
  }

  #empty(batch: RecordBatchWriter): void {
    batch.clear()
    this.#buffers.emptied(this)
    this.#buffers.giveBack(batch, Math.min(this.#bufferBytes, this.#sizes.batchBytes), this.#sizes)
    this.#batch = undefined
  }
}
