/** Where each found item belongs, among expected ones of which some have been removed. */
export interface GapAlignment {
  /** shape (found items taken): the expected item that each is; undefined for an additional one */
  readonly partners: readonly (number | undefined)[]
  /** shape (found items taken): whether the item stands for a removed one */
  readonly isPassed: readonly boolean[]
  /** expected items that have been decided */
  readonly taken: number
}

export interface GapProblem {
  /** shape (expected): equal numbers for equal items */
  readonly left: readonly number[]
  /** shape (found) */
  readonly right: readonly number[]
  /** whether nothing follows either side */
  readonly leftEnds: boolean
  readonly rightEnds: boolean
  /** shape (expected + 1): removed items in front of each expected one, at most, and behind the last one */
  readonly removed: readonly number[]
  /** found items before the first expected one that may be passed over instead of none, ascending */
  readonly starts: readonly number[]
  /** same key and timestamp */
  readonly isSameRow: (i: number, j: number) => boolean
  /** whether the expected item must have been found */
  readonly isDue: (i: number) => boolean
}

/**
 * Costs of one fault. A removed item that nothing stands for costs 1: it may be none, as a marker, so that decides only
 * between explanations of as many faults.
 */
const fault = 2 ** 24
/** A row of the only other one with its key and timestamp. */
const wrongContent = fault - 2 ** 16
/** A wrong row that is not even the same row: only where there is no other place for either. */
const wrongRow = fault + 2 ** 16
/** Equal items in a row behind which nothing that follows can change what has been decided. */
const settledRun = 2

/**
 * The explanation with the fewest faults of what has been found: each expected item is found, wrong or lost, and between
 * two of them stand as many found items as have been removed there; more of them are doubled.
 *
 * @returns decided up to the last place where the sequences run together again
 */
export function alignGaps(problem: GapProblem): GapAlignment {
  const { left, right, removed, leftEnds, rightEnds, starts } = problem
  const width = right.length + 1
  const wrong = wrongCosts(problem)
  /** cheapest way to have taken so many of both, ending with an expected item */
  const ends = [new Float64Array(width).fill(Infinity)]
  /** how many found items stood before that item's own; and whether it has one */
  const hasOwn: Uint8Array[] = [new Uint8Array(width)]
  /** the same, with what stands before the next expected item */
  const gaps: { readonly cost: Float64Array; readonly from: Int32Array }[] = []
  for (const start of [0, ...starts]) if (start < width) ends[0][start] = 0
  for (let i = 0; i < left.length; i++) {
    const gap = acrossGap(ends[i], removed[i])
    gaps.push(gap)
    const next = new Float64Array(width)
    const own = new Uint8Array(width)
    const lost = problem.isDue(i) ? fault : 0
    for (let j = 0; j < width; j++) {
      next[j] = gap.cost[j] + lost
      if (j === 0) continue
      const cost = gap.cost[j - 1] + (left[i] === right[j - 1] ? 0 : wrong(i, j - 1))
      if (cost <= next[j]) {
        next[j] = cost
        own[j] = 1
      }
    }
    ends.push(next)
    hasOwn.push(own)
  }
  const last = left.length
  let end = 0
  // Behind one that need not be there nothing need be there.
  const isWhole = rightEnds && (leftEnds || (last > 0 && !problem.isDue(last - 1)))
  if (isWhole) {
    const gap = acrossGap(ends[last], removed[last])
    gaps.push(gap)
    end = width - 1
  } else for (let j = 1; j < width; j++) if (ends[last][j] < ends[last][end]) end = j
  return decided(problem, { hasOwn, gaps, end, isWhole })
}

/** Costs of taking an expected item for a found one that differs from it. */
function wrongCosts({ left, right, isSameRow }: GapProblem): (i: number, j: number) => number {
  const places = left.map((_, i) => {
    const same = new Uint8Array(right.length)
    let count = 0
    for (let j = 0; j < right.length; j++) if (isSameRow(i, j)) count += same[j] = 1
    return { same, cost: count === 1 ? wrongContent : fault }
  })
  return (i, j) => (places[i].same[j] === 1 ? places[i].cost : wrongRow)
}

/** What it costs that up to `removed` found items stand for removed ones, and that others are doubled. */
function acrossGap(before: Float64Array, removed: number): { cost: Float64Array; from: Int32Array } {
  const cost = new Float64Array(before.length).fill(Infinity)
  const from = new Int32Array(before.length)
  for (let j = 0; j < before.length; j++) {
    if (j > 0) {
      cost[j] = cost[j - 1] + fault
      from[j] = from[j - 1]
    }
    for (let k = Math.max(0, j - removed); k <= j; k++) {
      const some = before[k] + (removed - (j - k))
      if (some >= cost[j]) continue
      cost[j] = some
      from[j] = k
    }
  }
  return { cost, from }
}

interface Explanation {
  readonly hasOwn: readonly Uint8Array[]
  readonly gaps: readonly { readonly from: Int32Array }[]
  readonly end: number
  readonly isWhole: boolean
}

function decided(problem: GapProblem, { hasOwn, gaps, end, isWhole }: Explanation): GapAlignment {
  const { left, right, removed } = problem
  const partners: (number | undefined)[] = new Array(end)
  /** found items in front of each expected one: where they begin and end */
  const before: [number, number][] = []
  /** where the found items behind each expected one begin */
  const behind: number[] = []
  let j = end
  if (isWhole) {
    const from = gaps[left.length].from[j]
    before[left.length] = [from, j]
    j = from
  }
  for (let i = left.length - 1; i >= 0; i--) {
    behind[i] = j
    if (hasOwn[i + 1][j] === 1) partners[--j] = i
    const from = gaps[i].from[j]
    before[i] = [from, j]
    j = from
  }
  let taken = left.length
  if (!isWhole) {
    const isEqual = (i: number) => {
      const own = behind[i] - 1
      return own >= 0 && partners[own] === i && left[i] === right[own]
    }
    let run = 0
    for (let i = left.length - 1; i >= 0 && run < settledRun; i--) {
      run = isEqual(i) ? run + 1 : 0
      if (run === settledRun) taken = i + settledRun
    }
  }
  const count = taken === left.length ? end : behind[taken - 1]
  const isPassed: boolean[] = new Array(count).fill(false)
  // What stands before the first place is passed over: it is one of the places to start.
  for (let passed = 0; passed < Math.min(j, count); passed++) isPassed[passed] = true
  const known = new Set(left.slice(0, taken))
  for (let i = 0; i < before.length; i++) {
    if (i > taken || (i === taken && !isWhole)) break
    const [from, to] = before[i]
    const places = Array.from({ length: to - from }, (_, place) => from + place)
    // Those that equal an expected item are rather doubled than others.
    const likely = places.filter((place) => known.has(right[place]))
    const others = places.filter((place) => !known.has(right[place]))
    const doubled = new Set([...likely, ...others].slice(0, Math.max(0, places.length - removed[i])))
    for (const place of places) isPassed[place] = !doubled.has(place)
  }
  return { partners: partners.slice(0, count), isPassed, taken }
}
