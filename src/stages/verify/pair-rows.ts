import type { Comparison, Prints } from './comparison.ts'

/** Pairs items with equal prints, the first with the first. */
export function pairEqual({ expected, found }: Prints, pairUp: (i: number, j: number) => void): void {
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

/** Pairs what is left where both are the same row and stand close by. */
export function pairSameRows<L, R>(
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
}

/** Pairs what is left where both are the same row, the last with the last, between the pairs that there are. */
export function pairSameBackwards<L, R>(
  left: readonly L[],
  right: readonly R[],
  partners: readonly (number | undefined)[],
  comparison: Comparison<L, R>,
  pairUp: (i: number, j: number) => void,
): void {
  const places: (number | undefined)[] = new Array(left.length)
  partners.forEach((i, j) => {
    if (i !== undefined) places[i] = j
  })
  /** behind the places of all items up to this one */
  const firsts: number[] = []
  for (let i = 0, first = 0; i < left.length; i++) {
    firsts.push(first)
    first = Math.max(first, (places[i] ?? -1) + 1)
  }
  let end = right.length
  for (let i = left.length - 1; i >= 0; i--) {
    let j = places[i]
    if (j === undefined) {
      j = end - 1
      const last = Math.max(firsts[i], end - sameRowReach)
      while (j >= last && (partners[j] !== undefined || !comparison.isSameRow(left[i], right[j]))) j--
      if (j < last) continue
      pairUp(i, j)
    }
    end = Math.min(end, j)
  }
}

/** Pairs what is left in its order, as long as there is something of both. @param count of the left ones */
export function pairInOrder(
  isTaken: readonly boolean[],
  count: number,
  partners: readonly (number | undefined)[],
  pairUp: (i: number, j: number) => void,
): void {
  const rest = Array.from(partners, (partner, j) => (partner === undefined ? j : -1)).filter((j) => j >= 0)
  const free = Array.from({ length: count }, (_, i) => i).filter((i) => !isTaken[i])
  for (let place = 0; place < Math.min(rest.length, free.length); place++) pairUp(free[place], rest[place])
}

const sameRowReach = 64

/** Places of one longest strictly ascending subsequence. */
export function longestAscending(values: readonly number[]): Set<number> {
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
