import { defaultControlTopic, groupName, syntheticGroup, syntheticTopics, topicNames } from '../config/names.ts'
import { datasetName, ownTopic, text } from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import { BrokerError } from '../kafka/broker-errors.ts'
import type { PositionHistory } from '../kafka/kept-positions.ts'
import { suggestion } from '../nearest-name.ts'
import type { PartitionOffset } from '../ports/log.ts'
import { requireKeys } from '../require-keys.ts'
import type { StageOrders } from '../stages/stage-orders.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { type OrdersByGroup, readOrders } from './control-topic.ts'
import { positionsIn } from './group-positions.ts'
import { parseReplayNote } from './replay-note.ts'

/** The time whose progress says how long the rest takes. */
const progressMs = 300_000

interface PartitionLag {
  readonly partition: number
  /** next offset that the group will read; undefined if it has no position */
  readonly committed: number | undefined
  /** the offset after the last record, or where a replay stops */
  readonly end: number
  /** offsets between: markers of transactions count, so that a group may be at its end with a lag of one or two */
  readonly lag: number
  /** ms since 1970: when the position moved last; undefined if that is not known */
  readonly movedMs?: number | undefined
  /** until the end, at the speed of the last minutes; undefined if the group stands still, or if that is not known */
  readonly secondsLeft?: number | undefined
}

