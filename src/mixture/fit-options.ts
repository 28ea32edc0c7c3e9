import { FitOptionError } from './errors.ts'

/** How recipe `scaled` fits a summary. Defaults in brackets. */
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
   * added to variances: a share of the column's variance in `scaled` [a std of 1/8 of the last decimal, or 0.1 % of the column's if it
   * has no resolution], unit^2 in `sklearn` [1e-6]
   */
  readonly regularization?: number
  /** rows of the whole topic, where the summary holds a sample: weighs the data against the priors [the summary's rows] */
  readonly totalRows?: number
}

/** The options of fitMixture. */
export interface FitOptions extends SummaryFitOptions {
  /** `scaled` for data of any size and scale, `sklearn` for scikit-learn's numbers ['scaled'] */
  readonly recipe?: 'scaled' | 'sklearn'
  /** of the k-means starts of `sklearn`; `scaled` starts from the exact optimum and draws nothing [0] */
  readonly seed?: number
  /** k-means starts that `sklearn` tries, to go on with the one of the best bound; 1 to 100 [5; scikit-learn tries 1] */
  readonly starts?: number
  /** rows that each value stands for, shape (n), finite, not negative [1] */
  readonly weights?: Float64Array
  /** first component of each value, shape (n), in 0..K-1; recipe `sklearn` only */
  readonly initialLabels?: ArrayLike<number>
}

export interface FitSettings {
  readonly components: number
  readonly weightConcentrationPrior: number
  readonly tolerance: number
  readonly maxIterations: number
  readonly regularization: number
  readonly starts: number
}

const defaults = {
  scaled: { tolerance: 1e-7, maxIterations: 2000 },
  sklearn: { tolerance: 1e-3, maxIterations: 100 },
} as const

/**
 * Options with their defaults.
 *
 * @throws FitOptionError if one is out of its range
 */
export function fitSettings(
  recipe: 'scaled' | 'sklearn',
  options: SummaryFitOptions & Pick<FitOptions, 'starts'>,
): FitSettings {
  const { components = 10 } = options
  const settings = {
    components,
    weightConcentrationPrior: options.weightConcentrationPrior ?? 1 / components,
    tolerance: options.tolerance ?? defaults[recipe].tolerance,
    maxIterations: options.maxIterations ?? defaults[recipe].maxIterations,
    regularization: options.regularization ?? 1e-6,
    starts: options.starts ?? 5,
  }
  demand(
    Number.isInteger(components) && components >= 1 && components <= 255,
    'components',
    components,
    'a whole number from 1 to 255',
  )
  demand(
    isPositive(settings.weightConcentrationPrior),
    'weightConcentrationPrior',
    settings.weightConcentrationPrior,
    'a number above 0',
  )
  demand(settings.tolerance >= 0, 'tolerance', settings.tolerance, '0 or more nats')
  const { maxIterations } = settings
  demand(Number.isInteger(maxIterations) && maxIterations >= 1, 'maxIterations', maxIterations, 'a whole number from 1')
  const { regularization } = settings
  demand(regularization >= 0 && regularization < Infinity, 'regularization', regularization, 'a number from 0')
  const { starts } = settings
  demand(Number.isInteger(starts) && starts >= 1 && starts <= 100, 'starts', starts, 'a whole number from 1 to 100')
  const { totalRows } = options
  demand(totalRows === undefined || isPositive(totalRows), 'totalRows', totalRows, 'a number above 0')
  return settings
}

const isPositive = (x: number) => x > 0 && x < Infinity

function demand(condition: boolean, name: string, value: unknown, range: string): void {
  if (!condition) throw new FitOptionError(`${name} is ${value}`, `Choose ${range}`)
}
