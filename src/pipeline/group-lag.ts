import { type GroupStage, groupName, topicNames } from '../config/names.ts'
import { datasetName, ownTopic, text } from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import { type Lag, type LagSource, lagOf } from '../stages/lag.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { positionsIn } from './group-positions.ts'

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
