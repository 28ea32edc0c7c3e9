import type { OffsetCommit, TopicPartition, TransactionalWriter } from '../ports/log.ts'

/** A transaction ends after this many rows or this time, whichever comes first. */
const defaultSliceRows = 1_000_000
const sliceMs = 500

export interface LoadSlicesOptions {
  readonly writer: TransactionalWriter
  /** that the load may write to */
  readonly expected: readonly TopicPartition[]
  /** rows after which a transaction ends, if not by time [1,000,000] */
  readonly sliceRows?: number | undefined
  /** sends what is not sent yet */
  readonly flush: () => Promise<void>
  /** the position after the slice */
  readonly position: (complete: boolean) => OffsetCommit
  readonly onCommitted: () => void
}

/** The transactions of a load: each has a slice of its rows, and the position after them. */
export class LoadSlices {
  readonly #options: LoadSlicesOptions
  readonly #sliceRows: number
  #isOpen = false
  #rows = 0
  #startedMs = 0

  constructor(options: LoadSlicesOptions) {
    this.#options = options
    this.#sliceRows = options.sliceRows ?? defaultSliceRows
  }

  /** Begins a slice, unless one is open. */
  async open(): Promise<void> {
    if (this.#isOpen) return
    this.#isOpen = true
    this.#rows = 0
    await this.#options.writer.begin(this.#options.expected)
    // With many partitions, the markers of the transaction before may take longer than a slice.
    this.#startedMs = performance.now()
  }

  /** Counts rows of the open slice, and commits it if it has enough. */
  async took(rows: number): Promise<void> {
    this.#rows += rows
    if (this.#rows >= this.#sliceRows || performance.now() - this.#startedMs >= sliceMs) await this.commit(false)
  }

  /** @param complete whether these were the last rows */
  async commit(complete: boolean): Promise<void> {
    await this.open()
    const { writer, flush, position, onCommitted } = this.#options
    await flush()
    await writer.commit(position(complete))
    this.#isOpen = false
    onCommitted()
  }

  /** Gives the rows of an open slice up. */
  async abort(): Promise<void> {
    if (this.#isOpen) await this.#options.writer.abort()
  }
}
