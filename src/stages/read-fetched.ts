import type { BatchHeader } from '../batch/batch-header.ts'
import { readRecords } from '../batch/read-records.ts'
import type { Records } from '../batch/records.ts'
import type { FetchedPartition } from './ports.ts'

/**
 * Reads one batch of what was fetched; rows [from, to) of it are within the range that was asked for.
 *
 * @throws MalformedBatchError
 */
export function readFetched(
  { bytes, view, fromOffset, toOffset }: FetchedPartition,
  header: BatchHeader,
  records: Records,
): { from: number; to: number } {
  readRecords(bytes, view, header, records)
  const { baseOffset, offsetDelta } = records
  let from = 0
  let to = records.count
  while (from < to && baseOffset + offsetDelta[from] < fromOffset) from++
  while (to > from && baseOffset + offsetDelta[to - 1] >= toOffset) to--
  return { from, to }
}
