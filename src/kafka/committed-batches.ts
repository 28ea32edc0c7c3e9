import { type BatchHeader, isIntact, readBatchHeader, readInt64 } from '../batch/batch-header.ts'
import { readRecords } from '../batch/read-records.ts'
import { createRecords } from '../batch/records.ts'
import type { FetchedPartition } from '../ports/log.ts'
import { CorruptBatchError, UnsupportedBatchError } from './batch-errors.ts'
import type { FetchedRecords } from './fetch-request.ts'

const batchMagic = 2
/** Position of the format number, in batches and in the older message sets. */
const magicAt = 16
const controlAbort = 0
/** A value that no marker type has. */
const noMarker = -1
const unreadable = -2

/**
 * The batches of a response that contain committed rows, in order, and the position after all complete batches.
 *
 * A response lists the transactions within it that were aborted. A batch is dropped if it belongs to one: from the
 * transaction's first offset up to the producer's next abort marker.
 *
 * @param endOffset  end of the range; the position never exceeds it
 * @param fetchEpoch of the leader that had appended the row before `fetchOffset`, if it is known
 * @throws CorruptBatchError for the first batch whose CRC is wrong
 * @throws UnsupportedBatchError for the first batch of another format
 */
export function committedBatches(
  records: FetchedRecords,
  fetchOffset: number,
  endOffset: number,
  fetchEpoch: number | undefined = undefined,
): FetchedPartition {
  const { topic, partition, bytes, view } = records
  const pending = records.aborted.toSorted((a, b) => a.firstOffset - b.firstOffset)
  const rolledBack = new Set<bigint>()
  const batches: BatchHeader[] = []
  let nextOffset = fetchOffset
  let lastEpoch = fetchEpoch
  let abortedSeen = 0
  for (let at = 0; at < bytes.length; ) {
    // Check this first: an old message is shorter than a batch header and would always count as truncated.
    if (at + magicAt < bytes.length && bytes[at + magicAt] !== batchMagic)
      throw new UnsupportedBatchError(topic, partition, readInt64(view, at), bytes[at + magicAt], batchMagic)
    const header = readBatchHeader(bytes, view, at)
    if (header === undefined) break
    if (header.baseOffset >= endOffset) {
      // Compaction may have left no batch in between: the range has still been read.
      nextOffset = endOffset
      break
    }
    if (!isIntact(bytes, view, header)) throw new CorruptBatchError(topic, partition, header.baseOffset)
    while (abortedSeen < pending.length && pending[abortedSeen].firstOffset <= header.lastOffset)
      rolledBack.add(pending[abortedSeen++].producerId)
    if (header.isControl) {
      const type = controlType(bytes, view, header)
      if (type === unreadable) throw new CorruptBatchError(topic, partition, header.baseOffset, 'is an invalid marker')
      if (type === controlAbort) rolledBack.delete(header.producerId)
    } else if (!(header.isTransactional && rolledBack.has(header.producerId)) && header.lastOffset >= fetchOffset)
      batches.push(header)
    nextOffset = Math.max(nextOffset, header.lastOffset + 1)
    lastEpoch = header.leaderEpoch
    at = header.end
  }
  nextOffset = Math.min(nextOffset, endOffset)
  const range = {
    fromOffset: fetchOffset,
    fromEpoch: fetchEpoch,
    toOffset: endOffset,
    nextOffset,
    nextEpoch: lastEpoch,
  }
  return { topic, partition, bytes, view, batches, ...range }
}

/** of the control batch at hand */
const marker = createRecords(1)

/**
 * The type in a marker's key: int16 version, int16 type. After the log cleaner has removed the marker, the control
 * batch has no records and is not a marker. https://kafka.apache.org/documentation/#controlbatch
 */
function controlType(bytes: Uint8Array, view: DataView, header: BatchHeader): number {
  try {
    readRecords(bytes, view, header, marker)
  } catch {
    return unreadable
  }
  const { count, keyStart, keyEnd } = marker
  if (count === 0) return noMarker
  return keyStart[0] < 0 || keyEnd[0] - keyStart[0] < 4 ? unreadable : marker.view.getInt16(keyStart[0] + 2)
}
