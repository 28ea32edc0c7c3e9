import { setImmediate as nextTurn } from 'node:timers/promises'
import { RowKernel } from '../kernel/row-kernel.ts'
import type { FetchedPartition, GroupSession, PartitionOffset } from '../ports/log.ts'
import { type StageReport, stageReport } from '../ports/stage-report.ts'
import type { BatchSizes } from '../stages/outgoing-buffers.ts'
import { PartitionOutput } from '../stages/partition-output.ts'
import { FetchedReader } from '../stages/read-fetched.ts'
import { isDone } from '../stages/stage-loop.ts'
import { ForwardedBatch } from './forwarded-batch.ts'

export interface CopyOptions {
  readonly session: GroupSession
  readonly outputTopic: string
  /** of the input's partitions: where to stop */
  readonly ends: readonly PartitionOffset[]
  readonly sliceMs: number
  /** of batches into which rows are joined; undefined leaves batches as they came */
  readonly joinSizes?: BatchSizes | undefined
}

/**
 * Copies a topic's rows unchanged, in the same transactions as every stage: fetched, their checksum checked, stamped
 * with the producer's identity, and sent. No stage can be faster; benchmarks compare stages with it.
 */
export async function copyBatches(options: CopyOptions): Promise<StageReport> {
  const { session, ends, sliceMs, joinSizes } = options
  const copier = joinSizes === undefined ? asTheyCame(options) : joinedTo(joinSizes, options)
  let startedMs: number | undefined
  let rows = 0
  const isAtEnd = () => isDone(session.positions(), ends)
  do {
    const sliceEndMs = performance.now() + sliceMs
    let sliceRows = 0
    do {
      const fetched = await session.poll(100)
      startedMs ??= performance.now()
      for (const partition of fetched) {
        sliceRows += await copier.copy(partition)
        await nextTurn()
      }
    } while (performance.now() < sliceEndMs && !session.mustCommit && !isAtEnd())
    await copier.flush()
    if (await session.commit()) rows += sliceRows
    else copier.clear()
  } while (!isAtEnd() || session.mustCommit)
  return stageReport(rows, rows, 0, (performance.now() - startedMs) / 1_000)
}

interface Copier {
  /** Sends what was fetched on; its rows. */
  copy(fetched: FetchedPartition): Promise<number>
  flush(): Promise<void>
  clear(): void
}

function asTheyCame({ session, outputTopic }: CopyOptions): Copier {
  const batch = new ForwardedBatch()
  return {
    async copy({ partition, bytes, batches }) {
      let rows = 0
      for (const header of batches) {
        batch.adopt(bytes, header)
        await session.produce(outputTopic, partition, batch)
        rows += header.recordCount
      }
      return rows
    },
    flush: async () => undefined,
    clear: () => batch.clear(),
  }
}

function joinedTo(sizes: BatchSizes, { session, outputTopic }: CopyOptions): Copier {
  const kernel = new RowKernel()
  const reader = new FetchedReader(kernel)
  kernel.beginCopy()
  const outputs = new Map<number, PartitionOutput>()
  return {
    async copy(fetched) {
      const { partition, batches } = fetched
      const output =
        outputs.get(partition) ??
        new PartitionOutput(outputTopic, partition, sizes, (...batch) => session.produce(...batch))
      outputs.set(partition, output)
      let rows = 0
      for (const header of batches)
        for (const { from, to } of reader.pieces(fetched, header)) {
          await output.encodeRows(kernel, from, to)
          rows += to - from
        }
      return rows
    },
    async flush() {
      for (const output of outputs.values()) await output.flush()
    },
    clear() {
      for (const output of outputs.values()) output.clear()
    },
  }
}
