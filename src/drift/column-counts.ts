import { nextUp } from '../mixture/baseline.ts'
import type { ColumnTally } from './column-window.ts'
import type { DriftBins } from './drift-bins.ts'

/** Cells of the table that finds most slots: it stays in the first-level cache beside a block of rows. */
const cells = 4096
/** How many bins on each side the table may leave out, where they are far from all others. */
const mostLeftOut = 16
/** A cell is taken a little wider than it is, so that the rounding of a place cannot leave it. */
const overlap = 1e-3
const blockRows = 1024
/** What 32 bits may count before it is added up. */
const mostCounted = 2 ** 31

/** Values of a block whose slot the table does not tell; no two counters are at work at once. */
const untold = new Float64Array(blockRows)

/**
 * Counts the rows of a column by slot and by mode. All memory is allocated when it is made.
 *
 * @example
 * const counts = new ColumnCounts(driftBins(column))
 * counts.add(values, values.length)
 * counts.take() // { slots, modes }, and the next window begins
 */
export class ColumnCounts {
  readonly #edges: Float64Array
  readonly #table: CellTable
  /**
   * two counters in turns, for neighbouring rows often have one slot; the last one of each is of rows that are untold
   */
  readonly #even: Uint32Array
  readonly #odd: Uint32Array
  readonly #modeCounts: Uint32Array
  /** what the counters held when they were added up last */
  readonly #slots: Float64Array
  readonly #modes: Float64Array
  #added = 0

  constructor(bins: Pick<DriftBins, 'edges' | 'modes' | 'baseline'>) {
    const { edges, modes } = bins
    // Beyond the last edge nothing is at or below a value.
    this.#edges = Float64Array.of(...edges, Infinity, Infinity, Infinity)
    this.#table = cellTable(bins)
    this.#even = new Uint32Array(edges.length + 2)
    this.#odd = new Uint32Array(edges.length + 2)
    this.#modeCounts = new Uint32Array(modes)
    this.#slots = new Float64Array(edges.length + 1)
    this.#modes = new Float64Array(modes)
  }

