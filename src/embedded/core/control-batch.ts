import { crc32c } from '@node-rs/crc32'
import { readRecords } from '../../batch/read-records.ts'
import { RecordBatchWriter } from '../../batch/record-batch-writer.ts'
import { createRecords } from '../../batch/records.ts'
import type { OpenedBatch } from './stored-batches.ts'

const controlBit = 0x20
const attributesAt = 21
const crcAt = 17

/** What ends a producer's transaction in a partition. */
export interface Marker {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly isCommit: boolean
}

/** The batch that ends a transaction, as `EndTransactionMarker` of Apache Kafka writes it. */
export function markerBatch({ producerId, producerEpoch, isCommit }: Marker, nowMs: number): Uint8Array {
  const writer = new RecordBatchWriter(256)
  // Version 0 of both: the type, and the coordinator's epoch.
  writer.append(nowMs, Uint8Array.of(0, 0, 0, isCommit ? 1 : 0), new Uint8Array(6))
  const identity = { compression: 'none', isTransactional: true, producerId, producerEpoch, baseSequence: -1 } as const
  const bytes = writer.finish(identity)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  view.setInt16(attributesAt, view.getInt16(attributesAt) | controlBit)
  view.setUint32(crcAt, crc32c(bytes.subarray(attributesAt)))
  return bytes
}

/** The marker in a control batch; undefined if it is none, or if compaction has emptied it. */
export function readMarker({ bytes, view, header }: OpenedBatch): Marker | undefined {
  const { producerId, producerEpoch } = header
  if (header.recordCount === 0) return undefined
  const records = createRecords(1)
  readRecords(bytes, view, header, records)
  const type = records.view.getInt16(records.keyStart[0] + 2)
  return type > 1 ? undefined : { producerId, producerEpoch, isCommit: type === 1 }
}
