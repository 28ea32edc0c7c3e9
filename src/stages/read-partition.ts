import { createRecords, type Records } from '../batch/records.ts'
import { InterruptedError } from '../errors.ts'
import type { LogReader, OffsetRange, PartitionOffset } from './ports.ts'
import { readFetched } from './read-fetched.ts'

const pollMs = 100

/** What is to be read of a partition, up to an end. */
export type BoundedRange = OffsetRange & { readonly endOffset: number }

/** Gets rows [from, to) of `records`, which are used again afterwards. */
type TakeRows = (records: Records, from: number, to: number, partition: number) => Promise<void> | void

/**
 * Hands over the rows of a partition from `start` to `end`, batch by batch in order; stops at `end` even if that is
 * within a batch.
 *
 * @param idle is called whenever nothing has come for a while: an open transaction of somebody else may hold rows back
 * @throws InterruptedError when `signal` fires
 */
export function readPartition(
  reader: LogReader,
  start: PartitionOffset,
  end: number,
  signal: AbortSignal,
  take: TakeRows,
  idle?: () => Promise<void>,
): Promise<void> {
  return readPartitions(reader, [{ ...start, endOffset: end }], signal, take, idle)
}

/** The same for several partitions at once: each is in order, one beside the other as brokers answer. */
export async function readPartitions(
  reader: LogReader,
  ranges: readonly BoundedRange[],
  signal: AbortSignal,
  take: TakeRows,
  idle?: () => Promise<void>,
): Promise<void> {
  const records = createRecords()
  const isAtEnd = ({ topic, partition, endOffset }: BoundedRange) => reader.position(topic, partition) >= endOffset
  reader.assign(ranges)
  while (!ranges.every(isAtEnd)) {
    if (signal.aborted) throw new InterruptedError()
    const polled = await reader.poll(pollMs)
    if (polled.length === 0) await idle?.()
    for (const fetched of polled)
      for (const header of fetched.batches) {
        const { from, to } = readFetched(fetched, header, records)
        if (from < to) await take(records, from, to, fetched.partition)
      }
  }
}
