import { type BatchHeader, batchHeaderBytes, isIntact, readBatchHeader, readInt64 } from '../batch/batch-header.ts'
import { PipelineError } from '../errors.ts'
import type { FetchedPartition } from '../stages/ports.ts'
import type { FetchedRecords } from './fetch-request.ts'

/** The bytes of a batch do not match its checksum. */
export class CorruptBatchError extends PipelineError {
  readonly code = 'VGM_BATCH_CORRUPT'
  constructor(topic: string, partition: number, offset: number) {
    super(`The batch at offset ${offset} of ${topic}/${partition} does not match its checksum`, {
      fix: 'Restore the partition from a replica: nothing has been skipped, the stage goes on from there',
    })
  }
}

/** The rows stand in a format of before Kafka 0.11 that brokers have not converted since 4.0, or in one that is newer than we are. */
export class UnsupportedBatchError extends PipelineError {
  readonly code = 'VGM_BATCH_UNSUPPORTED'
  constructor(topic: string, partition: number, offset: number, magic: number) {
    super(
      `The batch at offset ${offset} of ${topic}/${partition} has the format ${magic}; only ${batchMagic} can be read`,
      {
        fix: 'Write these rows again with a producer of Kafka 0.11 or newer, or read from behind them with "vgm replay --from"',
      },
    )
  }
}

const batchMagic = 2
/** Where the number of the format stands, in batches and in the message sets of old. */
const magicAt = 16
const controlAbort = 0

/**
 * The batches of an answer that hold committed rows, in order, and the position after all that were whole.
 *
 * An answer lists the transactions that were rolled back within it. A batch is dropped if its producer has one open
 * there: from the transaction's first offset up to the producer's next abort marker.
 *
 * @param endOffset rows from here on are not wanted; the position does not pass it
 * @throws CorruptBatchError for the first batch whose CRC is wrong
 * @throws UnsupportedBatchError for the first batch of another format
 */
export function committedBatches(records: FetchedRecords, fetchOffset: number, endOffset: number): FetchedPartition {
  const { topic, partition, bytes, view } = records
  const pending = records.aborted.toSorted((a, b) => a.firstOffset - b.firstOffset)
  const rolledBack = new Set<bigint>()
  const batches: BatchHeader[] = []
  let nextOffset = fetchOffset
  let abortedSeen = 0
  for (let at = 0; at < bytes.length; ) {
    // Looked at first: a message of old is shorter than a batch's header, and would count as cut off for ever.
    if (at + magicAt < bytes.length && bytes[at + magicAt] !== batchMagic)
      throw new UnsupportedBatchError(topic, partition, readInt64(view, at), bytes[at + magicAt])
    const header = readBatchHeader(bytes, view, at)
    if (header === undefined) break
    if (header.baseOffset >= endOffset) {
      // Compaction may have left nothing between: the range has been read all the same.
      nextOffset = endOffset
      break
    }
    if (!isIntact(bytes, view, header)) throw new CorruptBatchError(topic, partition, header.baseOffset)
    while (abortedSeen < pending.length && pending[abortedSeen].firstOffset <= header.lastOffset)
      rolledBack.add(pending[abortedSeen++].producerId)
    if (header.isControl) {
      if (controlType(view, header) === controlAbort) rolledBack.delete(header.producerId)
    } else if (!(header.isTransactional && rolledBack.has(header.producerId)) && header.lastOffset >= fetchOffset)
      batches.push(header)
    nextOffset = Math.max(nextOffset, header.lastOffset + 1)
    at = header.end
  }
  nextOffset = Math.min(nextOffset, endOffset)
  return { topic, partition, bytes, view, batches, fromOffset: fetchOffset, toOffset: endOffset, nextOffset }
}

/**
 * The type in a marker's key: int16 version, int16 type. The record before it has one-byte varints only: length,
 * attributes, two deltas and the key's length. https://kafka.apache.org/documentation/#controlbatch
 */
function controlType(view: DataView, header: BatchHeader): number {
  return view.getInt16(header.start + batchHeaderBytes + 5 + 2)
}
