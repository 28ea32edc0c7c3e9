import { createHash } from 'node:crypto'
import { batchHeaderBytes, batchLengthOverhead, isIntact, readBatchHeader } from '../../../src/batch/batch-header.ts'

/**
 * The whole batches of a Fetch answer, field by field; a batch that the answer's end cuts is left out, as clients do.
 * Records are compared by a digest, those of markers by their kind: they hold the coordinator's epoch too.
 */
export function plainBatches(records: Buffer): Record<string, unknown>[] {
  const view = new DataView(records.buffer, records.byteOffset, records.length)
  const batches: Record<string, unknown>[] = []
  for (let at = 0; at + batchHeaderBytes <= records.length; ) {
    const header = readBatchHeader(records, view, at)
    if (header === undefined) break
    const { start, end, ...fields } = header
    const content = records.subarray(start + batchHeaderBytes, end)
    batches.push({
      ...fields,
      baseTimestamp: fields.baseTimestampMs,
      maxTimestamp: fields.maxTimestampMs,
      isIntact: isIntact(records, view, header),
      length: end - start - batchLengthOverhead,
      content: fields.isControl ? markerKind(content) : createHash('sha1').update(content).digest('hex').slice(0, 8),
    })
    at = end
  }
  return batches
}

/** A marker's record: length, attributes, time and offset of a byte each, the key's length, version, and type. */
function markerKind(record: Buffer): string {
  const type = record.readInt16BE(7)
  return type === 0 ? 'abort' : type === 1 ? 'commit' : `type ${type}`
}
