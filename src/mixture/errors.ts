import { exitCodes, PipelineError } from '../errors.ts'

/** A column without a single row has no mean, so nothing can be fitted. */
export class EmptyColumnError extends PipelineError {
  readonly code = 'VGM_COLUMN_EMPTY'
  constructor() {
    super('A mixture cannot be fitted: there is no value, or all weights are 0', {
      fix: 'Leave columns that hold only nulls out of --columns, or sample more rows',
    })
  }
}

/** Distances between the values of a column would leave the range of doubles. */
export class ColumnSpanError extends PipelineError {
  readonly code = 'VGM_COLUMN_SPAN'
  constructor(min: number, max: number) {
    super(`The values go from ${min} to ${max}, which is more than 1e308 apart`, {
      fix: 'Divide the column by 10 or more first, or leave it out of --columns',
    })
  }
}

/** NaN or an infinity where only finite values are allowed. */
export class NonFiniteValueError extends PipelineError {
  readonly code = 'VGM_VALUE_NOT_FINITE'
  constructor(value: number, row: number) {
    super(`The value of row ${row} is ${value}; a mixture needs finite values`, {
      fix: 'Remove NaN and infinities first, and count them as nulls or dead letters',
    })
  }
}

/** An option that cannot be used as it is, or two that exclude each other. */
export class FitOptionError extends PipelineError {
  readonly code = 'VGM_FIT_OPTION'
  constructor(message: string, fix: string) {
    super(message, { fix, exitCode: exitCodes.usage })
  }
}

/** Two column summaries whose bins do not line up. */
export class SummaryMismatchError extends PipelineError {
  readonly code = 'VGM_SUMMARY_MISMATCH'
  constructor(centre: number, other: number) {
    super(`Summaries around ${centre} and around ${other} cannot be merged`, {
      fix: 'Give every summary of a column the same pilot centre',
    })
  }
}
