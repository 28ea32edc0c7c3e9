import type { Source } from '../../ports/stock-log.ts'

/** Items between one who makes them and one who takes them; the maker waits when many are there. */
export class RowQueue<T> implements Source<T> {
  readonly #limit: number
  #pieces: (readonly T[])[] = []
  #length = 0
  #hasEnded = false
  #isClosed = false
  #failure: Error | undefined
  #wakeTaker: (() => void) | undefined
  #wakeMaker: (() => void) | undefined

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Whether nobody takes any more. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Waits until there is room for more. */
  async put(items: readonly T[]): Promise<void> {
    if (this.#isClosed || items.length === 0) return
    this.#pieces.push(items)
    this.#length += items.length
    this.#wakeTaker?.()
    while (this.#length >= this.#limit && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wakeMaker = resolve
      })
    }
  }

  /** Nothing will come any more, for this reason if there is one. */
  end(failure?: Error): void {
    this.#hasEnded = true
    this.#failure = failure
    this.#wakeTaker?.()
  }

  async next(): Promise<readonly T[] | undefined> {
    while (this.#pieces.length === 0) {
      if (this.#failure !== undefined) throw this.#failure
      if (this.#hasEnded) return undefined
      await new Promise<void>((resolve) => {
        this.#wakeTaker = resolve
      })
    }
    const items = this.#pieces.shift()!
    this.#length -= items.length
    this.#wakeMaker?.()
    return items
  }

  /** Takes no more: what is put is dropped. */
  close(): void {
    this.#isClosed = true
    this.#pieces = []
    this.#length = 0
    this.#wakeMaker?.()
  }
}