/** How far a group is behind the end of a topic. */
export interface Lag extends StageOrders {
  readonly group: string
  readonly topic: string
  /** of a replay: the topic that it writes */
  readonly output?: string | undefined
  readonly partitions: readonly PartitionLag[]
  readonly total: number
  /** of all partitions together; the slowest of them may take longer */
  readonly secondsLeft?: number | undefined
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
export function lagRemarks(lag: Lag): string[] {
  requireKeys('lagRemarks', 'its argument', lag, ['group', 'topic', 'partitions'], 'the result of groupLag')
  const { group, topic, partitions, paused, rate } = lag
  const orders = [
    ...(paused?.paused ? [`Group ${group} is paused, by ${paused.by} at ${paused.at}.`] : []),
    ...(typeof rate?.rowsPerSecond === 'number'
      ? [`Group ${group} is limited to ${rate.rowsPerSecond} rows/s, by ${rate.by} at ${rate.at}.`]
      : []),
  ]
  if (partitions.every(({ committed }) => committed === undefined))
    return [...orders, `Group ${group} has committed nothing in ${topic}.`]
  const beyond = partitions.filter(({ committed = 0, end }) => committed > end)
  const problems = beyond.map(
    ({ partition, committed, end }) =>
      `Group ${group} is at offset ${committed} of ${topic}/${partition}, beyond its end at ${end}: ` +
      'the topic was recreated or truncated.',
  )
  return [...orders, ...problems]
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
  /** a group of another name, alone [those of normalize, restore, restore of generated rows, and all replays] */
  readonly group?: string | undefined
  /** the topic that `group` reads [the one in which it has positions, otherwise the raw topic] */
  readonly topic?: string | undefined
  /** the topic of operators' orders ['vgm.control'] */
  readonly controlTopic?: string | undefined
}

const checks = optionChecks<GroupLagOptions>(
  'groupLag',
  { dataset: datasetName },
  { group: text, topic: ownTopic, controlTopic: ownTopic },
)

/**
 * How far the groups of a data set are behind the ends of their topics.
 *
 * @returns one for each group and topic that it reads, those of replays last; one of restore is left out while there is
 *   no topic for it
 * @throws TopicMissingError if there is no raw topic; UsageError if there is no group of that name
 *
 * @example
 * const [{ total }] = await groupLag(cluster, { dataset: 'trips' })
 */
export async function groupLag(cluster: ClusterSession, options: GroupLagOptions): Promise<Lag[]> {
  return call(checks, cluster, options, lagOfGroups)
}

/** @internal How far the replays of a raw topic are. */
export async function replayLags(cluster: ClusterSession, rawTopic: string): Promise<Lag[]> {
  const histories = await positionHistoriesOf(cluster)
  return Promise.all(replaysOf(histories, rawTopic).map((group) => lagIn(cluster, group, rawTopic, histories)))
}

async function lagIn(
  cluster: ClusterSession,
  group: string,
  topic: string,
  histories: readonly PositionHistory[],
): Promise<Lag> {
  const source: LagSource = {
    committedOffsets: (group, topic) => positionsIn(cluster, group, topic),
    watermarks: (topic) => cluster.admin.offsets.watermarks(topic),
  }
  const ofGroup = histories.filter((each) => each.group === group && each.topic === topic)
  return withHistory(await lagOf(source, group, topic), ofGroup)
}

async function lagOfGroups(
  cluster: ClusterSession,
  { dataset, group: named, topic: read, controlTopic = defaultControlTopic }: GroupLagOptions,
): Promise<Lag[]> {
  if (read !== undefined && named === undefined)
    throw new UsageError('groupLag: topic is given without group, which reads it', 'Add group, or leave out topic')
  const { admin } = cluster
  const { raw, normalized } = topicNames(dataset)
  const histories = await positionHistoriesOf(cluster)
  const orders = await ordersOf(cluster, controlTopic)
  const lag = async (group: string, topic: string): Promise<Lag> => ({
    ...(await lagIn(cluster, group, topic, histories)),
    ...orders.get(group),
  })
  if (named !== undefined) {
    await requireGroup(cluster, named, dataset, histories)
    return [await lag(named, read ?? histories.find(({ group }) => group === named)?.topic ?? raw)]
  }
  await admin.topics.mustExist(raw)
  const groups: readonly (readonly [group: string, topic: string])[] = [
    [groupName(dataset, 'normalize'), raw],
    [groupName(dataset, 'restore'), normalized],
    [syntheticGroup(dataset), syntheticTopics(dataset).normalized],
  ]
  const lags: Lag[] = []
  for (const [group, usual] of groups) {
    // It may read topics of other names as well.
    const read = histories.filter((each) => each.group === group).map(({ topic }) => topic)
    for (const topic of new Set([usual, ...read.sort()]))
      if ((await admin.topics.partitionCount(topic)) !== undefined) lags.push(await lag(group, topic))
  }
  for (const group of replaysOf(histories, raw)) lags.push(await lag(group, raw))
  return lags
}

/**
 * @internal What is known of the progress of all groups; nothing for a user who may not read the topic of positions.
 */
export async function positionHistoriesOf(cluster: ClusterSession): Promise<PositionHistory[]> {
  try {
    return await cluster.rows.positionHistories(progressMs)
  } catch (error) {
    if (error instanceof BrokerError && error.errorName === 'TOPIC_AUTHORIZATION_FAILED') return []
    throw error
  }
}

/** @internal The orders of operators; none for a user who may not read them. */
export async function ordersOf(cluster: ClusterSession, topic: string): Promise<OrdersByGroup> {
  try {
    return await readOrders(cluster, topic)
  } catch (error) {
    if (error instanceof BrokerError && error.errorName === 'TOPIC_AUTHORIZATION_FAILED') return new Map()
    throw error
  }
}

/** @internal The groups of replays of a topic, whatever they are called. */
export function replaysOf(histories: readonly PositionHistory[], topic: string): string[] {
  const replays = histories.filter((each) => each.topic === topic && parseReplayNote(each.metadata) !== undefined)
  return [...new Set(replays.map(({ group }) => group))].sort()
}

/** @internal @throws UsageError for a group that nobody has ever been in, with the names that are like it */
export async function requireGroup(
  cluster: ClusterSession,
  group: string,
  dataset: string,
  histories: readonly PositionHistory[],
): Promise<void> {
  if (histories.some((each) => each.group === group)) return
  const [{ state }] = await cluster.admin.groups.describe([group])
  if (state !== 'Dead') return
  const ofDataset = histories.filter((each) => each.group.startsWith(`vgm.${dataset}.`)).map((each) => each.group)
  const known = [...new Set(ofDataset)].sort()
  const fix =
    known.length === 0 ? `Check the name: no group of data set ${dataset} is known` : `Name one of ${known.join(', ')}`
  throw new UsageError(`There is no group ${group}`, suggestion(group, known) + fix)
}

/** The lag up to where a replay stops, with what is known of its progress. */
function withHistory(lag: Lag, histories: readonly PositionHistory[]): Lag {
  let output: string | undefined
  let allPerSecond = 0
  const partitions = lag.partitions.map((partition) => {
    const history = histories.find((each) => each.partition === partition.partition)
    if (history === undefined) return partition
    const note = parseReplayNote(history.metadata)
    output ??= note?.output
    const end = note === undefined ? partition.end : Math.min(note.to, partition.end)
    const behind = Math.max(0, partition.lag - (partition.end - end))
    const { moved, inMs, movedMs } = history
    const perSecond = inMs > 0 ? (moved * 1_000) / inMs : 0
    allPerSecond += perSecond
    return { ...partition, end, lag: behind, movedMs, secondsLeft: secondsFor(behind, perSecond) }
  })
  const total = partitions.reduce((sum, { lag }) => sum + lag, 0)
  return {
    ...lag,
    output,
    partitions,
    total,
    secondsLeft: secondsFor(total, allPerSecond),
  }
}

function secondsFor(rows: number, perSecond: number): number | undefined {
  if (rows === 0) return 0
  return perSecond === 0 ? undefined : Math.ceil(rows / perSecond)
}
