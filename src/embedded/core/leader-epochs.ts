const noEpoch = -1

export interface LeaderEpoch {
  readonly epoch: number
  readonly startOffset: number
}

/** Where each leader epoch of a log begins, as `LeaderEpochFileCache` of Apache Kafka has it. */
export class LeaderEpochs {
  #entries: LeaderEpoch[]

  constructor(entries: readonly LeaderEpoch[] = []) {
    this.#entries = [...entries]
  }

  all(): readonly LeaderEpoch[] {
    return this.#entries
  }

  get latest(): number {
    return this.#entries.at(-1)?.epoch ?? noEpoch
  }

  /** A batch of this epoch begins at `offset`. */
  note(epoch: number, offset: number): void {
    if (epoch > this.latest) this.#entries.push({ epoch, startOffset: offset })
  }

  /** The epoch of the row at `offset`, -1 if it is not known. */
  at(offset: number): number {
    return this.#entries.findLast(({ startOffset }) => startOffset <= offset)?.epoch ?? noEpoch
  }

  /** The largest epoch up to `epoch`, and the offset where it ends: the answer to OffsetForLeaderEpoch. */
  endOf(epoch: number, endOffset: number): { readonly epoch: number; readonly endOffset: number } {
    if (epoch === this.latest) return { epoch, endOffset }
    const higher = this.#entries.find((entry) => entry.epoch > epoch)
    if (epoch === noEpoch || higher === undefined) return { epoch: noEpoch, endOffset: -1 }
    const floor = this.#entries.findLast((entry) => entry.epoch <= epoch)
    return { epoch: floor?.epoch ?? epoch, endOffset: higher.startOffset }
  }

  /** Forgets what is before `startOffset`. */
  cutFront(startOffset: number): void {
    const first = this.#entries.findLastIndex((entry) => entry.startOffset <= startOffset)
    if (first < 0) return
    this.#entries = [{ epoch: this.#entries[first].epoch, startOffset }, ...this.#entries.slice(first + 1)]
  }
}
