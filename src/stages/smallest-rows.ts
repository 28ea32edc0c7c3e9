import type { Records } from '../batch/records.ts'

/** A row that has left its batch. */
export interface KeptRow {
  readonly hash: number
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array
  /** count and headers as they stand in a record */
  readonly headers: Uint8Array
}

/** Keeps the `limit` rows with the smallest hashes of all that it is shown, in memory for twice as many. */
export class SmallestRows {
  readonly #limit: number
  #rows: KeptRow[] = []
  /** A row whose hash is not below has no chance. */
  threshold = Infinity

  constructor(limit: number) {
    this.#limit = limit
  }

  add(hash: number, partition: number, records: Records, row: number): void {
    const { bytes, baseOffset, offsetDelta, timestampMs, keyStart, keyEnd, valueStart, valueEnd, recordEnd } = records
    this.#rows.push({
      hash,
      partition,
      offset: baseOffset + offsetDelta[row],
      timestampMs: timestampMs[row],
      key: keyStart[row] < 0 ? null : copy(bytes, keyStart[row], keyEnd[row]),
      value: copy(bytes, valueStart[row], valueEnd[row]),
      headers: copy(bytes, valueEnd[row], recordEnd[row]),
    })
    if (this.#rows.length >= 2 * this.#limit) this.#prune()
  }

  /** The rows, ordered by partition and offset. */
  take(): readonly KeptRow[] {
    this.#prune()
    return this.#rows.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)
  }

  #prune(): void {
    this.#rows.sort((a, b) => a.hash - b.hash)
    this.#rows.length = Math.min(this.#rows.length, this.#limit)
    if (this.#rows.length === this.#limit) this.threshold = this.#rows[this.#limit - 1]?.hash ?? 0
  }
}

/** A Buffer's own slice would share the batch's memory. */
function copy(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, start, end)
}
