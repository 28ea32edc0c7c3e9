import type { Source } from '../../ports/stock-log.ts'
import { alignGaps } from './align-gaps.ts'
import type { AlignedFault } from './aligned-fault.ts'
import type { Comparison, Prints } from './comparison.ts'
import type { Fault } from './findings.ts'
import { MovedRows } from './moved-rows.ts'
import { longestAscending, pairEqual, pairInOrder, pairSameBackwards, pairSameRows } from './pair-rows.ts'
import { type LikelyPlace, type Meeting, meeting, meetingAcrossGaps, numbered, runLengths } from './resynchronize.ts'
import { RowWindow } from './row-window.ts'

/** A found item, and the expected one that it is, if it is one. */
export interface Pair<L, R> {
  readonly found: R
  readonly expected: L | undefined
  /** whether the expected one may have been removed since, so that nothing is known of the found one */
  readonly isPassed: boolean
}

export interface AlignOptions<L, R> {
  readonly comparison: Comparison<L, R>
  readonly report: (fault: AlignedFault<L, R>) => void
  /** items still to come from both sources, about; decides what a long gap is */
  readonly remaining: () => { readonly expected: number; readonly found: number }
  /**
   * whether both sources end with the same items but for those that need not be found, so that `remaining` tells where
   * a sequence begins that has lost its beginning [false]
   */
  readonly endsTogether?: boolean
  /** whether the item must have been found; those that need not be follow all others [always] */
  readonly isDue?: (expected: L) => boolean
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
  /** behind the last expected item that must be found */
  readonly dueEnd: number
  /** how many of these offsets, none of which is an expected item's, may have had one; `to` excluded */
  readonly removedIn: (from: number, to: number) => number
}

/** Looked through one after another until the sequences meet again; the last one bounds the memory. */
const windowSizes = [64, 1_024, 16_384, 131_072]
const pairsAtOnce = 4_096
/** Expected and found items among which the fewest faults are looked for where some were removed. */
const gapWindow = { expected: 64, found: 1_024 }
/** Expected items of which two are found where a gap ends that no window spans. */
const gapEndReach = 8
/** Expected items of which one is found, with any content, where a sequence begins. */
const sameRows = 32

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
 *
 * Where a sequence may have lost its beginning, the place is looked for where they run together first. Before it only
 * the same rows are paired, and what is left of the sequence that goes further back is passed over.
 *
 * Where expected items were removed (`gaps`), as many found ones may stand in their places. An expected item may equal
 * one that was removed in front of it, so all places where it may be are followed until one is left. Around a
 * difference `alignGaps` looks for the fewest faults.
 */
export class RowAlignment<L, R> implements Source<Pair<L, R>> {
  readonly #expected: RowWindow<L>
  readonly #found: RowWindow<R>
  readonly #options: AlignOptions<L, R>
  #pairs: Pair<L, R>[] = []
  readonly #moved: MovedRows<L, R>
  #hasBegun = false
  /** first offset after the expected items that have been taken */
  #nextOffset: number
  /** found items that have been taken for removed ones since */
  #passedHere = 0
  /** ascending: how many found items may be passed over instead of none, which equal those that were taken so far */
  #shifts: readonly number[] = []
  #beginSizes: readonly number[] = windowSizes

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
      if (expected.length === 0 && found.length === 0) break
      if (expected.length === 0 || found.length === 0) await this.#endOne()
      else if (this.#mayBeginLater) await this.#begin()
      else if (this.#options.gaps !== undefined) await this.#stepAcrossGaps()
      else if (!this.#compareEqual()) await this.#resynchronize()
    }
    if (this.#pairs.length === 0) {
      this.#moved.flush()
      return undefined
    }
    const pairs = this.#pairs
    this.#pairs = []
    return pairs
  }

  get #mayBeginLater(): boolean {
    const { mayBeginLate = false, mayBeginEarly = false } = this.#options
    return !this.#hasBegun && (mayBeginLate || mayBeginEarly)
  }

