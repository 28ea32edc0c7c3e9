import type { Records } from '../batch/records.ts'
import { exitCodes, PipelineError } from '../errors.ts'

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

/** The rows to keep take more memory than a sampler may have. */
export class SampleTooLargeError extends PipelineError {
  readonly code = 'VGM_SAMPLE_TOO_LARGE'
  constructor(rows: number, bytes: number) {
    super(`The ${rows} rows of the sample take more than ${bytes / 2 ** 20} MiB`, {
      fix: 'Keep fewer with --rows, or use --rate, which writes as it goes',
      exitCode: exitCodes.usage,
    })
  }
}

/** Bytes of the rows that are kept; in all about twice as many while rows are being chosen. */
const mostBytes = 256 * 2 ** 20

/** Keeps the `limit` rows with the smallest hashes of all that it is shown, in memory for twice as many. */
export class SmallestRows {
  readonly #limit: number
  #rows: KeptRow[] = []
  #bytes = 0
  /** A row whose hash is not below has no chance. */
  threshold = Infinity

  constructor(limit: number) {
    this.#limit = limit
  }

  /** @throws SampleTooLargeError */
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
    this.#bytes += records.recordEnd[row] - records.valueStart[row]
    if (this.#rows.length >= 2 * this.#limit || this.#bytes > 2 * mostBytes) {
      this.#prune()
      if (this.#bytes > mostBytes) throw new SampleTooLargeError(this.#limit, mostBytes)
    }
  }

  /** The rows, ordered by partition and offset. */
  take(): readonly KeptRow[] {
    this.#prune()
    return this.#rows.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)
  }

  #prune(): void {
    this.#rows.sort((a, b) => a.hash - b.hash)
    this.#rows.length = Math.min(this.#rows.length, this.#limit)
    this.#bytes = this.#rows.reduce((bytes, { value, headers }) => bytes + value.length + headers.length, 0)
    if (this.#rows.length === this.#limit) this.threshold = this.#rows[this.#limit - 1]?.hash ?? 0
  }
}

/** A Buffer's own slice would share the batch's memory. */
function copy(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, start, end)
}
