/** Healthy and drifting windows of rows, and what the rules that people use say of them. */

import { ColumnCounts } from '../../src/drift/column-counts.ts'
import { type ColumnWindow, valuesIn } from '../../src/drift/column-window.ts'
import { kolmogorovSmirnov, stabilityIndex } from '../../src/drift/distances.ts'
import { type DriftBins, driftBins } from '../../src/drift/drift-bins.ts'
import { DriftDetector, type DriftOptions } from '../../src/drift/drift-detector.ts'
import { columnModel } from '../../src/mixture/column-model.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { normalBelow } from '../../src/mixture/normal-distribution.ts'
import { randomNumbers } from '../../src/mixture/random-numbers.ts'

/** Where the rows of a column come from: fills `values` with those of one window, for a mean moved by `shift` std. */
export type RowSource = (column: number, shift: number, values: Float64Array) => void

export interface Simulation {
  readonly columns: number
  readonly windowRows: number
  readonly trainedRows: number
  readonly source: RowSource
  /** standard normal numbers, for the windows' own means */
  readonly normal: () => number
  /** standard deviation of the means of healthy windows, in those of rows */
  readonly wander: number
  /** whether the detector is first given 400 windows without it, as a null distribution drawn from a model would be */
  readonly learnsStill?: boolean
  readonly options?: Partial<DriftOptions>
}

/**
 * Quantiles of the standard normal distribution at (i + 1/2) / 2^16: drawing rows must not take longer than judging
 * them.
 */
const quantiles = Float64Array.from({ length: 2 ** 16 }, (_, i) => normalQuantile((i + 0.5) / 2 ** 16))

function normalQuantile(share: number): number {
  let [low, high] = [-9, 9]
  while (high - low > 1e-12) {
    const middle = (low + high) / 2
    if (normalBelow(middle) < share) low = middle
    else high = middle
  }
  return low
}

/** Standard normal numbers, between two quantiles each. */
export function normalNumbers(seed: number): () => number {
  const uniform = randomNumbers(Math.imul(seed + 1, 0x9e3779b1))
  return () => {
    const place = uniform() * (quantiles.length - 1)
    const i = place | 0
    return quantiles[i] + (place - i) * (quantiles[i + 1] - quantiles[i])
  }
}

/** Independent standard normal columns. */
export function normalSource(normal: () => number): RowSource {
  return (_, shift, values) => {
    for (let i = 0; i < values.length; i++) values[i] = normal() + shift
  }
}

/** One run: bins of freshly drawn training rows, and windows counted in them one by one. */
export class SimulatedStream {
  readonly bins: readonly DriftBins[]
  readonly #simulation: Simulation
  readonly #counts: readonly ColumnCounts[]
  readonly #values: Float64Array

  constructor(simulation: Simulation) {
    this.#simulation = simulation
    const { columns, trainedRows, windowRows, source } = simulation
    const trained = new Float64Array(trainedRows)
    this.bins = Array.from({ length: columns }, (_, column) => {
      source(column, 0, trained)
      // The bins are those of the rows: how well the mixture fits does not matter.
      const model = columnModel(fitMixture(trained, { components: 1, maxIterations: 2 }), { name: `c${column}` })
      return driftBins(model)
    })
    this.#counts = this.bins.map((bins) => new ColumnCounts(bins))
    this.#values = new Float64Array(windowRows)
  }

  /** @param shift of column 0, in standard deviations */
  window(shift: number, wander = this.#simulation.wander): ColumnWindow[] {
    const { source, normal } = this.#simulation
    return this.#counts.map((counts, column) => {
      source(column, wander * normal() + (column === 0 ? shift : 0), this.#values)
      counts.add(this.#values, this.#values.length)
      return { ...counts.take(), nulls: 0 }
    })
  }
}

export interface RuleResult {
  /** windows with an alarm, of the healthy ones */
  readonly falseAlarms: number
  readonly windows: number
}

/** Alarms among healthy windows; after each the detector begins anew, as after a new model. */
export function falseAlarms(simulation: Simulation, windows: number): Record<'detector' | 'psi' | 'ks', RuleResult> {
  const stream = new SimulatedStream(simulation)
  const begin = () => {
    const detector = new DriftDetector(stream.bins, simulation.options)
    if (simulation.learnsStill === true) for (let t = 0; t < 400; t++) detector.observe(stream.window(0, 0), -t)
    return detector
  }
  let detector = begin()
  const found = { detector: 0, psi: 0, ks: 0 }
  for (let t = 0; t < windows; t++) {
    const window = stream.window(0)
    if (detector.observe(window, t).findings.some(({ isCertain }) => isCertain)) {
      found.detector++
      detector = begin()
    }
    if (stream.bins.some((bins, i) => stabilityIndex(bins, window[i]) > 0.1)) found.psi++
    if (stream.bins.some((bins, i) => kolmogorovP(bins, window[i]) < 0.05)) found.ks++
  }
  const of = (falseAlarms: number) => ({ falseAlarms, windows })
  return { detector: of(found.detector), psi: of(found.psi), ks: of(found.ks) }
}

export interface ShiftResult {
  readonly runs: number
  /** runs whose alarm named the shifted column, and it alone, in time */
  readonly found: number
  /** windows from the shift to the alarm, ascending */
  readonly windows: readonly number[]
  /** runs in which the rule spoke up at the shifted column in time: PSI > 0.1, and KS p < 0.05 */
  readonly psi: number
  readonly ks: number
}

/** Runs with a shift of one column after `healthy` windows, and an alarm `within` so many. */
export function shifts(
  simulate: (run: number) => Simulation,
  { runs, healthy, within, shift }: { runs: number; healthy: number; within: number; shift: number },
): ShiftResult {
  const windows: number[] = []
  let [psi, ks] = [0, 0]
  for (let run = 0; run < runs; run++) {
    const simulation = simulate(run)
    const stream = new SimulatedStream(simulation)
    const detector = new DriftDetector(stream.bins, simulation.options)
    for (let t = 0; t < healthy; t++) detector.observe(stream.window(0), t)
    const spoke = { psi: false, ks: false }
    let foundAt: number | undefined
    for (let t = 1; t <= within; t++) {
      const window = stream.window(shift)
      const { findings } = detector.observe(window, healthy + t)
      spoke.psi ||= stabilityIndex(stream.bins[0], window[0]) > 0.1
      spoke.ks ||= kolmogorovP(stream.bins[0], window[0]) < 0.05
      const alarms = findings.filter(({ isAlarm }) => isAlarm)
      if (foundAt === undefined && alarms.length > 0) foundAt = alarms.every(({ column }) => column === 'c0') ? t : -1
    }
    if (foundAt !== undefined && foundAt > 0) windows.push(foundAt)
    psi += Number(spoke.psi)
    ks += Number(spoke.ks)
  }
  return { runs, found: windows.length, windows: windows.sort((a, b) => a - b), psi, ks }
}

/** Kolmogorov's asymptotic p-value of two samples: 2 sum (-1)^(k - 1) exp(-2 k^2 x^2). */
export function kolmogorovP(bins: DriftBins, window: ColumnWindow): number {
  const [n, m] = [valuesIn(window), bins.baseline.reduce((sum, count) => sum + count, 0)]
  const x = kolmogorovSmirnov(bins, window) * Math.sqrt((n * m) / (n + m))
  if (x < 0.3) return 1
  let p = 0
  for (let k = 1; k < 100; k++) p += (k % 2 === 1 ? 2 : -2) * Math.exp(-2 * k * k * x * x)
  return Math.min(1, p)
}
