import {
  type BatchHeader,
  batchHeaderBytes,
  batchLengthOverhead,
  isIntact,
  readBatchHeader,
} from '../../batch/batch-header.ts'
import { errorCodes } from '../error-codes.ts'
import { type AbortedTransaction, AbortedTransactions } from './aborted-transactions.ts'
import { checkBatch, type Refusal, stampedHead } from './batch-checks.ts'
import type { Clock } from './clock.ts'
import { compacted } from './compaction.ts'
import { type Marker, markerBatch, readMarker } from './control-batch.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import { type LogConfig, logDefaults } from './log-config.ts'
import type { LogStorage } from './log-storage.ts'
import { maxTimestampOffset, offsetOfTime, type TimedOffset } from './offsets-by-time.ts'
import { type ProducerState, ProducerStates } from './producer-states.ts'
import { expiredFront } from './retention.ts'
import { type OpenedBatch, StoredBatches } from './stored-batches.ts'
import { TransactionVerifications, type Verify } from './transaction-verifications.ts'

export type Isolation = 'read_uncommitted' | 'read_committed'

/** The answer to a batch; offsets are -1 with an error. */
export interface Appended extends Refusal {
  readonly baseOffset: number
  /** -1 unless the topic's records have the time at which they were appended, or the batch had come before */
  readonly logAppendTimeMs: number
}

export interface Fetched {
  readonly error: number
  /** whole batches, not copied */
  readonly buffers: readonly Buffer[]
  readonly sizeBytes: number
  /** transactions that were rolled back among them, for readers of committed rows */
  readonly aborted: readonly AbortedTransaction[]
}

/** Times that ListOffsets gives a meaning of their own. */
export const latestTimestamp = -1
export const earliestTimestamp = -2
export const maxTimestamp = -3

export interface LogOptions {
  readonly storage: LogStorage
  readonly clock: Clock
  /** of the leader from now on, written into each batch */
  readonly leaderEpoch?: number
  readonly config?: Partial<LogConfig>
}

const magicAt = 16
const currentMagic = 2

const unverified: Verify = () => errorCodes.INVALID_TXN_STATE
const nothing: Fetched = { error: errorCodes.NONE, buffers: [], sizeBytes: 0, aborted: [] }
const nowhere: TimedOffset = { offset: -1, timestampMs: -1, leaderEpoch: -1 }

/**
 * One partition's log with the state of its producers, as `UnifiedLog` of Apache Kafka has it. There is one replica:
 * all that is appended is committed, and the high watermark is the end.
 */
export class PartitionLog {
  /** may be replaced at any time */
  config: LogConfig
  leaderEpoch: number
  readonly #clock: Clock
  readonly #batches: StoredBatches
  readonly #producers = new ProducerStates()
  readonly #verifications = new TransactionVerifications()
  readonly #aborted = new AbortedTransactions()
  readonly #epochs = new LeaderEpochs()
  #endOffset: number
  /** below it the last compaction has seen everything */
  #cleanedOffset = 0
  /** bytes at the end that were torn, or not what they were, and have been cut off at the start */
  readonly cutBytes: number

  constructor({ storage, clock, leaderEpoch, config = {} }: LogOptions) {
    this.config = { ...logDefaults, ...config }
    this.#clock = clock
    this.#batches = new StoredBatches(storage)
    this.#endOffset = storage.startOffset
    this.cutBytes = this.#recover()
    // What was cut off has been seen under the epoch before.
    this.leaderEpoch = leaderEpoch ?? this.#epochs.latest + 1
    // A leader's epoch begins with it, before its first batch.
    this.#epochs.note(this.leaderEpoch, this.#endOffset)
  }

  get startOffset(): number {
    return this.#batches.storage.startOffset
  }

  get endOffset(): number {
    return this.#endOffset
  }

  get sizeBytes(): number {
    return this.#batches.storage.end - this.#batches.storage.start
  }

  get lastStableOffset(): number {
    const open = this.#producers.firstOpenOffset
    return open === undefined ? this.#endOffset : Math.max(open, this.startOffset)
  }

