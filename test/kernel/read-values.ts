import { readBatchHeader } from '../../src/batch/batch-header.ts'
import { type OpenBatch, openBatch } from '../../src/batch/read-records.ts'
import type { RowKernel } from '../../src/kernel/row-kernel.ts'
import { createSchemaRuns, readSchemaRuns, type SchemaRuns } from '../../src/rows/schema-runs.ts'
import { batchOf } from '../stages/apply-batch.ts'

export function opened(bytes: Uint8Array): OpenBatch {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const header = readBatchHeader(bytes, view, 0)
  if (header === undefined) throw new Error('The batch is not whole')
  return openBatch(bytes, view, header)
}

/** Has a kernel read values of one batch, and their framing into its status. */
export function readValues(kernel: RowKernel, values: readonly (Uint8Array | null)[]): SchemaRuns {
  kernel.readPiece(opened(batchOf(values)))
  const runs = createSchemaRuns()
  readSchemaRuns(kernel.records, kernel.status, runs)
  return runs
}
