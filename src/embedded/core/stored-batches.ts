import {
  type BatchHeader,
  batchHeaderBytes,
  batchLengthOverhead,
  readBatchHeader,
  readInt64,
} from '../../batch/batch-header.ts'
import { BatchIndex } from './batch-index.ts'
import type { LogRewrite, LogStorage } from './log-storage.ts'

/** Where a batch is, and what is looked for by. */
export interface StoredBatch {
  /** of its first byte, and after its last one */
  readonly position: number
  readonly end: number
  readonly baseOffset: number
  readonly lastOffset: number
  readonly maxTimestampMs: number
}

/** A batch with all that its header says; header positions are into `bytes`. */
export interface OpenedBatch {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly header: BatchHeader
}

/** The batches of a log: its storage, and the index over it. */
export class StoredBatches {
  readonly storage: LogStorage
  index = new BatchIndex()

  constructor(storage: LogStorage) {
    this.storage = storage
  }

  /**
   * Appends a batch.
   *
   * @param head its header, offset and leader epoch stamped
   * @param rest what follows the header
   */
  append(head: Buffer, rest: Uint8Array): void {
    const position = this.storage.end
    this.storage.append([head, rest])
    this.index.add(int64(head, 0), position, int64(head, 35))
  }

  /** Batches from a position on, by their headers. */
  *walk(from: number, to = this.storage.end): Generator<StoredBatch> {
    for (let position = from; position < to; ) {
      const [head] = this.storage.read(position, position + batchHeaderBytes)
      const end = position + batchLengthOverhead + head.readInt32BE(8)
      const baseOffset = int64(head, 0)
      yield {
        position,
        end,
        baseOffset,
        lastOffset: baseOffset + head.readInt32BE(23),
        maxTimestampMs: int64(head, 35),
      }
      position = end
    }
  }

  /** The batch that holds `offset` or, where a compaction has left a gap, the next one. */
  find(offset: number): StoredBatch | undefined {
    const entry = this.index.entryOfOffset(offset)
    if (entry < 0) return undefined
    for (const batch of this.walk(this.index.positionAt(entry))) if (batch.lastOffset >= offset) return batch
    return undefined
  }

  /** The last position up to `position` where a batch begins or the log ends. */
  boundary(position: number): number {
    if (position >= this.storage.end) return this.storage.end
    let found = this.index.positionAt(this.index.entryOfPosition(position))
    for (const { end } of this.walk(found)) {
      if (end > position) break
      found = end
    }
    return found
  }

  /** Reads a whole batch. */
  open({ position, end }: Pick<StoredBatch, 'position' | 'end'>): OpenedBatch {
    const [bytes] = this.storage.read(position, end)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    return { bytes, view, header: readBatchHeader(bytes, view, 0)! }
  }

  /** Removes the batches before `position`; nothing below `startOffset` is read any more. */
  cutFront(position: number, startOffset: number): void {
    this.storage.cutFront(position, startOffset)
    this.cutIndex()
  }

  /** Makes the index begin where the storage does. @param end up to where batches are known */
  cutIndex(end = this.storage.end): void {
    const { storage, index } = this
    if (storage.start >= end) {
      index.clear()
      return
    }
    const entry = index.entryOfPosition(storage.start)
    const spanEnd = entry + 1 < index.count ? index.positionAt(entry + 1) : end
    let first: StoredBatch | undefined
    let maxTimestampMs = Number.NEGATIVE_INFINITY
    for (const batch of this.walk(storage.start, spanEnd)) {
      first ??= batch
      maxTimestampMs = Math.max(maxTimestampMs, batch.maxTimestampMs)
    }
    index.cutFront(storage.start, first?.baseOffset ?? storage.startOffset, maxTimestampMs)
  }

  /** Begins to replace all batches. The log goes on as it is until that is committed. */
  rewrite(): BatchesRewrite {
    const index = new BatchIndex()
    const rewrite = this.storage.rewrite()
    return {
      sync: () => rewrite.sync(),
      append(batch) {
        const [{ buffer, byteOffset, length }] = batch
        const view = new DataView(buffer, byteOffset, length)
        index.add(readInt64(view, 0), rewrite.end, readInt64(view, 35))
        rewrite.append(batch)
      },
      commit: () => {
        rewrite.commit()
        this.index = index
      },
      abandon: () => rewrite.abandon(),
    }
  }
}

/** What the batches of a log are going to be. */
export interface BatchesRewrite extends Omit<LogRewrite, 'end' | 'append'> {
  /** @param batch in parts, of which the first has its header */
  append(batch: readonly Uint8Array[]): void
}

/** An int64 within 2^53. */
export function int64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
}
