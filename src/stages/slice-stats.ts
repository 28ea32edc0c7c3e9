import { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import { type ColumnWindow, merged, valuesIn } from '../drift/column-window.ts'
import { type StatsRecord, statsKey, statsText } from '../drift/stats-record.ts'
import type { Model } from '../model/model.ts'
import type { CountedColumn } from '../ports/stage-event.ts'

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

/** What was counted of the rows of a slice. */
export interface SliceCounts {
  readonly rows: number
  /** in the order of the model's columns */
  readonly columns: readonly ColumnWindow[]
}

type Produce = (topic: string, partition: number, batch: RecordBatchWriter) => Promise<void>

/** The stats topic has one partition, as those of models and positions. */
export const statsPartition = 0

/**
 * Writes what a member has counted of its rows, by column and window of time.
 *
 * Each slice writes the counts of its window so far, in its own transaction: counts and rows become visible together,
 * or neither does, whenever a member is killed. Compaction keeps the last record of each window.
 */
export class SliceStats {
  readonly #options: SliceStatsOptions
  readonly #batch = new RecordBatchWriter(Number.POSITIVE_INFINITY)
  #windowStartMs = 0
  /** what has been committed of the window, by the version of the model: a promotion may be taken back within it */
  readonly #committed = new Map<number, StatsRecord>()
  #written: StatsRecord | undefined
  /** of the open slice */
  #counted: readonly CountedColumn[] = []

  constructor(options: SliceStatsOptions) {
    this.#options = options
  }

  /** Writes the counts of the window, a slice included; before it is committed. */
  async write(produce: Produce, model: Model, { rows, columns }: SliceCounts): Promise<void> {
    if (rows === 0) return
    const { topic, intervalMs, run, now } = this.#options
    const nowMs = now()
    const windowStartMs = nowMs - (nowMs % intervalMs)
    // A clock that is put back must not begin a window anew: its record would take the place of the one before.
    if (windowStartMs > this.#windowStartMs) {
      this.#windowStartMs = windowStartMs
      this.#committed.clear()
    }
    const before = this.#committed.get(model.version)
    this.#counted = model.columns.map(({ name }, c) => countedColumn(name, columns[c]))
    this.#written = {
      dataset: model.dataset,
      version: model.version,
      content: model.contentSha256,
      windowStartMs: this.#windowStartMs,
      intervalMs,
      run,
      rows: rows + (before?.rows ?? 0),
      columns: model.columns.map(({ name }, c) => ({ name, ...sum(columns[c], before?.columns[c]) })),
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
  }
}

function countedColumn(column: string, window: ColumnWindow): CountedColumn {
  const { slots } = window
  return { column, values: valuesIn(window), outside: slots[0] + slots[slots.length - 1] }
}

function sum(counted: ColumnWindow, before: ColumnWindow | undefined): ColumnWindow {
  return before === undefined ? counted : merged(counted, before)
}
