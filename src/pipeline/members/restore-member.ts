import type { Compression } from '../../batch/batch-header.ts'
import { type TopicNames, valueSubject } from '../../config/names.ts'
import type { Delivery, PartitionOffset } from '../../ports/log.ts'
import type { StageReport } from '../../ports/stage-report.ts'
import type { DeadLetterPolicy } from '../../stages/dead-letter-policy.ts'
import { RestoreTransform } from '../../stages/restore.ts'
import type { ClusterSession } from '../cluster-session.ts'
import { followModels } from '../models-topic.ts'
import { runTransformStage, schemasWithoutCompatibility, slicePatienceMs } from '../transform-stage.ts'
import { whenReachable } from '../when-reachable.ts'

export interface RestoreMemberOptions {
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
export async function restoreMember(
  cluster: ClusterSession,
  options: RestoreMemberOptions,
  onProgress: (report: StageReport) => void,
): Promise<StageReport> {
  const { dataset, modelsTopic, topics } = options
  const models = await whenReachable(cluster, () => followModels(cluster, { dataset, modelsTopic }))
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
