import { batchHeaderBytes, batchLengthOverhead, isIntact, readBatchHeader } from '../../batch/batch-header.ts'
import type { LogStorage } from './log-storage.ts'
import type { OpenedBatch } from './stored-batches.ts'

const magicAt = 16
const currentMagic = 2

/**
 * Batches from a position on, up to the first one that is torn, or is not what it was when it was appended.
 *
 * @param nextOffset the first one begins at it or after it
 */
export function* wholeBatches(
  storage: LogStorage,
  from: number,
  to: number,
  nextOffset: number,
): Generator<OpenedBatch> {
  let offset = nextOffset
  for (let position = from; position + batchHeaderBytes <= to; ) {
    const [head] = storage.read(position, position + batchHeaderBytes)
    if (head.length < batchHeaderBytes) return
    const end = position + batchLengthOverhead + head.readInt32BE(8)
    if (end < position + batchHeaderBytes || end > to) return
    const [bytes] = storage.read(position, end)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    if (bytes.length < end - position || view.getInt8(magicAt) !== currentMagic) return
    const header = readBatchHeader(bytes, view, 0)!
    if (header.baseOffset < offset || header.lastOffset < header.baseOffset || !isIntact(bytes, view, header)) return
    yield { bytes, view, header }
    offset = header.lastOffset + 1
    position = end
  }
}
