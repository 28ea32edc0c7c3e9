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

/** An array that is shorter than the values that go into it or stand beside it. */
export class ShortArrayError extends PipelineError {
  readonly code = 'VGM_ARRAY_SHORT'
  constructor(name: string, length: number, needed: number) {
    super(`${name} has ${length} elements, and there are ${needed} values`, {
      fix: `Give an array of ${needed} elements or more`,
      exitCode: exitCodes.usage,
    })
  }
}

/** What should be an array of numbers is none, or one of another type. */
export class ArrayTypeError extends PipelineError {
  readonly code = 'VGM_ARRAY_TYPE'
  /** @param found what it is, with an article */
  constructor(name: string, found: string, type: string) {
    super(`${name} is ${found}, and must be a ${type}`, {
      fix: `Give a ${type}; ${type}.from makes one of plain numbers`,
      exitCode: exitCodes.usage,
    })
  }
}

/** A mode that the model of the column does not have. */
export class UnknownModeError extends PipelineError {
  readonly code = 'VGM_MODE_UNKNOWN'
  constructor(mode: number, row: number, modes: number) {
    super(`The mode of row ${row} is ${mode}, and the model has modes 0 to ${modes - 1}`, {
      fix: 'Restore with the model that the values were normalized with',
    })
  }
}

/** What should be the JSON of a column's model is not. */
export class ColumnModelJsonError extends PipelineError {
  readonly code = 'VGM_MODEL_JSON'
  constructor(problem: string, cause?: unknown) {
    super(`This is no model of a column: ${problem}`, {
      fix: 'Give what columnModelToJson has made, or JSON.stringify of a model',
      ...(cause !== undefined && { cause }),
    })
  }
}
