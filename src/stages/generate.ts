import { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import { InterruptedError } from '../errors.ts'
import type { BatchLimits, TransactionalWriter } from '../ports/log.ts'
import { type StageReport, stageReport } from '../ports/stage-report.ts'
import type { RowSpec } from './synthetic/row-spec.ts'
import { SyntheticRows } from './synthetic/synthetic-rows.ts'

/** A transaction ends after this many rows or this time, whichever comes first. */
const sliceRows = 1_000_000
const sliceMs = 500

export interface GenerateOptions {
  readonly spec: RowSpec
  /** in all partitions together */
  readonly rows: number
  /** 32 bits; the same seed gives the same rows */
  readonly seed: number
  readonly topic: string
  readonly partitions: number
  /** of `syntheticSchema` in the registry */
  readonly schemaId: number
  readonly writer: TransactionalWriter
  readonly batchRows: number
  /** the records' time, ms since the epoch */
  readonly nowMs: number
  readonly limits: BatchLimits
  readonly signal: AbortSignal
  /** After every commit: rows that are in the topic. */
  readonly onProgress?: ((rows: number, ofRows: number) => void) | undefined
}

/** How many of `rows` rows a partition gets: as many as every other, the first ones one more if it does not go up. */
export function partitionRows(rows: number, partitions: number, partition: number): number {
  return Math.floor(rows / partitions) + (partition < rows % partitions ? 1 : 0)
}

/**
 * Writes synthetic rows to a topic, one message a row, in transactions. Row i of partition p is a function of
 * (seed, p, i): `SyntheticRows` makes it again, whatever batches it came in.
 *
 * @throws InterruptedError when the signal fires; what is committed by then stays
 */
export async function generate(options: GenerateOptions): Promise<StageReport> {
  const { spec, rows, seed, topic, partitions, batchRows, schemaId, writer, nowMs, limits, signal } = options
  const startedMs = performance.now()
  const block = new SyntheticRows(spec, schemaId, batchRows)
  const batch = new RecordBatchWriter(limits.batchBytes)
  const expected = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  let written = 0
  let slice = { rows: 0, startedMs: 0, open: false }
  const commit = async () => {
    await writer.commit()
    slice.open = false
    options.onProgress?.(written, rows)
  }
  try {
    for (const { partition, firstRow, count } of blocks(rows, partitions, batchRows)) {
      if (signal.aborted) throw new InterruptedError()
      if (!slice.open) {
        slice = { rows: 0, startedMs: 0, open: true }
        await writer.begin(expected)
        // With many partitions, the markers of the transaction before may take longer than a slice.
        slice.startedMs = performance.now()
      }
      block.fill({ seed, partition, firstRow }, count)
      for (let row = 0; row < count; ) {
        row = batch.appendBlock(nowMs, null, block, row, count)
        await writer.produce(topic, partition, batch)
      }
      written += count
      slice.rows += count
      // Heartbeats, sockets and signals get their turn even if the writer never waits.
      await new Promise(setImmediate)
      if (slice.rows >= sliceRows || performance.now() - slice.startedMs >= sliceMs) await commit()
    }
    if (slice.open) await commit()
  } catch (thrown) {
    if (slice.open) await writer.abort()
    throw thrown
  }
  return stageReport(0, written, 0, (performance.now() - startedMs) / 1_000)
}

interface Block {
  readonly partition: number
  readonly firstRow: number
  readonly count: number
}

/** Blocks of rows, the partitions in turn, so that all of them grow alike. */
function* blocks(rows: number, partitions: number, batchRows: number): Generator<Block> {
  for (let firstRow = 0; firstRow < Math.ceil(rows / partitions); firstRow += batchRows) {
    for (let partition = 0; partition < partitions; partition++) {
      const count = Math.min(batchRows, partitionRows(rows, partitions, partition) - firstRow)
      if (count > 0) yield { partition, firstRow, count }
    }
  }
}
