import { binOrder, binsPerOctave, highWord, octaves } from './bin-grid.ts'
import { decimalsOf, mostDecimals } from './decimals.ts'
import { NonFiniteValueError, SummaryMismatchError } from './errors.ts'

/** Numbers a bin holds, interleaved so that a row touches one cache line. */
const stride = 4
const COUNT = 0
const STEPS = 1
const SQUARES = 2
/** the bin's only value so far; NaN once it has two: NaN equals nothing, so it stays */
const ONLY = 3

const blockRows = 2048

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
 * Everything the fit needs to know of a column, in about 32 bytes a bin and a few thousand bins, whatever the number of rows.
 *
 * Unweighted sums are whole numbers (exact up to 2^53), so any split of the rows over summaries and any order of merging give
 * the same summary, bit for bit. See bin-grid.ts for the bins.
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
  #pages = new Int32Array(8 * binsPerOctave)
  #keys = new Int32Array(1024)
  #bins = new Float64Array(1024 * stride)
  readonly #distance = new Float64Array(1)
  readonly #words = new Int32Array(this.#distance.buffer)

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
    // In blocks, so that V8 compiles a function that has returned before: one compiled in the middle of a first, long loop
    // knows nothing of what follows the loop, and is given up at the end of every call.
    for (let start = 0; start < n; start += blockRows) {
      this.#addBlock(values, start, Math.min(start + blockRows, n), weights)
    }
  }

  #addBlock(values: Float64Array, start: number, end: number, weights?: Float64Array): void {
    const { centre } = this
    const distance = this.#distance
    const words = this.#words
    const pageOf = this.#pageOf
    let pages = this.#pages
    let bins = this.#bins
    let rows = 0
    let min = this.#min
    let max = this.#max
    for (let i = start; i < end; i++) {
      const x = values[i]
      distance[0] = x - centre + 0 // + 0 turns -0 into 0
      const high = words[highWord]
      if ((high & 0x7ff00000) === 0x7ff00000) throw new NonFiniteValueError(x, i)
      const page = pageOf[high >>> 20]
      let slot = page < 0 ? 0 : pages[page + ((high >>> 10) & 1023)]
      if (slot === 0) {
        slot = this.#newSlot(high >>> 10, x)
        pages = this.#pages
        bins = this.#bins
      }
      const at = (slot - 1) * stride
      const weight = weights === undefined ? 1 : weights[i]
      const steps = ((high & 1023) << 1) | (words[1 - highWord] >>> 31)
      bins[at + COUNT] += weight
      bins[at + STEPS] += weight * steps
      bins[at + SQUARES] += weight * steps * steps
      if (bins[at + ONLY] !== x) bins[at + ONLY] = Number.NaN
      rows += weight
      if (x < min) min = x
      if (x > max) max = x
    }
    this.#rows += rows
    this.#min = min
    this.#max = max
    this.#addDecimals(values, start, end)
  }

  #addDecimals(values: Float64Array, start: number, end: number): void {
    for (let i = start; i < end && this.#decimals < mostDecimals; i++) {
      const power = powersOfTen[this.#decimals]
      if (Math.round(values[i] * power) / power !== values[i]) {
        this.#decimals = Math.max(this.#decimals, decimalsOf(values[i]))
      }
    }
  }

  addNulls(count: number): void {
    this.#nulls += count
  }

  /**
   * Adds another summary of the same column.
   *
   * @throws SummaryMismatchError if the centres differ
   */
  merge(other: ColumnSummary): void {
    if (!Object.is(this.centre + 0, other.centre + 0)) throw new SummaryMismatchError(this.centre, other.centre)
    for (let slot = 0; slot < other.#binCount; slot++) {
      const from = slot * stride
      const only = other.#bins[from + ONLY]
      const to = (this.#slot(other.#keys[slot], only) - 1) * stride
      for (let field = 0; field < ONLY; field++) this.#bins[to + field] += other.#bins[from + field]
      if (this.#bins[to + ONLY] !== only) this.#bins[to + ONLY] = Number.NaN
    }
    this.#rows += other.#rows
    this.#nulls += other.#nulls
    this.#min = Math.min(this.#min, other.#min)
    this.#max = Math.max(this.#max, other.#max)
    this.#decimals = Math.max(this.#decimals, other.#decimals)
  }

  /** The summary as plain data, bins in the order of the line; equal rows give equal bytes. */
  snapshot(): SummarySnapshot {
    const slots = Array.from({ length: this.#binCount }, (_, slot) => slot)
    slots.sort((a, b) => binOrder(this.#keys[a]) - binOrder(this.#keys[b]))
    const bins = new Float64Array(slots.length * stride)
    slots.forEach((slot, i) => {
      bins.set(this.#bins.subarray(slot * stride, (slot + 1) * stride), i * stride)
    })
    return {
      centre: this.centre,
      rows: this.#rows,
      nulls: this.#nulls,
      min: this.#min,
      max: this.#max,
      decimals: this.#decimals,
      keys: Int32Array.from(slots, (slot) => this.#keys[slot]),
      bins,
    }
  }

  /** The summary that a snapshot was taken of. */
  static from(snapshot: SummarySnapshot): ColumnSummary {
    const summary = new ColumnSummary(snapshot.centre)
    summary.#rows = snapshot.rows
    summary.#nulls = snapshot.nulls
    summary.#min = snapshot.min
    summary.#max = snapshot.max
    summary.#decimals = snapshot.decimals
    for (let i = 0; i < snapshot.keys.length; i++) {
      const slot = summary.#slot(snapshot.keys[i], 0)
      summary.#bins.set(snapshot.bins.subarray(i * stride, (i + 1) * stride), (slot - 1) * stride)
    }
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
    this.#bins[slot * stride + ONLY] = only
    this.#pages[this.#pageOf[octave] + (key & 1023)] = slot + 1
    return slot + 1
  }
}

const powersOfTen = Float64Array.from({ length: mostDecimals + 1 }, (_, d) => 10 ** d)

function grown<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from)
  return to
}
