/** A transaction that was rolled back, in one partition. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
  /** of its marker */
  readonly lastOffset: number
  /** below it nothing was open when the marker came: what is rolled back later begins there or after it */
  readonly lastStableOffset: number
}

/** Transactions of a log that were rolled back, in the order of their markers: `TransactionIndex` of Apache Kafka. */
export class AbortedTransactions {
  #entries: AbortedTransaction[]

  constructor(entries: readonly AbortedTransaction[] = []) {
    this.#entries = [...entries]
  }

  all(): readonly AbortedTransaction[] {
    return this.#entries
  }

  add(aborted: AbortedTransaction): void {
    this.#entries.push(aborted)
  }

  /** Those that overlap the offsets [from, to). */
  between(from: number, to: number): AbortedTransaction[] {
    const found: AbortedTransaction[] = []
    for (let i = this.#firstWithLast(from); i < this.#entries.length; i++) {
      const entry = this.#entries[i]
      if (entry.firstOffset < to) found.push(entry)
      if (entry.lastStableOffset >= to) break
    }
    return found
  }

  /** Keeps those that `isKept` says. */
  filter(isKept: (aborted: AbortedTransaction) => boolean): void {
    this.#entries = this.#entries.filter(isKept)
  }

  /** The first entry whose marker is at `offset` or after it, by halving. */
  #firstWithLast(offset: number): number {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#entries[middle].lastOffset < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
