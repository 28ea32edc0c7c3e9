import { countText } from '../count-text.ts'
import { PipelineError } from '../errors.ts'
import type { ErrorFields } from './error-causes.ts'

/** kafkajs gave up on a request for a reason that is neither an answer of the broker nor a lost connection. */
export class ControlRequestError extends PipelineError {
  readonly code = 'VGM_BROKER_REQUEST'
  constructor(what: string, cause: Error) {
    super(`${what} failed: ${cause.message}`, {
      fix: 'Look at the cause (--debug shows all of it)',
      retriable: (cause as ErrorFields).retriable === true,
      cause,
    })
  }
}

/** A batch that kafkajs cannot take, though others can. */
export class BatchOfTooManyRowsError extends PipelineError {
  readonly code = 'VGM_BATCH_ROWS'
  constructor(mostRows: number) {
    super(`A batch has more than ${countText(mostRows)} rows, too many to be read at once`, {
      fix: 'Configure the producer of these rows to write smaller batches',
    })
  }
}
