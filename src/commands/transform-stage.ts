import { randomBytes } from 'node:crypto'
import type { Compression } from '../batch/batch-header.ts'
import { transactionalId } from '../config/names.ts'
import type { PartitionOffset, SchemaStore, TopicPartition } from '../stages/ports.ts'
import type { StageReport } from '../stages/stage-report.ts'
import { type RowTransform, transformTopic } from '../stages/transform-topic.ts'
import type { OpenCluster } from './command-context.ts'
import { batchBytesFor, partitionsOf } from './row-topics.ts'

/** Long enough for a transaction's cost to vanish, short enough for heartbeats and for whoever reads downstream. */
export const defaultSliceMs = 500

export interface TransformStageOptions {
  readonly stage: string
  readonly group: string
  /** a name that survives restarts: the membership becomes static, and the old instance's transaction is ended at once */
  readonly instance?: string | undefined
  /** number of this member among those of its process */
  readonly slot?: number
  readonly inputTopic: string
  readonly outputTopic: string
  readonly deadLetterTopic: string
  readonly compression: Compression
  readonly transform: RowTransform
  /** where to begin if the group has no position yet; its first row unless given */
  readonly startOffsets?: (partitions: readonly TopicPartition[]) => Promise<PartitionOffset[]>
  readonly ends: readonly PartitionOffset[] | undefined
  readonly onProgress: (report: StageReport) => void
}

/** Runs one member of a stage's consumer group; output topics are made like the raw topic if they do not exist. */
export async function runTransformStage(cluster: OpenCluster, options: TransformStageOptions): Promise<StageReport> {
  const {
    stage,
    group,
    instance,
    slot = 0,
    inputTopic,
    outputTopic,
    deadLetterTopic,
    ends,
    compression,
    startOffsets,
  } = options
  const { admin, rows, signal, log } = cluster
  const partitions = await partitionsOf(cluster, inputTopic)
  for (const topic of [outputTopic, deadLetterTopic])
    await admin.ensureRowTopic({ topic, partitions, like: inputTopic })
  const session = await rows.openSession({
    group,
    topic: inputTopic,
    // Drawn anew unless named: workers that are started by hand share the load and never fence one another.
    transactionalId: transactionalId(group, instance ?? randomBytes(6).toString('hex'), slot),
    groupInstanceId: instance === undefined ? null : `${instance}.${slot}`,
    compression,
    ...(startOffsets !== undefined && { startOffsets }),
    ...(ends !== undefined && { ends }),
    outputsOf: ({ partition }) => [{ topic: outputTopic, partition }],
    onAbort: (cause) =>
      log.warn({ group, cause: cause instanceof Error ? cause.message : cause }, 'a slice was aborted and is repeated'),
  })
  try {
    return await transformTopic({
      session,
      transform: options.transform,
      stage,
      outputTopic,
      outputPartition: (partition) => partition,
      deadLetterTopic,
      batchBytes: await batchBytesFor(cluster, outputTopic),
      sliceMs: defaultSliceMs,
      ends,
      signal,
      onProgress: options.onProgress,
    })
  } finally {
    await session.close()
  }
}

/** Subjects of what stages write take any schema: refits change the columns (DESIGN, "The normalized schema"). */
export function schemasWithoutCompatibility({ registry }: OpenCluster): SchemaStore {
  return {
    schemaById: (id) => registry.schemaById(id),
    register: (subject, schema) => registry.register(subject, schema, { compatibility: 'NONE' }),
  }
}
