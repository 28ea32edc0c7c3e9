import type { Compression } from '../batch/batch-header.ts'
import { checkDataset, defaultModelsTopic, groupName, type TopicOverrides, topicNames } from '../config/names.ts'
import type { Delivery } from '../ports/log.ts'
import type { StageReport } from '../ports/stage-report.ts'
import type { DeadLetterPolicy } from '../stages/dead-letter-policy.ts'
import type { ModeChoice } from '../stages/normalize.ts'
import type { ClusterSession } from './cluster-session.ts'
import type { NormalizeMemberOptions } from './members/normalize-member.ts'
import { runMembers } from './members/run-members.ts'
import { noProgress, type OnProgress } from './progress.ts'
import { offsetsBetween, topicEnds, topicStarts } from './row-topics.ts'

export interface NormalizeTopicOptions {
  readonly dataset: string
  /** other names for its topics [`<dataset>.raw`, `<dataset>.normalized`, `<dataset>.dead-letters`] */
  readonly topics?: Pick<TopicOverrides, 'raw' | 'normalized' | 'deadLetters'> | undefined
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  /** the consumer group ['vgm.<dataset>.normalize'] */
  readonly group?: string | undefined
  /** a name of this process that survives restarts: its membership becomes static */
  readonly instance?: string | undefined
  /** members of the group in this process, a thread each if there are several [1] */
  readonly members?: number | undefined
  /** version of the model [the current one, whichever that is] */
  readonly model?: number | undefined
  /** stop at the raw topic's end as it is now [false: run until the cluster's signal fires] */
  readonly untilEnd?: boolean | undefined
  /** cut values to -clip..clip; rows beyond cannot be restored [Infinity] */
  readonly clip?: number | undefined
  /** the likeliest mode of a value, or one drawn from its posterior [{ kind: 'likely' }] */
  readonly modeChoice?: ModeChoice | undefined
  /** name of the field for the model's version, where raw rows have a field model_version ['model_version'] */
  readonly renameVersionField?: string | undefined
  /** name of the normalized record ['<record>Normalized'] */
  readonly renameRecord?: string | undefined
  /** codec of the batches that are written ['none'] */
  readonly compression?: Compression | undefined
  /** ['exactly-once'] */
  readonly delivery?: Delivery | undefined
  /** what becomes of rows that cannot be normalized [dead letters, up to half of the last 100,000 rows] */
  readonly deadLetters?: DeadLetterPolicy | undefined
  /** whether positions that the group has lost are counted from the rows of the output [false: that is an error] */
  readonly rebuildPositions?: boolean | undefined
  /** whether a group that has read rows may go on although its output is empty or missing [false: that is an error] */
  readonly allowEmptyOutput?: boolean | undefined
  readonly onProgress?: OnProgress | undefined
}

/**
 * Normalizes a raw topic as members of a consumer group, each slice of rows in one transaction: every row has one
 * normalized row or one dead letter, whatever fails. The topics that it writes to are made if they do not exist.
 *
 * @example
 * const { rowsOut } = await normalizeTopic(cluster, { dataset: 'trips', untilEnd: true })
 *
 * @returns what was done by this process
 * @throws ModelMissingError if the data set has no model; TopicMissingError without a raw topic; PositionsMissingError;
 *   DeadLetterShareError; InterruptedError when the cluster's signal fires: what was committed stands
 */
export async function normalizeTopic(cluster: ClusterSession, options: NormalizeTopicOptions): Promise<StageReport> {
  const { dataset, members = 1, untilEnd = false, onProgress = noProgress } = options
  checkDataset(dataset)
  const topics = topicNames(dataset, options.topics)
  const ends = untilEnd ? await topicEnds(cluster, topics.raw) : undefined
  const of = ends && offsetsBetween(await topicStarts(cluster, topics.raw), ends)
  // Each by its name: they go to threads as a message.
  const member: NormalizeMemberOptions = {
    dataset,
    topics,
    ends,
    modelsTopic: options.modelsTopic ?? defaultModelsTopic,
    group: options.group ?? groupName(dataset, 'normalize'),
    instance: options.instance,
    model: options.model,
    clip: options.clip ?? Infinity,
    modeChoice: options.modeChoice ?? { kind: 'likely' },
    renameVersionField: options.renameVersionField,
    renameRecord: options.renameRecord,
    compression: options.compression ?? 'none',
    delivery: options.delivery,
    deadLetters: options.deadLetters,
    rebuildPositions: options.rebuildPositions,
    allowEmptyOutput: options.allowEmptyOutput,
  }
  return runMembers(cluster, { stage: 'normalize', options: member }, members, ({ rowsIn }) => onProgress(rowsIn, of))
}
