import type { Compression } from '../batch/batch-header.ts'
import { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import { appendHeaders, type RecordHeaders } from '../batch/record-headers.ts'
import type { Records } from '../batch/records.ts'
import type { RowKernel } from '../kernel/row-kernel.ts'

/** How large the batches for a topic may be. */
export interface BatchSizes {
  /** at which a batch is sent */
  readonly batchBytes: number
  /** that the topic takes, as its max.message.bytes: for a row that is larger than batches are */
  readonly largestBytes: number
}

/** Sends a full batch on its way, and empties the writer. */
export type SendBatch = (topic: string, partition: number, batch: RecordBatchWriter) => Promise<void>

/**
 * Collects rows for one partition into batches of the best size: small ones that come in are joined, large ones are
 * split below what the topic takes.
 */
export class PartitionOutput {
  readonly #topic: string
  readonly #partition: number
  readonly #send: SendBatch
  readonly #batch: RecordBatchWriter
  /** since `takeRows` was called */
  #rows = 0

  constructor(topic: string, partition: number, { batchBytes, largestBytes }: BatchSizes, send: SendBatch) {
    this.#topic = topic
    this.#partition = partition
    this.#send = send
    this.#batch = new RecordBatchWriter(batchBytes, largestBytes)
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
      row = this.#batch.appendEncoded(encoder, row, to)
      if (this.#batch.isOversized && !this.#batch.fit(encoder.records.compression)) {
        this.#batch.clear()
        this.#rows += row - 1 - from
        return { next: row - 1, isTooLarge: true }
      }
      if (row === to || encoder.stop !== undefined) break
      await this.flush()
    }
    this.#rows += row - from
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
    while (!this.#batch.append(timestampMs, key, value, headers)) await this.flush()
    if (this.#batch.isOversized && !this.#batch.fit(came)) {
      this.#batch.clear()
      return false
    }
    this.#rows++
    return true
  }

  async flush(): Promise<void> {
    if (this.#batch.recordCount > 0) await this.#send(this.#topic, this.#partition, this.#batch)
  }

  /** Rows appended since the last call. */
  takeRows(): number {
    const rows = this.#rows
    this.#rows = 0
    return rows
  }

  /** Forgets unsent rows, for instance after an abort. */
  clear(): void {
    this.#batch.clear()
    this.#rows = 0
  }
}
