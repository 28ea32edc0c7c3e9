/** Batches that follow an entry share it until they take this much. */
const spanBytes = 4096

/**
 * Where batches are in a log: an entry for each 4 KiB, as `OffsetIndex` and `TimeIndex` of Apache Kafka have them, in
 * arrays that grow. The batches between two entries are found by their headers. All entries of a log of a gigabyte take
 * six megabytes.
 */
export class BatchIndex {
  #count = 0
  /** shape (count): base offset and position of a span's first batch, and the newest time of all its batches in ms */
  #offsets = new Float64Array(8)
  #positions = new Float64Array(8)
  #maxTimestamps = new Float64Array(8)

  /** Takes what `entries` of another one has given. */
  constructor(entries: Float64Array = new Float64Array(0)) {
    const count = entries.length / 3
    if (count === 0) return
    this.#count = count
    this.#offsets = entries.slice(0, count)
    this.#positions = entries.slice(count, 2 * count)
    this.#maxTimestamps = entries.slice(2 * count)
  }

  /** A copy of all entries, shape (3, count): offsets, positions, times. */
  entries(): Float64Array {
    const entries = new Float64Array(3 * this.#count)
    for (const [i, values] of [this.#offsets, this.#positions, this.#maxTimestamps].entries())
      entries.set(values.subarray(0, this.#count), i * this.#count)
    return entries
  }

  get count(): number {
    return this.#count
  }

  offsetAt(entry: number): number {
    return this.#offsets[entry]
  }

  positionAt(entry: number): number {
    return this.#positions[entry]
  }

  maxTimestampAt(entry: number): number {
    return this.#maxTimestamps[entry]
  }

  /** Adds the batch that follows those added so far. */
  add(baseOffset: number, position: number, maxTimestampMs: number): void {
    const last = this.#count - 1
    if (last >= 0 && position - this.#positions[last] < spanBytes) {
      if (maxTimestampMs > this.#maxTimestamps[last]) this.#maxTimestamps[last] = maxTimestampMs
      return
    }
    if (this.#count === this.#offsets.length) this.#grow()
    this.#offsets[this.#count] = baseOffset
    this.#positions[this.#count] = position
    this.#maxTimestamps[this.#count] = maxTimestampMs
    this.#count++
  }

  /** The last entry whose first batch begins at `offset` or before; the first one if none does, -1 if there is none. */
  entryOfOffset(offset: number): number {
    return this.#floor(this.#offsets, offset)
  }

  /** The same by position. */
  entryOfPosition(position: number): number {
    return this.#floor(this.#positions, position)
  }

  /**
   * Forgets what is before `position`, where a batch with the offset `offset` begins.
   *
   * @param maxTimestampMs newest time of what is left of the span that is cut
   */
  cutFront(position: number, offset: number, maxTimestampMs: number): void {
    const kept = Math.max(0, this.entryOfPosition(position))
    this.#offsets.copyWithin(0, kept, this.#count)
    this.#positions.copyWithin(0, kept, this.#count)
    this.#maxTimestamps.copyWithin(0, kept, this.#count)
    this.#count -= kept
    if (this.#count === 0 || this.#positions[0] >= position) return
    this.#positions[0] = position
    this.#offsets[0] = offset
    this.#maxTimestamps[0] = maxTimestampMs
  }

  clear(): void {
    this.#count = 0
  }

  #floor(values: Float64Array, value: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (values[middle] <= value) low = middle + 1
      else high = middle
    }
    return low === 0 ? Math.min(0, this.#count - 1) : low - 1
  }

  #grow(): void {
    const grown = (old: Float64Array) => {
      const values = new Float64Array(2 * old.length)
      values.set(old)
      return values
    }
    this.#offsets = grown(this.#offsets)
    this.#positions = grown(this.#positions)
    this.#maxTimestamps = grown(this.#maxTimestamps)
  }
}
