import { type BatchIdentity, readBatchHeader } from '../../src/batch/batch-header.ts'
import { isRead, openBatch } from '../../src/batch/read-records.ts'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import type { RowTarget, RowTransform } from '../../src/stages/row-transform.ts'

export const plainIdentity: BatchIdentity = {
  compression: 'none',
  isTransactional: false,
  producerId: -1n,
  producerEpoch: -1,
  baseSequence: -1,
}

/** A batch of records without keys at time 0; its bytes are the caller's. */
export function batchOf(values: readonly (Uint8Array | null)[]): Uint8Array {
  const writer = new RecordBatchWriter(2 ** 26)
  for (const value of values) writer.append(0, null, value)
  return writer.finish(plainIdentity).slice()
}

/** Has a transform process all rows of a batch. */
export async function applyBatch(transform: RowTransform, bytes: Uint8Array, target: RowTarget): Promise<void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const header = readBatchHeader(bytes, view, 0)
  if (header === undefined) throw new Error('The batch is not whole')
  const batch = openBatch(bytes, view, header)
  do {
    transform.kernel.readPiece(batch)
    const { count } = transform.kernel.records
    const done = await transform.apply(0, count, target)
    if (done < count) throw new Error(`Row ${done} has to wait`)
  } while (!isRead(batch))
}
