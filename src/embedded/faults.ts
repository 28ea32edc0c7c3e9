import type { ApiName } from './protocol/apis.ts'

/** Which requests meet a fault. */
export interface FaultTarget {
  /** Kafka's name of the request, as `Produce` or `EndTxn` */
  readonly api: ApiName
  /** how many of them, from now on [1] */
  readonly times?: number
}

/**
 * What a test wants to go wrong. Each call adds a fault; requests meet faults in the order in which those were added.
 */
export interface Faults {
  /** Closes all connections, and every new one at once for so many ms. */
  goAway(ms: number): void
  /** Answers requests so many ms later. They take effect at once. */
  slowAnswers(target: FaultTarget & { readonly delayMs: number }): void
  /** Requests take effect, and their connection closes in place of an answer. */
  loseAnswers(target: FaultTarget): void
  /**
   * Rolls back an open transaction and fences its producer, as the broker does when a transaction times out.
   *
   * @returns whether the transactional id had an open transaction
   */
  abortTransaction(transactionalId: string): boolean
}

/** What happens to one answer. */
export type AnswerFault = { readonly kind: 'slow'; readonly delayMs: number } | { readonly kind: 'lost' }

/** Faults of answers that have been asked for and not met yet. */
export class AnswerFaults {
  readonly #waiting: { readonly api: ApiName; readonly fault: AnswerFault; left: number }[] = []

  add({ api, times = 1 }: FaultTarget, fault: AnswerFault): void {
    this.#waiting.push({ api, fault, left: times })
  }

  /** The fault that this request meets, if there is one. */
  take(api: ApiName): AnswerFault | undefined {
    const at = this.#waiting.findIndex((waiting) => waiting.api === api)
    if (at < 0) return undefined
    const found = this.#waiting[at]
    if (--found.left <= 0) this.#waiting.splice(at, 1)
    return found.fault
  }
}
