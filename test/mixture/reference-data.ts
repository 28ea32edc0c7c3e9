import { readdirSync, readFileSync } from 'node:fs'
import type { FitOptions } from '../../src/mixture/fit-options.ts'

/** One file of test/fixtures/reference; test/fixtures/reference/reference-data.py makes them. */
export interface ReferenceData {
  readonly dataset: string
  readonly n: number
  readonly values: readonly number[]
  readonly variants: Readonly<Record<string, ReferenceFit>>
}

export interface ReferencePosterior {
  readonly weight_concentration_a: readonly number[]
  readonly weight_concentration_b: readonly number[]
  readonly mean_precision: readonly number[]
  readonly means: readonly number[]
  readonly degrees_of_freedom: readonly number[]
  readonly covariances: readonly number[]
}

export interface ReferenceFit extends ReferencePosterior {
  readonly hyper: {
    readonly n_components: number
    readonly weight_concentration_prior: number
    readonly mean_prior: number
    readonly covariance_prior: number
    readonly reg_covar: number
    readonly tol: number
    readonly max_iter: number
  }
  readonly init_labels: readonly number[]
  readonly after_init: ReferencePosterior
  readonly after_iter1: ReferencePosterior
  readonly weights: readonly number[]
  readonly log_weights: readonly number[]
  readonly lower_bound: number
  readonly lower_bounds: readonly number[]
  readonly n_iter: number
  readonly converged: boolean
  readonly predict: readonly number[]
  readonly predict_counts: readonly number[]
  readonly predict_proba_50: readonly (readonly number[])[]
  readonly score_samples_50: readonly number[]
  readonly normaliser: {
    readonly valid_component_indicator: readonly boolean[]
    readonly argmax_mode_50: readonly number[]
    readonly alpha_unclipped_50: readonly number[]
    readonly alpha_50: readonly number[]
    readonly inverse_50: readonly number[]
  }
}

const folder = new URL('../fixtures/reference/', import.meta.url)

/** Every data set of the folder. */
export const referenceData: readonly ReferenceData[] = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .sort()
  .map((file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')))

/** The options that make fitMixture repeat a reference fit. */
export const parityOptions = ({ hyper, init_labels }: ReferenceFit): FitOptions => ({
  recipe: 'sklearn',
  components: hyper.n_components,
  weightConcentrationPrior: hyper.weight_concentration_prior,
  tolerance: hyper.tol,
  maxIterations: hyper.max_iter,
  regularization: hyper.reg_covar,
  initialLabels: init_labels,
})
