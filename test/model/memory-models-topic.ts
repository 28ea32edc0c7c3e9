import { setImmediate } from 'node:timers/promises'
import { readBatchHeader } from '../../src/batch/batch-header.ts'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import type { FetchedPartition, LogReader, PartitionOffset, TransactionalWriter } from '../../src/ports/log.ts'

/**
 * The models topic in memory: transactions become visible when they end, and each leaves a marker, which takes an
 * offset.
 */
export class MemoryModelsTopic {
  readonly #visible: FetchedPartition[] = []
  /** offset after the last record or marker */
  end = 0
  /** an open transaction of somebody else: readers stop before it */
  heldBackAt = Number.POSITIVE_INFINITY

  readonly highWatermark = async () => this.end

  append(records: readonly (readonly [key: string, value: Uint8Array | null])[]): void {
    const batch = new RecordBatchWriter()
    for (const [key, value] of records) batch.append(0, Buffer.from(key), value)
    this.appendBatch(batch)
  }

  appendBatch(batch: RecordBatchWriter): void {
    const bytes = batch.finish({
      compression: 'none',
      isTransactional: true,
      producerId: 1n,
      producerEpoch: 0,
      baseSequence: 0,
    })
    const copy = Uint8Array.from(bytes)
    const view = new DataView(copy.buffer)
    view.setBigInt64(0, BigInt(this.end))
    const header = readBatchHeader(copy, view, 0)!
    this.end = header.lastOffset + 2
    this.#visible.push({
      topic: 'vgm.models',
      partition: 0,
      bytes: copy,
      view,
      batches: [header],
      fromOffset: header.baseOffset,
      toOffset: this.end,
      nextOffset: this.end,
    })
  }

  reader(): LogReader {
    let position = 0
    return {
      assign: ([at]: readonly PartitionOffset[]) => {
        position = at.offset
      },
      poll: async () => {
        await setImmediate()
        const next = this.#visible.find(
          ({ fromOffset, nextOffset }) => nextOffset > position && fromOffset < this.heldBackAt,
        )
        if (next === undefined) return []
        position = next.nextOffset
        return [next]
      },
      position: () => position,
      close: async () => undefined,
    }
  }

  /** @param onCommit runs before a transaction becomes visible: throw to make it fail */
  writer(onCommit: () => void = () => undefined): TransactionalWriter {
    let open: RecordBatchWriter[] = []
    return {
      begin: async () => {
        open = []
      },
      produce: async (_topic: string, _partition: number, batch: RecordBatchWriter) => {
        open.push(batch)
      },
      commit: async () => {
        onCommit()
        for (const batch of open) this.appendBatch(batch)
      },
      abort: async () => {
        open = []
      },
      close: async () => undefined,
    } as TransactionalWriter
  }
}
