import type { LogReader } from '../ports/log.ts'
import { type StageReport, stageReport } from '../ports/stage-report.ts'
import type { BoundedRange } from '../stages/read-partition.ts'

/**
 * Fetches ranges and checks the checksums of their batches, and does nothing with them. No stage that reads rows can be
 * faster; benchmarks compare stages with it.
 */
export async function fetchBatches(reader: LogReader, ranges: readonly BoundedRange[]): Promise<StageReport> {
  const startedMs = performance.now()
  const isAtEnd = ({ topic, partition, endOffset }: BoundedRange) => reader.position(topic, partition) >= endOffset
  let rows = 0
  reader.assign(ranges)
  while (!ranges.every(isAtEnd))
    for (const { batches } of await reader.poll(100)) for (const { recordCount } of batches) rows += recordCount
  return stageReport(rows, 0, 0, (performance.now() - startedMs) / 1_000)
}
