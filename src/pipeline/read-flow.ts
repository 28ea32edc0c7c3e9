import {
  defaultControlTopic,
  type GroupOverrides,
  groupNames,
  type TopicNames,
  type TopicOverrides,
  topicNames,
} from '../config/names.ts'
import { datasetName, flag, ownTopic } from '../config/value-rules.ts'
import type { GroupMember } from '../ports/group-member.ts'
import type { StageOrders } from '../stages/stage-orders.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { ordersOf } from './group-lag.ts'
import { positionsIn } from './group-positions.ts'
import { groupsCheck, topicsCheck } from './name-checks.ts'

/** A topic of a data set as of now. */
export interface TopicReading {
  readonly topic: string
  /** by partition: its first offset, and the one after its last; markers of transactions have offsets, too */
  readonly low: readonly number[]
  readonly high: readonly number[]
}

/** A group of a data set as of now. */
export interface GroupReading {
  readonly group: string
  /** by partition of its input; undefined where it has no position */
  readonly committed: readonly (number | undefined)[]
  /** as Stable, Empty, PreparingRebalance, Dead */
  readonly state: string
  readonly members: readonly GroupMember[]
}

/** Where everything in a data set's flow stands. */
export interface FlowReading {
  readonly dataset: string
  readonly atMs: number
  /** those that there are */
  readonly topics: { readonly [topic in keyof TopicNames]?: TopicReading }
  readonly groups: { readonly normalize: GroupReading; readonly restore: GroupReading }
}

export interface ReadFlowOptions {
  readonly dataset: string
  /** other names for its topics [`<dataset>.raw`, ...] */
  readonly topics?: TopicOverrides | undefined
  /** other names for its groups ['vgm.<dataset>.normalize', 'vgm.<dataset>.restore'] */
  readonly groups?: GroupOverrides | undefined
  /**
   * whether positions that brokers have forgotten are looked up in the positions topic, which is read as a whole
   * [false]
   */
  readonly keptPositions?: boolean | undefined
}

const checks = optionChecks<ReadFlowOptions>(
  'readFlow',
  { dataset: datasetName },
  { topics: topicsCheck, groups: groupsCheck, keptPositions: flag },
)

/**
 * Ends of the topics of a data set, positions and members of its groups: what a picture of the flow needs each second.
 *
 * @example
 * const { topics, groups } = await readFlow(cluster, { dataset: 'trips' })
 */
export async function readFlow(cluster: ClusterSession, options: ReadFlowOptions): Promise<FlowReading> {
  return call(checks, cluster, options, read)
}

async function read(
  cluster: ClusterSession,
  { dataset, topics: overrides, groups, keptPositions = false }: ReadFlowOptions,
): Promise<FlowReading> {
  const names = topicNames(dataset, overrides)
  const groupOf = groupNames(dataset, groups)
  // Positions first: read the other way round, a group that keeps up could be ahead of the end.
  const [normalize, restore] = await Promise.all([
    positions(cluster, groupOf.normalize, names.raw, keptPositions),
    positions(cluster, groupOf.restore, names.normalized, keptPositions),
  ])
  const keys = Object.keys(names) as (keyof TopicNames)[]
  const [described, ...readings] = await Promise.all([
    cluster.admin.groups.describe([groupOf.normalize, groupOf.restore]),
    ...keys.map((key) => topicReading(cluster, names[key])),
  ])
  const topics: FlowReading['topics'] = Object.fromEntries(
    keys.flatMap((key, i) => (readings[i] === undefined ? [] : [[key, readings[i]]])),
  )
  const group = (i: number, committed: ReadonlyMap<number, number>, input: TopicReading | undefined): GroupReading => {
    const { group, state, members } = described[i]
    return { group, state, members, committed: (input?.high ?? []).map((_, partition) => committed.get(partition)) }
  }
  return {
    dataset,
    atMs: Date.now(),
    topics,
    groups: { normalize: group(0, normalize, topics.raw), restore: group(1, restore, topics.normalized) },
  }
}

async function topicReading({ admin }: ClusterSession, topic: string): Promise<TopicReading | undefined> {
  if ((await admin.topics.partitionCount(topic)) === undefined) return undefined
  const marks = await admin.offsets.watermarks(topic)
  return { topic, low: marks.map(({ low }) => low), high: marks.map(({ high }) => high) }
}

async function positions(
  cluster: ClusterSession,
  group: string,
  topic: string,
  keptPositions: boolean,
): Promise<ReadonlyMap<number, number>> {
  const isThere = !keptPositions || (await cluster.admin.topics.partitionCount(topic)) !== undefined
  const found = await (keptPositions && isThere
    ? positionsIn(cluster, group, topic)
    : cluster.admin.groups.committedOffsets(group, topic))
  return new Map(found.map(({ partition, offset }) => [partition, offset]))
}

export interface ReadOrdersOptions {
  readonly dataset: string
  /** the topic of operators' orders ['vgm.control'] */
  readonly controlTopic?: string | undefined
}

const orderChecks = optionChecks<ReadOrdersOptions>('stageOrders', { dataset: datasetName }, { controlTopic: ownTopic })

/** The orders of operators that are in force, by group. */
export async function stageOrders(
  cluster: ClusterSession,
  options: ReadOrdersOptions,
): Promise<ReadonlyMap<string, StageOrders>> {
  return call(orderChecks, cluster, options, (open, { controlTopic = defaultControlTopic }) =>
    ordersOf(open, controlTopic),
  )
}

/** The data sets of a cluster: those with a raw topic, a model or a group. */
export async function listDatasets(cluster: ClusterSession): Promise<string[]> {
  return call(noChecks, cluster, {}, async ({ admin }) => {
    const topics = [...(await admin.topics.partitionCounts()).keys()]
    const ofTopics = topics.flatMap((topic) => /^(.+)\.(?:raw|normalized)$/.exec(topic)?.[1] ?? [])
    const groups = (await admin.groups.list()).flatMap(
      ({ group }) => /^vgm\.(.+)\.(?:normalize|restore|load)$/.exec(group)?.[1] ?? [],
    )
    return [...new Set([...ofTopics, ...groups])].filter((name) => datasetName.allows(name)).sort()
  })
}

const noChecks = optionChecks<object>('listDatasets', {}, {})
