import type { Source } from '../../ports/stock-log.ts'
import type { AlignedFault } from './aligned-fault.ts'
import type { Fault } from './findings.ts'
import { MovedRows } from './moved-rows.ts'
import { meeting } from './resynchronize.ts'
import { RowWindow } from './row-window.ts'

/** How an expected item and a found one are compared. */
export interface Comparison<L, R> {
  /** What differs; undefined if the found item is what is expected. Called once a row. */
  difference(expected: L, found: R): string | undefined
  /** Whether both are the same row, however wrong its content: same key and timestamp. */
  isSameRow(expected: L, found: R): boolean
  /**
   * Texts that are equal where `difference` finds none, or nearly always; `undefined` where there is no such text. For
   * many items at once, and only around a difference.
   */
  prints(expected: readonly L[], found: readonly R[]): Prints
}

export interface Prints {
  readonly expected: readonly (string | undefined)[]
  readonly found: readonly (string | undefined)[]
}

/** A found item, and the expected one that it is, if it is one. */
export interface Pair<L, R> {
  readonly found: R
  readonly expected: L | undefined
}

export interface AlignOptions<L, R> {
  readonly comparison: Comparison<L, R>
  readonly report: (fault: AlignedFault<L, R>) => void
  /** items still to come from both sources, about; decides what a long gap is */
  readonly remaining: () => { readonly expected: number; readonly found: number }
  /** expected items before the first one that is found are passed over: retention has deleted what was made of them */
  readonly mayBeginLate?: boolean
  /** found items before the first one that is expected are passed over: retention has deleted what they were made of */
  readonly mayBeginEarly?: boolean
  /** expected items were removed since: found ones may stand where their offsets are missing */
  readonly gaps?: OffsetGaps<L>
}

interface OffsetGaps<L> {
  readonly offsetOf: (expected: L) => number
  /** offsets of all expected items, `end` excluded */
  readonly start: number
  readonly end: number
}

/** Looked through one after another until the sequences meet again; the last one bounds the memory. */
const windowSizes = [64, 1_024, 16_384, 131_072]
const pairsAtOnce = 4_096

/**
 * Compares two sequences that should be equal, and gives the found items with what they are.
 *
 * While items are equal, they are compared one by one and nothing is kept. Around a difference both sequences are
 * looked through, up to 131,072 items ahead, for the nearest place where they run together again (eight equal items;
 * three if there is no such place). Between the difference and that place:
 * - items that are equal but stand elsewhere are reordered; of those only the fewest that must be moved are counted
 * - an expected and a found item with the same key and timestamp are one row with a wrong content
 * - what remains is paired in its order, and wrong, as long as there is something of both
 * - what then remains of the expected is lost; of the found, doubled: more rows than there should be. One of each that
 *   are equal, however far apart, are one reordered row
 *
 * If the sequences do not meet within the window, and one has far more items to come than the other, a window of it is
 * lost or doubled; else the items of the window are paired as they stand.
 */
export class RowAlignment<L, R> implements Source<Pair<L, R>> {
  readonly #expected: RowWindow<L>
  readonly #found: RowWindow<R>
  readonly #options: AlignOptions<L, R>
  #pairs: Pair<L, R>[] = []
  readonly #moved: MovedRows<L, R>
  #hasBegun = false
  /** first offset after the expected items that have been taken, and after those that found ones stand for */
  #nextOffset: number

  constructor(expected: Source<L>, found: Source<R>, options: AlignOptions<L, R>) {
    this.#expected = new RowWindow(expected)
    this.#found = new RowWindow(found)
    this.#options = options
    this.#nextOffset = options.gaps?.start ?? 0
    this.#moved = new MovedRows(options.report)
  }

