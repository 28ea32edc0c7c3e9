import { InterruptedError, PipelineError } from '../errors.ts'

/**
 * The work of a command that keeps no position. Without this, an interruption would say what is true of all others:
 * that the same command goes on where it stopped.
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
