import type { Baseline } from './baseline.ts'
import { checkOptionNames, demand, isNumberIn, isWholeIn, shown } from './check-options.ts'
import { mostDecimals, roundableDecimals } from './decimals.ts'
import { FitOptionError } from './errors.ts'
import { type Histogram, histogramProblem } from './histogram.ts'
import type { Mixture } from './mixture.ts'
import { farthestMode } from './sentinels.ts'

/** The Avro types that can be modelled. */
export const numericTypes = ['int', 'long', 'float', 'double'] as const
export type NumericType = (typeof numericTypes)[number]

/**
 * All that normalize, restore, drift and cards need of a column: plain data, for JSON and Avro.
 * The arrays have one entry for each active component, ordered by mean; a mode is an index into them.
 */
export interface ColumnModel {
  readonly name: string
  readonly type: NumericType
  readonly nullable: boolean
  /** rows with a value */
  readonly rows: number
  readonly nulls: number
  readonly min: number
  readonly max: number
  /** the largest number of decimals seen; 15 stands for "all that a double has" */
  readonly decimals: number
  /** decimals that restored doubles and floats are rounded to; absent if they are not */
  readonly roundTo?: number
  /** expected weights as fitted; what the dropped components held is missing from their sum */
  readonly weight: readonly number[]
  /** in the unit of the column */
  readonly mean: readonly number[]
  /** in the unit of the column; never a variance, which overflows beyond 1e154 */
  readonly std: readonly number[]
  /** score(x) = offset - precision / 2 (x - mean)^2 is the E-step's ln rho, in nats */
  readonly offset: readonly number[]
  /** in 1 / unit^2 */
  readonly precision: readonly number[]
  readonly lowerBound: number
  readonly iterations: number
  readonly converged: boolean
  readonly histogram: Histogram
  /** absent from older models, and where a histogram was given in place of that of the training rows */
  readonly baseline?: Baseline
}

/** Everything has a default: what the fit itself saw, and a plain double. */
export interface ColumnModelOptions {
  readonly name?: string
  readonly type?: NumericType
  readonly nullable?: boolean
  readonly rows?: number
  readonly nulls?: number
  readonly min?: number
  readonly max?: number
  readonly decimals?: number
  /** restored values are rounded to `decimals`, if the column is one where that brings them back bit for bit [false] */
  readonly roundToDecimals?: boolean
  readonly histogram?: Histogram
  /** components below are dropped (the heaviest one never), default 0.005 as in CTGAN and RDT */
  readonly minWeight?: number
}

const optionNames: readonly (keyof ColumnModelOptions)[] = [
  'name',
  'type',
  'nullable',
  'rows',
  'nulls',
  'min',
  'max',
  'decimals',
  'roundToDecimals',
  'histogram',
  'minWeight',
]

/** Beyond these a quadratic's precision leaves the range of doubles. */
const quadraticRange = { min: 1 / farthestMode, max: farthestMode }

/**
 * The publishable model of a column: the active components of a mixture, ordered by mean.
 *
 * A column beyond 1e140 or with a component narrower than 1e-140 gets one mode that spans them all, because scores in
 * its unit could not be written as doubles.
 *
 * With `roundToDecimals`, `roundTo` is set for a `double` or `float` column with fewer than 15 decimals of which every
 * value and every mean is below 2^48 units of the last one: 2.8e12 with two decimals. Elsewhere the error of a round
 * trip is no longer small beside such a unit.
 *
 * @throws FitOptionError for what is no mixture, for an option that cannot be, or that there is not
 * @example
 * const waits = Float64Array.of(1, 1.1, 0.9, 1.2, 7, 7.2, 6.9, 7.1)
 * const mixture = fitMixture(waits, { components: 2, totalRows: 1e6 })
 * columnModel(mixture, { name: 'wait' }).std // [ 0.1080175, 0.1080175 ], to 7 digits
 */
