import type { ColumnModel } from '../mixture/column-model.ts'
import { type ModeQuadratics, modeTable } from '../mixture/mode-table.ts'
import { stdsPerUnit, unitsPerOne } from '../mixture/normalizer.ts'
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
  /** what was allocated for them */
  readonly #parts: number[] = []
  #tabulated = 0
  /** rows that there is room for, and the room of each column */
  #rows = 0
  #kept: number[] = []

  /** @param columns their models, or how many there are if they are only stored and replaced */
  constructor(kernel: RowKernel, columns: readonly ColumnModel[] | number, clip = Infinity) {
    const models = typeof columns === 'number' ? [] : columns
    this.#kernel = kernel
    this.#models = models
    this.count = typeof columns === 'number' ? columns : columns.length
    const bytes = Math.max(1, this.count) * layout.columnBytes
    this.at = this.#allocate(bytes)
    kernel.memory.bytes.fill(0, this.at, this.at + bytes)
    for (const [c, model] of models.entries()) this.#place(model, this.at + c * layout.columnBytes, clip)
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
    const model = this.#models[this.#tabulated]
    const at = this.at + this.#tabulated * layout.columnBytes
    this.#tabulated++
    const table = modeTable(quadratics(model))
    const { low, cellsPerUnit, cellCount, firstCell, cells, candidates, rootModes } = table
    const root = this.#allocate(rootModes.length)
    const cellsAt = this.#allocate(cells.byteLength)
    const tables = this.#allocate(low.length * layout.tableBytes)
    const lists = this.#allocate(Math.max(1, candidates.length) * 4)
    const listAt = candidates.map((list) => this.#allocate(1 + list.length))
    const { bytes, view } = this.#kernel.memory
    bytes.set(rootModes, root)
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
    view.setInt32(at + layout.columnTables, tables, true)
    view.setInt32(at + layout.columnLists, lists, true)
  }

  /** Makes room for the numbers of so many rows, which `store` programs write and `replace` programs read. */
  reserve(rows: number): void {
    if (rows <= this.#rows) return
    for (const at of this.#kept) this.#kernel.memory.free(at)
    this.#rows = Math.min(layout.pieceRows, Math.max(rows, 2 * this.#rows))
    this.#kept = Array.from({ length: this.count }, () => this.#kernel.memory.allocate(10 * this.#rows))
    const { view } = this.#kernel.memory
    for (const [c, kept] of this.#kept.entries()) {
      const at = this.at + c * layout.columnBytes
      view.setInt32(at + layout.columnValues, kept, true)
      view.setInt32(at + layout.columnStoredModes, kept + 8 * this.#rows, true)
      view.setInt32(at + layout.columnNulls, kept + 9 * this.#rows, true)
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

  #place(model: ColumnModel, at: number, clip: number): void {
    const { mean, std, offset, precision } = model
    const { emptyRoot } = this.#kernel
    const modes = this.#allocate(mean.length * layout.modeBytes)
    const { view } = this.#kernel.memory
    for (let k = 0; k < mean.length; k++) {
      const place = modes + k * layout.modeBytes
      view.setFloat64(place + layout.modeMean, mean[k], true)
      view.setFloat64(place + layout.modeScale, stdsPerUnit * std[k], true)
      view.setFloat64(place + layout.modeOffset, offset[k], true)
      view.setFloat64(place + layout.modePrecision, precision[k], true)
    }
    view.setInt32(at + layout.columnRoot, emptyRoot, true)
    view.setInt32(at + layout.columnModes, modes, true)
    view.setInt32(at + layout.columnModeCount, mean.length, true)
    view.setFloat64(at + layout.columnClip, clip, true)
    view.setFloat64(at + layout.columnUnits, unitsPerOne(model), true)
  }
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