  /**
   * @param values finite, in the unit of the column, shape (>= n), without those of nulls
   */
  add(values: Float64Array, n: number): void {
    this.#make(n)
    for (let start = 0; start < n; start += blockRows) {
      const end = Math.min(start + blockRows, n)
      const left = lookUp(this.#table, values, start, end, this.#even, this.#odd)
      if (left > 0) lookUpEach(this.#table, this.#edges, left, this.#even)
    }
  }

  /** @param modes of the same rows, shape (>= n) */
  addModes(modes: Uint8Array, n: number): void {
    const counts = this.#modeCounts
    for (let i = 0; i < n; i++) counts[modes[i]]++
  }

  /** What has been counted since the last call. */
  take(): ColumnTally {
    this.#addUp()
    const counted = { slots: Array.from(this.#slots), modes: Array.from(this.#modes) }
    this.#slots.fill(0)
    this.#modes.fill(0)
    return counted
  }

  /** Makes room for n more rows. */
  #make(n: number): void {
    if (this.#added + n >= mostCounted) this.#addUp()
    this.#added += n
  }

  #addUp(): void {
    for (let slot = 0; slot < this.#slots.length; slot++) this.#slots[slot] += this.#even[slot] + this.#odd[slot]
    for (let mode = 0; mode < this.#modes.length; mode++) this.#modes[mode] += this.#modeCounts[mode]
    this.#even.fill(0)
    this.#odd.fill(0)
    this.#modeCounts.fill(0)
    this.#added = 0
  }
}

interface CellTable {
  readonly low: number
  readonly cellsPerUnit: number
  /** the slot of each cell, shape (cells); the number of slots for one that holds an edge, and for the outer two */
  readonly slotOf: Uint8Array
  /** the lowest slot of each cell, shape (cells) */
  readonly lowest: Uint8Array
  /** the most frequent value that has a bin of its own in the cell, NaN without one, and its slot; shape (cells) */
  readonly atom: Float64Array
  readonly atomSlot: Uint8Array
  /** 1 for what is not told: (slot + bias) >>> 15 */
  readonly bias: number
}

/** Counts what the table tells; returns the number of `untold` values. */
function lookUp(
  { low, cellsPerUnit, slotOf, bias }: CellTable,
  values: Float64Array,
  start: number,
  end: number,
  even: Uint32Array,
  odd: Uint32Array,
): number {
  let left = 0
  let i = start
  for (; i + 1 < end; i += 2) {
    const x = values[i]
    const y = values[i + 1]
    const a = slotOf[cellOf(x, low, cellsPerUnit)]
    const b = slotOf[cellOf(y, low, cellsPerUnit)]
    even[a]++
    odd[b]++
    untold[left] = x
    left += (a + bias) >>> 15
    untold[left] = y
    left += (b + bias) >>> 15
  }
  if (i < end) untold[left++] = values[i]
  return left
}

/** Counts the values that are untold. */
function lookUpEach(
  { low, cellsPerUnit, lowest, atom, atomSlot }: CellTable,
  edges: Float64Array,
  left: number,
  counts: Uint32Array,
): void {
  for (let i = 0; i < left; i++) {
    const x = untold[i]
    const cell = cellOf(x, low, cellsPerUnit)
    let slot = atomSlot[cell]
    if (atom[cell] !== x) {
      slot = lowest[cell]
      while (edges[slot] <= x) slot++
    }
    counts[slot]++
  }
}

/** The table of that part of the range that tells the slots of most training rows. */
function cellTable({ edges, baseline }: Pick<DriftBins, 'edges' | 'baseline'>): CellTable {
  let best = tableBetween(edges, baseline, 0)
  for (let out = 1; out <= mostLeftOut && 2 * out < edges.length - 1; out *= 2) {
    const other = tableBetween(edges, baseline, out)
    if (other.told > best.told) best = other
  }
  return best
}

function tableBetween(edges: Float64Array, baseline: Float64Array, out: number): CellTable & { told: number } {
  const [first, high] = [edges[out], edges[edges.length - 1 - out]]
  const perUnit = (cells - 4) / (high - first)
  // No frequent value is at the end: to cut a place off is a jump, which is slow where it cannot be foreseen.
  const low = first - 2 / perUnit
  const cellsPerUnit = Number.isFinite(perUnit) && Number.isFinite(high) ? perUnit : 0
  const slots = edges.length + 1
  const slotOf = new Uint8Array(cells).fill(slots)
  const lowest = new Uint8Array(cells)
  const shares = new Float64Array(slots)
  const pad = overlap / cellsPerUnit + 4 * Number.EPSILON * Math.max(Math.abs(low), Math.abs(high))
  for (let cell = 1; cell < cells && cellsPerUnit > 0; cell++) {
    const slot = slotAt(edges, low + cell / cellsPerUnit - pad)
    lowest[cell] = slot
    if (cell === cells - 1 || slot !== slotAt(edges, low + (cell + 1) / cellsPerUnit + pad)) continue
    slotOf[cell] = slot
    shares[slot] += 1 / cellsPerUnit / (edges[slot] - edges[slot - 1])
  }
  const atom = new Float64Array(cells).fill(Number.NaN)
  const atomSlot = new Uint8Array(cells)
  for (let slot = 1; slot < edges.length; slot++) {
    const value = edges[slot - 1]
    if (nextUp(value) !== edges[slot]) continue
    const cell = cellOf(value, low, cellsPerUnit)
    if (!Number.isNaN(atom[cell]) && baseline[atomSlot[cell]] >= baseline[slot]) continue
    atom[cell] = value
    atomSlot[cell] = slot
  }
  const told = shares.reduce((sum, share, slot) => sum + share * baseline[slot], 0)
  return { low, cellsPerUnit, slotOf, lowest, atom, atomSlot, bias: 0x8000 - slots, told }
}

function cellOf(x: number, low: number, cellsPerUnit: number): number {
  return Math.min(Math.max((x - low) * cellsPerUnit, 0), cells - 1) | 0
}

/** How many edges are at or below x. */
function slotAt(edges: Float64Array, x: number): number {
  let low = 0
  let high = edges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (edges[middle] <= x) low = middle + 1
    else high = middle
  }
  return low
}
