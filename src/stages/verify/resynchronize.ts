/** Where two sequences run together again: so many items of each before it do not. */
export interface Meeting {
  readonly left: number
  readonly right: number
}

/**
 * Equal items in a row that count as running together; first the safe number, then one for many faults close together.
 */
const runLengths = [8, 3]

/**
 * The nearest place where two sequences run together again; undefined if there is none.
 *
 * Looks for equal runs, not for equal items: in data where rows repeat, a single equal item says little.
 *
 * @param left, right what stands for each item: equal text for equal items; `undefined` where nothing can be equal
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
): Meeting | undefined {
  const numbers = new Map<string, number>()
  const leftNumbers = numbered(left, numbers, -2)
  const rightNumbers = numbered(right, numbers, -3)
  for (const run of runLengths) {
    const found = meetingOfRuns(runs(leftNumbers, run, leftEnds), runs(rightNumbers, run, rightEnds))
    if (found !== undefined) return found
  }
  return undefined
}

/** Texts as small numbers, equal for equal texts; `unequal` for what has none. */
function numbered(texts: readonly (string | undefined)[], numbers: Map<string, number>, unequal: number): number[] {
  return texts.map((text) => {
    if (text === undefined) return unequal
    const known = numbers.get(text)
    if (known !== undefined) return known
    numbers.set(text, numbers.size)
    return numbers.size - 1
  })
}

/**
 * The run that begins at each position, as text; beyond the end stands -1. Positions whose run is not known are left
 * out.
 */
function runs(numbers: readonly number[], length: number, ends: boolean): string[] {
  const last = ends ? numbers.length : numbers.length - length
  const found: string[] = []
  for (let i = 0; i <= last; i++) {
    const run = numbers.slice(i, i + length)
    while (run.length < length) run.push(-1)
    found.push(run.join())
  }
  return found
}

function meetingOfRuns(left: readonly string[], right: readonly string[]): Meeting | undefined {
  const firstAt = new Map<string, number>()
  for (let i = left.length - 1; i >= 0; i--) firstAt.set(left[i], i)
  let best: Meeting | undefined
  for (let j = 0; j < right.length; j++) {
    if (best !== undefined && j >= best.left + best.right) break
    const i = firstAt.get(right[j])
    if (i !== undefined && (best === undefined || i + j < best.left + best.right)) best = { left: i, right: j }
  }
  return best
}