  /** What is known of those who write: DescribeProducers. */
  producers(): readonly ProducerState[] {
    return [...this.#producers.all()]
  }

  producer(producerId: bigint): ProducerState | undefined {
    return this.#producers.get(producerId)
  }

  /** Appends what a client has sent; the bytes are copied. @param verify asked before a transaction's first batch */
  async append(bytes: Uint8Array, verify: Verify = unverified): Promise<Appended> {
    const header = checkBatch(bytes, this.config, this.#clock.nowMs)
    if ('error' in header) return refused(header)
    const { producerId, producerEpoch, isTransactional } = header
    if (producerId >= 0n) {
      if (isTransactional && !this.#producers.isOpen(producerId, producerEpoch)) {
        const error = await this.#verified(header, verify)
        if (error !== errorCodes.NONE) return refused({ error, message: null })
      }
      const same = this.#producers.findDuplicate(header)
      if (same !== undefined) return appended(same.baseOffset, same.timestampMs)
      const error = this.#verifications.isAhead(header)
        ? errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER
        : this.#producers.check(header)
      if (error !== errorCodes.NONE) return refused({ error, message: null })
    }
    const logAppendTimeMs = this.#logAppendTime(this.#clock.nowMs)
    return appended(this.#store(bytes, logAppendTimeMs), logAppendTimeMs)
  }

  /** Appends what a coordinator writes, which is right; its offset. */
  write(bytes: Uint8Array): number {
    return this.#store(bytes, -1)
  }

  /** Ends a producer's transaction here; an error code. */
  mark(marker: Marker): number {
    const { producerId, producerEpoch } = marker
    if (producerEpoch < (this.#producers.get(producerId)?.epoch ?? -1)) return errorCodes.INVALID_PRODUCER_EPOCH
    this.#store(markerBatch(marker, this.#clock.nowMs), -1)
    return errorCodes.NONE
  }

  /**
   * Batches from the one that holds `offset` on.
   *
   * @param maxBytes of all of them
   * @param isOneAtLeast the first one comes even if it is larger
   */
  fetch(offset: number, maxBytes: number, isolation: Isolation, isOneAtLeast = true): Fetched {
    if (offset < this.startOffset || offset > this.#endOffset)
      return { ...nothing, error: errorCodes.OFFSET_OUT_OF_RANGE }
    const limit = this.#limit(isolation)
    const first = offset < limit ? this.#batches.find(offset) : undefined
    if (first === undefined || first.baseOffset >= limit) return nothing
    const { storage } = this.#batches
    const stop = limit === this.#endOffset ? storage.end : (this.#batches.find(limit)?.position ?? storage.end)
    let end = Math.min(stop, this.#batches.boundary(first.position + maxBytes))
    if (end <= first.position) {
      if (!isOneAtLeast) return nothing
      end = first.end
    }
    const buffers = storage.read(first.position, end)
    const sizeBytes = end - first.position
    if (isolation === 'read_uncommitted') return { ...nothing, buffers, sizeBytes }
    const upTo = end === stop ? limit : this.#baseOffsetAt(end)
    return { ...nothing, buffers, sizeBytes, aborted: this.#aborted.between(offset, upTo) }
  }

  /**
   * The first row of a time or later: ListOffsets.
   *
   * @param timestampMs or one of `latestTimestamp`, `earliestTimestamp`, `maxTimestamp`
   * @returns the offset -1 if there is none
   */
  offsetOf(timestampMs: number, isolation: Isolation): TimedOffset {
    const limit = this.#limit(isolation)
    if (timestampMs === latestTimestamp) return { ...nowhere, offset: limit, leaderEpoch: this.#epochs.latest }
    if (timestampMs === earliestTimestamp)
      return { ...nowhere, offset: this.startOffset, leaderEpoch: this.#epochs.at(this.startOffset) }
    const found =
      timestampMs === maxTimestamp
        ? maxTimestampOffset(this.#batches, this.startOffset)
        : offsetOfTime(this.#batches, timestampMs, this.startOffset)
    return found === undefined || found.offset >= limit ? nowhere : found
  }

  /** The largest leader epoch up to `epoch`, and where it ends. */
  endOfEpoch(epoch: number): { readonly epoch: number; readonly endOffset: number } {
    return this.#epochs.endOf(epoch, this.#endOffset)
  }

  /** Leader epoch of the row at `offset`, -1 if it is not known. */
  epochAt(offset: number): number {
    return this.#epochs.at(offset)
  }

  /** Removes rows below an offset, -1 for all: DeleteRecords. The new start is `startOffset`. */
  deleteRecords(offset: number): number {
    const to = offset === -1 ? this.#endOffset : offset
    if (!this.config.hasDeletePolicy) return errorCodes.POLICY_VIOLATION
    if (to < 0 || to > this.#endOffset) return errorCodes.OFFSET_OUT_OF_RANGE
    if (to > this.startOffset) this.#cutFront(this.#batches.find(to)?.position ?? this.#batches.storage.end, to)
    return errorCodes.NONE
  }

  /** What brokers do from time to time: retention, compaction, forgetting producers. */
  maintain(): void {
    const { nowMs } = this.#clock
    if (this.config.hasDeletePolicy) {
      const front = expiredFront(this.#batches, this.config, nowMs, this)
      if (front !== undefined) this.#cutFront(front.position, front.offset)
    }
    if (this.config.hasCompactPolicy && this.#isDirty()) this.compact()
    this.#producers.expire(nowMs - this.config.producerIdExpirationMs)
    this.#verifications.expire(nowMs - this.config.producerIdExpirationMs)
  }

  /** Keeps the newest row of each key, below the last stable offset. */
  compact(): void {
    const { pieces, cleanedOffset, isAbortedKept } = compacted(this.#batches, {
      nowMs: this.#clock.nowMs,
      config: this.config,
      limitOffset: this.lastStableOffset,
      aborted: this.#aborted.between(this.startOffset, this.#endOffset),
      producers: this.#producers,
    })
    this.#batches.rewrite(pieces)
    this.#aborted.filter(isAbortedKept)
    this.#cleanedOffset = cleanedOffset
  }

  /** Batches with what they hold, from the first on: for those who keep their state in a log. */
  *batches(): Generator<OpenedBatch> {
    for (const batch of this.#batches.walk(this.#batches.storage.start)) yield this.#batches.open(batch)
  }

  /** Resolves once everything up to now outlives a power cut. */
  sync(): Promise<void> {
    return this.#batches.storage.sync()
  }

  /** Whether the coordinator knows of the transaction that a batch would open here: an error code. */
  async #verified({ producerId, producerEpoch, baseSequence }: BatchHeader, verify: Verify): Promise<number> {
    if (producerEpoch < (this.#producers.get(producerId)?.epoch ?? -1)) return errorCodes.INVALID_PRODUCER_EPOCH
    return this.#verifications.verify(producerId, producerEpoch, baseSequence, verify, this.#clock.nowMs)
  }

  #limit(isolation: Isolation): number {
    return isolation === 'read_committed' ? this.lastStableOffset : this.#endOffset
  }

  #logAppendTime(timestampMs: number): number {
    return this.config.timestampType === 'LogAppendTime' ? timestampMs : -1
  }

  #store(bytes: Uint8Array, logAppendTimeMs: number): number {
    const { leaderEpoch } = this
    const baseOffset = this.#endOffset
    this.#batches.append(
      stampedHead(bytes, { baseOffset, leaderEpoch, logAppendTimeMs }),
      bytes.subarray(batchHeaderBytes),
    )
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const header = readBatchHeader(bytes, view, 0)!
    const maxTimestampMs = logAppendTimeMs < 0 ? header.maxTimestampMs : logAppendTimeMs
    const lastOffset = baseOffset + header.lastOffset - header.baseOffset
    this.#note({ bytes, view, header: { ...header, baseOffset, lastOffset, leaderEpoch, maxTimestampMs } })
    return baseOffset
  }

  /** Takes notice of a batch that has been appended. */
  #note(batch: OpenedBatch): void {
    const { header } = batch
    const { producerId, lastOffset, maxTimestampMs } = header
    const { nowMs } = this.#clock
    this.#epochs.note(header.leaderEpoch, header.baseOffset)
    this.#endOffset = lastOffset + 1
    if (producerId < 0n) return
    if (!header.isControl) this.#producers.appendData(header, nowMs)
    else {
      const marker = readMarker(batch)
      // Compaction has taken the marker, and with it the transaction.
      if (marker === undefined) return
      const firstOffset = this.#producers.appendMarker(marker, maxTimestampMs, nowMs)
      if (firstOffset !== undefined && !marker.isCommit)
        this.#aborted.add({ producerId, firstOffset, lastOffset, lastStableOffset: this.lastStableOffset })
    }
    if (header.isTransactional) this.#verifications.forget(producerId)
  }

  /** Learns everything from the batches, of which it reads the headers; bytes that it has cut off at the end. */
  #recover(): number {
    const { storage, index } = this.#batches
    let position = storage.start
    for (const batch of this.#wholeBatches()) {
      const { header } = batch
      index.add(header.baseOffset, position, header.maxTimestampMs)
      position += header.end
      this.#note(batch)
    }
    const cutBytes = storage.end - position
    if (cutBytes > 0) storage.cutBack(position)
    return cutBytes
  }

  /** Batches up to the first one that is torn, or is not what it was when it was appended. */
  *#wholeBatches(): Generator<OpenedBatch> {
    const { storage } = this.#batches
    for (let position = storage.start; position + batchHeaderBytes <= storage.end; ) {
      const [head] = storage.read(position, position + batchHeaderBytes)
      if (head.length < batchHeaderBytes) return
      const end = position + batchLengthOverhead + head.readInt32BE(8)
      if (end < position + batchHeaderBytes || end > storage.end) return
      const [bytes] = storage.read(position, end)
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      if (bytes.length < end - position || view.getInt8(magicAt) !== currentMagic) return
      const header = readBatchHeader(bytes, view, 0)!
      const isNext = header.baseOffset >= this.#endOffset || position === storage.start
      if (!isNext || header.lastOffset < header.baseOffset || !isIntact(bytes, view, header)) return
      yield { bytes, view, header }
      position = end
    }
  }

  /** Whether enough has come since the last compaction. */
  #isDirty(): boolean {
    const { storage } = this.#batches
    const dirty = storage.end - (this.#batches.find(this.#cleanedOffset)?.position ?? storage.end)
    return dirty > this.config.minCleanableDirtyRatio * this.sizeBytes
  }

  #cutFront(position: number, startOffset: number): void {
    this.#batches.cutFront(position, startOffset)
    this.#epochs.cutFront(startOffset)
    this.#aborted.filter(({ lastOffset }) => lastOffset >= startOffset)
  }

  #baseOffsetAt(position: number): number {
    for (const { baseOffset } of this.#batches.walk(position)) return baseOffset
    return this.#endOffset
  }
}

function appended(baseOffset: number, logAppendTimeMs: number): Appended {
  return { error: errorCodes.NONE, message: null, baseOffset, logAppendTimeMs }
}

function refused({ error, message }: Refusal): Appended {
  return { error, message, baseOffset: -1, logAppendTimeMs: -1 }
}
