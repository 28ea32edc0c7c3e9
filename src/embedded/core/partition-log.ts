import { type BatchHeader, readBatchHeader, writeInt64 } from '../../batch/batch-header.ts'
import { markerBatch } from './control-batch.ts'
import { errorCodes } from './error-codes.ts'

const lastSequence = 2 ** 31 - 1
/** Batches of a producer that a broker remembers, to know them again. */
const rememberedBatches = 5

interface ProducerState {
  epoch: number
  batches: { readonly first: number; readonly last: number }[]
  /** offset of the first row of its open transaction */
  openSince: number | undefined
}

export interface LoggedBatch {
  readonly bytes: Buffer
  readonly header: BatchHeader
  /** of the transaction that it belongs to */
  outcome: 'open' | 'committed' | 'aborted' | 'marker'
}

/** Asks the coordinator whether a producer's transaction spans this partition: an error code. */
export type Verify = () => Promise<number>

/**
 * One partition's log with the state of its producers, as `ProducerStateManager`, `ProducerAppendInfo` and `UnifiedLog`
 * of Apache Kafka keep it: sequences, epochs, open transactions, the last stable offset.
 */
export class PartitionLog {
  readonly batches: LoggedBatch[] = []
  endOffset = 0
  /** of its leader; written into each batch */
  leaderEpoch = 0
  readonly #producers = new Map<bigint, ProducerState>()
  /** lowest sequence seen of producers whose transaction is being verified */
  readonly #verifying = new Map<bigint, { lowest: number; epoch: number; count: number }>()
  readonly #aborted: { readonly producerId: bigint; readonly firstOffset: number; readonly lastOffset: number }[] = []

  get lastStableOffset(): number {
    let stable = this.endOffset
    for (const { openSince } of this.#producers.values())
      if (openSince !== undefined) stable = Math.min(stable, openSince)
    return stable
  }

  /** Appends a transactional batch; the error code. */
  async append(batch: Uint8Array, verify: Verify): Promise<number> {
    const bytes = Buffer.from(batch)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const { producerId, producerEpoch: epoch, baseSequence: first, recordCount } = readBatchHeader(bytes, view, 0)!
    const last = (first + recordCount - 1) % (lastSequence + 1)
    if (this.#isDuplicate(producerId, epoch, first, last)) return errorCodes.NONE
    if (this.#producers.get(producerId)?.openSince === undefined) {
      const error = await this.#verified(producerId, epoch, first, verify)
      if (error !== errorCodes.NONE) return error
    }
    const error = this.#check(producerId, epoch, first)
    if (error !== errorCodes.NONE) return error
    const state = this.#producers.get(producerId) ?? { epoch, batches: [], openSince: undefined }
    if (state.epoch !== epoch) state.batches = []
    state.epoch = epoch
    state.openSince ??= this.endOffset
    state.batches = [...state.batches, { first, last }].slice(-rememberedBatches)
    this.#producers.set(producerId, state)
    this.#verifying.delete(producerId)
    writeInt64(view, 0, this.endOffset)
    this.#push(bytes, view, 'open')
    return errorCodes.NONE
  }

  /** Ends a producer's transaction here. */
  mark(producerId: bigint, epoch: number, isCommit: boolean): void {
    const state = this.#producers.get(producerId) ?? { epoch, batches: [], openSince: undefined }
    const since = state.openSince
    if (state.epoch !== epoch) state.batches = []
    state.epoch = epoch
    state.openSince = undefined
    this.#producers.set(producerId, state)
    // A verification that was under way does not count for the next transaction.
    this.#verifying.delete(producerId)
    const offset = this.endOffset
    if (since !== undefined) {
      for (const logged of this.batches)
        if (logged.outcome === 'open' && logged.header.producerId === producerId)
          logged.outcome = isCommit ? 'committed' : 'aborted'
      if (!isCommit) this.#aborted.push({ producerId, firstOffset: since, lastOffset: offset })
    }
    const bytes = Buffer.from(markerBatch({ producerId, producerEpoch: epoch, isCommit }, 1_700_000_000_000))
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    writeInt64(view, 0, offset)
    this.#push(bytes, view, 'marker')
  }

  /** What a read_committed fetch from `offset` is answered: whole batches up to about `maxBytes`, one at least. */
  read(offset: number, maxBytes: number) {
    const stable = this.lastStableOffset
    const found: LoggedBatch[] = []
    let size = 0
    for (const logged of this.batches) {
      const { header, bytes } = logged
      if (header.lastOffset < offset) continue
      if (header.baseOffset >= stable || (found.length > 0 && size + bytes.length > maxBytes)) break
      found.push(logged)
      size += bytes.length
    }
    const upTo = found.at(-1)?.header.lastOffset ?? offset
    return {
      bytes: Buffer.concat(found.map(({ bytes }) => bytes)),
      aborted: this.#aborted.filter(({ firstOffset, lastOffset }) => lastOffset >= offset && firstOffset <= upTo),
    }
  }

  /** Of the row before an offset. */
  epochBefore(offset: number): number {
    return this.batches.findLast(({ header }) => header.baseOffset < offset)?.header.leaderEpoch ?? -1
  }

  #push(bytes: Buffer, view: DataView, outcome: LoggedBatch['outcome']): void {
    view.setInt32(12, this.leaderEpoch)
    const header = readBatchHeader(bytes, view, 0)!
    this.batches.push({ bytes, header, outcome })
    this.endOffset = header.lastOffset + 1
  }

  #isDuplicate(producerId: bigint, epoch: number, first: number, last: number): boolean {
    const state = this.#producers.get(producerId)
    return state?.epoch === epoch && state.batches.some((batch) => batch.first === first && batch.last === last)
  }

  /** One verification of a producer at a time: the coordinator's answer to a second one would be the first one's. */
  async #verified(producerId: bigint, epoch: number, first: number, verify: Verify): Promise<number> {
    const known = this.#verifying.get(producerId)
    const guard = known?.epoch === epoch ? known : { lowest: first, epoch, count: 0 }
    guard.lowest = Math.min(guard.lowest, first)
    if (guard.count > 0) return errorCodes.NOT_ENOUGH_REPLICAS
    guard.count++
    this.#verifying.set(producerId, guard)
    const error = await verify()
    guard.count--
    if (error === errorCodes.PRODUCER_FENCED) return errorCodes.INVALID_PRODUCER_EPOCH
    if (
      [
        errorCodes.CONCURRENT_TRANSACTIONS,
        errorCodes.COORDINATOR_LOAD_IN_PROGRESS,
        errorCodes.NOT_COORDINATOR,
      ].includes(error as never)
    )
      return errorCodes.NOT_ENOUGH_REPLICAS
    if (error !== errorCodes.NONE) return error
    // A marker came between the answer and the batch: the guard is another transaction's.
    if (this.#verifying.get(producerId) !== guard) return errorCodes.INVALID_TXN_STATE
    return first > guard.lowest ? errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER : errorCodes.NONE
  }

  #check(producerId: bigint, epoch: number, first: number): number {
    const state = this.#producers.get(producerId)
    if (state === undefined) return errorCodes.NONE
    if (epoch < state.epoch) return errorCodes.INVALID_PRODUCER_EPOCH
    if (epoch > state.epoch) return first === 0 ? errorCodes.NONE : errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER
    const last = state.batches.at(-1)?.last ?? -1
    return first === (last === lastSequence ? 0 : last + 1) ? errorCodes.NONE : errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER
  }
}
