import type { ColumnTally } from '../drift/column-window.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import { type ModeQuadratics, modeTable } from '../mixture/mode-table.ts'
import { stdsPerUnit, unitsPerOne } from '../mixture/normalizer.ts'
import { type CellPair, cellPairs } from './cell-pairs.ts'
import * as layout from './layout.ts'
import type { RowKernel } from './row-kernel.ts'

/** Models of columns in a kernel's memory, one after the other: what a program's columns are. */
export class KernelColumns {
  /** of the first column */
  readonly at: number
  readonly #kernel: RowKernel
  /** how many there are */
  readonly count: number
  readonly #models: readonly ColumnModel[]
  readonly #edges: readonly Float64Array[]
  /** of the columns that have a table */
  readonly #pairs: (readonly CellPair[])[] = []
  /** what was allocated for them */
  readonly #parts: number[] = []
  #tabulated = 0
  /** rows that there is room for, and the room of each column */
  #rows = 0
  #kept: number[] = []

  /**
   * @param columns their models, or how many there are if they are only stored and replaced
   * @param edges   of the slots that numbers are counted by while they are normalized, ascending [one slot for all]
   */
  constructor(
    kernel: RowKernel,
    columns: readonly ColumnModel[] | number,
    clip = Infinity,
    edges: readonly Float64Array[] = [],
  ) {
    const models = typeof columns === 'number' ? [] : columns
    this.#kernel = kernel
    this.#models = models
    this.#edges = models.map((_, c) => edges[c] ?? new Float64Array(0))
    this.count = typeof columns === 'number' ? columns : columns.length
    const bytes = Math.max(1, this.count) * layout.columnBytes
    this.at = this.#allocate(bytes)
    kernel.memory.bytes.fill(0, this.at, this.at + bytes)
    for (const c of models.keys()) this.#place(c, clip)
  }

  /** Columns whose modes are evaluated one by one until `tabulateNext` has built their tables. */
  get untabulated(): number {
    return this.#models.length - this.#tabulated
  }

  get tabulated(): number {
    return this.#tabulated
  }

