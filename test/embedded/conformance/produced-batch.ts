import { crc32c } from '@node-rs/crc32'
import { batchHeaderBytes, type Compression, writeInt64 } from '../../../src/batch/batch-header.ts'
import { RecordBatchWriter } from '../../../src/batch/record-batch-writer.ts'
import { noProducer, type Producer } from './sequence-run.ts'

/** Times of rows: far from now, so that what a broker stamps itself is seen. */
export const rowTimeMs = 1_750_000_000_000

export interface Row {
  readonly key: string | null
  readonly value: string | null
  readonly timestampMs: number
}

/**
 * What is wrong with a batch; all but `checksum` have the right checksum. Records that are null are not among them,
 * which Apache Kafka fails on inside and never answers, nor bytes behind the batch, which it drops without a word.
 */
export const flaws = [
  'checksum',
  'count above the records',
  'count below the records',
  'last offset delta',
  'negative count',
  'magic 0',
  'magic 1',
  'base offset 7',
  'leader epoch 3',
  'cut by a byte',
  'cut in the header',
  'length too small',
  'length too large',
  'negative length',
  'control bit',
  'unknown codec',
  'no bytes',
  'twice',
  'garbage records',
] as const
export type Flaw = (typeof flaws)[number]

export interface BatchPlan {
  readonly rows: readonly Row[]
  readonly compression?: Compression
  readonly producer?: Producer
  readonly sequence?: number
  readonly isTransactional?: boolean
  readonly flaw?: Flaw | undefined
}

/** The bytes of a partition in a Produce request. */
export function producedBatch(plan: BatchPlan): Buffer {
  const { rows, compression = 'none', producer = noProducer, sequence = -1, isTransactional = false, flaw } = plan
  const writer = new RecordBatchWriter()
  const bytesOf = (text: string | null): Uint8Array | null => (text === null ? null : Buffer.from(text))
  for (const { key, value, timestampMs } of rows) writer.append(timestampMs, bytesOf(key), bytesOf(value))
  const batch = Buffer.from(
    writer.finish({
      compression,
      isTransactional,
      producerId: producer.id,
      producerEpoch: producer.epoch,
      baseSequence: sequence,
    }),
  )
  return flaw === undefined ? batch : flawed(batch, flaw)
}

function flawed(batch: Buffer, flaw: Flaw): Buffer {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.length)
  const checked = (): Buffer => {
    view.setUint32(17, crc32c(batch.subarray(21)))
    return batch
  }
  const count = view.getInt32(57)
  const length = view.getInt32(8)
  switch (flaw) {
    case 'checksum':
      batch[17] ^= 0xff
      return batch
    case 'count above the records':
      view.setInt32(57, count + 1)
      return checked()
    case 'count below the records':
      view.setInt32(57, count - 1)
      return checked()
    case 'last offset delta':
      view.setInt32(23, count + 4)
      return checked()
    case 'negative count':
      view.setInt32(57, -1)
      return checked()
    case 'magic 0':
    case 'magic 1':
      view.setInt8(16, Number(flaw.slice(-1)))
      return batch
    case 'base offset 7':
      writeInt64(view, 0, 7)
      return batch
    case 'leader epoch 3':
      view.setInt32(12, 3)
      return batch
    case 'cut by a byte':
      return batch.subarray(0, -1)
    case 'cut in the header':
      return batch.subarray(0, 30)
    case 'length too small':
      view.setInt32(8, 10)
      return batch
    case 'length too large':
      view.setInt32(8, length + 1000)
      return batch
    case 'negative length':
      view.setInt32(8, -5)
      return batch
    case 'control bit':
      view.setInt16(21, view.getInt16(21) | 0x20)
      return checked()
    case 'unknown codec':
      view.setInt16(21, (view.getInt16(21) & ~7) | 6)
      return checked()
    case 'no bytes':
      return Buffer.alloc(0)
    case 'twice':
      return Buffer.concat([batch, batch])
    case 'garbage records':
      batch.fill(0xa5, batchHeaderBytes)
      return checked()
  }
}
