import { exitCodes } from '../errors.ts'

const exit = () => process.exit(exitCodes.interrupted)

/** Time limit for the shutdown of a one-shot command: the user who pressed Ctrl-C is waiting. */
export const commandGraceMs = 4_500
/** The same for a stage that runs on, whose supervisor waits: less than the 30 s that Kubernetes gives a pod. */
export const stageGraceMs = 25_000

/**
 * Ends the process at a SIGINT or SIGTERM, until `interruption` is called because there is work that has to end
 * cleanly.
 */
export function exitOnInterruption(): void {
  process.on('SIGINT', exit)
  process.on('SIGTERM', exit)
}

/**
 * A signal that fires at the first SIGINT or SIGTERM, so that work can end cleanly. A second one ends the process at
 * once, and so does `graceMs` without an end.
 */
export function interruption(graceMs: number): AbortSignal {
  const controller = new AbortController()
  const onSignal = () => {
    if (controller.signal.aborted) exit()
    controller.abort()
    setTimeout(exit, graceMs).unref()
  }
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    // In this order: a signal that waits to be told of is lost in a moment without a listener.
    process.on(name, onSignal)
    process.off(name, exit)
  }
  return controller.signal
}
