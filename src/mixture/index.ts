/** The mixture of one column: fit it, normalize numbers with it and restore them. No Kafka, no files. */

export type { ColumnFacts } from './column-facts.ts'
export { type ColumnModel, type ColumnModelOptions, columnModel, type NumericType } from './column-model.ts'
export { columnModelFromJson, columnModelToJson } from './column-model-json.ts'
export type { ComponentTerms } from './component-terms.ts'
export {
  ArrayTypeError,
  ColumnModelJsonError,
  ColumnSpanError,
  EmptyColumnError,
  FitOptionError,
  NonFiniteValueError,
  ShortArrayError,
  UnknownModeError,
} from './errors.ts'
export { fitMixture } from './fit-mixture.ts'
export type { FitOptions, SummaryFitOptions } from './fit-options.ts'
export type { Histogram } from './histogram.ts'
export type { Mixture } from './mixture.ts'
export { Normalizer, type NormalizerOptions } from './normalizer.ts'
