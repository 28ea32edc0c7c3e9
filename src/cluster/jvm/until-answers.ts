import { ClusterStartError } from '../errors.ts'
import { untilReady } from '../readiness.ts'
import type { JavaProcess } from './java-process.ts'

const startTimeoutMs = 120_000

/**
 * Waits until a part answers.
 *
 * @throws ClusterStartError with the end of its log if it ends, or does not answer in time
 */
export async function untilAnswers(part: JavaProcess, answers: () => Promise<boolean>): Promise<void> {
  const ended = new AbortController()
  const exited = part.exited.then(() => {
    ended.abort()
    throw new ClusterStartError(`${part.name} ended while it started:\n${part.logTail()}`)
  })
  const ready = untilReady(answers, { timeoutMs: startTimeoutMs, signal: ended.signal }).then((inTime) => {
    if (!inTime)
      throw new ClusterStartError(`${part.name} did not answer within ${startTimeoutMs / 1000} s:\n${part.logTail()}`)
  })
  // The losing promise of the race may still reject, when the part ends long after it was ready.
  exited.catch(() => undefined)
  ready.catch(() => undefined)
  await Promise.race([ready, exited])
}
