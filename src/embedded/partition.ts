import type { PartitionLog } from './core/partition-log.ts'

/** A partition: its log, and those who wait for it to grow. */
export class Partition {
  readonly index: number
  readonly log: PartitionLog
  readonly #waiting = new Set<(bytes: number) => void>()

  constructor(index: number, log: PartitionLog) {
    this.index = index
    this.log = log
  }

  /** Calls `work` whenever there may be more to read, until what it returns is called. */
  onGrowth(work: (bytes: number) => void): () => void {
    this.#waiting.add(work)
    return () => this.#waiting.delete(work)
  }

  /** Tells those who wait that there is more to read, by so many bytes, or that there will be nothing any more. */
  grew(bytes: number): void {
    for (const work of [...this.#waiting]) work(bytes)
  }
}
