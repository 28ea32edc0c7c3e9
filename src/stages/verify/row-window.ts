import type { Source } from '../../ports/stock-log.ts'

/** A source with a view ahead: items can be looked at before they are taken. */
export class RowWindow<T> {
  readonly #source: Source<T>
  #items: readonly T[] = []
  #at = 0
  #hasEnded = false

  constructor(source: Source<T>) {
    this.#source = source
  }

  /** Items that can be looked at. */
  get length(): number {
    return this.#items.length - this.#at
  }

  /** Whether no item will follow those that can be looked at. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** @param ahead less than `length` */
  peek(ahead: number): T {
    return this.#items[this.#at + ahead]
  }

  skip(count: number): void {
    this.#at += count
  }

  /** Waits until `count` items can be looked at, or all that are left. */
  async fill(count: number): Promise<void> {
    while (this.length < count && !this.#hasEnded) {
      const more = await this.#source.next()
      if (more === undefined) this.#hasEnded = true
      else this.#items = this.length === 0 ? more : [...this.#items.slice(this.#at), ...more]
      this.#at = more === undefined ? this.#at : 0
    }
  }
}
