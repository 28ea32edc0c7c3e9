import { headerText, type OffsetRange, type StockRow } from '../../ports/stock-log.ts'
import { deadLetterHeaders, sourceOffset } from './dead-letter-filter.ts'

/** Dead letters of one partition that are whole batches. */
export class BatchLetters {
  readonly #letters: StockRow[] = []

  add(letter: StockRow): void {
    this.#letters.push(letter)
  }

  /** Takes the letter of a batch out; false if there is none. */
  take({ start, end }: OffsetRange): boolean {
    const found = this.#letters.findIndex((letter) => sourceOffset(letter) <= start && lastOffset(letter) === end - 1)
    if (found < 0) return false
    this.#letters.splice(found, 1)
    return true
  }

  /** Those that nobody has taken, but for batches that are not audited any more. */
  rest(from: number): readonly StockRow[] {
    return this.#letters.filter((letter) => lastOffset(letter) >= from)
  }
}

function lastOffset(letter: StockRow): number {
  return Number(headerText(letter, deadLetterHeaders.lastOffset))
}
