import type { TopicNames } from '../../config/names.ts'
import type { StageReport } from '../../ports/stage-report.ts'
import { RestoreTransform } from '../../stages/restore.ts'
import type { ClusterSession } from '../cluster-session.ts'
import { rowSchemas, slicePatienceMs } from '../stage-member.ts'
import { type TransformMemberOptions, transformMember } from './transform-member.ts'

export interface RestoreMemberOptions extends TransformMemberOptions {
  readonly topics: Pick<TopicNames, 'normalized' | 'restored' | 'deadLetters'>
}

/** Runs one member of the group that restores a normalized topic. */
export function restoreMember(
  cluster: ClusterSession,
  { topics, ...options }: RestoreMemberOptions,
  onProgress: (report: StageReport) => void,
): Promise<StageReport> {
  const { dataset } = options
  const { normalized: inputTopic, restored: outputTopic, deadLetters: deadLetterTopic } = topics
  const stage = { ...options, stage: 'restore', inputTopic, outputTopic, deadLetterTopic }
  return transformMember(
    cluster,
    stage,
    onProgress,
    async (models) =>
      new RestoreTransform({
        modelVersion: (version) => models.version(dataset, version, slicePatienceMs),
        onSlice: () => models.refresh(),
        ...rowSchemas(cluster, inputTopic, outputTopic),
      }),
  )
}
