import type { Records } from '../batch/records.ts'
import { exitCodes, PipelineError } from '../errors.ts'

/** A copied row; its bytes are borrowed until rows are added again. */
export interface KeptRow {
  readonly partition: number
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
      fix: 'Keep fewer rows, or sample by rate (--rate), which writes while it reads',
      exitCode: exitCodes.usage,
    })
  }
}

/** Bytes of the rows that are kept; in all about twice as many while rows are being chosen. */
const mostBytes = 256 * 2 ** 20
const firstRows = 1024
/** Of the key of a row that has none. */
const noKey = -1

/**
 * Keeps the `limit` rows with the smallest hashes of all added rows, in memory for twice as many: columns of numbers,
 * and one buffer for all bytes. An object per row would take ten times as much.
 */
export class SmallestRows {
  readonly #limit: number
  #count = 0
  /** shape (count) each, in the order in which rows were added, as all columns below */
  #hash = new Float64Array(firstRows)
  #partition = new Int32Array(firstRows)
  #timestampMs = new Float64Array(firstRows)
  #keyBytes = new Int32Array(firstRows)
  #valueBytes = new Int32Array(firstRows)
  #headersBytes = new Int32Array(firstRows)
  /** key, value and headers of one row after another */
  #bytes = new Uint8Array(firstRows * 32)
  #used = 0
  /** A row whose hash is not below this value cannot be among the smallest. */
  threshold: number

  /** @param threshold no row whose hash is not below is kept */
  constructor(limit: number, threshold = Infinity) {
    this.#limit = limit
    this.threshold = threshold
  }

  /** Rows that it holds: the `limit` smallest, and others of which it is not known yet that they are not. */
  get count(): number {
    return this.#count
  }

  /** @throws SampleTooLargeError */
  add(hash: number, partition: number, records: Records, row: number): void {
    const { bytes, timestampMs, keyStart, keyEnd, valueStart, valueEnd, recordEnd } = records
    const keyBytes = keyStart[row] < 0 ? noKey : keyEnd[row] - keyStart[row]
    const size = Math.max(keyBytes, 0) + recordEnd[row] - valueStart[row]
    if (this.#count === this.#hash.length) this.#growColumns()
    if (this.#used + size > this.#bytes.length) this.#growBytes(size)
    const i = this.#count++
    this.#hash[i] = hash
    this.#partition[i] = partition
    this.#timestampMs[i] = timestampMs[row]
    this.#keyBytes[i] = keyBytes
    this.#valueBytes[i] = valueEnd[row] - valueStart[row]
    this.#headersBytes[i] = recordEnd[row] - valueEnd[row]
    if (keyBytes > 0) this.#append(bytes, keyStart[row], keyEnd[row])
    this.#append(bytes, valueStart[row], recordEnd[row])
    if (this.#count >= 2 * this.#limit || this.#used > 2 * mostBytes) {
      this.#prune()
      if (this.#used > mostBytes) throw new SampleTooLargeError(this.#limit, mostBytes)
    }
  }

  /** The rows by partition, those of one in the order in which they were added. */
  *take(): Generator<KeptRow> {
    this.#prune()
    const starts = new Float64Array(this.#count)
    for (let i = 1; i < this.#count; i++) starts[i] = starts[i - 1] + this.#sizeOf(i - 1)
    const byPartition = Uint32Array.from(starts.keys()).sort((a, b) => this.#partition[a] - this.#partition[b] || a - b)
    for (const i of byPartition) {
      const value = starts[i] + Math.max(this.#keyBytes[i], 0)
      const headers = value + this.#valueBytes[i]
      yield {
        partition: this.#partition[i],
        timestampMs: this.#timestampMs[i],
        key: this.#keyBytes[i] === noKey ? null : this.#bytes.subarray(starts[i], value),
        value: this.#bytes.subarray(value, headers),
        headers: this.#bytes.subarray(headers, headers + this.#headersBytes[i]),
      }
    }
  }

  #sizeOf(i: number): number {
    return Math.max(this.#keyBytes[i], 0) + this.#valueBytes[i] + this.#headersBytes[i]
  }

  /** Leaves the `limit` rows with the smallest hashes; of equal ones those that came first. */
  #prune(): void {
    const limit = this.#limit
    if (this.#count < limit) return
    this.threshold = this.#hash.slice(0, this.#count).sort()[limit - 1]
    let equal = limit
    for (let i = 0; i < this.#count; i++) if (this.#hash[i] < this.threshold) equal--
    let [kept, from, to] = [0, 0, 0]
    for (let i = 0; i < this.#count; i++) {
      const size = this.#sizeOf(i)
      const hash = this.#hash[i]
      if (hash < this.threshold || (hash === this.threshold && equal-- > 0)) {
        this.#bytes.copyWithin(to, from, from + size)
        to += size
        this.#hash[kept] = hash
        this.#partition[kept] = this.#partition[i]
        this.#timestampMs[kept] = this.#timestampMs[i]
        this.#keyBytes[kept] = this.#keyBytes[i]
        this.#valueBytes[kept] = this.#valueBytes[i]
        this.#headersBytes[kept++] = this.#headersBytes[i]
      }
      from += size
    }
    this.#count = kept
    this.#used = to
  }

  #append(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes.set(bytes.subarray(start, end), this.#used)
    this.#used += end - start
  }

  #growColumns(): void {
    const rows = 2 * this.#hash.length
    this.#hash = grown(this.#hash, new Float64Array(rows))
    this.#partition = grown(this.#partition, new Int32Array(rows))
    this.#timestampMs = grown(this.#timestampMs, new Float64Array(rows))
    this.#keyBytes = grown(this.#keyBytes, new Int32Array(rows))
    this.#valueBytes = grown(this.#valueBytes, new Int32Array(rows))
    this.#headersBytes = grown(this.#headersBytes, new Int32Array(rows))
  }

  #growBytes(needed: number): void {
    this.#bytes = grown(this.#bytes, new Uint8Array(Math.max(2 * this.#bytes.length, this.#used + needed)))
  }
}

function grown<T extends Float64Array | Int32Array | Uint8Array>(array: T, larger: T): T {
  larger.set(array)
  return larger
}
