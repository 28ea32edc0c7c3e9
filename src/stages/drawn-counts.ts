import type { Records } from '../batch/records.ts'
import { ColumnCounts } from '../drift/column-counts.ts'
import type { ColumnTally } from '../drift/column-window.ts'
import type { DriftBins } from '../drift/drift-bins.ts'
import type { KernelColumns } from '../kernel/kernel-columns.ts'
import type { RowKernel } from '../kernel/row-kernel.ts'
import { rowErrors } from '../rows/row-error.ts'

/** Counts the numbers of rows whose modes are drawn: the kernel, which counts all others, does not choose those. */
export class DrawnCounts {
  readonly #counts: readonly ColumnCounts[]
  /** shape (columns)(rows) */
  readonly #kept: Float64Array[] = []
  #values = new Float64Array(0)
  #modes = new Uint8Array(0)

  constructor(bins: readonly DriftBins[]) {
    this.#counts = bins.map((each) => new ColumnCounts(each))
  }

  /** Keeps a column's numbers of a run until it is known which rows are sent: they are replaced by what is sent. */
  keep(column: number, values: Float64Array): void {
    if ((this.#kept[column]?.length ?? 0) < values.length) this.#kept[column] = new Float64Array(values.length)
    this.#kept[column].set(values)
  }

  /** Counts the rows [from, to), but those that have failed. */
  count({ records, status }: RowKernel, columns: KernelColumns, from: number, to: number): void {
    for (const [c, counts] of this.#counts.entries()) {
      const held = this.#compact(c, records, status, columns, from, to)
      counts.add(this.#values, held)
      counts.addModes(this.#modes, held)
    }
  }

  /** What was counted of a column since the last call. */
  takeTally(column: number): ColumnTally {
    return this.#counts[column].take()
  }

  /** Takes the values together that are there; returns their number. */
  #compact(
    c: number,
    { valueStart }: Records,
    status: Uint8Array,
    columns: KernelColumns,
    from: number,
    to: number,
  ): number {
    if (this.#values.length < to - from) {
      this.#values = new Float64Array(to - from)
      this.#modes = new Uint8Array(to - from)
    }
    const [isNull, modes] = [columns.isNull(c, from, to), columns.modes(c, from, to)]
    const kept = this.#kept[c]
    let held = 0
    for (let row = from; row < to; row++) {
      if (status[row] !== rowErrors.none || valueStart[row] < 0 || isNull[row - from] !== 0) continue
      this.#values[held] = kept[row - from]
      this.#modes[held++] = modes[row - from]
    }
    return held
  }
}
