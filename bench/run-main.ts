import { PipelineError } from '../src/errors.ts'
import { prepareProcess } from '../src/observe/prepare-process.ts'

/**
 * Runs a program of this folder; of a failure that we expect it says what is wrong and what mends it, and exits with
 * its code.
 */
export async function runMain(main: () => Promise<void>): Promise<void> {
  prepareProcess()
  try {
    await main()
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error
    process.stderr.write(`error: ${error.message}. ${error.fix}.\n`)
    process.exitCode = error.exitCode
  }
}
