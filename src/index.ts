/** The library of vgm-stream: fit a column's mixture, publish it as plain data, normalize and restore with it. */

export type { ColumnFacts } from './mixture/column-facts.ts'
export { type ColumnModel, type ColumnModelOptions, columnModel, type NumericType } from './mixture/column-model.ts'
export type { ComponentTerms } from './mixture/component-terms.ts'
export { ColumnSpanError, EmptyColumnError, FitOptionError, NonFiniteValueError } from './mixture/errors.ts'
export { fitMixture } from './mixture/fit-mixture.ts'
export type { FitOptions, SummaryFitOptions } from './mixture/fit-options.ts'
export type { Histogram } from './mixture/histogram.ts'
export type { Mixture } from './mixture/mixture.ts'
export { Normalizer, type NormalizerOptions } from './mixture/normalizer.ts'
