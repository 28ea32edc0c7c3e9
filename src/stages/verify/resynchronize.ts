/** Where two sequences run together again: so many items of each before it do not. */
export interface Meeting {
  readonly left: number
  readonly right: number
}

/**
 * Equal items in a row that count as running together; first the safe number, then one for many faults close together.
 */
export const runLengths = [8, 3] as const

/**
 * The nearest place where two sequences run together again; undefined if there is none.
 *
 * Looks for equal runs, not for equal items: in data where rows repeat, a single equal item says little.
 *
 * @param left, right what stands for each item: equal text for equal items; `undefined` where nothing can be equal
 * @param lengths of runs, the first one that there is [8, then 3]
 * @param place of several the nearest to where it should be, instead of the first one
 * @param leftEnds, rightEnds whether the sequences end here: their ends are equal
 *
 * @example
 * meeting(['b', 'c', 'd', 'e'], ['c', 'd', 'e'], true, true) // { left: 1, right: 0 }: 'b' has been lost
 */
export function meeting(
  left: readonly (string | undefined)[],
  right: readonly (string | undefined)[],
  leftEnds: boolean,
  rightEnds: boolean,
  lengths: readonly number[] = runLengths,
  place?: LikelyPlace,
): Meeting | undefined {
  const numbers = new Map<string, number>()
  const leftNumbers = numbered(left, numbers, -2)
  const rightNumbers = numbered(right, numbers, -3)
  for (const run of lengths) {
    const [leftRuns, rightRuns] = runs([leftNumbers, rightNumbers], run, [leftEnds, rightEnds])
    const found =
      place === undefined
        ? meetingOfRuns(leftRuns, rightRuns)
        : nearestPlace(leftRuns.slice(0, place.due), rightRuns.slice(0, right.length), (i) => i, place.surplus)
    if (found !== undefined) return found
  }
  return undefined
}

/** Where two sequences should run together by their counts. */
export interface LikelyPlace {
  /** items of the left one that the right one must have */
  readonly due: number
  /** about how many more items the right sequence has in front of the place */
  readonly surplus: number
}

/** What is known of a left sequence that has lost items, and of where it and the right one run together. */
export interface GapMeeting extends LikelyPlace {
  /** how many items of the left sequence, lost ones included, stand in front of each that is there */
  readonly places: readonly number[]
  /** whether the right sequence ends here */
  readonly rightEnds: boolean
  /** items of the left one that must be found in a row, unless the sequences end */
  readonly length: number
}

/** The place where two sequences run together, of which the left one has lost items. */
export function meetingAcrossGaps(
  left: readonly (string | undefined)[],
  right: readonly (string | undefined)[],
  { places, rightEnds, due, length, surplus }: GapMeeting,
): Meeting | undefined {
  const numbers = new Map<string, number>()
  const leftNumbers = numbered(left, numbers, -2)
  const rightNumbers = numbered(right, numbers, -3)
  /** Whether the items from both places on are equal, wherever they stand within their gaps. */
  const runsTogether = (i: number, j: number) => {
    let ends = [j + 1]
    for (let at = i + 1; at < Math.min(i + length, left.length); at++) {
      const removed = places[at] - places[at - 1] - 1
      const next = new Set<number>()
      let isBeyond = false
      for (const end of ends) {
        isBeyond ||= end + removed >= rightNumbers.length
        for (let k = end; k <= end + removed && k < rightNumbers.length; k++)
          if (rightNumbers[k] === leftNumbers[at]) next.add(k + 1)
      }
      // What is removed may reach beyond what can be looked at, and what need not be there ends the sequence.
      if (next.size === 0) return isBeyond && (!rightEnds || at >= due)
      ends = [...next]
    }
    return true
  }
  return nearestPlace(leftNumbers.slice(0, due), rightNumbers, (i) => places[i], surplus, runsTogether)
}

/** Places of one number that are tried. */
const triedPlaces = 16

