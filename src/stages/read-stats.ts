import type { Records } from '../batch/records.ts'
import { datasetOfKey, parseStats, type StatsRecord } from '../drift/stats-record.ts'
import type { LogReader } from '../ports/log.ts'
import { type BoundedRange, readPartition } from './read-partition.ts'

/**
 * The last record of each key of a data set, from a range of the stats topic.
 *
 * @throws InterruptedError when `signal` fires
 */
export async function readStats(
  reader: LogReader,
  { endOffset, ...start }: BoundedRange,
  dataset: string,
  signal: AbortSignal,
): Promise<StatsRecord[]> {
  const found = new Map<string, StatsRecord>()
  const take = (records: Records, from: number, to: number) => {
    const { keyStart, keyEnd, valueStart, valueEnd } = records
    const bytes = Buffer.from(records.bytes.buffer, records.bytes.byteOffset, records.bytes.byteLength)
    for (let row = from; row < to; row++) {
      if (keyStart[row] < 0) continue
      const key = bytes.toString('utf8', keyStart[row], keyEnd[row])
      if (datasetOfKey(key) !== dataset) continue
      const record =
        valueStart[row] < 0 ? undefined : parseStats(bytes.toString('utf8', valueStart[row], valueEnd[row]))
      if (record === undefined) found.delete(key)
      else found.set(key, record)
    }
  }
  await readPartition(reader, start, endOffset, signal, take, { onUnreadable: () => undefined })
  return [...found.values()]
}