  async next(): Promise<readonly Pair<L, R>[] | undefined> {
    const expected = this.#expected
    const found = this.#found
    while (this.#pairs.length < pairsAtOnce) {
      if (expected.length === 0) await expected.fill(1)
      if (found.length === 0) await found.fill(1)
      if (expected.length === 0 || found.length === 0) {
        if (expected.length === 0 && found.length === 0) break
        if (!this.#passGap()) this.#settle(expected.length, found.length)
      } else if (!this.#compareEqual() && !this.#passGap()) await this.#resynchronize()
    }
    if (this.#pairs.length === 0) {
      this.#moved.flush()
      return undefined
    }
    const pairs = this.#pairs
    this.#pairs = []
    return pairs
  }

  /** Takes equal items as far as they go; false at a difference. */
  #compareEqual(): boolean {
    const expected = this.#expected
    const found = this.#found
    const { comparison } = this.#options
    const count = Math.min(expected.length, found.length)
    for (let i = 0; i < count; i++) {
      const left = expected.peek(i)
      const right = found.peek(i)
      if (comparison.difference(left, right) !== undefined) {
        this.#takeExpected(i)
        found.skip(i)
        this.#hasBegun ||= i > 0
        return false
      }
      this.#pairs.push({ found: right, expected: left })
    }
    this.#takeExpected(count)
    found.skip(count)
    this.#hasBegun = true
    return true
  }

  #takeExpected(count: number): void {
    const { gaps } = this.#options
    if (gaps !== undefined && count > 0) this.#nextOffset = gaps.offsetOf(this.#expected.peek(count - 1)) + 1
    this.#expected.skip(count)
  }

  /** Takes found items that are no expected ones, as many as offsets are missing here; false if there is none. */
  #passGap(): boolean {
    const { comparison, gaps } = this.#options
    if (gaps === undefined || this.#found.length === 0) return false
    const next = ahead(this.#expected, sameRowReach)
    const gapEnd = next.length === 0 ? gaps.end : gaps.offsetOf(next[0])
    const isExpected = (item: R) => next.some((each) => comparison.isSameRow(each, item))
    const before = this.#nextOffset
    while (this.#found.length > 0 && this.#nextOffset < gapEnd && !isExpected(this.#found.peek(0))) {
      this.#pairs.push({ found: this.#found.peek(0), expected: undefined })
      this.#found.skip(1)
      this.#nextOffset++
    }
    return this.#nextOffset > before
  }

  async #resynchronize(): Promise<void> {
    const expected = this.#expected
    const found = this.#found
    for (const size of windowSizes) {
      await expected.fill(size)
      await found.fill(size)
      const left = ahead(expected, size)
      const right = ahead(found, size)
      const prints = this.#options.comparison.prints(left, right)
      const leftEnds = expected.hasEnded && left.length === expected.length
      const rightEnds = found.hasEnded && right.length === found.length
      const met = meeting(prints.expected, prints.found, leftEnds, rightEnds)
      if (met !== undefined && met.left + met.right > 0) return this.#settle(met.left, met.right)
      if (met !== undefined) return this.#settle(1, 1)
      if (leftEnds && rightEnds) return this.#settle(left.length, right.length)
    }
    const remaining = this.#options.remaining()
    const size = windowSizes[windowSizes.length - 1]
    const surplus = remaining.expected + expected.length - (remaining.found + found.length)
    // A gap that the window does not span is longer than half of it; a smaller surplus is an error of the estimate.
    if (surplus > size / 2) this.#settle(size, 0)
    else if (surplus < -size / 2) this.#settle(0, size)
    else this.#settle(size, size)
  }

  /** Decides what the next items, of which at least one is no equal, have become, and takes them. */
  #settle(leftCount: number, rightCount: number): void {
    const { comparison } = this.#options
    const left = ahead(this.#expected, leftCount)
    const right = ahead(this.#found, rightCount)
    // Where a source has ended there may be fewer.
    this.#takeExpected(left.length)
    this.#found.skip(right.length)
    const partners: (number | undefined)[] = new Array(right.length)
    const isTaken: boolean[] = new Array(left.length)
    const pairUp = (i: number, j: number) => {
      partners[j] = i
      isTaken[i] = true
    }
    const prints = comparison.prints(left, right)
    if (left.length > 0 && right.length > 0) {
      pairEqual(prints, (i, j) => {
        pairUp(i, j)
        // Prints are coarser than comparisons.
        this.#reportWrong(left[i], right[j])
      })
      this.#reportReordered(left, right, partners)
      pairSameRows(left, right, isTaken, partners, comparison, (i, j) => {
        pairUp(i, j)
        this.#reportWrong(left[i], right[j])
      })
    }
    const { mayBeginLate = false, mayBeginEarly = false } = this.#options
    const isDoubleAFault = this.#hasBegun || !mayBeginEarly
    const isLossAFault = this.#hasBegun || !mayBeginLate
    for (let j = 0; j < right.length; j++) {
      const found = right[j]
      const i = partners[j]
      this.#hasBegun ||= i !== undefined
      this.#pairs.push({ found, expected: i === undefined ? undefined : left[i] })
      if (i !== undefined || !isDoubleAFault) continue
      const problem = 'an additional row'
      this.#moved.add({ fault: 'doubled', expected: undefined, found, problem }, prints.found[j])
    }
    for (let i = 0; i < left.length; i++) {
      if (isTaken[i] || !isLossAFault) continue
      this.#moved.add(
        { fault: 'lost', expected: left[i], found: undefined, problem: 'the row is missing' },
        prints.expected[i],
      )
    }
  }

