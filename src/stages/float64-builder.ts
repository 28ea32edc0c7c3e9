/** All values of a column, for the recipe that looks at each of them. */
export class Float64Builder {
  #values = new Float64Array(1024)
  #count = 0

  add(more: Float64Array): void {
    if (this.#count + more.length > this.#values.length) {
      const larger = new Float64Array(2 * (this.#count + more.length))
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values.set(more, this.#count)
    this.#count += more.length
  }

  /** A copy of its own size: a message between threads carries the whole buffer that an array stands in. */
  take(): Float64Array<ArrayBuffer> {
    return this.#values.slice(0, this.#count)
  }
}
