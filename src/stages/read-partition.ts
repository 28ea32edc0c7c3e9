import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Records } from '../batch/records.ts'
import { InterruptedError } from '../errors.ts'
import type { RowKernel } from '../kernel/row-kernel.ts'
import type { FetchedPartition, LogReader, OffsetRange, PartitionOffset } from '../ports/log.ts'
import { BatchUnreadableError, FetchedReader } from './read-fetched.ts'

const pollMs = 100

/** What is to be read of a partition, up to an end. */
export type BoundedRange = OffsetRange & { readonly endOffset: number }

/** Gets rows [from, to) of `records`, which are used again afterwards. */
type TakeRows = (records: Records, from: number, to: number, partition: number) => Promise<void> | void

/** What a reader does beside taking rows. */
export interface ReadHandlers {
  /** whose memory the rows are read into; one of the reader's own if none is given */
  readonly kernel?: RowKernel
  /** called when no rows have arrived for a while: another producer's open transaction may hold rows back */
  readonly onIdle?: () => Promise<void>
  /** called for a batch that cannot be read, which is then skipped; without it such a batch is an error */
  readonly onUnreadable?: ((batch: BatchUnreadableError) => void) | undefined
}

/**
 * Hands over the rows of a partition from `start` to `end`, batch by batch in order; stops at `end` even if that is
 * within a batch.
 *
 * @throws InterruptedError when `signal` fires
 * @throws BatchUnreadableError
 */
export function readPartition(
  reader: LogReader,
  start: PartitionOffset,
  end: number,
  signal: AbortSignal,
  take: TakeRows,
  handlers?: ReadHandlers,
): Promise<void> {
  return readPartitions(reader, [{ ...start, endOffset: end }], signal, take, handlers)
}

/** The same for several partitions at once: each is in order, one beside the other as brokers answer. */
export async function readPartitions(
  reader: LogReader,
  ranges: readonly BoundedRange[],
  signal: AbortSignal,
  take: TakeRows,
  handlers: ReadHandlers = {},
): Promise<void> {
  const fetchedReader = new FetchedReader(handlers.kernel)
  const isAtEnd = ({ topic, partition, endOffset }: BoundedRange) => reader.position(topic, partition) >= endOffset
  reader.assign(ranges)
  while (!ranges.every(isAtEnd)) {
    if (signal.aborted) throw new InterruptedError()
    const polled = await reader.poll(pollMs)
    if (polled.length === 0) await handlers.onIdle?.()
    for (const fetched of polled) await takeFetched(fetched, fetchedReader, signal, take, handlers)
  }
}

async function takeFetched(
  fetched: FetchedPartition,
  reader: FetchedReader,
  signal: AbortSignal,
  take: TakeRows,
  { onUnreadable }: ReadHandlers,
): Promise<void> {
  for (const header of fetched.batches)
    try {
      for (const { from, to } of reader.pieces(fetched, header)) {
        if (from < to) await take(reader.records, from, to, fetched.partition)
        if (reader.isBatchEnd) continue
        // A batch of many pieces must not delay a signal or other work of the thread.
        await nextTurn()
        if (signal.aborted) throw new InterruptedError()
      }
    } catch (error) {
      if (!(error instanceof BatchUnreadableError) || onUnreadable === undefined) throw error
      onUnreadable(error)
    }
}
