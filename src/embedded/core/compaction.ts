import { crc32c } from '@node-rs/crc32'
import { type BatchHeader, batchHeaderBytes, batchLengthOverhead, writeInt64 } from '../../batch/batch-header.ts'
import { compress } from '../../batch/compression.ts'
import { isRead, MalformedBatchError, openBatch, readPiece } from '../../batch/read-records.ts'
import { createRecords, type Records } from '../../batch/records.ts'
import {
  intBytes,
  longBytes,
  maxIntBytes,
  maxLongBytes,
  varintEnd,
  writeInt,
  writeLong,
  zigzag,
} from '../../batch/varint.ts'
import type { AbortedTransaction } from './aborted-transactions.ts'
import { CleanedTransactions } from './cleaned-transactions.ts'
import type { LogConfig } from './log-config.ts'
import type { ProducerStates } from './producer-states.ts'
import type { BatchesRewrite, OpenedBatch, StoredBatch, StoredBatches } from './stored-batches.ts'

/** The base timestamp of the batch is the time at which its tombstones go, or its marker. */
const deleteHorizonBit = 0x40
const codecBits = 0x07

export interface CompactionFacts {
  readonly nowMs: number
  readonly config: LogConfig
  /** below it the compaction before has left each key once */
  readonly cleanedOffset: number
  /** rows at it and after it stay as they are: the last stable offset */
  readonly limitOffset: number
  readonly aborted: readonly AbortedTransaction[]
  readonly producers: ProducerStates
}

/** How much a compaction may take at once. */
export interface CompactionLimits {
  /** of the log, between two turns of others */
  readonly sliceBytes: number
  /** new keys that it holds in memory: rows after those that have so many are left to the next compaction */
  readonly mostKeys: number
}

export interface Compacted {
  /** below it everything has been looked at */
  readonly cleanedOffset: number
  /** whether a transaction that was rolled back still has something in the log */
  readonly isAbortedKept: (aborted: AbortedTransaction) => boolean
}

/**
 * Keeps the newest row of each key, as `Cleaner` of Apache Kafka: rows keep their offsets, and batches their first and
 * last one. Rows that were rolled back go. A tombstone goes `deleteRetentionMs` after the compaction that has seen it
 * first, and so does a marker after the rows of its transaction. The last batch of each producer stays, if empty,
 * because it has the sequence. The keys of new rows are in memory meanwhile.
 *
 * It yields after each slice of the log, which may grow meanwhile, and change in no other way. When it returns, the
 * rewrite has all of the log.
 */
export function* compaction(
  batches: StoredBatches,
  facts: CompactionFacts,
  rewrite: BatchesRewrite,
  limits: CompactionLimits,
): Generator<void, Compacted> {
  const { storage } = batches
  const { newest, position, offset } = yield* newestOffsets(batches, facts, limits)
  const transactions = new CleanedTransactions(facts.aborted)
  const slice = new Slice(limits.sliceBytes)
  const records = createRecords()
  for (const stored of batches.walk(storage.start, position)) {
    const batch = batches.open(stored)
    const isNeeded = stored.lastOffset + 1 === offset || isLastOfProducer(batch.header, facts.producers)
    const kept = batch.header.isControl
      ? keptMarker(batch, transactions.isMarkerDone(batch), isNeeded, facts)
      : keptRows(
          batch,
          records,
          transactions.isAborted(batch.header) ? () => false : isKept(batch, newest, facts),
          isNeeded,
          facts,
        )
    if (kept !== undefined) rewrite.append(kept)
    if (slice.endsWith(stored)) yield
  }
  let end = position
  while (end < storage.end)
    for (const stored of batches.walk(end)) {
      rewrite.append(storage.read(stored.position, stored.end))
      end = stored.end
      if (slice.endsWith(stored)) yield
    }
  return {
    cleanedOffset: offset,
    isAbortedKept: (aborted) => aborted.lastOffset >= offset || transactions.hasSeen(aborted),
  }
}

