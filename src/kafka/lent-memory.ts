/** The memory of an answer: given back when nobody reads in it any more. */
export class LentMemory {
  readonly #giveBack: () => void
  #users = 1

  constructor(giveBack: () => void) {
    this.#giveBack = giveBack
  }

  lend(): void {
    this.#users++
  }

  release(): void {
    if (--this.#users === 0) this.#giveBack()
  }
}
