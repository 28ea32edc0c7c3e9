import { checkOptionNames, demand, isNumberIn, isWholeIn } from './check-options.ts'
import { FitOptionError } from './errors.ts'

/** How recipe `scaled` fits a summary. Defaults in brackets; no number may be above 1e100. */
export interface SummaryFitOptions {
  /** most components, 1 to 255 [10] */
  readonly components?: number
  /** concentration of the Dirichlet process: smaller means fewer modes [1 / components; CTGAN and RDT take 0.001] */
  readonly weightConcentrationPrior?: number
  /** stop when the bound changes by less: nats per row in `scaled` [1e-7], nats in total in `sklearn` [1e-3] */
  readonly tolerance?: number
  /** [2,000 in `scaled`, 100 in `sklearn`] */
  readonly maxIterations?: number
  /**
   * added to variances: a share of the column's variance in `scaled` [0, and no std is below 1/8 of the last decimal,
   * or 0.1 % of the column's if it has no resolution], unit^2 in `sklearn` [1e-6]
   */
  readonly regularization?: number
  /**
   * nats a row of other rows that the joining of alike modes may cost in all, as estimated; 0 joins none;
   * recipe `scaled` only [1e-4]
   */
  readonly join?: number
  /**
   * rows of the whole topic, where the values are a sample: weighs them against the priors; recipe `scaled` only [their
   * number]
   */
  readonly totalRows?: number
}

/** The options of fitMixture. */
export interface FitOptions extends SummaryFitOptions {
  /** `scaled` for data of any size and scale, `sklearn` for scikit-learn's numbers ['scaled'] */
  readonly recipe?: 'scaled' | 'sklearn'
  /** of the k-means starts of `sklearn`, a whole number of 32 bits; `scaled` draws nothing and refuses it [0] */
  readonly seed?: number
  /**
   * k-means starts that `sklearn` tries, to go on with the one of the best bound; 1 to 100 [5]; 1 is scikit-learn's own
   * start
   */
  readonly starts?: number
  /**
   * rows that each value stands for, shape (n), not negative; in all 1e-100 to 1e100, in recipe `sklearn` 2 at least
   * [1]
   */
  readonly weights?: Float64Array
  /** first component of each value, shape (n), in 0..K-1; recipe `sklearn` only, instead of `seed` and `starts` */
  readonly initialLabels?: ArrayLike<number>
}

const optionNames: readonly (keyof FitOptions)[] = [
  'components',
  'weightConcentrationPrior',
  'tolerance',
  'maxIterations',
  'regularization',
  'join',
  'totalRows',
  'recipe',
  'seed',
  'starts',
  'weights',
  'initialLabels',
]

/** The one recipe that takes an option; both take the others. */
const recipeOf = {
  join: 'scaled',
  totalRows: 'scaled',
  seed: 'sklearn',
  starts: 'sklearn',
  initialLabels: 'sklearn',
} as const

export interface FitSettings {
  readonly components: number
  readonly weightConcentrationPrior: number
  readonly tolerance: number
  readonly maxIterations: number
  /** absent where `scaled` is to choose it for each column */
  readonly regularization?: number
  /** absent in `sklearn` */
  readonly join?: number
  readonly starts: number
}

const defaults = {
  scaled: { tolerance: 1e-7, maxIterations: 2000, join: 1e-4 },
  sklearn: { tolerance: 1e-3, maxIterations: 100, regularization: 1e-6 },
} as const

/** Counts and variances beyond it would lead to sums, or logarithms of the gamma function, that are no doubles. */
export const largestOption = 1e100

/**
 * Options with their defaults.
 *
 * @throws FitOptionError if one is out of its range, of no use to the recipe, or excluded by another one
 */
export function fitSettings(recipe: 'sklearn', options: FitOptions): FitSettings & { readonly regularization: number }
export function fitSettings(recipe: 'scaled', options: FitOptions): FitSettings & { readonly join: number }
export function fitSettings(recipe: 'scaled' | 'sklearn', options: FitOptions): FitSettings
export function fitSettings(recipe: 'scaled' | 'sklearn', options: FitOptions): FitSettings {
  checkOptionNames(options, optionNames)
  demand(typeof recipe === 'string' && Object.hasOwn(defaults, recipe), 'recipe', recipe, '"scaled" or "sklearn"')
  refusePairs(recipe, options)
  const { components = 10, starts = 5 } = options
  demand(isWholeIn(components, 1, 255), 'components', components, 'a whole number from 1 to 255')
  const { weightConcentrationPrior = 1 / components } = options
  const settings = {
    components,
    weightConcentrationPrior,
    ...defaults[recipe],
    ...(options.tolerance !== undefined && { tolerance: options.tolerance }),
    ...(options.maxIterations !== undefined && { maxIterations: options.maxIterations }),
    ...(options.regularization !== undefined && { regularization: options.regularization }),
    ...(options.join !== undefined && { join: options.join }),
    starts,
  }
  const { tolerance, maxIterations } = settings
  const { totalRows = 1, seed = 0, regularization = 0, join = 0 } = options
  demand(
    isNumberIn(weightConcentrationPrior, Number.MIN_VALUE, largestOption),
    'weightConcentrationPrior',
    weightConcentrationPrior,
    'a number above 0, at most 1e100',
  )
  demand(isNumberIn(tolerance, 0, largestOption), 'tolerance', tolerance, '0 to 1e100 nats')
  demand(isWholeIn(maxIterations, 1, 1e9), 'maxIterations', maxIterations, 'a whole number from 1 to 1e9')
  demand(isNumberIn(regularization, 0, largestOption), 'regularization', regularization, 'a number from 0 to 1e100')
  demand(isNumberIn(join, 0, largestOption), 'join', join, '0 to 1e100 nats')
  demand(isWholeIn(starts, 1, 100), 'starts', starts, 'a whole number from 1 to 100')
  demand(
    isNumberIn(totalRows, Number.MIN_VALUE, largestOption),
    'totalRows',
    totalRows,
    'a number above 0, at most 1e100',
  )
  demand(isWholeIn(seed, 0, 2 ** 32 - 1), 'seed', seed, 'a whole number from 0 to 4294967295')
  return settings
}

function refusePairs(recipe: 'scaled' | 'sklearn', options: FitOptions): void {
  for (const name of ['join', 'totalRows', 'seed', 'starts', 'initialLabels'] as const) {
    if (options[name] !== undefined && recipeOf[name] !== recipe) {
      const fix = `Add recipe: "${recipeOf[name]}", or drop ${name}`
      throw new FitOptionError(`${name} excludes recipe "${recipe}"`, fix)
    }
  }
  for (const name of ['seed', 'starts'] as const) {
    if (options.initialLabels !== undefined && options[name] !== undefined) {
      const message = `initialLabels exclude ${name}: they are the start`
      throw new FitOptionError(message, `Drop ${name}, or leave the labels to k-means`)
    }
  }
}
