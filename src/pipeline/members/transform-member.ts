import type { ModelFollower } from '../../model/model-follower.ts'
import type { StageReport } from '../../ports/stage-report.ts'
import type { RowTransform } from '../../stages/row-transform.ts'
import type { ClusterSession } from '../cluster-session.ts'
import type { GroupedStage } from '../group-positions.ts'
import { followModels } from '../models-topic.ts'
import { runTransformStage, type TransformStageOptions } from '../stage-member.ts'
import { whenReachable } from '../when-reachable.ts'

type StageTopics = Pick<TransformStageOptions, 'inputTopic' | 'outputTopic' | 'deadLetterTopic'>

/** What the members of both groups are told. */
export interface TransformMemberOptions
  extends Omit<TransformStageOptions, keyof GroupedStage | keyof StageTopics | 'transform' | 'onProgress'> {
  readonly dataset: string
  readonly modelsTopic: string
  readonly group: string
}

/**
 * Runs one member of a group that works with the models of a data set.
 *
 * @param transformWith makes what is done with the rows; asked before the group is joined, for a member without a model
 *   would hold partitions that others could work on
 */
export async function transformMember(
  cluster: ClusterSession,
  { dataset, modelsTopic, ...options }: TransformMemberOptions & StageTopics & Pick<GroupedStage, 'stage'>,
  onProgress: (report: StageReport) => void,
  transformWith: (models: ModelFollower) => Promise<RowTransform>,
): Promise<StageReport> {
  const models = await whenReachable(cluster, () => followModels(cluster, { dataset, modelsTopic }))
  try {
    const transform = await transformWith(models)
    return await runTransformStage(cluster, { ...options, transform, onProgress })
  } finally {
    await models.close()
  }
}
