import { defaultModelsTopic, groupName, type TopicOverrides } from '../config/names.ts'
import { count, datasetName, ownTopic, text } from '../config/value-rules.ts'
import type { StageReport } from '../ports/stage-report.ts'
import { call } from './call.ts'
import { fields, optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { type GroupOptions, groupChecks, memberOptions } from './group-options.ts'
import type { RestoreMemberOptions } from './members/restore-member.ts'
import { runMembers } from './members/run-members.ts'
import { noProgress } from './progress.ts'
import { datasetTopics, endsOf, requireTopic } from './row-topics.ts'

type RestoreTopics = Pick<TopicOverrides, 'normalized' | 'restored' | 'deadLetters'>

export interface RestoreTopicOptions extends GroupOptions {
  readonly dataset: string
  /** other names for its topics [`<dataset>.normalized`, `<dataset>.restored`, `<dataset>.dead-letters`] */
  readonly topics?: RestoreTopics | undefined
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  /** the consumer group ['vgm.<dataset>.restore'] */
  readonly group?: string | undefined
  /** members of the group in this process, a thread each if there are several [1] */
  readonly members?: number | undefined
}

const checks = optionChecks<RestoreTopicOptions>(
  'restoreTopic',
  { dataset: datasetName },
  {
    topics: fields<RestoreTopics>({}, { normalized: ownTopic, restored: ownTopic, deadLetters: ownTopic }),
    modelsTopic: ownTopic,
    group: text,
    members: count,
    ...groupChecks,
  },
)

/**
 * Restores a normalized topic as members of a consumer group: every (value, mode) pair becomes its number again, by the
 * model whose version the row carries. The rows of half a second are one transaction.
 *
 * @example
 * await restoreTopic(cluster, { dataset: 'trips', untilEnd: true })
 *
 * @returns what was done by this process
 * @throws UsageError without a normalized topic; PositionsMissingError; DeadLetterShareError; InterruptedError when the
 *   cluster's signal fires: what was committed stands
 */
export async function restoreTopic(cluster: ClusterSession, options: RestoreTopicOptions): Promise<StageReport> {
  return call(checks, cluster, options, restore)
}

async function restore(cluster: ClusterSession, options: RestoreTopicOptions): Promise<StageReport> {
  const { dataset, members = 1, untilEnd = false, onProgress = noProgress } = options
  const topics = datasetTopics(cluster, dataset, options.topics, options.modelsTopic)
  if (untilEnd) await requireTopic(cluster, topics.normalized, `Run "vgm normalize --dataset ${dataset}" first`)
  const { ends, of } = await endsOf(cluster, topics.normalized, untilEnd)
  const member: RestoreMemberOptions = {
    dataset,
    topics,
    ends,
    modelsTopic: options.modelsTopic ?? defaultModelsTopic,
    group: options.group ?? groupName(dataset, 'restore'),
    ...memberOptions(options),
  }
  return runMembers(cluster, { stage: 'restore', options: member }, members, ({ rowsIn }) => onProgress(rowsIn, of))
}
