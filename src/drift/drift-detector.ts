import { type ColumnWindow, merged } from './column-window.ts'
import { conformalRank, eValue } from './conformal-rank.ts'
import { nullShift, wasserstein } from './distances.ts'
import type { DriftBins } from './drift-bins.ts'
import { seededUniforms } from './seeded-uniforms.ts'
import { thinned } from './thin-window.ts'

export interface DriftOptions {
  /** rows that a window is judged by; of a larger one a sample is drawn */
  readonly windowRows: number
  /**
   * least effect of an alarm, in standard deviations. A shift of d costs d^2 / 2 nats a row, so that the default costs
   * a thousandth: the least gain that a refit is promoted for
   */
  readonly minEffect: number
  /** expected number of healthy windows to a false alarm of any column, at least */
  readonly windowsPerFalseAlarm: number
}

export const driftDefaults: DriftOptions = { windowRows: 5_000, minEffect: 0.045, windowsPerFalseAlarm: 1_000 }

/** Windows before the first verdict: with fewer, no rank is rare enough to say much. */
export const warmUpWindows = 40
/** Windows that a new one is ranked among. */
const referenceWindows = 400
/** Of a normal distribution: 97.5 % are below, so that two bounds hold together in 95 %. */
const oneSided = 1.96
/** Windows that the effect is also taken of by themselves: the run may have begun by chance before the drift did. */
const recentWindows = 5
/** Blocks of so many healthy windows, one after the other, that the scatter of such blocks is known by. */
const leastBlocks = 20
/** Evidence beyond this many times what certainty takes is not kept, so that it falls again after a drift has ended. */
const mostEvidence = 1e3

/** What is compared of a column: its values, or its share of nulls. */
export type DriftOf = 'values' | 'nulls'

/** What is remembered of a column's values or nulls; plain data, for JSON. */
interface Watch {
  /** of the last healthy windows */
  distances: number[]
  /** of the last blocks of `recentWindows` healthy windows, each taken as one */
  blocks: number[]
  /** the windows of the block that is not full yet */
  block: ColumnWindow[]
  /** Shiryaev and Roberts' statistic: R = (R + 1) e */
  evidence: number
  /** product of the e-values since the window that makes it largest: Page's rule tells when a drift began */
  run: number
  /** the windows of that run, as one */
  since: { windows: number; counts: ColumnWindow } | undefined
  /** the last windows of that run */
  recent: ColumnWindow[]
}

/** Plain data, for JSON. */
export interface DriftState {
  windows: number
  watches: Record<string, Watch>
}

export interface DriftFinding {
  readonly column: string
  readonly of: DriftOf
  /** of this window, in standard deviations: Wasserstein-1, or Cohen's h of the nulls */
  readonly distance: number
  /** p-value among healthy windows; undefined while there are too few of them */
  readonly p: number | undefined
  /** share of the evidence that certainty takes; 1 and above is certain by itself */
  readonly evidence: number
  /** windows since the drift seems to have begun */
  readonly windows: number
  /**
   * what these windows, or the last of them, differ by from the training rows at least (95 %), in standard deviations
   */
  readonly effect: number
  readonly isCertain: boolean
  /** certain, and large enough */
  readonly isAlarm: boolean
}

export interface DriftVerdict {
  /** windows seen, this one included */
  readonly windows: number
  /** whether there are enough healthy windows to judge by */
  readonly isWarm: boolean
  /** most evidence first */
  readonly findings: readonly DriftFinding[]
  readonly isAlarm: boolean
}

/**
 * Finds drift window by window, and gives one false alarm in `windowsPerFalseAlarm` healthy windows at most, over all
 * columns together and however often one looks.
 *
 * Each window's distance from the training rows is ranked among those of healthy windows before it, which need only be
 * exchangeable: what windows differ by anyway is learned and is no alarm. The rank is bet against, and the bets of each
 * column are added up by Shiryaev and Roberts' rule; their mean over columns is an e-detector, whose expected time to a
 * false alarm is at least its threshold (Shin, Ramdas, Rinaldo, E-detectors, New England J. of Statistics in Data
 * Science 2, 2024, theorem 2.4), for means of e-values are e-values.
 *
 * @example
 * const detector = new DriftDetector(model.columns.map(driftBins))
 * const { isAlarm, findings } = detector.observe(window.columns, window.name)
 */
export class DriftDetector {
  readonly #bins: readonly DriftBins[]
  readonly #options: DriftOptions
  #state: DriftState

  /** @param state as `state` gave it, to go on from */
  constructor(bins: readonly DriftBins[], options: Partial<DriftOptions> = {}, state?: DriftState) {
    this.#bins = bins
    this.#options = { ...driftDefaults, ...options }
    this.#state = structuredClone(state ?? { windows: 0, watches: {} })
  }