/** Equal items whose places differ by about `surplus`, which is negative where the left one has more in front. */
function nearestPlace(
  left: readonly number[],
  right: readonly number[],
  place: (i: number) => number,
  surplus: number,
  isRight: (i: number, j: number) => boolean = () => true,
): Meeting | undefined {
  const all = new Map<number, number[]>()
  left.forEach((number, i) => {
    const known = all.get(number)
    if (known === undefined) all.set(number, [i])
    else known.push(i)
  })
  let best: Meeting | undefined
  let least = Number.POSITIVE_INFINITY
  for (let j = 0; j < right.length; j++) {
    const known = all.get(right[j])
    if (known === undefined) continue
    let above = 0
    for (let high = known.length; above < high; ) {
      const middle = (above + high) >> 1
      if (place(known[middle]) < j - surplus) above = middle + 1
      else high = middle
    }
    for (let k = Math.max(0, above - triedPlaces / 2); k < Math.min(known.length, above + triedPlaces / 2); k++) {
      const i = known[k]
      const distance = Math.abs(j - place(i) - surplus)
      const isNearer = distance < least || (distance === least && best !== undefined && i + j < best.left + best.right)
      if (!isNearer || !isRight(i, j)) continue
      best = { left: i, right: j }
      least = distance
    }
  }
  return best
}

/** Texts as small numbers, equal for equal texts; `unequal` for what has none. */
export function numbered(
  texts: readonly (string | undefined)[],
  numbers: Map<string, number>,
  unequal: number,
): number[] {
  return texts.map((text) => {
    if (text === undefined) return unequal
    const known = numbers.get(text)
    if (known !== undefined) return known
    numbers.set(text, numbers.size)
    return numbers.size - 1
  })
}

type Both = readonly [readonly number[], readonly number[]]

/**
 * The run that begins at each position of both sequences, as a number that is equal for equal runs; beyond the end
 * stands -1. Positions whose run is not known are left out.
 */
function runs(sequences: Both, length: number, ends: readonly [boolean, boolean]): Both {
  const padded = (numbers: readonly number[]) => [...numbers, ...new Array<number>(length).fill(-1)]
  const [left, right] = joined([padded(sequences[0]), padded(sequences[1])], length)
  const known = (side: 0 | 1) => Math.max(0, sequences[side].length + 1 - (ends[side] ? 0 : length))
  return [left.slice(0, known(0)), right.slice(0, known(1))]
}

/** Numbers for runs of `length`, each from the numbers of its two halves. */
function joined(sequences: Both, length: number): Both {
  if (length === 1) return sequences
  const first = Math.ceil(length / 2)
  const firsts = joined(sequences, first)
  const seconds = 2 * first === length ? firsts : joined(sequences, length - first)
  const numbers = new Map<number, number>()
  /** above all numbers, of which the lowest is -3 */
  const base = sequences[0].length + sequences[1].length + 4
  const join = (side: 0 | 1) => {
    const starts = firsts[side]
    const rests = seconds[side]
    const count = Math.max(0, Math.min(starts.length, rests.length - first))
    const ids = new Array<number>(count)
    for (let i = 0; i < count; i++) {
      const key = (starts[i] + 3) * base + rests[i + first] + 3
      const known = numbers.get(key)
      ids[i] = known ?? numbers.size
      if (known === undefined) numbers.set(key, numbers.size)
    }
    return ids
  }
  return [join(0), join(1)]
}

function meetingOfRuns(left: readonly number[], right: readonly number[]): Meeting | undefined {
  const firstAt = new Map<number, number>()
  for (let i = left.length - 1; i >= 0; i--) firstAt.set(left[i], i)
  let best: Meeting | undefined
  for (let j = 0; j < right.length; j++) {
    if (best !== undefined && j >= best.left + best.right) break
    const i = firstAt.get(right[j])
    if (i !== undefined && (best === undefined || i + j < best.left + best.right)) best = { left: i, right: j }
  }
  return best
}
