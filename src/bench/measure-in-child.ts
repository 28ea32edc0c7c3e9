import { fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { InterruptedError, PipelineError } from '../errors.ts'
import type { MeasurementRequest, MeasurementResult } from './measurement.ts'

/** A measurement failed. */
class MeasurementError extends PipelineError {
  readonly code = 'VGM_BENCH'
}

/** @throws MeasurementError, InterruptedError */
export function measureInChild(request: MeasurementRequest, signal: AbortSignal): Promise<MeasurementResult> {
  // In a checkout this module is TypeScript, in the package JavaScript; so is its neighbour.
  const extension = extname(fileURLToPath(import.meta.url))
  const child = fork(new URL(`./measure${extension}`, import.meta.url), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    signal,
  })
  return new Promise((resolve, reject) => {
    child.once('message', (answer: { result?: MeasurementResult; error?: string }) => {
      if (answer.result !== undefined) resolve(answer.result)
      else reject(new MeasurementError(`A measurement failed: ${answer.error}`, { fix: 'Run it alone to see more' }))
    })
    child.on('error', (error) => reject(signal.aborted ? new InterruptedError() : error))
    child.once('exit', (code) =>
      reject(new MeasurementError(`A measurement ended with code ${code}`, { fix: 'See the lines above' })),
    )
    child.send(request)
  })
}