  get state(): DriftState {
    return structuredClone(this.#state)
  }

  /**
   * Judges the next window, of `windowRows` rows or more.
   *
   * @param columns counts by the bins' columns, shape (columns)
   * @param name    tells windows apart: the same window gets the same verdict whoever looks at it
   */
  observe(columns: readonly ColumnWindow[], name: string | number): DriftVerdict {
    this.#state.windows++
    const all = this.#bins.flatMap((bins, i) => {
      const sample = thinned(columns[i], this.#options.windowRows, seededUniforms('sample', name, bins.name))
      const values = { bins, of: 'values' as const, sample, distance: distanceOf(bins, 'values', sample) }
      return bins.nullable
        ? [values, { ...values, of: 'nulls' as const, distance: distanceOf(bins, 'nulls', sample) }]
        : [values]
    })
    const judged = all.map((each) => ({ ...each, ...this.#judge(each, name) }))
    const enough = this.#options.windowsPerFalseAlarm * judged.length
    // Columns that are certain by themselves must not hide the others.
    const rest = judged.filter(({ watch }) => watch.evidence < enough)
    const together = rest.reduce((sum, { watch }) => sum + watch.evidence, 0)
    const findings = judged.map(({ bins, of, sample, distance, p, watch }): DriftFinding => {
      const isAlone = watch.evidence >= enough
      const isCertain = isAlone || (together >= enough && watch.evidence >= leastShare * together)
      const effect = effectBound(bins, of, watch)
      const isAlarm = isCertain && effect >= this.#options.minEffect
      // A drifted window is no example of a healthy one.
      if (isAlarm) watch.block = []
      else {
        watch.distances = [...watch.distances, distance].slice(-referenceWindows)
        addToBlock(bins, of, sample, watch)
      }
      const { evidence, since } = watch
      const counted = { evidence: evidence / enough, windows: since?.windows ?? 0, effect }
      return { column: bins.name, of, distance, p, ...counted, isCertain, isAlarm }
    })
    findings.sort((a, b) => b.evidence - a.evidence)
    return {
      windows: this.#state.windows,
      isWarm: this.#state.windows > warmUpWindows,
      findings,
      isAlarm: findings.some(({ isAlarm }) => isAlarm),
    }
  }

  /** Adds the bet on one window to a column's evidence. */
  #judge(
    { bins, of, sample, distance }: Pick<DriftFinding, 'of' | 'distance'> & { bins: DriftBins; sample: ColumnWindow },
    name: string | number,
  ): { p: number | undefined; watch: Watch } {
    const key = `${of} ${bins.name}`
    const watch: Watch = this.#state.watches[key] ?? {
      distances: [],
      blocks: [],
      block: [],
      evidence: 0,
      run: 1,
      since: undefined,
      recent: [],
    }
    this.#state.watches[key] = watch
    if (watch.distances.length < warmUpWindows) return { p: undefined, watch }
    const p = conformalRank(watch.distances, distance, seededUniforms('tie', name, key)())
    const e = eValue(p)
    const most = mostEvidence * this.#options.windowsPerFalseAlarm * 2 * this.#bins.length
    watch.evidence = Math.min((watch.evidence + 1) * e, most)
    const isNew = watch.run <= 1 || watch.since === undefined
    watch.run = Math.min(Math.max(1, watch.run) * e, most)
    watch.since =
      isNew || watch.since === undefined
        ? { windows: 1, counts: sample }
        : { windows: watch.since.windows + 1, counts: merged(watch.since.counts, sample) }
    watch.recent = isNew ? [sample] : [...watch.recent, sample].slice(-recentWindows)
    return { p, watch }
  }
}

/** A column is named beside others if it has this share of their evidence. */
const leastShare = 0.1

/** From the training rows. */
function distanceOf(bins: DriftBins, of: DriftOf, counts: ColumnWindow): number {
  return of === 'values' ? wasserstein(bins, counts) : nullShift(bins, counts)
}

function addToBlock(bins: DriftBins, of: DriftOf, window: ColumnWindow, watch: Watch): void {
  watch.block.push(window)
  if (watch.block.length < recentWindows) return
  const distance = distanceOf(bins, of, watch.block.reduce(merged))
  watch.blocks = [...watch.blocks, distance].slice(-referenceWindows / recentWindows)
  watch.block = []
}

/**
 * A lower bound (95 %) of what the windows of a drift differ by from the training rows: the larger one of all of them
 * and of the last ones.
 *
 * By the triangle inequality it is their distance, taken as one window, less what their scatter adds to it. That is no
 * more than the mean distance of as many healthy windows, or of as many healthy blocks of windows, for distances are
 * convex; its upper bound is the mean of all healthy ones and 1.96 standard errors. Blocks scatter less than windows
 * do, by as much as healthy windows are independent of each other.
 */
function effectBound(bins: DriftBins, of: DriftOf, { distances, blocks, since, recent }: Watch): number {
  if (since === undefined || distances.length < warmUpWindows) return 0
  const bound = (counts: ColumnWindow, windows: number) => {
    const inBlocks = blocks.length < leastBlocks ? 0 : Math.floor(windows / recentWindows)
    const scatter = inBlocks > 0 ? upperMean(blocks, inBlocks) : upperMean(distances, windows)
    return distanceOf(bins, of, counts) - scatter
  }
  return Math.max(0, bound(since.counts, since.windows), bound(recent.reduce(merged), recent.length))
}

/** An upper bound (97.5 %) of the mean of k like these. */
function upperMean(distances: readonly number[], k: number): number {
  const mean = distances.reduce((sum, distance) => sum + distance, 0) / distances.length
  const variance = distances.reduce((sum, distance) => sum + (distance - mean) ** 2, 0) / (distances.length - 1)
  return mean + oneSided * Math.sqrt(variance / k)
}
