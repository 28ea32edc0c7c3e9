import { type ColumnWindow, valuesIn } from './column-window.ts'
import type { DriftBins } from './drift-bins.ts'

/**
 * Wasserstein-1 between the rows of a window and the training rows, in standard deviations: the integral of the
 * difference of both distribution functions, with the rows of a bin at the training rows' mean. A shift of d standard
 * deviations gives d.
 */
export function wasserstein(bins: DriftBins, { slots }: Pick<ColumnWindow, 'slots'>): number {
  const { steps, baseline } = bins
  const [rows, trained] = [valuesIn({ slots }), total(baseline)]
  if (rows === 0) return 0
  let [a, b, area] = [0, 0, 0]
  for (let i = 0; i < steps.length; i++) {
    a += slots[i]
    b += baseline[i]
    area += Math.abs(a / rows - b / trained) * steps[i]
  }
  return area
}

/** Kolmogorov and Smirnov's distance: the largest difference of both distribution functions at an edge. */
export function kolmogorovSmirnov({ baseline }: DriftBins, { slots }: Pick<ColumnWindow, 'slots'>): number {
  const [rows, trained] = [valuesIn({ slots }), total(baseline)]
  if (rows === 0) return 0
  let [a, b, most] = [0, 0, 0]
  for (let i = 0; i + 1 < baseline.length; i++) {
    a += slots[i]
    b += baseline[i]
    most = Math.max(most, Math.abs(a / rows - b / trained))
  }
  return most
}

const psiGroups = 10

/**
 * Population stability index over ten groups of bins with about equal shares of the training rows. Half a row is added
 * to each group: an empty one would make it infinite.
 */
export function stabilityIndex({ baseline }: DriftBins, { slots }: Pick<ColumnWindow, 'slots'>): number {
  const [rows, trained] = [valuesIn({ slots }), total(baseline)]
  if (rows === 0) return 0
  const now = new Float64Array(psiGroups)
  const then = new Float64Array(psiGroups)
  let before = 0
  for (let i = 0; i < baseline.length; i++) {
    const group = Math.min(psiGroups - 1, Math.floor(((before + baseline[i] / 2) / trained) * psiGroups))
    before += baseline[i]
    now[group] += slots[i]
    then[group] += baseline[i]
  }
  let index = 0
  for (let group = 0; group < psiGroups; group++) {
    if (now[group] === 0 && then[group] === 0) continue
    const a = (now[group] + 0.5) / (rows + psiGroups / 2)
    const b = (then[group] + 0.5) / (trained + psiGroups / 2)
    index += (a - b) * Math.log(a / b)
  }
  return index
}

/**
 * Cohen's h between the shares of nulls, an effect in the scale of standard deviations (Statistical Power Analysis,
 * 1988, 6.2): 2 |asin sqrt p - asin sqrt q|.
 */
export function nullShift({ nullShare }: DriftBins, window: ColumnWindow): number {
  const rows = valuesIn(window) + window.nulls
  if (rows === 0) return 0
  return 2 * Math.abs(Math.asin(Math.sqrt(window.nulls / rows)) - Math.asin(Math.sqrt(nullShare)))
}

/** Everything that is shown of a column beside its verdict; what there are no values for is NaN. */
export interface ColumnFigures {
  /** with a value */
  readonly rows: number
  readonly nullShare: number
  /** share of the values outside of the trained range */
  readonly outside: number
  /** in standard deviations */
  readonly wasserstein: number
  readonly ks: number
  readonly psi: number
  /** mean log density of the model, in nats a value, and the same of the training rows */
  readonly nats: number
  readonly trainedNats: number
  /** share of each mode, shape (modes) */
  readonly modes: readonly number[]
  /** frequent values, with their share of the values and of the training rows */
  readonly atoms: readonly { readonly value: number; readonly share: number; readonly trained: number }[]
}

export function columnFigures(bins: DriftBins, window: ColumnWindow): ColumnFigures {
  const { slots, nulls } = window
  const rows = valuesIn(window)
  const trained = total(bins.baseline)
  const share = (count: number) => count / rows
  const ifAny = (distance: number) => (rows === 0 ? Number.NaN : distance)
  return {
    rows,
    nullShare: nulls / (rows + nulls),
    outside: share(slots[0] + slots[slots.length - 1]),
    wasserstein: ifAny(wasserstein(bins, window)),
    ks: ifAny(kolmogorovSmirnov(bins, window)),
    psi: ifAny(stabilityIndex(bins, window)),
    nats: slots.reduce((sum, count, i) => sum + share(count) * bins.logDensity[i], 0),
    trainedNats: bins.baseline.reduce((sum, count, i) => sum + (count / trained) * bins.logDensity[i], 0),
    modes: window.modes.map(share),
    atoms: bins.atoms.map((slot) => ({
      value: bins.edges[slot - 1],
      share: share(slots[slot]),
      trained: bins.baseline[slot] / trained,
    })),
  }
}

function total(counts: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < counts.length; i++) sum += counts[i]
  return sum
}
