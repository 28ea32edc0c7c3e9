import { InterruptedError, PipelineError } from '../errors.ts'

/**
 * The work of a command that stores no position. Without this, the error of an interruption would say that the same
 * command resumes, as all others do.
 *
 * @throws InterruptedError that says so, from this thread or another one; whatever else `work` throws
 */
export async function withRestartHint<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof PipelineError && error.code === 'VGM_INTERRUPTED')) throw error
    throw new InterruptedError('Start the same command again: it starts from the beginning')
  }
}
