import { InterruptedError } from '../errors.ts'
import type { LogReader } from '../ports/log.ts'
import { addTimeCounts, noTimeCounts } from '../ports/stage-report.ts'
import type { BatchSizes } from './outgoing-buffers.ts'
import { PartitionOutput } from './partition-output.ts'
import { BatchUnreadableError, FetchedReader } from './read-fetched.ts'
import type { BoundedRange } from './read-partition.ts'
import type { RowTarget, RowTransform } from './row-transform.ts'

/** What a trial has seen. */
export interface TrialCounts {
  readonly rows: number
  /** of them, left out by their time */
  readonly leftOut: number
  /** of those left out: their time is null, or cannot be read */
  readonly withoutTime: number
  readonly deadLetters: number
  /** as fetched */
  readonly bytesIn: number
  /** of the batches that would have been written, before compression */
  readonly bytesOut: number
  readonly seconds: number
}

const pollMs = 100
/** A trial ends after so many rows or so much time. */
const mostRows = 500_000
const mostMs = 2_000

/** Reads and transforms the first rows of each range, and writes nothing. */
export async function tryRows(
  reader: LogReader,
  ranges: readonly BoundedRange[],
  transform: RowTransform,
  sizes: BatchSizes,
  signal: AbortSignal,
): Promise<TrialCounts> {
  const fetchedReader = new FetchedReader(transform.kernel)
  const targets = new Map<number, RowTarget>()
  let [rows, deadLetters, bytesIn, bytesOut] = [0, 0, 0, 0]
  let times = noTimeCounts
  const targetOf = (topic: string, partition: number): RowTarget => ({
    source: { topic, partition },
    output: new PartitionOutput(topic, partition, sizes, async (_topic, _partition, batch) => {
      bytesOut += batch.sizeBytes
      batch.clear()
    }),
    deadLetter: async () => void deadLetters++,
  })
  const startedMs = performance.now()
  const isAtEnd = ({ topic, partition, endOffset }: BoundedRange) => reader.position(topic, partition) >= endOffset
  const isOver = () => rows >= mostRows || performance.now() - startedMs >= mostMs
  reader.assign(ranges)
  while (!isOver() && !ranges.every(isAtEnd)) {
    if (signal.aborted) throw new InterruptedError()
    await transform.beginSlice()
    for (const fetched of await reader.poll(pollMs)) {
      if (isOver()) break
      const { topic, partition, bytes } = fetched
      const target = targets.get(partition) ?? targetOf(topic, partition)
      targets.set(partition, target)
      bytesIn += bytes.length
      for (const header of fetched.batches)
        try {
          for (const { from, to } of fetchedReader.pieces(fetched, header)) {
            await transform.apply(from, to, target)
            rows += to - from
          }
        } catch (error) {
          if (!(error instanceof BatchUnreadableError)) throw error
          deadLetters++
        }
      await target.output.flush()
      times = addTimeCounts(times, transform.takeTimes?.() ?? noTimeCounts)
    }
  }
  const seconds = (performance.now() - startedMs) / 1_000
  const { withoutTime } = times
  return { rows, leftOut: times.leftOut + withoutTime, withoutTime, deadLetters, bytesIn, bytesOut, seconds }
}