export function columnModel(mixture: Mixture, options: ColumnModelOptions = {}): ColumnModel {
  checkOptionNames(options, optionNames)
  const { minWeight = 0.005, name = 'value', type = 'double', nullable = false, ...facts } = options
  checkMixture(mixture)
  checkValues(options)
  const modes = activeModes(mixture, minWeight)
  const shape = modes.every(isRepresentable) ? quadratics(modes) : oneMode(modes)
  const { min = mixture.facts.min, max = mixture.facts.max, decimals = mixture.facts.decimals } = facts
  const isRounded = options.roundToDecimals === true && (type === 'double' || type === 'float')
  if (min > max) throw new FitOptionError(`min is ${min}, and max is ${max}`, 'Give a min that is not above the max')
  const largest = Math.max(-min, max, ...shape.mean.map(Math.abs))
  const roundTo = isRounded ? roundableDecimals(decimals, largest) : undefined
  return {
    name,
    type,
    nullable,
    rows: facts.rows ?? mixture.facts.rows,
    nulls: facts.nulls ?? mixture.facts.nulls,
    min,
    max,
    decimals,
    ...(roundTo !== undefined && { roundTo }),
    ...shape,
    lowerBound: mixture.lowerBound,
    iterations: mixture.iterations,
    converged: mixture.converged,
    histogram: facts.histogram ?? mixture.facts.histogram,
    ...(facts.histogram === undefined && { baseline: mixture.facts.baseline }),
  }
}

function checkMixture(mixture: Mixture): void {
  if (typeof mixture !== 'object' || mixture === null || mixture.terms === undefined || mixture.facts === undefined)
    throw new FitOptionError(`The mixture is ${shown(mixture)}`, 'Give what fitMixture has returned')
}

/** What is given must be right; undefined stands for the default. */
function checkValues({ minWeight = 0, name = '', type = 'double', ...options }: ColumnModelOptions): void {
  const isWeight = isNumberIn(minWeight, 0, 1) && minWeight < 1
  demand(isWeight, 'minWeight', minWeight, 'a number from 0 up to, not including, 1')
  demand(typeof name === 'string', 'name', name, 'a text')
  demand(numericTypes.includes(type), 'type', type, numericTypes.join(', '))
  const { nullable = false, roundToDecimals = false, rows = 0, nulls = 0, min = 0, max = 0, decimals = 0 } = options
  for (const [option, value] of Object.entries({ nullable, roundToDecimals }))
    demand(typeof value === 'boolean', option, value, 'true or false')
  for (const [option, value] of Object.entries({ rows, nulls }))
    demand(isNumberIn(value, 0, Number.MAX_VALUE), option, value, 'a number of rows, 0 or above')
  for (const [option, value] of Object.entries({ min, max }))
    demand(Number.isFinite(value), option, value, 'a finite number')
  demand(isWholeIn(decimals, 0, mostDecimals), 'decimals', decimals, `a whole number from 0 to ${mostDecimals}`)
  const problem = options.histogram === undefined ? undefined : histogramProblem(options.histogram)
  if (problem !== undefined) throw new FitOptionError(`histogram cannot be used: ${problem}`, 'Give edges and counts')
}

interface Mode {
  readonly weight: number
  readonly mean: number
  readonly std: number
  readonly offset: number
  readonly precision: number
}

type Quadratics = Pick<ColumnModel, 'weight' | 'mean' | 'std' | 'offset' | 'precision'>

function activeModes(mixture: Mixture, minWeight: number): Mode[] {
  const { weights, means, stds, terms } = mixture
  const heaviest = weights.indexOf(Math.max(...weights))
  return Array.from(weights, (weight, k) => ({
    weight,
    mean: means[k],
    std: stds[k],
    offset: terms.offset[k],
    precision: terms.precision[k],
  }))
    .filter((mode, k) => mode.weight >= minWeight || k === heaviest)
    .sort((a, b) => a.mean - b.mean)
}

const isRepresentable = ({ mean, std }: Mode) =>
  Math.abs(mean) <= quadraticRange.max && std >= quadraticRange.min && std <= quadraticRange.max

const quadratics = (modes: readonly Mode[]): Quadratics => ({
  weight: modes.map((mode) => mode.weight),
  mean: modes.map((mode) => mode.mean),
  std: modes.map((mode) => mode.std),
  offset: modes.map((mode) => mode.offset),
  precision: modes.map((mode) => mode.precision),
})

/**
 * The mean and standard deviation of all modes together, 4 std still a double; the score is 0 everywhere, there being
 * no other.
 */
function oneMode(modes: readonly Mode[]): Quadratics {
  const weight = modes.reduce((sum, mode) => sum + mode.weight, 0)
  const mean = modes.reduce((sum, mode) => sum + (mode.weight / weight) * mode.mean, 0)
  const std = Math.hypot(...modes.flatMap((m) => [m.std, m.mean - mean].map((d) => Math.sqrt(m.weight / weight) * d)))
  return {
    // The shares of all modes may sum to an ulp more than 1.
    weight: [Math.min(1, weight)],
    mean: [mean],
    std: [Math.min(Math.max(std, Number.MIN_VALUE), Number.MAX_VALUE / 8)],
    offset: [0],
    precision: [0],
  }
}
