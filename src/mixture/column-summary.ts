import { binAt, binOrder, binsPerOctave, highWord, octaves } from './bin-grid.ts'
import { mostDecimalsOf } from './decimals.ts'
import { NonFiniteValueError, SummaryMismatchError } from './errors.ts'

/** Numbers a bin holds, interleaved so that a row touches one cache line. */
const stride = 4
const COUNT = 0
const STEPS = 1
const SQUARES = 2
/** the bin's only value so far; NaN once it has two: NaN equals nothing, so it stays */
const ONLY = 3

const blockRows = 2048
/** value minus centre, of the block that is being added; no two summaries are at work at once */
const distances = new Float64Array(blockRows)
const words = new Int32Array(distances.buffer)

/** A summary as plain data, for a worker's message or a file; bins ascend. */
export interface SummarySnapshot {
  readonly centre: number
  readonly rows: number
  readonly nulls: number
  readonly min: number
  readonly max: number
  readonly decimals: number
  /** bin keys (bin-grid.ts), shape (bins) */
  readonly keys: Int32Array
  /** count, sum of steps, sum of squared steps, only value or NaN; shape (bins, 4), row-major */
  readonly bins: Float64Array
}

/**
 * Everything the fit needs to know of a column, in about 32 bytes a bin and a few thousand bins, whatever the number of
 * rows.
 *
 * Unweighted sums are whole numbers (exact up to 2^53), so any split of the rows over summaries and any order of
 * merging give the same summary, bit for bit. See bin-grid.ts for the bins.
 *
 * @example
 * const summary = new ColumnSummary(pilotCentre(firstRows))
 * summary.add(batch, rows)
 * fitSummary(summary, { totalRows: 1e9 })
 */
export class ColumnSummary {
  readonly centre: number
  #rows = 0
  #nulls = 0
  #min = Infinity
  #max = -Infinity
  #decimals = 0
  #binCount = 0
  /** octave number to page, -1 where the column has none; a page maps the octave's bins to slots + 1 */
  readonly #pageOf = new Int32Array(octaves).fill(-1)
  #pageCount = 0
  // Small at first: a table of twenty thousand columns has as many summaries.
  #pages = new Int32Array(binsPerOctave)
  #keys = new Int32Array(64)
  #bins = new Float64Array(64 * stride)

  /** @param centre where the bins are finest, in the unit of the column; see pilotCentre */
  constructor(centre = 0) {
    this.centre = centre
  }

  /** Rows with a value, or the sum of their weights. */
  get rows(): number {
    return this.#rows
  }
  get nulls(): number {
    return this.#nulls
  }
  get min(): number {
    return this.#min
  }
  get max(): number {
    return this.#max
  }
  get decimals(): number {
    return this.#decimals
  }
  get binCount(): number {
    return this.#binCount
  }

  /**
   * Adds the first n values. Allocates only when it meets new bins.
   *
   * @param values  finite, shape (>= n)
   * @param weights rows that each value stands for, shape (>= n); default 1
   * @throws NonFiniteValueError at NaN or an infinity; the summary is of no use then
   */
  add(values: Float64Array, n = values.length, weights?: Float64Array): void {
    // In blocks, so that V8 compiles a function that has returned before: one compiled in the middle of a first, long
    // loop knows nothing of what follows the loop, and is given up at the end of every call.
    for (let start = 0; start < n; start += blockRows) {
      const end = Math.min(start + blockRows, n)
      this.#measureBlock(values, start, end)
      this.#decimals = mostDecimalsOf(values, start, end, this.#decimals)
      if (weights === undefined) this.#addBlock(values, start, end)
      else this.#addWeighted(values, weights, start, end)
    }
  }

