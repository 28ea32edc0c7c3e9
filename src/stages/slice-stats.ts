import { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import type { Records } from '../batch/records.ts'
import { ColumnCounts } from '../drift/column-counts.ts'
import { type ColumnWindow, merged, valuesIn } from '../drift/column-window.ts'
import { driftBins } from '../drift/drift-bins.ts'
import { type StatsRecord, statsKey, statsText } from '../drift/stats-record.ts'
import type { KernelColumns } from '../kernel/kernel-columns.ts'
import type { RowKernel } from '../kernel/row-kernel.ts'
import type { Model } from '../model/model.ts'
import type { CountedColumn } from '../ports/stage-event.ts'
import { rowErrors } from '../rows/row-error.ts'

export interface SliceStatsOptions {
  readonly topic: string
  /** length of a window of the clock */
  readonly intervalMs: number
  /** of this member's start, as no other member has it */
  readonly run: string
  /** ms since the epoch */
  readonly now: () => number
  /** told of the rows of each slice that has been committed */
  readonly onCounted?: ((columns: readonly CountedColumn[]) => void) | undefined
}

type Produce = (topic: string, partition: number, batch: RecordBatchWriter) => Promise<void>

/** The stats topic has one partition, as those of models and positions. */
export const statsPartition = 0

/**
 * Counts the rows that a member normalizes, by column and window of time.
 *
 * Each slice writes the counts of its window so far, in its own transaction: counts and rows become visible together,
 * or neither does, whenever a member is killed. Compaction keeps the last record of each window.
 */
export class SliceStats {
  readonly #options: SliceStatsOptions
  readonly #batch = new RecordBatchWriter(Number.POSITIVE_INFINITY)
  #model: Model | undefined
  #counts: readonly ColumnCounts[] = []
  /** rows of the open slice */
  #rows = 0
  #windowStartMs = 0
  /** what has been committed of the window, by the version of the model: a promotion may be taken back within it */
  readonly #committed = new Map<number, StatsRecord>()
  #written: StatsRecord | undefined
  /** of the open slice */
  #counted: readonly CountedColumn[] = []
  /** shape (columns)(rows) */
  readonly #kept: Float64Array[] = []
  #values = new Float64Array(0)
  #modes = new Uint8Array(0)

  constructor(options: SliceStatsOptions) {
    this.#options = options
  }

  /** A slice begins, with this model. */
  begin(model: Model): void {
    if (model === this.#model) return
    this.#model = model
    this.#counts = model.columns.map((column) => new ColumnCounts(driftBins(column)))
  }

  /** Keeps a column's numbers of a run until it is known which rows are sent: they are replaced by what is sent. */
  keep(column: number, values: Float64Array): void {
    if ((this.#kept[column]?.length ?? 0) < values.length) this.#kept[column] = new Float64Array(values.length)
    this.#kept[column].set(values)
  }

  /** Counts the rows [from, to) that have been sent to the output. */
  count({ records, status }: RowKernel, columns: KernelColumns, from: number, to: number): void {
    const rows = sentRows(records, status, from, to)
    this.#rows += rows
    for (const [c, counts] of this.#counts.entries()) {
      const [isNull, modes] = [columns.isNull(c, from, to), columns.modes(c, from, to)]
      if (rows === to - from && !isNull.includes(1)) {
        counts.add(this.#kept[c], rows)
        counts.addModes(modes, rows)
        continue
      }
      const held = this.#compact(records, status, c, isNull, modes, from, to)
      counts.add(this.#values, held)
      counts.addModes(this.#modes, held)
      counts.addNulls(rows - held)
    }
  }

  /** Writes the counts of the window, this slice included; before the slice is committed. */
  async write(produce: Produce): Promise<void> {
    const model = this.#model
    if (model === undefined || this.#rows === 0) return
    const { topic, intervalMs, run, now } = this.#options
    const nowMs = now()
    const windowStartMs = nowMs - (nowMs % intervalMs)
    // A clock that is put back must not begin a window anew: its record would take the place of the one before.
    if (windowStartMs > this.#windowStartMs) {
      this.#windowStartMs = windowStartMs
      this.#committed.clear()
    }
    const before = this.#committed.get(model.version)
    const slice = this.#counts.map((counts) => counts.take())
    this.#counted = model.columns.map(({ name }, c) => countedColumn(name, slice[c]))
    this.#written = {
      dataset: model.dataset,
      version: model.version,
      content: model.contentSha256,
      windowStartMs: this.#windowStartMs,
      intervalMs,
      run,
      rows: this.#rows + (before?.rows ?? 0),
      columns: model.columns.map(({ name }, c) => ({ name, ...sum(slice[c], before?.columns[c]) })),
    }
    const [key, value] = [statsKey(this.#written), statsText(this.#written)]
    this.#batch.append(nowMs, Buffer.from(key), Buffer.from(value))
    await produce(topic, statsPartition, this.#batch)
  }

  /** The slice has ended; without a commit, nothing of it counts. */
  end(isCommitted: boolean): void {
    if (isCommitted && this.#written !== undefined) {
      this.#committed.set(this.#written.version, this.#written)
      this.#options.onCounted?.(this.#counted)
    }
    this.#written = undefined
    this.#rows = 0
    for (const counts of this.#counts) counts.take()
  }

  /** Takes the values together that are there; returns their number. */
  #compact(
    { valueStart }: Records,
    status: Uint8Array,
    c: number,
    isNull: Uint8Array,
    modes: Uint8Array,
    from: number,
    to: number,
  ): number {
    if (this.#values.length < to - from) {
      this.#values = new Float64Array(to - from)
      this.#modes = new Uint8Array(to - from)
    }
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

function countedColumn(column: string, window: ColumnWindow): CountedColumn {
  const { slots } = window
  return { column, values: valuesIn(window), outside: slots[0] + slots[slots.length - 1] }
}

function sum({ slots, modes, nulls }: ColumnWindow, before: ColumnWindow | undefined): ColumnWindow {
  return before === undefined ? { slots, modes, nulls } : merged({ slots, modes, nulls }, before)
}

function sentRows({ valueStart }: Records, status: Uint8Array, from: number, to: number): number {
  let rows = 0
  for (let row = from; row < to; row++) rows += Number(status[row] === rowErrors.none && valueStart[row] >= 0)
  return rows
}