  /** Builds the table of the next column that has none. The results stay the same, to the last bit. */
  tabulateNext(): void {
    const column = this.#tabulated++
    const model = this.#models[column]
    const at = this.at + column * layout.columnBytes
    const table = modeTable(quadratics(model))
    const { low, cellsPerUnit, cellCount, firstCell, cells, candidates } = table
    const resolved = cellPairs(table, this.#edges[column])
    this.#pairs.push(resolved.pairs)
    const root = this.#allocate(resolved.cells.length)
    const pairs = this.#allocate(bytesOf(resolved.pairs))
    const cellsAt = this.#allocate(cells.byteLength)
    const tables = this.#allocate(low.length * layout.tableBytes)
    const lists = this.#allocate(Math.max(1, candidates.length) * 4)
    const listAt = candidates.map((list) => this.#allocate(1 + list.length))
    const { bytes, view } = this.#kernel.memory
    bytes.set(resolved.cells, root)
    const end = { mode: 0, edge: Infinity }
    for (const [i, { mode, edge }] of [...resolved.pairs, end, ...resolved.pairs, end].entries()) {
      const pair = pairs + i * layout.pairBytes
      view.setFloat64(pair + layout.pairMean, model.mean[mode], true)
      view.setFloat64(pair + layout.pairScale, stdsPerUnit * model.std[mode], true)
      view.setFloat64(pair + layout.pairEdge, edge, true)
      view.setInt32(pair + layout.pairMode, mode, true)
      view.setInt32(pair + layout.pairCount, 0, true)
    }
    for (const [i, cell] of cells.entries()) view.setUint16(cellsAt + 2 * i, cell, true)
    for (let i = 0; i < low.length; i++) {
      const place = tables + i * layout.tableBytes
      view.setFloat64(place + layout.tableLow, low[i], true)
      view.setFloat64(place + layout.tableCellsPerUnit, cellsPerUnit[i], true)
      view.setInt32(place + layout.tableCellCount, cellCount[i], true)
      view.setInt32(place + layout.tableCells, cellsAt + 2 * firstCell[i], true)
    }
    for (const [i, list] of candidates.entries()) {
      view.setInt32(lists + 4 * i, listAt[i], true)
      bytes[listAt[i]] = list.length
      bytes.set(list, listAt[i] + 1)
    }
    view.setFloat64(at + layout.columnLow, low[0], true)
    view.setFloat64(at + layout.columnCellsPerUnit, cellsPerUnit[0], true)
    view.setInt32(at + layout.columnRoot, root, true)
    view.setInt32(at + layout.columnPairs, pairs, true)
    view.setInt32(at + layout.columnTables, tables, true)
    view.setInt32(at + layout.columnLists, lists, true)
    this.#repeat(column)
  }

  /** Writes the column once more that counts what is not sent, in the second half of its counters. */
  #repeat(column: number): void {
    const { bytes, view } = this.#kernel.memory
    const at = this.at + column * layout.columnBytes
    bytes.copyWithin(at + layout.unsentAt, at, at + layout.unsentAt)
    const sizes = [
      [layout.columnCountsBySlot, 8 * (this.#edges[column].length + 1)],
      [layout.columnCountsByMode, 8 * this.#models[column].mean.length],
      [layout.columnPairs, bytesOf(this.#pairs[column] ?? [])],
    ]
    for (const [field, size] of sizes)
      view.setInt32(at + layout.unsentAt + field, view.getInt32(at + field, true) + size / 2, true)
  }

  /** What was counted of a column since the last call. */
  takeTally(column: number): ColumnTally {
    const { view } = this.#kernel.memory
    const at = this.at + column * layout.columnBytes
    const take = (field: number, place: number) => {
      const [all, unsent] = [at, at + layout.unsentAt].map((from) => view.getInt32(from + field, true) + place)
      const count = view.getInt32(all, true) - view.getInt32(unsent, true)
      view.setInt32(all, 0, true)
      view.setInt32(unsent, 0, true)
      return count
    }
    const takeAll = (field: number, length: number) => Array.from({ length }, (_, i) => take(field, 4 * i))
    const slots = takeAll(layout.columnCountsBySlot, this.#edges[column].length + 1)
    const modes = takeAll(layout.columnCountsByMode, this.#models[column].mean.length)
    for (const [i, { mode, slot }] of this.#pairs[column]?.entries() ?? []) {
      const count = take(layout.columnPairs, i * layout.pairBytes + layout.pairCount)
      slots[slot] += count
      modes[mode] += count
    }
    return { slots, modes }
  }

  /** Makes room for the numbers of so many rows, which `store` programs write and `replace` programs read. */
  reserve(rows: number): void {
    if (rows <= this.#rows) return
    for (const at of this.#kept) this.#kernel.memory.free(at)
    this.#rows = Math.min(layout.pieceRows, Math.max(rows, 2 * this.#rows))
    this.#kept = Array.from({ length: this.count }, () => this.#kernel.memory.allocate(10 * this.#rows))
    const { view } = this.#kernel.memory
    for (const [c, kept] of this.#kept.entries()) {
      for (const at of [0, layout.unsentAt].map((place) => this.at + c * layout.columnBytes + place)) {
        view.setInt32(at + layout.columnValues, kept, true)
        view.setInt32(at + layout.columnStoredModes, kept + 8 * this.#rows, true)
        view.setInt32(at + layout.columnNulls, kept + 9 * this.#rows, true)
      }
    }
  }

  /** The numbers of a column in rows [from, to): a view that lasts until the kernel's memory grows. */
  values(column: number, from: number, to: number): Float64Array<ArrayBuffer> {
    return new Float64Array(this.#kernel.memory.bytes.buffer, this.#kept[column] + 8 * from, to - from)
  }

  /** Their modes; the same. */
  modes(column: number, from: number, to: number): Uint8Array<ArrayBuffer> {
    return this.#bytes(column, 8 * this.#rows + from, to - from)
  }

  /** 1 where a number is null, else 0; the same. */
  isNull(column: number, from: number, to: number): Uint8Array<ArrayBuffer> {
    return this.#bytes(column, 9 * this.#rows + from, to - from)
  }

  #bytes(column: number, from: number, count: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#kernel.memory.bytes.buffer, this.#kept[column] + from, count)
  }

  /** Gives their memory back. */
  free(): void {
    for (const at of this.#kept.splice(0)) this.#kernel.memory.free(at)
    this.#rows = 0
    for (const at of this.#parts.splice(0)) this.#kernel.memory.free(at)
  }

  #allocate(bytes: number): number {
    const at = this.#kernel.memory.allocate(bytes)
    this.#parts.push(at)
    return at
  }

  #place(column: number, clip: number): void {
    const [model, edges] = [this.#models[column], this.#edges[column]]
    const at = this.at + column * layout.columnBytes
    const { mean, std, offset, precision } = model
    const { emptyRoot } = this.#kernel
    const modes = this.#allocate(mean.length * layout.modeBytes)
    const countsByMode = this.#allocate(8 * mean.length)
    const countsBySlot = this.#allocate(8 * (edges.length + 1))
    const allEdges = 2 ** Math.ceil(Math.log2(edges.length + 1)) - 1
    const edgesAt = this.#allocate(8 * allEdges)
    const { bytes, view } = this.#kernel.memory
    for (let k = 0; k < mean.length; k++) {
      const place = modes + k * layout.modeBytes
      view.setFloat64(place + layout.modeMean, mean[k], true)
      view.setFloat64(place + layout.modeScale, stdsPerUnit * std[k], true)
      view.setFloat64(place + layout.modeOffset, offset[k], true)
      view.setFloat64(place + layout.modePrecision, precision[k], true)
    }
    for (let i = 0; i < allEdges; i++) view.setFloat64(edgesAt + 8 * i, edges[i] ?? Infinity, true)
    bytes.fill(0, countsByMode, countsByMode + 8 * mean.length)
    bytes.fill(0, countsBySlot, countsBySlot + 8 * (edges.length + 1))
    view.setInt32(at + layout.columnEdges, edgesAt, true)
    view.setInt32(at + layout.columnHalfEdges, (4 * (allEdges + 1)) & ~7, true)
    view.setInt32(at + layout.columnCountsBySlot, countsBySlot, true)
    view.setInt32(at + layout.columnCountsByMode, countsByMode, true)
    view.setInt32(at + layout.columnRoot, emptyRoot, true)
    view.setInt32(at + layout.columnModes, modes, true)
    view.setInt32(at + layout.columnModeCount, mean.length, true)
    view.setFloat64(at + layout.columnClip, clip, true)
    view.setFloat64(at + layout.columnUnits, unitsPerOne(model), true)
    this.#repeat(column)
  }
}

/** Of pairs and the end behind them, twice. */
function bytesOf(pairs: readonly CellPair[]): number {
  return 2 * (pairs.length + 1) * layout.pairBytes
}

function quadratics({ offset, mean, precision, std, weight }: ColumnModel): ModeQuadratics {
  return {
    offset: Float64Array.from(offset),
    mean: Float64Array.from(mean),
    precision: Float64Array.from(precision),
    std: Float64Array.from(std),
    weight: Float64Array.from(weight),
  }
}
