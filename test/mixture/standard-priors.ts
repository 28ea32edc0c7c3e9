import type { Priors } from '../../src/mixture/posterior.ts'

/** Priors of a column of mean 0 and variance 1, as fits have them. */
export const standardPriors = (components: number, concentration: number): Priors => ({
  concentration,
  mean: new Float64Array(components),
  meanPrecision: 1,
  degrees: 1,
  covariance: new Float64Array(components).fill(1),
  regularization: 0,
})