  /**
   * Minimum, maximum, and the distances that #addBlock takes the bits of: a pass of its own, so that no bit waits for
   * its store.
   */
  #measureBlock(values: Float64Array, start: number, end: number): void {
    const { centre } = this
    let min = this.#min
    let max = this.#max
    // NaN as soon as one of them is not finite: one sum is cheaper than a look at each.
    let check = 0
    for (let i = start; i < end; i++) {
      const x = values[i]
      const distance = x - centre + 0 // + 0 turns -0 into 0
      distances[i - start] = distance
      check += distance - distance
      if (x < min) min = x
      if (x > max) max = x
    }
    if (check !== 0) this.#refuse(values, start, end)
    // + 0: whichever of the two zeros comes first leaves no trace.
    this.#min = min + 0
    this.#max = max + 0
  }

  /** @throws NonFiniteValueError for the first value that is none, or that is too far from the centre */
  #refuse(values: Float64Array, start: number, end: number): void {
    for (let i = start; i < end; i++)
      if (!Number.isFinite(values[i] - this.centre)) throw new NonFiniteValueError(values[i], i)
  }

  #addBlock(values: Float64Array, start: number, end: number): void {
    const pageOf = this.#pageOf
    let pages = this.#pages
    let bins = this.#bins
    for (let i = start; i < end; i++) {
      const x = values[i]
      const word = 2 * (i - start)
      const high = words[word + highWord]
      const page = pageOf[high >>> 20]
      let slot = page < 0 ? 0 : pages[page + ((high >>> 10) & 1023)]
      if (slot === 0) {
        slot = this.#newSlot(high >>> 10, x)
        pages = this.#pages
        bins = this.#bins
      }
      const at = (slot - 1) * stride
      const steps = ((high & 1023) << 1) | (words[word + 1 - highWord] >>> 31)
      bins[at + COUNT] += 1
      bins[at + STEPS] += steps
      bins[at + SQUARES] += steps * steps
      if (bins[at + ONLY] !== x) bins[at + ONLY] = Number.NaN
    }
    this.#rows += end - start
  }

  /** As #addBlock; apart, because a weight's load and products would cost every row of a topic. */
  #addWeighted(values: Float64Array, weights: Float64Array, start: number, end: number): void {
    let rows = 0
    for (let i = start; i < end; i++) {
      const word = 2 * (i - start)
      const high = words[word + highWord]
      const at = (this.#slot(high >>> 10, values[i]) - 1) * stride
      const steps = ((high & 1023) << 1) | (words[word + 1 - highWord] >>> 31)
      const bins = this.#bins
      bins[at + COUNT] += weights[i]
      bins[at + STEPS] += weights[i] * steps
      bins[at + SQUARES] += weights[i] * steps * steps
      if (bins[at + ONLY] !== values[i]) bins[at + ONLY] = Number.NaN
      rows += weights[i]
    }
    this.#rows += rows
  }

  addNulls(count: number): void {
    this.#nulls += count
  }

  /**
   * Adds another summary of the same column.
   *
   * @throws SummaryMismatchError if the centres differ
   */
  merge({ centre, rows, nulls, min, max, decimals, keys, bins }: SummarySnapshot): void {
    if (!Object.is(this.centre + 0, centre + 0)) throw new SummaryMismatchError(this.centre, centre)
    for (let i = 0; i < keys.length; i++) {
      const from = i * stride
      const only = bins[from + ONLY]
      const to = (this.#slot(keys[i], only) - 1) * stride
      for (let field = 0; field < ONLY; field++) this.#bins[to + field] += bins[from + field]
      if (this.#bins[to + ONLY] !== only) this.#bins[to + ONLY] = Number.NaN
    }
    this.#rows += rows
    this.#nulls += nulls
    this.#min = Math.min(this.#min, min)
    this.#max = Math.max(this.#max, max)
    this.#decimals = Math.max(this.#decimals, decimals)
  }

  /** The summary as plain data, bins in the order of the line; equal rows give equal bytes. */
  snapshot(): SummarySnapshot {
    const keys = this.#keys.slice(0, this.#binCount).map(binOrder).sort().map(binAt)
    const bins = new Float64Array(keys.length * stride)
    for (let i = 0; i < keys.length; i++) {
      const from = (this.#slot(keys[i], Number.NaN) - 1) * stride
      for (let field = 0; field < stride; field++) bins[i * stride + field] = this.#bins[from + field]
    }
    return {
      centre: this.centre,
      rows: this.#rows,
      nulls: this.#nulls,
      min: this.#min,
      max: this.#max,
      decimals: this.#decimals,
      keys,
      bins,
    }
  }

  /** The summary that a snapshot was taken of. */
  static from(snapshot: SummarySnapshot): ColumnSummary {
    const summary = new ColumnSummary(snapshot.centre)
    summary.merge(snapshot)
    return summary
  }

  /** The slot + 1 of a bin; a new one begins with `only` as its only value. */
  #slot(key: number, only: number): number {
    const page = this.#pageOf[key >>> 10]
    const slot = page < 0 ? 0 : this.#pages[page + (key & 1023)]
    return slot === 0 ? this.#newSlot(key, only) : slot
  }

  #newSlot(key: number, only: number): number {
    const octave = key >>> 10
    if (this.#pageOf[octave] < 0) {
      const page = this.#pageCount++ * binsPerOctave
      if (page === this.#pages.length) this.#pages = grown(this.#pages, new Int32Array(2 * page))
      this.#pageOf[octave] = page
    }
    const slot = this.#binCount++
    if (slot === this.#keys.length) {
      this.#keys = grown(this.#keys, new Int32Array(2 * slot))
      this.#bins = grown(this.#bins, new Float64Array(2 * slot * stride))
    }
    this.#keys[slot] = key
    this.#bins[slot * stride + ONLY] = only + 0
    this.#pages[this.#pageOf[octave] + (key & 1023)] = slot + 1
    return slot + 1
  }
}

function grown<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from)
  return to
}
