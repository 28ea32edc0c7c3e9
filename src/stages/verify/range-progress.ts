import type { OffsetRange, RowSource, Source, StockRow } from '../../ports/stock-log.ts'
import type { RowTypes } from './row-types.ts'

/** Counts the rows of a range that have been given, and estimates how many follow. */
export class RangeProgress implements Source<StockRow> {
  readonly #source: RowSource
  readonly #rows: Source<StockRow>
  readonly #range: OffsetRange
  #position: number
  count = 0

  constructor(source: RowSource, types: RowTypes, range: OffsetRange) {
    this.#source = source
    this.#rows = types.prepared(source)
    this.#range = range
    this.#position = range.start
  }

  /** Batches that were passed over. */
  get unreadable(): readonly OffsetRange[] {
    return this.#source.unreadable
  }

  /** Markers take offsets too: as many rows for an offset as there have been so far. */
  get remaining(): number {
    return this.remainingBefore(this.#range.end)
  }

  /** The same, of the rows before an offset. */
  remainingBefore(offset: number): number {
    const { start, end } = this.#range
    const density = this.#position > start ? this.count / (this.#position - start) : 1
    return Math.round(Math.max(0, Math.min(offset, end) - this.#position) * density)
  }

  async next(): Promise<readonly StockRow[] | undefined> {
    const piece = await this.#rows.next()
    this.count += piece?.length ?? 0
    this.#position = piece === undefined ? this.#range.end : Number(piece[piece.length - 1].offset) + 1
    return piece
  }
}
