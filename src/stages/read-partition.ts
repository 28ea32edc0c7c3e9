import { createRecords, type Records } from '../batch/records.ts'
import { InterruptedError } from '../errors.ts'
import type { LogReader, PartitionOffset } from './ports.ts'
import { readFetched } from './read-fetched.ts'

const pollMs = 100

/**
 * Hands over the rows of a partition from `start` to `end`, batch by batch in order; stops at `end` even if that is
 * within a batch.
 *
 * @param take gets rows [from, to) of `records`, which are used again afterwards
 * @param idle is called whenever nothing has come for a while: an open transaction of somebody else may hold rows back
 * @throws InterruptedError when `signal` fires
 */
export async function readPartition(
  reader: LogReader,
  start: PartitionOffset,
  end: number,
  signal: AbortSignal,
  take: (records: Records, from: number, to: number) => Promise<void> | void,
  idle?: () => Promise<void>,
): Promise<void> {
  const { topic, partition } = start
  const records = createRecords()
  reader.assign([{ ...start, endOffset: end }])
  while (reader.position(topic, partition) < end) {
    if (signal.aborted) throw new InterruptedError()
    const polled = await reader.poll(pollMs)
    if (polled.length === 0) await idle?.()
    for (const fetched of polled)
      for (const header of fetched.batches) {
        const { from, to } = readFetched(fetched, header, records)
        if (from < to) await take(records, from, to)
      }
  }
}
