import { RecordBatchWriter } from '../batch/record-batch-writer.ts'

/** How large the batches for a topic may be. */
export interface BatchSizes {
  /** at which a batch is sent */
  readonly batchBytes: number
  /** that the topic takes, as its max.message.bytes: for a row that is larger than batches are */
  readonly largestBytes: number
}

/** Where rows wait until their batch is sent. */
export interface WaitingRows {
  readonly sizeBytes: number
  /** of the buffer that they are in */
  readonly bufferBytes: number
  flush(): Promise<void>
}

interface IdleWriter {
  readonly writer: RecordBatchWriter
  readonly bufferBytes: number
}

/** Of a new writer; it doubles its buffer as rows come. */
const firstBufferBytes = 64 * 1024

/** Size of the buffer of a writer that holds so many bytes. */
export function bufferBytesFor(sizeBytes: number, { batchBytes }: BatchSizes): number {
  let bufferBytes = Math.min(firstBufferBytes, batchBytes)
  while (bufferBytes < Math.min(sizeBytes, batchBytes)) bufferBytes = Math.min(2 * bufferBytes, batchBytes)
  return Math.max(bufferBytes, sizeBytes)
}

/**
 * The buffers of all outgoing batches that are being filled. Together they have at most `limitBytes`: where that is not
 * enough for all partitions, the largest batches are sent before they are full.
 */
export class OutgoingBuffers {
  readonly #limitBytes: number
  readonly #waiting = new Set<WaitingRows>()
  /** written to before; the buffers of the last one are still in the processor's cache */
  readonly #idle = new Map<number, IdleWriter[]>()
  #waitingBytes = 0
  #idleBytes = 0

  constructor(limitBytes = Infinity) {
    this.#limitBytes = limitBytes
  }

  /** Buffers that hold rows, or are ready to. */
  get heldBytes(): number {
    return this.#waitingBytes + this.#idleBytes
  }

  take({ batchBytes, largestBytes }: BatchSizes): IdleWriter {
    const idle = this.#idle.get(batchBytes)?.pop()
    if (idle === undefined) {
      const writer = new RecordBatchWriter(batchBytes, largestBytes)
      return { writer, bufferBytes: Math.min(firstBufferBytes, batchBytes) }
    }
    this.#idleBytes -= idle.bufferBytes
    return idle
  }

  /** A writer that is empty again. Its buffers are kept if there is room: new ones would have to be made. */
  giveBack(writer: RecordBatchWriter, bufferBytes: number, { batchBytes }: BatchSizes): void {
    if (this.heldBytes + bufferBytes > this.#limitBytes) return
    const idle = this.#idle.get(batchBytes) ?? []
    this.#idle.set(batchBytes, idle)
    idle.push({ writer, bufferBytes })
    this.#idleBytes += bufferBytes
  }

  /** Rows have come, and have made the buffer larger by so many bytes. */
  grown(rows: WaitingRows, bytes: number): void {
    this.#waiting.add(rows)
    this.#waitingBytes += bytes
  }

  /** The rows have been sent, or are given up. */
  emptied(rows: WaitingRows): void {
    if (this.#waiting.delete(rows)) this.#waitingBytes -= rows.bufferBytes
  }

  /** Sends the largest batches, if the buffers have become too many: half of them all, so that it is not soon again. */
  async makeRoom(): Promise<void> {
    if (this.heldBytes <= this.#limitBytes) return
    this.#idle.clear()
    this.#idleBytes = 0
    if (this.#waitingBytes <= this.#limitBytes) return
    for (const rows of [...this.#waiting].sort((a, b) => b.sizeBytes - a.sizeBytes)) {
      if (this.#waitingBytes <= this.#limitBytes / 2) return
      await rows.flush()
    }
  }
}