class Slice {
  readonly #sliceBytes: number
  #bytes = 0

  constructor(sliceBytes: number) {
    this.#sliceBytes = sliceBytes
  }

  /** Counts a batch; whether it is the last one of a slice. */
  endsWith({ position, end }: StoredBatch): boolean {
    this.#bytes += end - position
    if (this.#bytes < this.#sliceBytes) return false
    this.#bytes = 0
    return true
  }
}

/** The offset of the newest row of each key of new rows that were committed, and up to where rows are looked at. */
function* newestOffsets(
  batches: StoredBatches,
  { aborted, cleanedOffset, limitOffset, nowMs, config }: CompactionFacts,
  { sliceBytes, mostKeys }: CompactionLimits,
) {
  const { storage } = batches
  const newest = new Map<string, number>()
  // One that ended before would be taken for the next one of its producer.
  const transactions = new CleanedTransactions(aborted.filter(({ lastOffset }) => lastOffset >= cleanedOffset))
  const slice = new Slice(sliceBytes)
  const records = createRecords()
  let offset = Math.max(cleanedOffset, storage.startOffset)
  let position = batches.find(offset)?.position ?? storage.end
  for (const stored of batches.walk(position)) {
    const isYoung = config.minCompactionLagMs > 0 && nowMs - stored.maxTimestampMs < config.minCompactionLagMs
    if (stored.baseOffset >= limitOffset || isYoung || newest.size >= mostKeys) break
    const batch = batches.open(stored)
    if (batch.header.isControl) transactions.isMarkerDone(batch)
    else if (!transactions.isAborted(batch.header))
      eachRow(batch, records, (row, key) => {
        if (key !== undefined) newest.set(key, batch.header.baseOffset + records.offsetDelta[row])
      })
    position = stored.end
    offset = stored.lastOffset + 1
    if (slice.endsWith(stored)) yield
  }
  return { newest, position, offset }
}

type RowFilter = (records: Records, row: number, key: string | undefined) => boolean

function isKept({ header, view }: OpenedBatch, newest: Map<string, number>, { nowMs }: CompactionFacts): RowFilter {
  const isPastHorizon = hasHorizon(view) && header.baseTimestampMs <= nowMs
  return (records, row, key) => {
    if (key === undefined || (newest.get(key) ?? -1) > header.baseOffset + records.offsetDelta[row]) return false
    return records.valueStart[row] >= 0 || !isPastHorizon
  }
}

function keptMarker(
  { bytes, view, header }: OpenedBatch,
  isDone: boolean,
  isNeeded: boolean,
  facts: CompactionFacts,
): readonly Uint8Array[] | undefined {
  if (!isDone || header.recordCount === 0) return isNeeded || !isDone ? [bytes] : undefined
  if (hasHorizon(view)) return isNeeded || header.baseTimestampMs > facts.nowMs ? [bytes] : undefined
  const horizonMs = facts.nowMs + facts.config.deleteRetentionMs
  const record = withBaseTimestamp(bytes.subarray(batchHeaderBytes), header.baseTimestampMs, horizonMs)
  return rebuilt(bytes, header, { records: record, count: 1, maxTimestampMs: header.maxTimestampMs, horizonMs })
}

function keptRows(
  batch: OpenedBatch,
  records: Records,
  filter: RowFilter,
  isNeeded: boolean,
  { nowMs, config }: CompactionFacts,
): readonly Uint8Array[] | undefined {
  const { bytes, view, header } = batch
  const kept: Uint8Array[] = []
  let hasTombstone = false
  let maxTimestampMs = -1
  const isWhole = eachRow(batch, records, (row, key, start) => {
    if (!filter(records, row, key)) return
    kept.push(records.bytes.subarray(start, records.recordEnd[row]))
    hasTombstone ||= records.valueStart[row] < 0
    maxTimestampMs = Math.max(maxTimestampMs, records.timestampMs[row])
  })
  const setsHorizon = hasTombstone && !hasHorizon(view)
  // What cannot be read cannot be compacted either.
  if (!isWhole || (kept.length === header.recordCount && !setsHorizon)) return [bytes]
  if (kept.length === 0 && !isNeeded) return undefined
  const horizonMs = setsHorizon ? nowMs + config.deleteRetentionMs : undefined
  const moved =
    horizonMs === undefined ? kept : kept.map((record) => withBaseTimestamp(record, header.baseTimestampMs, horizonMs))
  return rebuilt(bytes, header, { records: Buffer.concat(moved), count: kept.length, maxTimestampMs, horizonMs })
}

/** A batch with other records; its offsets, its producer and its sequence stay. */
function rebuilt(
  bytes: Uint8Array,
  header: BatchHeader,
  content: {
    readonly records: Uint8Array
    readonly count: number
    readonly maxTimestampMs: number
    readonly horizonMs: number | undefined
  },
): readonly Uint8Array[] {
  const { count, maxTimestampMs, horizonMs } = content
  const { compression } = header
  const records = compression === 'none' || count === 0 ? content.records : compress(compression, content.records)
  const head = Buffer.from(bytes.subarray(0, batchHeaderBytes))
  const view = new DataView(head.buffer, head.byteOffset, head.length)
  view.setInt32(8, batchHeaderBytes - batchLengthOverhead + records.length)
  // Clients inflate what names a codec, and nothing is no stream of it.
  if (count === 0) view.setInt16(21, view.getInt16(21) & ~codecBits)
  if (horizonMs !== undefined) {
    view.setInt16(21, view.getInt16(21) | deleteHorizonBit)
    writeInt64(view, 27, horizonMs)
  }
  if (!header.isLogAppendTime) writeInt64(view, 35, maxTimestampMs)
  view.setInt32(57, count)
  view.setUint32(17, crc32c(records, crc32c(head.subarray(21))))
  return [head, records]
}

/** A record that says the same time from another base. */
function withBaseTimestamp(record: Uint8Array, fromMs: number, toMs: number): Uint8Array {
  const attributesAt = varintEnd(record, 0, record.length, maxIntBytes)
  const deltaEnd = varintEnd(record, attributesAt + 1, record.length, maxLongBytes)
  const deltaMs = zigzag(record, attributesAt + 1, deltaEnd) + fromMs - toMs
  const rest = record.subarray(deltaEnd)
  const size = 1 + longBytes(deltaMs) + rest.length
  const out = new Uint8Array(intBytes(size) + size)
  const at = writeInt(out, 0, size)
  out[at] = record[attributesAt]
  out.set(rest, writeLong(out, at + 1, deltaMs))
  return out
}

/**
 * Calls `visit` with each row, its key and the position of its record; whether all could be read.
 *
 * @param records filled, a piece after the other
 */
function eachRow(
  { bytes, view, header }: OpenedBatch,
  records: Records,
  visit: (row: number, key: string | undefined, start: number) => void,
): boolean {
  if (header.recordCount === 0) return true
  try {
    const open = openBatch(bytes, view, header)
    do {
      let start = open.at
      readPiece(open, records)
      const { keyStart, keyEnd } = records
      const text = Buffer.from(records.bytes.buffer, records.bytes.byteOffset, records.bytes.length)
      for (let row = 0; row < records.count; row++) {
        visit(row, keyStart[row] < 0 ? undefined : text.toString('latin1', keyStart[row], keyEnd[row]), start)
        start = records.recordEnd[row]
      }
    } while (!isRead(open))
    return true
  } catch (error) {
    if (error instanceof MalformedBatchError) return false
    throw error
  }
}

const hasHorizon = (view: DataView): boolean => (view.getInt16(21) & deleteHorizonBit) !== 0

function isLastOfProducer(
  { producerId, producerEpoch, lastOffset, isControl }: BatchHeader,
  producers: ProducerStates,
) {
  const state = producers.get(producerId)
  if (state === undefined) return false
  return state.lastDataOffset >= 0 ? lastOffset === state.lastDataOffset : isControl && producerEpoch === state.epoch
}
