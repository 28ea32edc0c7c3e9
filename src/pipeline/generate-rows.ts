import type { Compression } from '../batch/batch-header.ts'
import { groupName, transactionalId, valueSubject } from '../config/names.ts'
import type { StageReport } from '../ports/stage-report.ts'
import { generate } from '../stages/generate.ts'
import { type RowSpec, syntheticSchema } from '../stages/synthetic/row-spec.ts'
import type { ClusterSession } from './cluster-session.ts'
import { batchBytesFor } from './row-topics.ts'

export interface GenerateRowsOptions {
  readonly dataset: string
  readonly topic: string
  readonly spec: RowSpec
  readonly rows: number
  readonly seed: number
  /** for a topic that does not exist yet */
  readonly partitions: number
  readonly batchRows: number
  readonly compression: Compression
}

/** Writes synthetic rows to a raw topic, which is made if it does not exist. */
export async function generateRows(
  cluster: ClusterSession,
  options: GenerateRowsOptions,
  onProgress: (rows: number, of: number) => void,
): Promise<StageReport> {
  const { dataset, topic, spec, compression } = options
  const { admin, registry, rows, signal } = cluster
  const partitions = (await admin.partitionCount(topic)) ?? options.partitions
  await admin.ensureRowTopic({ topic, partitions })
  const schemaId = await registry.register(valueSubject(topic), syntheticSchema('Row', spec))
  const batchBytes = await batchBytesFor(cluster, topic)
  const writer = await rows.openWriter(transactionalId(groupName(dataset, 'generate'), topic), compression)
  try {
    return await generate({
      ...options,
      partitions,
      schemaId,
      writer,
      nowMs: Date.now(),
      limits: { batchBytes, compression },
      signal,
      onProgress,
    })
  } finally {
    await writer.close()
  }
}
