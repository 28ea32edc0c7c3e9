import type { BatchHeader } from '../batch/batch-header.ts'
import { isRead, MalformedBatchError, type OpenBatch } from '../batch/read-records.ts'
import type { Records } from '../batch/records.ts'
import { PipelineError } from '../errors.ts'
import { RowKernel } from '../kernel/row-kernel.ts'
import type { FetchedPartition } from '../ports/log.ts'

/** A batch that no reader can parse. A caller that may continue without its rows reports their number. */
export class BatchUnreadableError extends PipelineError {
  readonly code = 'VGM_BATCH_UNREADABLE'
  /** of the first row that was not read, and of the last one */
  readonly offset: number
  readonly lastOffset: number
  readonly header: BatchHeader
  /** nothing is wrong with it but its size */
  readonly isTooLarge: boolean
  constructor(topic: string, partition: number, offset: number, header: BatchHeader, cause: MalformedBatchError) {
    super(
      `The batch at offsets ${offset} to ${header.lastOffset} of ${topic}/${partition} cannot be read: ` +
        `${cause.problem}`,
      {
        fix:
          'Write the rows again with its producer, in smaller batches. "vgm normalize", "restore" and ' +
          '"replay" set such a batch aside ' +
          '(--on-invalid dead-letter), "vgm sample" and "vgm fit" skip it, and so does "vgm export" ' +
          'with --skip-unreadable (skipsUnreadable)',
        cause,
      },
    )
    this.offset = offset
    this.lastOffset = header.lastOffset
    this.header = header
    this.isTooLarge = cause.isTooLarge
  }
}

/**
 * What was inflated and has more bytes is given back to the system at once: it would be left to the collector for long.
 */
const freedBytes = 1024 * 1024

/** Reads batches of what was fetched, a piece at a time. */
export class FetchedReader {
  /** of the piece that was read last; used again for the next one */
  readonly records: Records
  /** of that piece, when it is not compressed */
  pieceBytes = 0
  /** whether it is the last one of its batch */
  isBatchEnd = false
  readonly #kernel: RowKernel
  #open: OpenBatch | undefined
  /** where the last piece begins in its batch, to read it once more */
  #pieceAt = 0
  #pieceRow = 0

  /** @param kernel whose memory the rows are read into */
  constructor(kernel: RowKernel = new RowKernel()) {
    this.#kernel = kernel
    this.records = kernel.records
  }

  /** Lets go of the batch that was read last. */
  #free(): void {
    const batch = this.#open
    this.#open = undefined
    if (batch === undefined || batch.isPacked || batch.header.compression === 'none') return
    const { buffer, byteLength } = batch.bytes
    if (buffer instanceof ArrayBuffer && byteLength >= freedBytes && buffer.byteLength - byteLength <= freedBytes)
      buffer.transfer(0)
  }

  /**
   * Reads one batch: for each piece of it, rows [from, to) of `records` are within the range that was asked for. A
   * caller that stops half-way and returns with the same bytes continues there.
   *
   * @throws BatchUnreadableError
   */
  *pieces(fetched: FetchedPartition, header: BatchHeader): Generator<{ readonly from: number; readonly to: number }> {
    const { bytes, view, topic, partition, fromOffset } = fetched
    let offset = Math.max(header.baseOffset, fromOffset)
    try {
      if (this.#open?.header === header) {
        this.#open.at = this.#pieceAt
        this.#open.row = this.#pieceRow
      } else {
        this.#free()
        this.#open = this.#kernel.open(bytes, view, header)
      }
      const batch = this.#open
      const { records } = this
      do {
        this.#pieceAt = batch.at
        this.#pieceRow = batch.row
        this.#kernel.readPiece(batch)
        this.pieceBytes = batch.at - this.#pieceAt
        this.isBatchEnd = isRead(batch)
        if (records.count > 0) {
          yield rangeOf(records, fetched)
          offset = records.baseOffset + records.offsetDelta[records.count - 1] + 1
        }
      } while (!isRead(batch))
      this.#free()
    } catch (error) {
      if (error instanceof MalformedBatchError)
        throw new BatchUnreadableError(topic, partition, Math.max(offset, fromOffset), header, error)
      throw error
    }
  }
}

function rangeOf(records: Records, { fromOffset, toOffset }: FetchedPartition) {
  const { baseOffset, offsetDelta } = records
  let from = 0
  let to = records.count
  while (from < to && baseOffset + offsetDelta[from] < fromOffset) from++
  while (to > from && baseOffset + offsetDelta[to - 1] >= toOffset) to--
  return { from, to }
}
