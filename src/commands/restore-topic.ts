import type { Compression } from '../batch/batch-header.ts'
import { type TopicNames, valueSubject } from '../config/names.ts'
import type { DeadLetterPolicy } from '../stages/dead-letter-policy.ts'
import type { Delivery, PartitionOffset } from '../stages/ports.ts'
import { RestoreTransform } from '../stages/restore.ts'
import type { StageReport } from '../stages/stage-report.ts'
import type { OpenCluster } from './command-context.ts'
import { followModels } from './models.ts'
import { runTransformStage, schemasWithoutCompatibility, slicePatienceMs } from './transform-stage.ts'
import { whenReachable } from './when-reachable.ts'

export interface RestoreTopicOptions {
  readonly dataset: string
  readonly modelsTopic: string
  readonly topics: Pick<TopicNames, 'normalized' | 'restored' | 'deadLetters'>
  readonly group: string
  readonly instance?: string | undefined
  /** number of this member among those of its process */
  readonly slot?: number
  readonly compression: Compression
  readonly delivery?: Delivery | undefined
  readonly deadLetters?: DeadLetterPolicy | undefined
  /** whether positions that the group has lost are counted from the rows of the output [false: an error] */
  readonly rebuildPositions?: boolean | undefined
  /** whether a group that has read rows may go on although its output is empty or missing [false: an error] */
  readonly allowEmptyOutput?: boolean | undefined
  readonly ends?: readonly PartitionOffset[] | undefined
}

/** Runs one member of the group that restores a normalized topic. */
export async function restoreTopic(
  cluster: OpenCluster,
  options: RestoreTopicOptions,
  onProgress: (report: StageReport) => void,
): Promise<StageReport> {
  const { dataset, modelsTopic, topics } = options
  const models = await whenReachable(cluster, () => followModels(cluster, modelsTopic, dataset))
  try {
    const transform = new RestoreTransform({
      modelVersion: (version) => models.version(dataset, version, slicePatienceMs),
      onSlice: () => models.refresh(),
      registry: schemasWithoutCompatibility(cluster),
      subject: valueSubject(topics.restored),
      onUnusableSchema: (schemaId, reason) =>
        cluster.report({ kind: 'schema-unusable', schemaId, topic: topics.normalized, reason }),
    })
    return await runTransformStage(cluster, {
      ...options,
      stage: 'restore',
      inputTopic: topics.normalized,
      outputTopic: topics.restored,
      deadLetterTopic: topics.deadLetters,
      ends: options.ends,
      transform,
      onProgress,
    })
  } finally {
    await models.close()
  }
}
