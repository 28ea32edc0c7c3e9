import { defaultModelsTopic, groupName, syntheticGroup, syntheticTopics, type TopicOverrides } from '../config/names.ts'
import { count, datasetName, flag, ownTopic, text } from '../config/value-rules.ts'
import type { StageReport } from '../ports/stage-report.ts'
import { call } from './call.ts'
import { fields, optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { type GroupOptions, groupChecks, memberOptions } from './group-options.ts'
import { endsOf } from './group-positions.ts'
import type { RestoreMemberOptions } from './members/restore-member.ts'
import { runMembers } from './members/run-members.ts'
import { noProgress } from './progress.ts'
import { datasetTopics, requireFilled } from './row-topics.ts'

type RestoreTopics = Pick<TopicOverrides, 'normalized' | 'restored' | 'deadLetters'>

export interface RestoreTopicOptions extends GroupOptions {
  readonly dataset: string
  /** other names for its topics [`<dataset>.normalized`, `<dataset>.restored`, `<dataset>.dead-letters`] */
  readonly topics?: RestoreTopics | undefined
  /**
   * restore the rows that `loadMatrix` has loaded: the names are `<dataset>.synthetic`, `<dataset>.synthetic.restored`,
   * `<dataset>.synthetic.dead-letters` and 'vgm.<dataset>.restore-synthetic' unless told otherwise [false]
   */
  readonly synthetic?: boolean | undefined
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
    synthetic: flag,
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
 * @throws TopicMissingError without a normalized topic; PositionsMissingError; DeadLetterShareError, AllRowsDeadError;
 *   InterruptedError when the cluster's signal fires: what was committed stands
 */
export async function restoreTopic(cluster: ClusterSession, options: RestoreTopicOptions): Promise<StageReport> {
  return call(checks, cluster, options, restore)
}

async function restore(cluster: ClusterSession, options: RestoreTopicOptions): Promise<StageReport> {
  const { dataset, synthetic = false, members = 1, untilEnd = false, onProgress = noProgress } = options
  const overrides = { ...(synthetic && syntheticTopics(dataset)), ...given(options.topics) }
  const topics = datasetTopics(cluster, dataset, overrides, options.modelsTopic)
  const before = synthetic ? 'load FILE --as ctgan --spans spans.json --synthetic' : `normalize --dataset ${dataset}`
  if (untilEnd) await requireFilled(cluster, dataset, topics.normalized, before)
  const group = options.group ?? (synthetic ? syntheticGroup(dataset) : groupName(dataset, 'restore'))
  const { ends, of } = await endsOf(cluster, group, topics.normalized, untilEnd)
  const member: RestoreMemberOptions = {
    dataset,
    topics,
    ends,
    modelsTopic: options.modelsTopic ?? defaultModelsTopic,
    group,
    ...memberOptions(options),
  }
  return runMembers(cluster, { stage: 'restore', options: member }, members, ({ rowsIn }) => onProgress(rowsIn, of))
}

/** Names that are there: an undefined one takes no other's place. */
function given(topics: RestoreTopics = {}): RestoreTopics {
  return Object.fromEntries(Object.entries(topics).filter(([, name]) => name !== undefined))
}
