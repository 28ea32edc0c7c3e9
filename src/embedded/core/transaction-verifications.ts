import type { BatchHeader } from '../../batch/batch-header.ts'
import { errorCodes } from '../error-codes.ts'

/** Asks the coordinator whether a producer's transaction spans this partition: an error code. */
export type Verify = () => number | Promise<number>

interface Verification {
  /** lowest sequence seen since it began */
  lowest: number
  readonly epoch: number
  isAsked: boolean
  readonly sinceMs: number
}

/**
 * Verifications of transactions before their first batch, as `VerificationStateEntry` and `AddPartitionsToTxnManager`
 * of Apache Kafka have them: a batch that is late never opens a transaction that its coordinator does not know of.
 */
export class TransactionVerifications {
  readonly #verifications = new Map<bigint, Verification>()

  /**
   * An error code.
   *
   * One verification of a producer at a time: the coordinator's answer to a second one would be the first one's.
   */
  async verify(producerId: bigint, epoch: number, sequence: number, verify: Verify, nowMs: number): Promise<number> {
    const known = this.#verifications.get(producerId)
    if (known !== undefined && epoch < known.epoch) return this.#verifyOlder(producerId, known, verify)
    const verification = known?.epoch === epoch ? known : { lowest: sequence, epoch, isAsked: false, sinceMs: nowMs }
    verification.lowest = Math.min(verification.lowest, sequence)
    if (verification.isAsked) return errorCodes.NOT_ENOUGH_REPLICAS
    verification.isAsked = true
    this.#verifications.set(producerId, verification)
    const error = await verify()
    verification.isAsked = false
    if (error !== errorCodes.NONE) return producerError(error)
    // A marker came between the answer and the batch: the answer is another transaction's.
    if (this.#verifications.get(producerId) !== verification) return errorCodes.INVALID_TXN_STATE
    return sequence > verification.lowest ? errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER : errorCodes.NONE
  }

  /** Whether a batch comes before one that was seen while its producer was verified. */
  isAhead({ producerId, baseSequence }: Pick<BatchHeader, 'producerId' | 'baseSequence'>): boolean {
    const known = this.#verifications.get(producerId)
    return known !== undefined && baseSequence > known.lowest
  }

  /** An epoch that is fenced must not disturb the newer one, unless that one is not known to the coordinator. */
  async #verifyOlder(producerId: bigint, newer: Verification, verify: Verify): Promise<number> {
    const error = await verify()
    if (error !== errorCodes.NONE) return producerError(error)
    if (this.#verifications.get(producerId) === newer) this.#verifications.delete(producerId)
    return errorCodes.NOT_ENOUGH_REPLICAS
  }

  /** The transaction has begun or ended here: what is under way does not count for the next one. */
  forget(producerId: bigint): void {
    this.#verifications.delete(producerId)
  }

  expire(sinceMs: number): void {
    for (const [producerId, verification] of this.#verifications)
      if (!verification.isAsked && verification.sinceMs <= sinceMs) this.#verifications.delete(producerId)
  }
}

/** What a producer is told of a coordinator's error. */
function producerError(error: number): number {
  switch (error) {
    case errorCodes.PRODUCER_FENCED:
      return errorCodes.INVALID_PRODUCER_EPOCH
    case errorCodes.CONCURRENT_TRANSACTIONS:
    case errorCodes.COORDINATOR_LOAD_IN_PROGRESS:
    case errorCodes.COORDINATOR_NOT_AVAILABLE:
    case errorCodes.NOT_COORDINATOR:
      return errorCodes.NOT_ENOUGH_REPLICAS
    default:
      return error
  }
}
