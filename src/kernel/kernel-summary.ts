import { binAt, binOrder, octaves } from '../mixture/bin-grid.ts'
import type { SummarySnapshot } from '../mixture/column-summary.ts'
import { mostDecimalsOf } from '../mixture/decimals.ts'
import { NonFiniteValueError } from '../mixture/errors.ts'
import * as layout from './layout.ts'
import type { RowKernel } from './row-kernel.ts'

const octaveBytes = 4 * octaves
const firstBins = 64

/** What mixture/column-summary.ts makes of a column, of values in a kernel's memory: in half of the time. */
export class KernelSummary {
  readonly #kernel: RowKernel
  readonly #centre: number
  readonly #at: number
  #rows = 0
  #nulls = 0
  #decimals = 0

  /** @param centre where the bins are finest, in the unit of the column */
  constructor(kernel: RowKernel, centre: number) {
    const { memory } = kernel
    this.#kernel = kernel
    this.#centre = centre
    this.#at = memory.allocate(layout.summaryBytes)
    memory.bytes.fill(0, this.#at, this.#at + layout.summaryBytes)
    const octavesAt = memory.allocate(octaveBytes)
    memory.bytes.fill(0xff, octavesAt, octavesAt + octaveBytes)
    this.#set(layout.summaryOctaves, octavesAt)
    for (const [place, value] of [
      [layout.summaryCentre, centre],
      [layout.summaryMin, Infinity],
      [layout.summaryMax, -Infinity],
    ])
      memory.view.setFloat64(this.#at + place, value, true)
    this.#grow(layout.summaryPages, layout.summaryPageRoom, 1, layout.summaryPageBytes)
    this.#grow(layout.summaryBins, layout.summaryBinRoom, firstBins, layout.binBytes)
  }

  /**
   * Adds values; the kernel's memory may grow.
   *
   * @param at of finite values in it
   * @throws NonFiniteValueError for one that is too far from the centre; the summary is of no use then
   */
  add(at: number, count: number): void {
    const { memory } = this.#kernel
    const values = new Float64Array(memory.bytes.buffer, at, count)
    this.#decimals = mostDecimalsOf(values, 0, count, this.#decimals)
    for (let added = 0; ; ) {
      this.#set(layout.summaryValues, at + 8 * added)
      this.#set(layout.summaryCount, count - added)
      added += memory.code.summarize(this.#at)
      if (added === count) break
      const value = memory.view.getFloat64(at + 8 * added, true)
      if (!Number.isFinite(value - this.#centre)) throw new NonFiniteValueError(value, added)
      this.#makeRoom()
    }
    this.#rows += count
  }

  addNulls(count: number): void {
    this.#nulls += count
  }

  /** The summary as plain data; its memory is given back, and nothing more can be added. */
  take(): SummarySnapshot {
    const { memory } = this.#kernel
    const { buffer } = memory.bytes
    const [octavesAt, pagesAt] = [this.#get(layout.summaryOctaves), this.#get(layout.summaryPages)]
    const ends = new Map<number, number>()
    for (const [octave, page] of new Int32Array(buffer, octavesAt, octaves).entries()) {
      if (page < 0) continue
      const bins = new Int32Array(buffer, pagesAt + page, layout.summaryPageBytes / 4)
      for (const [bin, end] of bins.entries()) if (end > 0) ends.set((octave << 10) | bin, end)
    }
    const keys = Int32Array.from(ends.keys(), binOrder).sort().map(binAt)
    const fields = layout.binBytes / 8
    const bins = new Float64Array(fields * keys.length)
    const binsAt = this.#get(layout.summaryBins)
    for (const [i, key] of keys.entries())
      bins.set(new Float64Array(buffer, binsAt + (ends.get(key) ?? 0) - layout.binBytes, fields), fields * i)
    const min = memory.view.getFloat64(this.#at + layout.summaryMin, true)
    const max = memory.view.getFloat64(this.#at + layout.summaryMax, true)
    for (const at of [octavesAt, pagesAt, binsAt, this.#at]) memory.free(at)
    const counts = { rows: this.#rows, nulls: this.#nulls, min, max, decimals: this.#decimals }
    return { centre: this.#centre, ...counts, keys, bins }
  }

  /** For what the next value has found full. */
  #makeRoom(): void {
    const [pageRoom, binRoom] = [this.#get(layout.summaryPageRoom), this.#get(layout.summaryBinRoom)]
    if (this.#get(layout.summaryBinCount) === binRoom)
      this.#grow(layout.summaryBins, layout.summaryBinRoom, 2 * binRoom, layout.binBytes)
    else this.#grow(layout.summaryPages, layout.summaryPageRoom, 2 * pageRoom, layout.summaryPageBytes)
  }

  /** Moves pages or bins to where there is room for so many; what is new is 0. */
  #grow(placeAt: number, roomAt: number, room: number, bytes: number): void {
    const { memory } = this.#kernel
    const [from, filled] = [this.#get(placeAt), bytes * this.#get(roomAt)]
    const to = memory.allocate(bytes * room)
    memory.bytes.copyWithin(to, from, from + filled)
    memory.bytes.fill(0, to + filled, to + bytes * room)
    if (from !== 0) memory.free(from)
    this.#set(placeAt, to)
    this.#set(roomAt, room)
  }

  #set(place: number, value: number): void {
    this.#kernel.memory.view.setInt32(this.#at + place, value, true)
  }

  #get(place: number): number {
    return this.#kernel.memory.view.getInt32(this.#at + place, true)
  }
}
