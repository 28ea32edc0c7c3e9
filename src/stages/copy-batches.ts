import { setImmediate as nextTurn } from 'node:timers/promises'
import { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import type { GroupSession, PartitionOffset } from './ports.ts'
import { type StageReport, stageReport } from './stage-report.ts'
import { isDone } from './transform-topic.ts'

/**
 * Copies a topic's batches unchanged, in the same transactions as every stage: fetched, their checksum checked, stamped with the
 * producer's identity, and sent. No stage can be faster; benchmarks show it beside them.
 */
export async function copyBatches(
  session: GroupSession,
  outputTopic: string,
  ends: readonly PartitionOffset[],
  sliceMs: number,
): Promise<StageReport> {
  const batch = new RecordBatchWriter()
  let startedMs: number | undefined
  let rows = 0
  const isAtEnd = () => isDone(session.positions(), ends)
  do {
    const sliceEndMs = performance.now() + sliceMs
    let sliceRows = 0
    do {
      const fetched = await session.poll(100)
      startedMs ??= performance.now()
      for (const { partition, bytes, batches } of fetched) {
        for (const header of batches) {
          batch.adopt(bytes, header)
          await session.produce(outputTopic, partition, batch)
          sliceRows += header.recordCount
        }
        await nextTurn()
      }
    } while (performance.now() < sliceEndMs && !session.mustCommit && !isAtEnd())
    if (await session.commit()) rows += sliceRows
  } while (!isAtEnd() || session.mustCommit)
  return stageReport(rows, rows, 0, (performance.now() - startedMs) / 1_000)
}
