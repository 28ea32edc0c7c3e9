import { type Blocks, distinctBlocks, rowBlocks } from './blocks.ts'
import { checkArray, checkFinite } from './check-arrays.ts'
import { columnBins } from './column-bins.ts'
import { ColumnSummary } from './column-summary.ts'
import { FitOptionError } from './errors.ts'
import { type FitOptions, fitSettings, largestOption } from './fit-options.ts'
import { checkColumn, columnFacts, fitSummary } from './fit-summary.ts'
import { type Mixture, mixtureOf } from './mixture.ts'
import { oneModeMixture } from './one-mode.ts'
import { pilotCentre } from './pilot-centre.ts'
import { emptyPosterior, type Priors } from './posterior.ts'
import { seededStart } from './seeded-start.ts'
import { inferPosterior, posteriorOfLabels } from './variational-inference.ts'

/** Beyond it, squares in recipe `sklearn` would overflow: such columns are fitted in units of their largest value. */
const largestValue = 1e100

/**
 * Fits a variational Gaussian mixture with Dirichlet-process weights to one column.
 *
 * Recipe `scaled` (the default) suits data of any size and scale, and summarises the rows first. Recipe `sklearn` gives
 * the numbers of scikit-learn's BayesianGaussianMixture (full covariance, dirichlet_process) given the same first
 * labels, on the rows themselves: its time grows with K and the number of distinct values. Two deviations: with fewer
 * rows than components it takes as many components as rows, and rows may be weighted.
 *
 * @param values finite, shape (n), in any unit
 * @throws EmptyColumnError, ArrayTypeError, NonFiniteValueError, ColumnSpanError, FitOptionError
 * @example
 * const waits = Float64Array.of(1, 1.1, 0.9, 1.2, 7, 7.2, 6.9, 7.1)
 * fitMixture(waits, { components: 2, totalRows: 1e6 }).means // Float64Array [ 1.0500002, 7.0499998 ], to 8 digits
 */
export function fitMixture(values: Float64Array, options: FitOptions = {}): Mixture {
  checkShapes(values, options)
  const { weights } = options
  if (weights !== undefined) {
    const least = negligibleShare * totalOf(weights)
    if (weights.some((w) => w <= least)) return fitMixture(...heavierThan(least, values, weights, options))
  }
  const summary = new ColumnSummary(pilotCentre(values))
  summary.add(values, values.length, weights)
  if (options.recipe !== 'sklearn') return fitSummary(summary, options)
  checkColumn(summary)
  return fitLikeSklearn(values, options, summary)
}

/**
 * A row of less weight, or of none, is in no sum; but minimum, maximum and decimals would count it, and far out its
 * square overflow.
 */
const negligibleShare = 1e-30

const totalOf = (weights: Float64Array): number => weights.reduce((sum, w) => sum + w, 0)

/** The values of more weight, and the options for those. */
function heavierThan(
  least: number,
  values: Float64Array,
  weights: Float64Array,
  { initialLabels, ...options }: FitOptions,
): [Float64Array, FitOptions] {
  const counts = (_: number, i: number) => weights[i] > least
  const labels = initialLabels && { initialLabels: Array.from(initialLabels).filter(counts) }
  return [values.filter(counts), { ...options, ...labels, weights: weights.filter(counts) }]
}

function fitLikeSklearn(values: Float64Array, options: FitOptions, summary: ColumnSummary): Mixture {
  const settings = fitSettings('sklearn', options)
  const components = Math.min(settings.components, values.length)
  const concentration = options.weightConcentrationPrior ?? 1 / components
  const snapshot = summary.snapshot()
  const facts = columnFacts(snapshot, columnBins(snapshot))
  const { rows: total, min, max } = summary
  if (values.length < 2 || (total < 2 && min === max)) return oneModeMixture(min, total, concentration, facts)
  if (total < 2) {
    const fix = 'Give numbers of rows, 2 or more in all, or take recipe: "scaled"'
    throw new FitOptionError(`The weights sum to ${total}, which is too few rows for a variance`, fix)
  }

  const largest = Math.max(Math.abs(min), Math.abs(max))
  const unit = largest > largestValue ? largest : 1
  const scaled = unit === 1 ? values : values.map((x) => x / unit)
  const rows = rowBlocks(scaled, options.weights)
  const blocks = distinctBlocks(scaled, options.weights)
  const priors = sharedPriors(rows, total, components, {
    concentration,
    regularization: settings.regularization / unit / unit,
  })
  const start =
    options.initialLabels === undefined
      ? seededStart(blocks, priors, settings, options.seed ?? 0)
      : posteriorOfLabels(rows, options.initialLabels, priors, emptyPosterior(components))
  return mixtureOf(inferPosterior(blocks, priors, start, settings), { origin: 0, unit }, facts)
}

/** scikit-learn's defaults: the data's own mean and variance (divided by rows - 1). */
function sharedPriors(
  { count, value }: Blocks,
  rows: number,
  components: number,
  given: Pick<Priors, 'concentration' | 'regularization'>,
): Priors {
  let sum = 0
  for (let i = 0; i < value.length; i++) sum += count[i] * value[i]
  const mean = sum / rows
  let squares = 0
  for (let i = 0; i < value.length; i++) squares += count[i] * (value[i] - mean) ** 2
  return {
    ...given,
    mean: new Float64Array(components).fill(mean),
    meanPrecision: 1,
    degrees: 1,
    covariance: new Float64Array(components).fill(squares / (rows - 1)),
  }
}

function checkShapes(values: Float64Array, options: FitOptions): void {
  checkArray('values', values, 'Float64Array')
  const { components } = fitSettings(options?.recipe ?? 'scaled', options)
  const { weights, initialLabels } = options
  checkFinite(values)
  if (weights !== undefined) {
    checkArray('weights', weights, 'Float64Array')
    if (weights.length !== values.length || !weights.every((w) => w >= 0 && w < Infinity)) {
      throw new FitOptionError('weights do not fit the values', 'Give each value one finite weight, 0 or above')
    }
    const total = totalOf(weights)
    if (total > largestOption || (total > 0 && total < 1 / largestOption)) {
      throw new FitOptionError(`weights sum to ${total}`, 'Scale them: 1e-100 to 1e100 in all')
    }
  }
  if (initialLabels === undefined) return
  const limit = Math.min(components, values.length)
  const labels = Array.from(Object(initialLabels) as ArrayLike<number>)
  const fits = labels.every((label) => Number.isInteger(label) && label >= 0 && label < limit)
  if (labels.length !== values.length || !fits) {
    throw new FitOptionError('initialLabels do not fit the values', `Give each value one label in 0..${limit - 1}`)
  }
}