  #reportReordered(left: readonly L[], right: readonly R[], partners: readonly (number | undefined)[]): void {
    const matched = right.flatMap((_, j) => (partners[j] === undefined ? [] : [j]))
    const inOrder = longestAscending(matched.map((j) => partners[j]!))
    matched.forEach((j, place) => {
      if (!inOrder.has(place)) this.#report('reordered', left[partners[j]!], right[j], 'the row is at another position')
    })
  }

  #reportWrong(expected: L, found: R): void {
    const problem = this.#options.comparison.difference(expected, found)
    if (problem !== undefined) this.#report('wrong', expected, found, problem)
  }

  #report(fault: Fault, expected: L | undefined, found: R | undefined, problem: string): void {
    this.#options.report({ fault, expected, found, problem })
  }
}

function ahead<T>(window: RowWindow<T>, count: number): T[] {
  return Array.from({ length: Math.min(count, window.length) }, (_, i) => window.peek(i))
}

/** Pairs items with equal prints, the first with the first. */
function pairEqual({ expected, found }: Prints, pairUp: (i: number, j: number) => void): void {
  const places = new Map<string, number[]>()
  for (let i = expected.length - 1; i >= 0; i--) {
    const print = expected[i]
    if (print === undefined) continue
    const known = places.get(print)
    if (known === undefined) places.set(print, [i])
    else known.push(i)
  }
  for (let j = 0; j < found.length; j++) {
    const print = found[j]
    const i = print === undefined ? undefined : places.get(print)?.pop()
    if (i !== undefined) pairUp(i, j)
  }
}

/** Pairs what is left: same rows first, close by, then in order as long as there is something of both. */
function pairSameRows<L, R>(
  left: readonly L[],
  right: readonly R[],
  isTaken: readonly boolean[],
  partners: readonly (number | undefined)[],
  comparison: Comparison<L, R>,
  pairUp: (i: number, j: number) => void,
): void {
  const free = () => left.flatMap((_, i) => (isTaken[i] ? [] : [i]))
  const single = () => right.flatMap((_, j) => (partners[j] === undefined ? [j] : []))
  const lefts = free()
  let first = 0
  for (const j of single()) {
    // Not all with all: a block may have a hundred thousand items.
    const near = lefts
      .slice(first, first + sameRowReach)
      .find((i) => !isTaken[i] && comparison.isSameRow(left[i], right[j]))
    if (near === undefined) continue
    pairUp(near, j)
    while (first < lefts.length && isTaken[lefts[first]]) first++
  }
  const rest = single()
  free().forEach((i, place) => {
    if (place < rest.length) pairUp(i, rest[place])
  })
}

const sameRowReach = 64

/** Places of one longest strictly ascending subsequence. */
function longestAscending(values: readonly number[]): Set<number> {
  const tails: number[] = []
  const before: number[] = []
  values.forEach((value, place) => {
    let low = 0
    let high = tails.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (values[tails[middle]] < value) low = middle + 1
      else high = middle
    }
    before[place] = low > 0 ? tails[low - 1] : -1
    tails[low] = place
  })
  const kept = new Set<number>()
  for (let place = tails.length > 0 ? tails[tails.length - 1] : -1; place >= 0; place = before[place]) kept.add(place)
  return kept
}
