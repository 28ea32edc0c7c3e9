import { UsageError } from '../errors.ts'
import { type ApiName, apis } from './protocol/apis.ts'

/** Which requests meet a fault. */
export interface FaultTarget {
  /** Kafka's name of the request, as `Produce` or `EndTxn` */
  readonly api: ApiName
  /** how many of them, from now on [1] */
  readonly times?: number
}

/** A fault that was asked for. */
export interface RequestedFault {
  /** how many requests have met it so far */
  readonly met: number
}

/**
 * What a test wants to go wrong. Each call adds a fault; requests meet faults in the order in which those were added.
 * A request that the broker does not know, and a number that is none, are refused with a UsageError.
 */
export interface Faults {
  /** Closes all connections, and every new one at once for so many ms. */
  goAway(ms: number): void
  /** Answers requests so many ms later. They take effect at once. */
  slowAnswers(target: FaultTarget & { readonly delayMs: number }): RequestedFault
  /** Requests take effect, and their connection closes in place of an answer. */
  loseAnswers(target: FaultTarget): RequestedFault
  /**
   * Rolls back an open transaction and fences its producer, as the broker does when a transaction times out.
   *
   * @returns whether the transactional id had an open transaction
   */
  abortTransaction(transactionalId: string): boolean
}

/** What happens to one answer. */
export type AnswerFault = { readonly kind: 'slow'; readonly delayMs: number } | { readonly kind: 'lost' }

interface WaitingFault extends RequestedFault {
  readonly api: ApiName
  readonly fault: AnswerFault
  readonly times: number
  met: number
}

/** Node's timers go no further. */
const longestMs = 2 ** 31 - 1

/** Faults of answers that have been asked for and not met yet. */
export class AnswerFaults {
  readonly #waiting: WaitingFault[] = []

  /** @throws UsageError for an unknown request, or a number of times or ms that is none */
  add({ api, times = 1 }: FaultTarget, fault: AnswerFault): RequestedFault {
    if (!Object.hasOwn(apis, api))
      throw new UsageError(
        `A fault is for "${api}", which is no request that the embedded broker knows`,
        `Name one as Kafka does: ${Object.keys(apis).sort().join(', ')}`,
      )
    if (!Number.isSafeInteger(times) || times < 0)
      throw new UsageError(`A fault is to happen ${times} times`, 'Give a whole number from 0 on as "times"')
    if (fault.kind === 'slow') requireMs('delayMs', fault.delayMs)
    const added: WaitingFault = { api, fault, times, met: 0 }
    if (times > 0) this.#waiting.push(added)
    return added
  }

  /** The fault that this request meets, if there is one. */
  take(api: ApiName): AnswerFault | undefined {
    const found = this.#waiting.find((waiting) => waiting.api === api)
    if (found === undefined) return undefined
    found.met++
    if (found.met === found.times) this.#waiting.splice(this.#waiting.indexOf(found), 1)
    return found.fault
  }
}

/** @throws UsageError for a time that no timer can wait for */
export function requireMs(name: string, ms: number): void {
  if (typeof ms !== 'number' || !(ms >= 0 && ms <= longestMs))
    throw new UsageError(`"${name}" of a fault is ${ms}`, `Give milliseconds from 0 to ${longestMs}`)
}
