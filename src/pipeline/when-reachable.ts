import { setTimeout as sleep } from 'node:timers/promises'
import { InterruptedError, PipelineError } from '../errors.ts'
import type { StageEvent } from '../ports/stage-event.ts'

/** What is asked of a session: whether it waits, until when, and who is told of it. */
interface WaitingSession {
  readonly waits: boolean
  readonly signal: AbortSignal
  readonly report: (event: StageEvent) => void
}

/** The caller has waited already. */
const pauseMs = 1_000
/** One that goes on waiting for the same says so again after this time. */
const newsEveryMs = 30_000

/**
 * What a stage needs before it joins its group: in a session that waits, `work` is repeated while it fails for a reason
 * that passes by itself, as while the registry is away. A stage that starts in an outage holds no partition until it is
 * over, and then begins. In any other session the first failure is the result.
 *
 * @param passes which errors pass by themselves; those that are retriable unless given
 * @throws InterruptedError at once when the cluster's signal fires
 */
export async function whenReachable<T>(
  { signal, report, waits }: WaitingSession,
  work: () => Promise<T>,
  passes: (error: PipelineError) => boolean = ({ retriable }) => retriable,
): Promise<T> {
  const { promise: interrupted, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(new InterruptedError())
  interrupted.catch(() => undefined)
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  let told = { cause: '', atMs: 0 }
  try {
    for (;;)
      try {
        return await Promise.race([work(), interrupted])
      } catch (error) {
        if (!(waits && error instanceof PipelineError && passes(error))) throw error
        const [cause, nowMs] = [error.message, performance.now()]
        const isNews = cause !== told.cause || nowMs - told.atMs >= newsEveryMs
        if (isNews) told = { cause, atMs: nowMs }
        report({ kind: 'waiting', cause, isNews })
        await Promise.race([sleep(pauseMs), interrupted])
      }
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
