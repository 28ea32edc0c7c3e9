import { type GroupStage, groupName, topicNames } from '../config/names.ts'
import { datasetName, ownTopic, text } from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import type { PartitionOffset } from '../ports/log.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { positionsIn } from './group-positions.ts'

interface PartitionLag {
  readonly partition: number
  /** next offset that the group will read; undefined if it has no position */
  readonly committed: number | undefined
  /** the offset after the last record */
  readonly end: number
  /** offsets between: markers of transactions count, so that a group may be at its end with a lag of one or two */
  readonly lag: number
}

/** How far a group is behind the end of a topic. */
export interface Lag {
  readonly group: string
  readonly topic: string
  readonly partitions: readonly PartitionLag[]
  readonly total: number
}

/** The functions of a cluster that lag needs. */
export interface LagSource {
  /** where the group stands; partitions in which it has no position are left out */
  committedOffsets(group: string, topic: string): Promise<readonly PartitionOffset[]>
  watermarks(
    topic: string,
  ): Promise<readonly { readonly partition: number; readonly low: number; readonly high: number }[]>
}

/** Remarks about a group's lag that its numbers do not show; sentences. */
export function lagRemarks({ group, topic, partitions }: Lag): string[] {
  if (partitions.every(({ committed }) => committed === undefined))
    return [`Group ${group} has committed nothing in ${topic}.`]
  const beyond = partitions.filter(({ committed = 0, end }) => committed > end)
  return beyond.map(
    ({ partition, committed, end }) =>
      `Group ${group} is at offset ${committed} of ${topic}/${partition}, beyond its end at ${end}: ` +
      'the topic was recreated or truncated.',
  )
}

/**
 * The lag of a group in each partition of a topic. A partition without a commit, or with one that retention has
 * overtaken, counts from its first offset.
 *
 * @throws TopicMissingError
 */
export async function lagOf(source: LagSource, group: string, topic: string): Promise<Lag> {
  // Committed offsets first: read the other way round, a group that keeps up could be ahead of the end.
  const committed = new Map((await source.committedOffsets(group, topic)).map((at) => [at.partition, at.offset]))
  const partitions = (await source.watermarks(topic)).map(({ partition, low, high }) => {
    const position = committed.get(partition)
    return { partition, committed: position, end: high, lag: Math.max(0, high - Math.max(position ?? low, low)) }
  })
  return { group, topic, partitions, total: partitions.reduce((sum, { lag }) => sum + lag, 0) }
}

export interface GroupLagOptions {
  readonly dataset: string
  /** a group of another name, alone [those of normalize and restore] */
  readonly group?: string | undefined
  /** the topic that `group` reads [the raw topic] */
  readonly topic?: string | undefined
}

const checks = optionChecks<GroupLagOptions>('groupLag', { dataset: datasetName }, { group: text, topic: ownTopic })

/**
 * How far the groups of a data set are behind the ends of their topics.
 *
 * @returns one for each group; restore's is left out while there is no normalized topic
 * @throws TopicMissingError if there is no raw topic
 *
 * @example
 * const [{ total }] = await groupLag(cluster, { dataset: 'trips' })
 */
export async function groupLag(cluster: ClusterSession, options: GroupLagOptions): Promise<Lag[]> {
  return call(checks, cluster, options, lagOfGroups)
}

async function lagOfGroups(
  cluster: ClusterSession,
  { dataset, group: named, topic: read }: GroupLagOptions,
): Promise<Lag[]> {
  if (read !== undefined && named === undefined)
    throw new UsageError(
      'groupLag: topic is what a group reads, and no group is named',
      'Add the group, or leave it out',
    )
  const { admin } = cluster
  const { raw, normalized } = topicNames(dataset)
  const source: LagSource = {
    committedOffsets: (group, topic) => positionsIn(cluster, group, topic),
    watermarks: (topic) => admin.offsets.watermarks(topic),
  }
  if (named !== undefined) return [await lagOf(source, named, read ?? raw)]
  await admin.topics.mustExist(raw)
  const stages: readonly (readonly [GroupStage, string])[] = [
    ['normalize', raw],
    ['restore', normalized],
  ]
  const lags: Lag[] = []
  for (const [stage, topic] of stages)
    if ((await admin.topics.partitionCount(topic)) !== undefined)
      lags.push(await lagOf(source, groupName(dataset, stage), topic))
  return lags
}
