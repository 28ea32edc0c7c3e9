import { setTimeout as sleep } from 'node:timers/promises'
import { InterruptedError, PipelineError } from '../errors.ts'
import type { OpenCluster } from './command-context.ts'

/** Whoever does the work has waited already. */
const pauseMs = 1_000

/**
 * What a stage needs before it joins its group: `work` is repeated while it fails for a reason that passes by itself, as while the
 * registry is away. A stage that starts in an outage holds no partition until it is over, and then begins.
 *
 * @throws InterruptedError at once when the cluster's signal fires
 */
export async function whenReachable<T>({ signal, log }: OpenCluster, work: () => Promise<T>): Promise<T> {
  const { promise: interrupted, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(new InterruptedError())
  interrupted.catch(() => undefined)
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  try {
    for (;;)
      try {
        return await Promise.race([work(), interrupted])
      } catch (error) {
        if (!(error instanceof PipelineError && error.retriable)) throw error
        log.warn({ cause: error.message }, 'not ready yet; waiting')
        await Promise.race([sleep(pauseMs), interrupted])
      }
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
