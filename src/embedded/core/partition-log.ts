import { type BatchHeader, batchHeaderBytes, readBatchHeader } from '../../batch/batch-header.ts'
import { DamagedLogError } from '../damaged-log-error.ts'
import { errorCodes } from '../error-codes.ts'
import { type AbortedTransaction, AbortedTransactions } from './aborted-transactions.ts'
import { checkBatch, type Refusal, stampedHead } from './batch-checks.ts'
import { BatchIndex } from './batch-index.ts'
import type { Clock } from './clock.ts'
import { type CompactionLimits, compaction } from './compaction.ts'
import { type Marker, markerBatch, readMarker } from './control-batch.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import { decodeCheckpoint, encodeCheckpoint, type LogCheckpoint } from './log-checkpoint.ts'
import { type LogConfig, logDefaults } from './log-config.ts'
import type { LogStorage } from './log-storage.ts'
import { maxTimestampOffset, offsetOfTime, type TimedOffset } from './offsets-by-time.ts'
import { type ProducerState, ProducerStates } from './producer-states.ts'
import { expiredFront } from './retention.ts'
import { type BatchesRewrite, type OpenedBatch, StoredBatches } from './stored-batches.ts'
import { TransactionVerifications, type Verify } from './transaction-verifications.ts'
import { wholeBatches } from './whole-batches.ts'

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