  #isDue(expected: L): boolean {
    return this.#options.isDue?.(expected) ?? true
  }

  /** Takes equal items as far as they go, and as none were removed between them; false at a difference. */
  #compareEqual(): boolean {
    const expected = this.#expected
    const found = this.#found
    const { comparison, gaps } = this.#options
    let count = Math.min(expected.length, found.length)
    for (let i = 0; i < count; i++) {
      const left = expected.peek(i)
      const right = found.peek(i)
      if (gaps !== undefined && i > 0 && gaps.offsetOf(left) > gaps.offsetOf(expected.peek(i - 1)) + 1) {
        count = i
        break
      }
      if (comparison.difference(left, right) !== undefined) {
        this.#takeExpected(i)
        found.skip(i)
        this.#hasBegun ||= i > 0
        return false
      }
      this.#pairs.push({ found: right, expected: left, isPassed: false })
    }
    this.#takeExpected(count)
    found.skip(count)
    this.#hasBegun = true
    return true
  }

  #takeExpected(count: number): void {
    const { gaps } = this.#options
    if (gaps !== undefined && count > 0) {
      this.#nextOffset = gaps.offsetOf(this.#expected.peek(count - 1)) + 1
      this.#passedHere = 0
    }
    this.#expected.skip(count)
  }

  /** Found items that may still stand for removed ones in front of an expected item, or behind the last one. */
  #removedBefore(ahead: number): number {
    const { gaps } = this.#options
    if (gaps === undefined) return 0
    const { offsetOf, end, removedIn } = gaps
    const from = ahead === 0 ? this.#nextOffset : offsetOf(this.#expected.peek(ahead - 1)) + 1
    const to = ahead < this.#expected.length ? offsetOf(this.#expected.peek(ahead)) : end
    return Math.max(0, removedIn(from, to) - (ahead === 0 ? this.#passedHere : 0))
  }

  /** Takes found items for removed ones. */
  #pass(count: number): void {
    for (let j = 0; j < count; j++)
      this.#pairs.push({ found: this.#found.peek(j), expected: undefined, isPassed: true })
    this.#found.skip(count)
  }

  /** Decides what the items of one source are, of which the other one has no more. */
  async #endOne(): Promise<void> {
    const found = this.#found
    if (this.#options.gaps !== undefined && this.#expected.length === 0) {
      const removed = this.#removedBefore(0)
      await found.fill(Math.min(gapWindow.found, removed + 1 + (this.#shifts.at(-1) ?? 0)))
      const shift = this.#shifts.findLast((each) => each <= found.length) ?? 0
      const count = Math.min(found.length, shift + removed)
      this.#shifts = []
      this.#passedHere += count - shift
      if (count > 0) return this.#pass(count)
    }
    this.#settle(this.#expected.length, found.length)
  }

  /** Takes the next expected item, and found ones in front of it for removed ones; looks for faults if it is none. */
  async #stepAcrossGaps(): Promise<void> {
    const removed = this.#removedBefore(0)
    const found = this.#found
    if (removed === 0 && this.#shifts.length === 0) return this.#compareEqual() ? undefined : this.#realign()
    await found.fill(Math.min(gapWindow.found, removed + 1 + (this.#shifts.at(-1) ?? 0)))
    const expected = this.#expected.peek(0)
    const places: number[] = []
    let reached = 0
    for (const shift of [0, ...this.#shifts])
      for (reached = Math.max(reached, shift); reached <= shift + removed && reached < found.length; reached++)
        if (this.#options.comparison.difference(expected, found.peek(reached)) === undefined) places.push(reached)
    if (places.length === 0) return this.#realign()
    const [first, ...others] = places
    this.#pass(first)
    this.#pairs.push({ found: found.peek(0), expected, isPassed: false })
    found.skip(1)
    this.#takeExpected(1)
    this.#shifts = others.map((place) => place - first)
    this.#hasBegun = true
  }

  /** Looks for the fewest faults among the next items, where expected ones were removed. */
  async #realign(): Promise<void> {
    const { comparison } = this.#options
    await this.#expected.fill(gapWindow.expected)
    await this.#found.fill(gapWindow.found)
    const right = ahead(this.#found, gapWindow.found)
    const removed = [this.#removedBefore(0)]
    let count = 1
    for (let wanted = removed[0]; count < Math.min(gapWindow.expected, this.#expected.length); count++) {
      removed[count] = this.#removedBefore(count)
      wanted += removed[count]
      if (wanted + 2 * gapWindow.expected > gapWindow.found && count >= gapEndReach) break
    }
    const left = ahead(this.#expected, count)
    const prints = comparison.prints(left, right)
    const numbers = new Map<string, number>()
    const rightNumbers = numbered(prints.found, numbers, -3)
    const leftNumbers = numbered(prints.expected, numbers, -2)
    const known = new Set(rightNumbers)
    const isBeyond = removed[0] + gapWindow.expected > gapWindow.found && this.#found.length >= gapWindow.found
    if (isBeyond && leftNumbers.slice(0, gapEndReach).filter((each) => known.has(each)).length < 2) {
      const passed = gapWindow.found - gapWindow.expected
      this.#passedHere += passed - (this.#shifts.findLast((each) => each <= passed) ?? 0)
      this.#shifts = []
      return this.#pass(passed)
    }
    const leftEnds = this.#expected.hasEnded && left.length === this.#expected.length
    const rightEnds = this.#found.hasEnded && right.length === this.#found.length
    removed[count] = leftEnds ? this.#removedBefore(count) : 0
    const { partners, isPassed, taken } = alignGaps({
      left: leftNumbers,
      right: rightNumbers,
      leftEnds,
      rightEnds,
      // More could stand nowhere.
      removed: removed.map((each) => Math.min(each, right.length)),
      starts: this.#shifts,
      isSameRow: (i, j) => comparison.isSameRow(left[i], right[j]),
      isDue: (i) => this.#isDue(left[i]),
    })
    this.#shifts = []
    this.#takeExpected(taken)
    this.#found.skip(partners.length)
    this.#hasBegun = true
    const found = new Set(partners)
    const lost = new Set(Array.from({ length: taken }, (_, i) => i).filter((i) => !found.has(i)))
    for (let j = 0; j < partners.length; j++) {
      const own = partners[j]
      const moved =
        own === undefined && isPassed[j]
          ? [...lost].find((i) => leftNumbers[i] === rightNumbers[j] && this.#isDue(left[i]))
          : undefined
      const i = own ?? moved
      const expected = i === undefined ? undefined : left[i]
      this.#pairs.push({ found: right[j], expected, isPassed: expected === undefined && isPassed[j] })
      if (moved !== undefined) {
        lost.delete(moved)
        this.#reportReordered(left[moved], right[j])
      } else if (expected !== undefined) this.#reportWrong(expected, right[j])
      else if (!isPassed[j]) this.#reportDoubled(right[j], prints.found[j])
    }
    for (const i of lost) this.#reportLost(left[i], prints.expected[i])
  }

  /** Looks for the first place where both sequences run together, of which one may have lost its beginning. */
  async #begin(): Promise<void> {
    const expected = this.#expected
    const found = this.#found
    const { comparison, mayBeginEarly } = this.#options
    // No found item is one of those that are there still.
    if (mayBeginEarly && !this.#isDue(expected.peek(0))) return this.#settleBeginning(0, found.length, false)
    let left: L[] = []
    let right: R[] = []
    let [leftEnds, rightEnds] = [false, false]
    let prints: Prints = { expected: [], found: [] }
    // Safe runs within the largest window before unsafe ones within a small one.
    const [safe, unsafe] = runLengths
    for (const size of this.#beginSizes) {
      await expected.fill(size)
      await found.fill(size)
      left = ahead(expected, size)
      right = ahead(found, size)
      leftEnds = expected.hasEnded && left.length === expected.length
      rightEnds = found.hasEnded && right.length === found.length
      if (this.#isFarBehind(left, right)) return this.#settleBeginning(0, right.length, false)
      prints = comparison.prints(left, right)
      const met = this.#beginningOf(left, prints, leftEnds, rightEnds, safe)
      const isLast = (leftEnds && rightEnds) || size === windowSizes.at(-1)
      // Rows that repeat meet in many places.
      if (met !== undefined && (isLast || met.reach <= size)) return this.#settleBeginning(met.left, met.right, true)
      if (isLast) break
    }
    // Whatever is passed over, the next window will be as far from the place.
    this.#beginSizes = windowSizes.slice(-1)
    const met = this.#beginningOf(left, prints, leftEnds, rightEnds, unsafe)
    if (met !== undefined) return this.#settleBeginning(met.left, met.right, true)
    const due = this.#dueIn(left)
    if (rightEnds && (leftEnds || due < left.length)) return this.#settleBeginning(left.length, right.length, false)
    const size = windowSizes[windowSizes.length - 1]
    const surplus = -this.#surplus()
    if (surplus > size / 2) this.#settleBeginning(size, 0, false)
    else if (surplus < -size / 2) this.#settleBeginning(0, size, false)
    else this.#settleBeginning(size, size, false)
  }

  /** About how many more found items are still to come than expected ones that must be found. */
  #surplus(): number {
    const { remaining, gaps } = this.#options
    const { expected, found } = remaining()
    const foundCount = found + this.#found.length
    if (gaps !== undefined) return foundCount - Math.max(0, gaps.dueEnd - gaps.offsetOf(this.#expected.peek(0)))
    let due = 0
    for (let high = this.#expected.length; due < high; ) {
      const middle = (due + high) >> 1
      if (this.#isDue(this.#expected.peek(middle))) due = middle + 1
      else high = middle
    }
    return foundCount - (expected + due)
  }

  /** Whether the found items at hand certainly go further back than the expected ones; spares their prints. */
  #isFarBehind(left: readonly L[], right: readonly R[]): boolean {
    const { comparison, mayBeginEarly, mayBeginLate, endsTogether } = this.#options
    if (endsTogether !== true || mayBeginEarly !== true || mayBeginLate === true) return false
    if (this.#surplus() <= 2 * right.length) return false
    const first = left.slice(0, sameRows)
    return right.every((row) => !first.some((expected) => comparison.isSameRow(expected, row)))
  }

  /** Where the sequences run together first, and the window within which there is no likelier place. */
  #beginningOf(
    left: readonly L[],
    prints: Prints,
    leftEnds: boolean,
    rightEnds: boolean,
    length: number,
  ): (Meeting & { readonly reach: number }) | undefined {
    const { gaps, endsTogether = false } = this.#options
    const surplus = this.#surplus()
    const place = { due: this.#dueIn(left) || left.length, surplus }
    const places = gaps && left.map((each) => gaps.offsetOf(each) - gaps.offsetOf(left[0]))
    const met =
      places === undefined
        ? this.#meetingOf(left, prints, leftEnds, rightEnds, [length], endsTogether ? place : undefined)
        : meetingAcrossGaps(prints.expected, prints.found, { ...place, places, rightEnds, length })
    if (met === undefined || !endsTogether) return met && { ...met, reach: 0 }
    const distance = Math.abs(met.right - (places?.[met.left] ?? met.left) - surplus)
    return { ...met, reach: Math.abs(surplus) + distance + length }
  }

  /** Where the next items run together; those that need not have been found may be missing at the end of the others. */
  #meetingOf(
    left: readonly L[],
    { expected, found }: Prints,
    leftEnds: boolean,
    rightEnds: boolean,
    lengths: readonly number[],
    place?: LikelyPlace,
  ): Meeting | undefined {
    const isInside = (met: Meeting | undefined, count: number) =>
      met !== undefined && met.left < count && met.right < found.length ? met : undefined
    const met = isInside(meeting(expected, found, leftEnds, rightEnds, lengths, place), left.length)
    const due = this.#dueIn(left)
    if (!rightEnds || due === left.length || (met !== undefined && place === undefined)) return met
    const metAtEnd = isInside(meeting(expected.slice(0, due), found, true, true, lengths, place), due)
    if (met === undefined || metAtEnd === undefined || place === undefined) return met ?? metAtEnd
    const distance = (each: Meeting) => Math.abs(each.right - each.left - place.surplus)
    return distance(metAtEnd) < distance(met) ? metAtEnd : met
  }

  #dueIn(left: readonly L[]): number {
    const first = left.findIndex((each) => !this.#isDue(each))
    return first < 0 ? left.length : first
  }

  /**
   * Takes what stands before the place where the sequences meet first, or a piece of it: same rows are paired, the last
   * with the last.
   */
  #settleBeginning(leftCount: number, rightCount: number, meets: boolean): void {
    const { comparison, mayBeginEarly = false, mayBeginLate = false } = this.#options
    const { left, right, partners, isTaken } = this.#take(leftCount, rightCount)
    const isPassedOver = left.length === 0 && mayBeginEarly
    const prints: Prints = isPassedOver ? { expected: [], found: [] } : comparison.prints(left, right)
    const due = this.#dueIn(left)
    const pairUp = (i: number, j: number) => {
      partners[j] = i
      isTaken[i] = true
      this.#reportWrong(left[i], right[j])
    }
    if (due > 0 && right.length > 0) {
      const backwards = { expected: prints.expected.slice(0, due).reverse(), found: prints.found.toReversed() }
      pairEqual(backwards, (i, j) => pairUp(due - 1 - i, right.length - 1 - j))
      this.#reportMoved(left, right, partners)
      pairSameBackwards(left.slice(0, due), right, partners, comparison, pairUp)
    }
    let isPassed = mayBeginEarly
    right.forEach((found, j) => {
      const i = partners[j]
      if (i !== undefined) isPassed = false
      this.#pairs.push({
        found,
        expected: i === undefined ? undefined : left[i],
        isPassed: i === undefined && isPassed,
      })
      if (i === undefined && !isPassed) this.#reportDoubled(found, prints.found[j])
    })
    let isLost = !mayBeginLate
    left.forEach((expected, i) => {
      if (isTaken[i]) isLost = true
      else if (isLost || !this.#isDue(expected)) this.#reportLost(expected, prints.expected[i])
    })
    this.#hasBegun ||= meets || partners.some((i) => i !== undefined)
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
      const met = this.#meetingOf(left, prints, leftEnds, rightEnds, runLengths)
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

  /** Takes the next items of both; where a source has ended there may be fewer. Nobody has a partner yet. */
  #take(leftCount: number, rightCount: number) {
    const left = ahead(this.#expected, leftCount)
    const right = ahead(this.#found, rightCount)
    this.#takeExpected(left.length)
    this.#found.skip(right.length)
    const partners: (number | undefined)[] = new Array(right.length)
    const isTaken: boolean[] = new Array(left.length)
    return { left, right, partners, isTaken }
  }

  /** Decides what the next items, of which at least one is no equal, have become, and takes them. */
  #settle(leftCount: number, rightCount: number): void {
    const { comparison } = this.#options
    const { left, right, partners, isTaken } = this.#take(leftCount, rightCount)
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
      this.#reportMoved(left, right, partners)
      const pairWrong = (i: number, j: number) => {
        pairUp(i, j)
        this.#reportWrong(left[i], right[j])
      }
      // What need not be there is there only if it is equal.
      const due = this.#dueIn(left)
      pairSameRows(left.slice(0, due), right, isTaken, partners, comparison, pairWrong)
      pairInOrder(isTaken, due, partners, pairWrong)
    }
    const { mayBeginLate = false, mayBeginEarly = false } = this.#options
    const isDoubleAFault = this.#hasBegun || !mayBeginEarly
    const isLossAFault = this.#hasBegun || !mayBeginLate
    for (let j = 0; j < right.length; j++) {
      const found = right[j]
      const i = partners[j]
      this.#hasBegun ||= i !== undefined
      const isPassed = i === undefined && !isDoubleAFault
      this.#pairs.push({ found, expected: i === undefined ? undefined : left[i], isPassed })
      if (i === undefined && isDoubleAFault) this.#reportDoubled(found, prints.found[j])
    }
    for (let i = 0; i < left.length; i++)
      if (!isTaken[i] && (isLossAFault || !this.#isDue(left[i]))) this.#reportLost(left[i], prints.expected[i])
  }

  #reportMoved(left: readonly L[], right: readonly R[], partners: readonly (number | undefined)[]): void {
    const matched = right.flatMap((_, j) => (partners[j] === undefined ? [] : [j]))
    const inOrder = longestAscending(matched.map((j) => partners[j]!))
    matched.forEach((j, place) => {
      if (!inOrder.has(place)) this.#reportReordered(left[partners[j]!], right[j])
    })
  }

  #reportReordered(expected: L, found: R): void {
    this.#report('reordered', expected, found, 'the row is at another position')
  }

  #reportDoubled(found: R, print: string | undefined): void {
    this.#moved.add({ fault: 'doubled', expected: undefined, found, problem: 'an additional row' }, print)
  }

  #reportLost(expected: L, print: string | undefined): void {
    const fault = { fault: 'lost', expected, found: undefined, problem: 'the row is missing' } as const
    // What need not be there is not elsewhere: a row that equals it is another one.
    if (this.#isDue(expected)) this.#moved.add(fault, print)
    else this.#options.report(fault)
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
