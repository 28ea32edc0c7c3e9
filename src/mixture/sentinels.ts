import { binEnds, stepsPerBin } from './bin-grid.ts'
import type { SummarySnapshot } from './column-summary.ts'

/** A value that stands for something else, as DBL_MAX or 9.97e36 for "missing": it lies far beyond all others. */
export interface Sentinel {
  /** in the unit of the column; the mean, should several nearly equal values share its bin */
  readonly value: number
  /** of those values, in the unit of the column; 0 for a single one */
  readonly std: number
  readonly rows: number
  /** whether it can have a mode; beyond 1e140 scores leave the range of doubles */
  readonly isModelled: boolean
}

/** Beyond it no mode's quadratic is a double. */
export const farthestMode = 1e140

/**
 * Sentinels are so many times as large as all other values: beside such a mean those of the others have few digits
 * left.
 */
const leastRatio = 1e9
/** Smaller numbers are data of a column in large units. */
const leastSize = 1e9
const leastScale = 1e-100

/** A column with more values than these out there has a tail, and no sentinels. */
const mostSentinels = 8

/** Values that differ by more of their size are data. */
const mostRelativeStd = 1e-6

interface Bin extends Omit<Sentinel, 'isModelled'> {
  /** place in the snapshot */
  readonly at: number
}

/**
 * Parts a summary into its sentinels, ascending, and all the rest, whose minimum and maximum are those of its bins.
 * Without sentinels the rest is the summary itself.
 */
export function partSentinels(snapshot: SummarySnapshot): { rest: SummarySnapshot; sentinels: readonly Sentinel[] } {
  const { keys, bins, min, max } = snapshot
  const far = farthestBins(snapshot)
  if (far.length === 0) return { rest: snapshot, sentinels: [] }
  const kept = Array.from(keys.keys()).filter((at) => far.every((bin) => bin.at !== at))
  const [lowest, highest] = [kept[0], kept[kept.length - 1]]
  const rest: SummarySnapshot = {
    ...snapshot,
    // Not the difference: of weights it might be 0.
    rows: kept.reduce((sum, at) => sum + bins[4 * at], 0),
    min: lowest === 0 ? min : endOf(snapshot, lowest, -1),
    max: highest === keys.length - 1 ? max : endOf(snapshot, highest, 1),
    keys: Int32Array.from(kept, (at) => keys[at]),
    bins: Float64Array.from(kept.flatMap((at) => [...bins.subarray(4 * at, 4 * at + 4)])),
  }
  const sentinels = far.map(({ value, std, rows }) => ({ value, std, rows, isModelled: isReachable(value) }))
  return { rest, sentinels }
}

const isReachable = (value: number): boolean => Math.abs(value) <= farthestMode

/** The bins of sentinels, ascending. */
function farthestBins(snapshot: SummarySnapshot): Bin[] {
  // Bins ascend, so that the largest numbers are at both ends: one more than can be sentinels.
  const n = snapshot.keys.length
  const ends = Array.from(snapshot.keys.keys()).filter((at) => at <= mostSentinels || at >= n - 1 - mostSentinels)
  const bins = ends.map((at) => binOf(snapshot, at)).sort((a, b) => Math.abs(a.value) - Math.abs(b.value))
  for (let i = Math.max(1, bins.length - mostSentinels); i < bins.length; i++) {
    const largest = Math.abs(bins[i - 1].value)
    const size = Math.abs(bins[i].value)
    // Beside nothing but zeros any number is infinitely large, and between tiny ones no mode has a width that reaches
    // 1e9.
    const isFar = largest === 0 ? size > farthestMode : largest >= leastScale && size > leastRatio * largest
    const areSingle = bins
      .slice(i)
      .every(({ value, std }) => !isReachable(value) || std <= mostRelativeStd * Math.abs(value))
    if (size >= leastSize && isFar && areSingle) return bins.slice(i).sort((a, b) => a.at - b.at)
  }
  return []
}

function binOf({ centre, keys, bins }: SummarySnapshot, at: number): Bin {
  const [rows, steps, squares, only] = bins.subarray(4 * at, 4 * at + 4)
  if (!Number.isNaN(only)) return { at, rows, value: only, std: 0 }
  const { sign, near, far } = binEnds(keys[at])
  const step = far / stepsPerBin - near / stepsPerBin
  const place = steps / rows
  const value = centre + sign * (near + step * (place + 0.5))
  return { at, rows, value, std: step * Math.sqrt(Math.max(0, squares / rows - place * place) + 1 / 12) }
}

/** The lowest or highest value that a bin may hold. */
function endOf({ centre, keys, bins }: SummarySnapshot, at: number, side: -1 | 1): number {
  const only = bins[4 * at + 3]
  if (!Number.isNaN(only)) return only
  const { sign, near, far } = binEnds(keys[at])
  return centre + sign * (sign === side ? far : near)
}
