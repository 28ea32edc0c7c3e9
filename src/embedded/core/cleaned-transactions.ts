import type { BatchHeader } from '../../batch/batch-header.ts'
import type { AbortedTransaction } from './aborted-transactions.ts'
import { readMarker } from './control-batch.ts'
import type { OpenedBatch } from './stored-batches.ts'

/** What becomes of transactions as a compaction passes by them: `CleanedTransactionMetadata` of Apache Kafka. */
export class CleanedTransactions {
  /** by first offset, the next one last */
  readonly #coming: AbortedTransaction[]
  readonly #aborted = new Map<bigint, AbortedTransaction>()
  readonly #committed = new Set<bigint>()
  readonly #seen = new Set<AbortedTransaction>()

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#coming = [...aborted].sort((a, b) => b.firstOffset - a.firstOffset)
  }

  /** Whether a batch of rows was rolled back. */
  isAborted({ producerId, isTransactional, lastOffset }: BatchHeader): boolean {
    this.#advance(lastOffset)
    if (!isTransactional) return false
    const aborted = this.#aborted.get(producerId)
    if (aborted === undefined) this.#committed.add(producerId)
    else this.#seen.add(aborted)
    return aborted !== undefined
  }

  /** Whether no row of the transaction that a control batch ends has been passed. */
  isMarkerDone(batch: OpenedBatch): boolean {
    const { producerId, lastOffset } = batch.header
    this.#advance(lastOffset)
    const marker = readMarker(batch)
    if (marker === undefined) return batch.header.recordCount === 0
    if (marker.isCommit) return !this.#committed.delete(producerId)
    const aborted = this.#aborted.get(producerId)
    this.#aborted.delete(producerId)
    return aborted === undefined || !this.#seen.has(aborted)
  }

  hasSeen(aborted: AbortedTransaction): boolean {
    return this.#seen.has(aborted)
  }

  #advance(offset: number): void {
    for (let next = this.#coming.at(-1); next !== undefined && next.firstOffset <= offset; next = this.#coming.at(-1)) {
      this.#coming.pop()
      if (!this.#aborted.has(next.producerId)) this.#aborted.set(next.producerId, next)
    }
  }
}
