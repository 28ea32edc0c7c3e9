import { PipelineError } from '../errors.ts'

/** What the broker keeps on disk is not what it has written. It goes on only when somebody has decided how. */
export class DamagedLogError extends PipelineError {
  readonly code = 'VGM_BROKER_LOG_DAMAGED'
  /** @param goOn how to go on without what is lost */
  constructor(place: string, problem: string, goOn: string) {
    super(`${place}: ${problem}`, { fix: `Restore it from a copy; or ${goOn}` })
  }
}
