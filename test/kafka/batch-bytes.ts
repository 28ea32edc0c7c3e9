import { crc32c } from '@node-rs/crc32'
import { batchHeaderBytes, writeInt64 } from '../../src/batch/batch-header.ts'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'

/** What a batch in a log says of itself. */
export interface BatchFacts {
  readonly baseOffset: number
  readonly producerId: bigint
  readonly isTransactional: boolean
}

const controlBit = 0x20
const time = 1_700_000_000_000

/** A batch of `rows` rows as it stands in a log. */
export function dataBatch(rows: number, facts: BatchFacts): Uint8Array {
  const writer = new RecordBatchWriter()
  for (let row = 0; row < rows; row++) writer.append(time, null, Buffer.from(String(facts.baseOffset + row)))
  return finish(writer, facts, 0)
}

/** The marker that ends a transaction. https://kafka.apache.org/documentation/#controlbatch */
export function markerBatch(
  type: 'abort' | 'commit',
  baseOffset: number,
  producerId: bigint,
  valueBytes = 6,
): Uint8Array {
  const writer = new RecordBatchWriter()
  const key = Buffer.from([0, 0, 0, type === 'commit' ? 1 : 0])
  writer.append(time, key, Buffer.alloc(valueBytes))
  return finish(writer, { baseOffset, producerId, isTransactional: true }, controlBit)
}

function finish(
  writer: RecordBatchWriter,
  { baseOffset, producerId, isTransactional }: BatchFacts,
  attributes: number,
): Uint8Array {
  const identity = { compression: 'none', isTransactional, producerId, producerEpoch: 0, baseSequence: 0 } as const
  const bytes = writer.finish(identity).slice()
  const view = new DataView(bytes.buffer)
  writeInt64(view, 0, baseOffset)
  view.setInt16(21, view.getInt16(21) | attributes)
  view.setUint32(17, crc32c(bytes.subarray(21)))
  return bytes
}

/** Changes one bit of a batch's records. */
export function corrupted(batch: Uint8Array): Uint8Array {
  const copy = batch.slice()
  copy[batchHeaderBytes + 3] ^= 1
  return copy
}
