import { exitCodes } from '../errors.ts'

/**
 * A signal that fires at the first SIGINT or SIGTERM, so that work can end cleanly. A second one ends the process at once, and
 * so does `graceMs` without an end.
 */
export function interruption(graceMs = 4_500): AbortSignal {
  const controller = new AbortController()
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted)
    controller.abort()
    setTimeout(() => process.exit(exitCodes.interrupted), graceMs).unref()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return controller.signal
}
