import type { Compression } from '../batch/batch-header.ts'
import { checkDataset, defaultModelsTopic, groupName, type TopicOverrides, topicNames } from '../config/names.ts'
import type { Delivery } from '../ports/log.ts'
import type { StageReport } from '../ports/stage-report.ts'
import type { DeadLetterPolicy } from '../stages/dead-letter-policy.ts'
import type { ClusterSession } from './cluster-session.ts'
import type { RestoreMemberOptions } from './members/restore-member.ts'
import { runMembers } from './members/run-members.ts'
import { noProgress, type OnProgress } from './progress.ts'
import { offsetsBetween, requireTopic, topicEnds, topicStarts } from './row-topics.ts'

export interface RestoreTopicOptions {
  readonly dataset: string
  /** other names for its topics [`<dataset>.normalized`, `<dataset>.restored`, `<dataset>.dead-letters`] */
  readonly topics?: Pick<TopicOverrides, 'normalized' | 'restored' | 'deadLetters'> | undefined
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  /** the consumer group ['vgm.<dataset>.restore'] */
  readonly group?: string | undefined
  /** a name of this process that survives restarts: its membership becomes static */
  readonly instance?: string | undefined
  /** members of the group in this process, a thread each if there are several [1] */
  readonly members?: number | undefined
  /** stop at the normalized topic's end as it is now [false: run until the cluster's signal fires] */
  readonly untilEnd?: boolean | undefined
  /** codec of the batches that are written ['none'] */
  readonly compression?: Compression | undefined
  /** ['exactly-once'] */
  readonly delivery?: Delivery | undefined
  /** what becomes of rows that cannot be restored [dead letters, up to half of the last 100,000 rows] */
  readonly deadLetters?: DeadLetterPolicy | undefined
  /** whether positions that the group has lost are counted from the rows of the output [false: that is an error] */
  readonly rebuildPositions?: boolean | undefined
  /** whether a group that has read rows may go on although its output is empty or missing [false: that is an error] */
  readonly allowEmptyOutput?: boolean | undefined
  readonly onProgress?: OnProgress | undefined
}

/**
 * Restores a normalized topic as members of a consumer group: every (value, mode) pair becomes its number again, by the
 * model whose version the row carries. Each slice of rows is one transaction.
 *
 * @example
 * await restoreTopic(cluster, { dataset: 'trips', untilEnd: true })
 *
 * @returns what was done by this process
 * @throws UsageError without a normalized topic; PositionsMissingError; DeadLetterShareError; InterruptedError when the
 *   cluster's signal fires: what was committed stands
 */
export async function restoreTopic(cluster: ClusterSession, options: RestoreTopicOptions): Promise<StageReport> {
  const { dataset, members = 1, untilEnd = false, onProgress = noProgress } = options
  checkDataset(dataset)
  const topics = topicNames(dataset, options.topics)
  if (untilEnd) await requireTopic(cluster, topics.normalized, `Run "vgm normalize --dataset ${dataset}" first`)
  const ends = untilEnd ? await topicEnds(cluster, topics.normalized) : undefined
  const of = ends && offsetsBetween(await topicStarts(cluster, topics.normalized), ends)
  // Each by its name: they go to threads as a message.
  const member: RestoreMemberOptions = {
    dataset,
    topics,
    ends,
    modelsTopic: options.modelsTopic ?? defaultModelsTopic,
    group: options.group ?? groupName(dataset, 'restore'),
    instance: options.instance,
    compression: options.compression ?? 'none',
    delivery: options.delivery,
    deadLetters: options.deadLetters,
    rebuildPositions: options.rebuildPositions,
    allowEmptyOutput: options.allowEmptyOutput,
  }
  return runMembers(cluster, { stage: 'restore', options: member }, members, ({ rowsIn }) => onProgress(rowsIn, of))
}
