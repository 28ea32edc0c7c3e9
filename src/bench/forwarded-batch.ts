import { type BatchHeader, type BatchIdentity, writeBatchHeader } from '../batch/batch-header.ts'
import { RecordBatchWriter } from '../batch/record-batch-writer.ts'

interface CompressedBatch {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly header: BatchHeader
}

/** A batch as it came, to be sent as another producer's: a compressed one is not unpacked. */
export class ForwardedBatch extends RecordBatchWriter {
  #compressed: CompressedBatch | undefined

  override get recordCount(): number {
    return this.#compressed?.header.recordCount ?? super.recordCount
  }

  override adopt(bytes: Uint8Array, header: BatchHeader): void {
    if (header.compression === 'none') super.adopt(bytes, header)
    // The bytes of a fetch are used again.
    else this.#compressed = { bytes: new Uint8Array(bytes.subarray(header.start, header.end)), header }
  }

  override finish(asked: BatchIdentity): Uint8Array {
    if (this.#compressed === undefined) return super.finish(asked)
    const { bytes, header } = this.#compressed
    const { recordCount, baseTimestampMs, maxTimestampMs, compression } = header
    const view = new DataView(bytes.buffer)
    writeBatchHeader(bytes, view, recordCount, baseTimestampMs, maxTimestampMs, { ...asked, compression })
    this.clear()
    return bytes
  }

  override clear(): void {
    this.#compressed = undefined
    super.clear()
  }
}
