import { PipelineError } from '../errors.ts'
import type { ErrorFields } from './error-causes.ts'

/** kafkajs gave up on a request for a reason that is neither an answer of the broker nor a lost connection. */
export class ControlRequestError extends PipelineError {
  readonly code = 'VGM_BROKER_REQUEST'
  constructor(what: string, cause: Error) {
    super(`${what} failed: ${cause.message}`, {
      fix: 'Start again with --debug for the whole story',
      retriable: (cause as ErrorFields).retriable === true,
      cause,
    })
  }
}

/** A batch that kafkajs cannot take, though others can. */
export class BatchOfTooManyRowsError extends PipelineError {
  readonly code = 'VGM_BATCH_ROWS'
  constructor(mostRows: number) {
    super(`A batch has more than ${mostRows.toLocaleString('en')} rows, and so many cannot be looked at at once`, {
      fix: 'Let the producer of these rows write smaller batches',
    })
  }
}
