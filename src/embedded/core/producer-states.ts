import type { BatchHeader } from '../../batch/batch-header.ts'
import { errorCodes } from '../error-codes.ts'
import type { Marker } from './control-batch.ts'

const lastSequence = 2 ** 31 - 1
const noSequence = -1
const noEpoch = -1
/** Batches of a producer that a broker remembers, to know them again. */
const rememberedBatches = 5

export interface RememberedBatch {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly baseOffset: number
  readonly timestampMs: number
}

export interface ProducerState {
  readonly producerId: bigint
  readonly epoch: number
  readonly batches: readonly RememberedBatch[]
  /** of its newest batch or marker */
  readonly lastTimestampMs: number
  /** offset of the newest batch that is not a marker, -1 if there is none */
  readonly lastDataOffset: number
  /** offset of the first row of its open transaction */
  readonly openSince: number | undefined
  /** when it wrote last, by the broker's clock: times of records may be old */
  readonly seenMs: number
}

export const lastSequenceOf = ({ batches }: ProducerState): number => batches.at(-1)?.lastSequence ?? noSequence

/**
 * What a log knows of its producers, as `ProducerStateManager` and `ProducerAppendInfo` of Apache Kafka: sequences,
 * epochs, open transactions. Unlike there a producer expires by the time at which it has written last, not by that of
 * its records.
 */
export class ProducerStates {
  readonly #states = new Map<bigint, ProducerState>()
  /** open transactions in the order of their first offsets */
  readonly #open = new Map<bigint, number>()

  constructor(states: readonly ProducerState[] = []) {
    for (const state of states) this.#states.set(state.producerId, state)
    const open = states.flatMap(({ producerId, openSince }) =>
      openSince === undefined ? [] : { producerId, openSince },
    )
    for (const { producerId, openSince } of open.sort((a, b) => a.openSince - b.openSince))
      this.#open.set(producerId, openSince)
  }

  get(producerId: bigint): ProducerState | undefined {
    return this.#states.get(producerId)
  }

  all(): Iterable<ProducerState> {
    return this.#states.values()
  }

  isOpen(producerId: bigint, epoch: number): boolean {
    return this.#open.has(producerId) && this.#states.get(producerId)?.epoch === epoch
  }

  /** Offset of the first row whose transaction is open. */
  get firstOpenOffset(): number | undefined {
    for (const offset of this.#open.values()) return offset
    return undefined
  }

  /** The batch that is the same as this one and has been appended before. */
  findDuplicate(header: BatchHeader): RememberedBatch | undefined {
    const state = this.#states.get(header.producerId)
    if (state?.epoch !== header.producerEpoch) return undefined
    const last = lastSequenceIn(header)
    return state.batches.find((known) => known.firstSequence === header.baseSequence && known.lastSequence === last)
  }

  /** Whether a batch may follow what its producer has written; an error code. */
  check({ producerId, producerEpoch, baseSequence, isTransactional }: BatchHeader): number {
    const state = this.#states.get(producerId)
    // All that it wrote may have been deleted: any sequence goes on.
    if (state === undefined) return errorCodes.NONE
    if (producerEpoch < state.epoch) return errorCodes.INVALID_PRODUCER_EPOCH
    // Whoever wrote without an epoch may go on with any sequence.
    if (state.epoch === noEpoch) return errorCodes.NONE
    const last = producerEpoch > state.epoch ? noSequence : lastSequenceOf(state)
    if (baseSequence !== (last === lastSequence ? 0 : last + 1)) return errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER
    if (state.openSince !== undefined && !isTransactional) return errorCodes.INVALID_TXN_STATE
    return errorCodes.NONE
  }

  /** Notes a batch of rows that has been appended at its offset. */
  appendData(header: BatchHeader, nowMs: number): void {
    const { producerId, producerEpoch: epoch, baseSequence, baseOffset, maxTimestampMs } = header
    const state = this.#states.get(producerId)
    const known = state?.epoch === epoch ? state.batches : []
    const batch = {
      firstSequence: baseSequence,
      lastSequence: lastSequenceIn(header),
      baseOffset,
      timestampMs: maxTimestampMs,
    }
    // Brokers themselves write without one.
    const batches = baseSequence === noSequence ? known : [...known, batch].slice(-rememberedBatches)
    const openSince = state?.openSince ?? (header.isTransactional ? baseOffset : undefined)
    if (openSince !== undefined && !this.#open.has(producerId)) this.#open.set(producerId, openSince)
    this.#states.set(producerId, {
      producerId,
      epoch,
      batches,
      lastTimestampMs: maxTimestampMs,
      lastDataOffset: header.lastOffset,
      openSince,
      seenMs: nowMs,
    })
  }

  /** Notes a marker; where the transaction that it ends has begun, undefined if there was none. */
  appendMarker({ producerId, producerEpoch }: Omit<Marker, 'isCommit'>, timestampMs: number, nowMs: number) {
    const state = this.#states.get(producerId)
    const isSame = state?.epoch === producerEpoch
    this.#open.delete(producerId)
    this.#states.set(producerId, {
      producerId,
      epoch: producerEpoch,
      batches: isSame ? state.batches : [],
      lastTimestampMs: timestampMs,
      lastDataOffset: isSame ? state.lastDataOffset : -1,
      openSince: undefined,
      seenMs: nowMs,
    })
    return state?.openSince
  }

  /** Forgets producers that have not written since `seenMs`, but for those whose transaction is open. */
  expire(seenMs: number): void {
    for (const [producerId, state] of this.#states)
      if (state.openSince === undefined && state.seenMs <= seenMs) this.#states.delete(producerId)
  }
}

function lastSequenceIn({ baseSequence, baseOffset, lastOffset }: BatchHeader): number {
  return baseSequence === noSequence ? noSequence : (baseSequence + lastOffset - baseOffset) % (lastSequence + 1)
}
