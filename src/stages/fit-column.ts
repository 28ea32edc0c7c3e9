import type { ColumnFacts } from '../mixture/column-facts.ts'
import { type ColumnModel, type ColumnModelOptions, columnModel } from '../mixture/column-model.ts'
import { ColumnSummary, type SummarySnapshot } from '../mixture/column-summary.ts'
import { ColumnSpanError } from '../mixture/errors.ts'
import { fitMixture } from '../mixture/fit-mixture.ts'
import type { FitOptions } from '../mixture/fit-options.ts'
import { fitSummary } from '../mixture/fit-summary.ts'

/** A column to fit, as plain data that a message between threads can carry. */
export interface FitColumnTask {
  /** a summary, or the values themselves where the recipe needs them */
  readonly data: SummarySnapshot | Float64Array
  readonly mixture: FitOptions
  readonly column: ColumnModelOptions
}

/** What came of it. */
export type FittedColumn =
  | ({ readonly model: ColumnModel } & Pick<ColumnFacts, 'rows' | 'sentinels'>)
  /** why it cannot be modelled */
  | { readonly refused: string }

/** Fits a mixture to a column. */
export function fitColumn({ data, mixture, column }: FitColumnTask): FittedColumn {
  try {
    const isValues = data instanceof Float64Array
    const fitted = isValues ? fitMixture(data, mixture) : fitSummary(ColumnSummary.from(data), mixture)
    const { rows, sentinels } = fitted.facts
    return { model: columnModel(fitted, column), rows, sentinels }
  } catch (error) {
    if (!(error instanceof ColumnSpanError)) throw error
    return { refused: error.message }
  }
}
