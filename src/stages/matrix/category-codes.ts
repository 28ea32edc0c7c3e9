import { countText } from '../../count-text.ts'
import { UsageError } from '../../errors.ts'

/** Values of a column that get a place of their own in a matrix. */
export const mostCategories = 10_000
/** Values that are counted where rare ones share a place. */
const mostCounted = 1_000_000
/** Bytes of their texts. */
const mostTextBytes = 64 * 1024 * 1024

/** A column has more values than a matrix has places for. */
export class TooManyCategoriesError extends UsageError {
  constructor(column: string, found: string, isBucketed: boolean) {
    const orShare = isBucketed ? '' : ', or let rare values share a place (--rare 100)'
    super(
      `Column "${column}" has ${found}, and each would be a column of the matrix`,
      `Leave the column out (--leave-out ${column})${orShare}`,
    )
  }
}

/** Codes of values in the order of their appearance, counted from 0. */
abstract class Codes {
  /** how many there are */
  count = 0
  readonly #column: string
  readonly #isBucketed: boolean
  /** code + 1 by slot, 0 for a free one; the number of slots is a power of 2 */
  protected slots = new Int32Array(256)

  /** @param isBucketed whether rare values share a place, so that more of them may be met */
  constructor(column: string, isBucketed: boolean) {
    this.#column = column
    this.#isBucketed = isBucketed
  }

  /** The hash of a code's value. */
  protected abstract hashOf(code: number): number

  /** @throws TooManyCategoriesError */
  protected admit(slot: number, textBytes: number): number {
    const most = this.#isBucketed ? mostCounted : mostCategories
    if (this.count === most) throw this.#tooMany(`more than ${countText(most)} values`)
    if (textBytes > mostTextBytes) throw this.#tooMany('values of more than 64 MiB')
    this.slots[slot] = ++this.count
    if (2 * this.count > this.slots.length) this.#grow()
    return this.count - 1
  }

  #tooMany(found: string): TooManyCategoriesError {
    return new TooManyCategoriesError(this.#column, found, this.#isBucketed)
  }

  #grow(): void {
    this.slots = new Int32Array(4 * this.slots.length)
    const mask = this.slots.length - 1
    for (let code = 0; code < this.count; code++) {
      let slot = this.hashOf(code) & mask
      while (this.slots[slot] !== 0) slot = (slot + 1) & mask
      this.slots[slot] = code + 1
    }
  }
}

/** Codes of texts, by their bytes. */
export class TextCodes extends Codes {
  #bytes = new Uint8Array(4096)
  /** shape (count + 1), where each text begins in `#bytes` */
  #starts = new Int32Array(256)

  /** @throws TooManyCategoriesError */
  codeOf(bytes: Uint8Array, from: number, to: number): number {
    const slots = this.slots
    const mask = slots.length - 1
    const known = this.#bytes
    const starts = this.#starts
    const length = to - from
    let slot = hash(bytes, from, to) & mask
    for (let entry = slots[slot]; entry !== 0; entry = slots[slot]) {
      let at = starts[entry - 1]
      if (starts[entry] - at === length) {
        let i = from
        while (i < to && known[at] === bytes[i]) {
          i++
          at++
        }
        if (i === to) return entry - 1
      }
      slot = (slot + 1) & mask
    }
    return this.#add(slot, bytes, from, to)
  }

  texts(): string[] {
    const bytes = Buffer.from(this.#bytes.buffer)
    return Array.from({ length: this.count }, (_, code) =>
      bytes.toString('utf8', this.#starts[code], this.#starts[code + 1]),
    )
  }

  protected hashOf(code: number): number {
    return hash(this.#bytes, this.#starts[code], this.#starts[code + 1])
  }

  #add(slot: number, bytes: Uint8Array, from: number, to: number): number {
    const start = this.#starts[this.count]
    const end = start + to - from
    if (end > this.#bytes.length && end <= mostTextBytes) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#bytes.length))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    if (this.count + 2 > this.#starts.length) {
      const larger = new Int32Array(2 * this.#starts.length)
      larger.set(this.#starts)
      this.#starts = larger
    }
    if (end <= mostTextBytes) this.#bytes.set(bytes.subarray(from, to), start)
    this.#starts[this.count + 1] = end
    return this.admit(slot, end)
  }
}

/** FNV-1a, with its high bits folded in: tables look at the low ones. */
function hash(bytes: Uint8Array, from: number, to: number): number {
  let h = 0x811c9dc5
  for (let i = from; i < to; i++) h = Math.imul(h ^ bytes[i], 0x01000193)
  return h ^ (h >>> 15)
}

const double = new Float64Array(1)
const words = new Int32Array(double.buffer)

/** Codes of numbers; 0 and -0 are one. */
export class NumberCodes extends Codes {
  #numbers = new Float64Array(256)
  #lastNumber = Number.NaN
  #lastCode = 0

  /** @param value no NaN @throws TooManyCategoriesError */
  codeOf(value: number): number {
    if (value === this.#lastNumber) return this.#lastCode
    const slots = this.slots
    const mask = slots.length - 1
    let slot = numberHash(value) & mask
    let code = -1
    for (let entry = slots[slot]; entry !== 0; entry = slots[slot]) {
      if (this.#numbers[entry - 1] === value) {
        code = entry - 1
        break
      }
      slot = (slot + 1) & mask
    }
    if (code < 0) {
      if (this.count === this.#numbers.length) {
        const larger = new Float64Array(2 * this.#numbers.length)
        larger.set(this.#numbers)
        this.#numbers = larger
      }
      this.#numbers[this.count] = value + 0
      code = this.admit(slot, 0)
    }
    this.#lastNumber = value
    this.#lastCode = code
    return code
  }

  numbers(): number[] {
    return [...this.#numbers.subarray(0, this.count)]
  }

  protected hashOf(code: number): number {
    return numberHash(this.#numbers[code])
  }
}

function numberHash(value: number): number {
  double[0] = value + 0
  const h = Math.imul(words[0] ^ Math.imul(words[1], 0x85ebca6b), 0x9e3779b1)
  return h ^ (h >>> 15)
}