/** Some ms of work, and some hundred MiB. */
const usualLimits: CompactionLimits = { sliceBytes: 256 * 1024, mostKeys: 2_000_000 }
/** A start reads some hundred MiB a second. */
const leastNotedBytes = 64 * 1024 * 1024

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
  #producers = new ProducerStates()
  readonly #verifications = new TransactionVerifications()
  #aborted = new AbortedTransactions()
  #epochs = new LeaderEpochs()
  #endOffset: number
  /** below it the last compaction has seen everything */
  #cleanedOffset = 0
  /** of the compaction that is under way */
  #rewrite: BatchesRewrite | undefined
  /** up to where the newest checkpoint knows the log */
  #notedPosition = 0
  #isClosed = false
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

  /** What brokers do from time to time: retention, forgetting producers. */
  maintain(): void {
    const { nowMs } = this.#clock
    // A compaction that is under way would begin anew.
    if (this.config.hasDeletePolicy && this.#rewrite === undefined) {
      const front = expiredFront(this.#batches, this.config, nowMs, this)
      if (front !== undefined) this.#cutFront(front.position, front.offset)
    }
    this.#producers.expire(nowMs - this.config.producerIdExpirationMs)
    this.#verifications.expire(nowMs - this.config.producerIdExpirationMs)
  }

  /** Whether enough has come since the last compaction. */
  get needsCompaction(): boolean {
    if (!this.config.hasCompactPolicy || this.#isClosed) return false
    const { storage } = this.#batches
    const dirty = storage.end - (this.#batches.find(this.#cleanedOffset)?.position ?? storage.end)
    return dirty > this.config.minCleanableDirtyRatio * this.sizeBytes
  }

  /** Keeps the newest row of each key, below the last stable offset. */
  compact(limits: Partial<CompactionLimits> = {}): void {
    for (const _ of this.#compaction(limits));
  }

  /** The same, a slice at a time: others use the log meanwhile. It ends early if they cut the log, or close it. */
  async compactInSlices(limits: Partial<CompactionLimits> = {}): Promise<void> {
    for (const rewrite of this.#compaction(limits)) {
      await rewrite.sync()
      await new Promise<void>((resolve) => void this.#clock.after(1, resolve))
    }
  }

  /** Whether so much has come since the last checkpoint that a start without one would take long. */
  get needsCheckpoint(): boolean {
    const { isLasting, end } = this.#batches.storage
    return isLasting && !this.#isClosed && end - this.#notedPosition >= Math.max(leastNotedBytes, this.sizeBytes / 8)
  }

  /** Notes what is known of the log beside it, so that the next start reads only what comes later. */
  async checkpoint(): Promise<void> {
    const { storage, index } = this.#batches
    const position = storage.end
    if (!storage.isLasting || position === this.#notedPosition || this.sizeBytes === 0) return
    const note = encodeCheckpoint({
      position,
      endOffset: this.#endOffset,
      cleanedOffset: this.#cleanedOffset,
      epochs: this.#epochs.all(),
      producers: this.producers(),
      aborted: this.#aborted.all(),
      index: index.entries(),
    })
    await storage.sync()
    // Positions may have become others, and the log may be gone.
    if (this.#batches.index !== index || this.#isClosed) return
    storage.keepNote(note, position)
    this.#notedPosition = position
  }

  /** Leaves the log as it is if a compaction is under way. */
  abandonCompaction(): void {
    this.#rewrite?.abandon()
    this.#rewrite = undefined
  }

  /** Ends what is under way: the log is going to be removed. */
  close(): void {
    this.abandonCompaction()
    this.#isClosed = true
  }

  /**
   * Batches with what they hold, from the first on, for those who keep their state in a log. @throws DamagedLogError
   */
  *batches(): Generator<OpenedBatch> {
    const { storage } = this.#batches
    let position = storage.start
    for (const batch of wholeBatches(storage, position, storage.end, 0)) {
      position += batch.header.end
      yield batch
    }
    if (position < storage.end)
      throw new DamagedLogError(
        storage.place,
        `the log is damaged at byte ${position}`,
        `remove ${storage.place}/checkpoint to go on with what is before the damage`,
      )
  }

  /** Resolves once everything up to now outlives a power cut. */
  sync(): Promise<void> {
    return this.#batches.storage.sync()
  }

  /** The same, while everybody waits. */
  syncNow(): void {
    this.#batches.storage.syncNow()
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

  /** Learns everything from its checkpoint and the batches that came after it; bytes that it has cut off at the end. */
  #recover(): number {
    const { storage } = this.#batches
    let position = storage.start
    const checkpoint = this.#checkpoint()
    if (checkpoint !== undefined) {
      position = checkpoint.position
      this.#restore(checkpoint)
    }
    for (const batch of wholeBatches(storage, position, storage.end, checkpoint?.endOffset ?? 0)) {
      const { header } = batch
      this.#batches.index.add(header.baseOffset, position, header.maxTimestampMs)
      position += header.end
      this.#note(batch)
    }
    const cutBytes = storage.end - position
    if (cutBytes > 0) storage.cutBack(position)
    return cutBytes
  }

  /** What was noted of the log, if it is true of the bytes that are there. */
  #checkpoint(): LogCheckpoint | undefined {
    const { storage } = this.#batches
    const note = storage.note()
    if (note === undefined) return undefined
    const checkpoint = decodeCheckpoint(note)
    // All that it knows has been cut since; it must not fit by chance when the log has grown.
    if (checkpoint === undefined || checkpoint.position < storage.start) {
      storage.forgetNote()
      return undefined
    }
    if (isTrueOf(storage, checkpoint)) return checkpoint
    throw new DamagedLogError(
      storage.place,
      'the log is not what its checkpoint says',
      `remove ${storage.place}/checkpoint to go on with the rows before the damage`,
    )
  }

  #restore({ position, endOffset, cleanedOffset, epochs, producers, aborted, index }: LogCheckpoint): void {
    const { storage } = this.#batches
    this.#batches.index = new BatchIndex(index)
    this.#producers = new ProducerStates(producers)
    this.#aborted = new AbortedTransactions(aborted)
    this.#epochs = new LeaderEpochs(epochs)
    this.#endOffset = endOffset
    this.#cleanedOffset = cleanedOffset
    this.#notedPosition = position
    // The front may have been cut since.
    this.#batches.cutIndex(position)
    this.#forgetBefore(storage.startOffset)
  }

  *#compaction(limits: Partial<CompactionLimits>): Generator<BatchesRewrite> {
    if (this.#isClosed) return
    const rewrite = this.#batches.rewrite()
    this.#rewrite = rewrite
    const steps = compaction(
      this.#batches,
      {
        nowMs: this.#clock.nowMs,
        config: this.config,
        cleanedOffset: this.#cleanedOffset,
        limitOffset: this.lastStableOffset,
        aborted: this.#aborted.between(this.startOffset, this.#endOffset),
        producers: this.#producers,
      },
      rewrite,
      { ...usualLimits, ...limits },
    )
    try {
      for (let step = steps.next(); ; step = steps.next()) {
        if (step.done === true) {
          rewrite.commit()
          this.#rewrite = undefined
          this.#notedPosition = 0
          this.#aborted.filter(step.value.isAbortedKept)
          this.#cleanedOffset = step.value.cleanedOffset
          return
        }
        yield rewrite
        if (this.#rewrite !== rewrite) return
      }
    } finally {
      if (this.#rewrite === rewrite) this.abandonCompaction()
    }
  }

  #cutFront(position: number, startOffset: number): void {
    this.abandonCompaction()
    this.#batches.cutFront(position, startOffset)
    this.#forgetBefore(startOffset)
  }

  #forgetBefore(startOffset: number): void {
    this.#epochs.cutFront(startOffset)
    this.#aborted.filter(({ lastOffset }) => lastOffset >= startOffset)
  }

  #baseOffsetAt(position: number): number {
    for (const { baseOffset } of this.#batches.walk(position)) return baseOffset
    return this.#endOffset
  }
}

/** Whether the last batches that a checkpoint knows are where it says: the log may have lost its end, or be another. */
function isTrueOf(storage: LogStorage, { position, endOffset, index }: LogCheckpoint): boolean {
  if (position > storage.end) return false
  const known = new BatchIndex(index)
  const entry = known.count - 1
  if (entry < 0) return position === storage.start
  let end = Math.max(storage.start, known.positionAt(entry))
  let nextOffset = known.offsetAt(entry)
  for (const { header } of wholeBatches(storage, end, position, nextOffset)) {
    end += header.end
    nextOffset = header.lastOffset + 1
  }
  return end === position && nextOffset <= endOffset
}

function appended(baseOffset: number, logAppendTimeMs: number): Appended {
  return { error: errorCodes.NONE, message: null, baseOffset, logAppendTimeMs }
}

function refused({ error, message }: Refusal): Appended {
  return { error, message, baseOffset: -1, logAppendTimeMs: -1 }
}
