import { type ColumnWindow, merged, valuesIn } from './column-window.ts'
import type { DriftBins } from './drift-bins.ts'
import type { DriftOf } from './drift-detector.ts'

/** Windows before anything is said: with fewer, their scatter is hardly known. */
const leastWindows = 10
/** Of Student's t with nine degrees of freedom: 97.5 % are below. With more windows, more are. */
const oneSided = 2.262

/**
 * A lower bound (95 %) of what windows, taken as one, differ by from the training rows, in standard deviations; 0 while
 * there are fewer than ten.
 *
 * It is their distance less what scatter adds to it: that of the windows among each other, for windows may differ by
 * nature, or that of independent rows, whichever is more; and that of the training rows. The errors at all places are
 * added up as if they had one cause, which is cautious.
 */
export function standingEffect(bins: DriftBins, of: DriftOf, windows: readonly ColumnWindow[]): number {
  if (windows.length < leastWindows) return 0
  const { profile, rowsIn, rowVariance, widths, trained, trainedRows } =
    of === 'values' ? byValues(bins) : byNulls(bins)
  const all = windows.reduce(merged)
  const rows = rowsIn(all)
  if (rows === 0) return 0
  const pooled = profile(all)
  const squares = new Float64Array(pooled.length)
  for (const window of windows) {
    const own = rowsIn(window)
    if (own === 0) continue
    for (const [i, height] of profile(window).entries()) squares[i] += (own * (height - pooled[i])) ** 2
  }
  const freedom = windows.length / (windows.length - 1)
  const bound = pooled.reduce((sum, height, i) => {
    const ofWindows = Math.max((freedom * squares[i]) / rows ** 2, rowVariance(height) / rows)
    const scatter = Math.sqrt(ofWindows + rowVariance(trained[i]) / trainedRows)
    return sum + (Math.abs(height - trained[i]) - oneSided * scatter) * widths[i]
  }, 0)
  return Math.max(0, bound)
}

/** What is compared: the heights of a function, whose difference times `widths` adds up to the distance. */
interface Comparison {
  readonly profile: (window: ColumnWindow) => readonly number[]
  readonly rowsIn: (window: ColumnWindow) => number
  /** of the height by one row alone */
  readonly rowVariance: (height: number) => number
  readonly widths: ArrayLike<number>
  readonly trained: readonly number[]
  readonly trainedRows: number
}

/** Distribution functions, at each edge: the distance is Wasserstein-1. */
function byValues({ baseline, steps }: DriftBins): Comparison {
  const profile = ({ slots }: Pick<ColumnWindow, 'slots'>) => {
    const rows = valuesIn({ slots })
    let below = 0
    return slots.slice(0, -1).map((count) => {
      below += count
      return below / rows
    })
  }
  const trained = { slots: Array.from(baseline) }
  return {
    profile,
    rowsIn: valuesIn,
    rowVariance: (share) => share * (1 - share),
    widths: steps,
    trained: profile(trained),
    trainedRows: valuesIn(trained),
  }
}

/** Shares of nulls, as angles: the distance is Cohen's h, and a share's angle scatters alike whatever the share. */
function byNulls({ baseline, nullShare }: DriftBins): Comparison {
  const angle = (share: number) => 2 * Math.asin(Math.sqrt(share))
  const rowsIn = (window: ColumnWindow) => valuesIn(window) + window.nulls
  return {
    profile: (window) => [angle(window.nulls / rowsIn(window))],
    rowsIn,
    rowVariance: () => 1,
    widths: [1],
    trained: [angle(nullShare)],
    trainedRows: valuesIn({ slots: Array.from(baseline) }) / (1 - nullShare),
  }
}
