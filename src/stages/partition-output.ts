import { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import { appendHeaders, type RecordHeaders } from '../batch/record-headers.ts'
import type { Records } from '../batch/records.ts'
import type { ValueWriter } from '../batch/value-writer.ts'

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

  constructor(topic: string, partition: number, batchBytes: number, send: SendBatch) {
    this.#topic = topic
    this.#partition = partition
    this.#send = send
    this.#batch = new RecordBatchWriter(batchBytes)
  }

  /** Rows [from, to) of `records` with their keys, headers and timestamps, and the values that `values` writes. */
  async copyRows(records: Records, from: number, to: number, values: ValueWriter): Promise<void> {
    for (let row = from; row < to; ) {
      row = this.#batch.appendRows(records, row, to, values)
      if (row < to) await this.flush()
    }
    this.#rows += to - from
  }

  /** Row `row` as it is, with `headers` after its own. */
  async copyRow(records: Records, row: number, headers: RecordHeaders): Promise<void> {
    const { bytes, keyStart, keyEnd, valueStart, valueEnd, recordEnd, timestampMs } = records
    const key = keyStart[row] < 0 ? null : bytes.subarray(keyStart[row], keyEnd[row])
    const value = valueStart[row] < 0 ? null : bytes.subarray(valueStart[row], valueEnd[row])
    await this.append(
      timestampMs[row],
      key,
      value,
      appendHeaders(bytes.subarray(valueEnd[row], recordEnd[row]), headers),
    )
  }

  /** @param headers count and headers as they stand in a record */
  async append(
    timestampMs: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: Uint8Array,
  ): Promise<void> {
    while (!this.#batch.append(timestampMs, key, value, headers)) await this.flush()
    this.#rows++
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

  /** Forgets what has not been sent, as after an abort. */
  clear(): void {
    this.#batch.clear()
    this.#rows = 0
  }
}
