import { type GroupStage, groupName, topicNames } from '../config/names.ts'
import { type Lag, type LagSource, lagOf } from '../stages/lag.ts'
import type { ClusterSession } from './cluster-session.ts'
import { positionsIn } from './group-positions.ts'

export interface GroupLagOptions {
  readonly dataset: string
  /** a group of another name, alone [those of normalize and restore] */
  readonly group?: string | undefined
  /** the topic that `group` reads [the raw topic] */
  readonly topic?: string | undefined
}

/**
 * How far the groups of a data set are behind the ends of their topics.
 *
 * @returns one for each group; restore's is left out while there is no normalized topic
 * @throws TopicMissingError if there is no raw topic
 *
 * @example
 * const [{ total }] = await groupLag(cluster, { dataset: 'trips' })
 */
export async function groupLag(
  cluster: ClusterSession,
  { dataset, group: named, topic: read }: GroupLagOptions,
): Promise<Lag[]> {
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
