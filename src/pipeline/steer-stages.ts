import { defaultControlTopic, groupName, topicNames } from '../config/names.ts'
import { count, datasetName, either, oneOf, ownTopic, text } from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import { TopicMissingError } from '../kafka/topic-errors.ts'
import { noOrders, orderKey, orderValue, type PauseOrder, type RateOrder } from '../stages/stage-orders.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { readOrders } from './control-topic.ts'
import { steeredStages } from './defaults.ts'
import { positionHistoriesOf, replaysOf, requireGroup } from './group-lag.ts'
import { ownName } from './own-name.ts'
import { parseReplayNote } from './replay-note.ts'

export type SteeredStage = (typeof steeredStages)[number]

export interface SteerStagesOptions {
  readonly dataset: string
  /** [normalize, restore and all replays of the data set] */
  readonly stage?: SteeredStage | undefined
  /** a group of another name, alone [those of the stage] */
  readonly group?: string | undefined
  /** the topic of the orders ['vgm.control'] */
  readonly controlTopic?: string | undefined
  /** who gives the order ['<user>@<host>'] */
  readonly by?: string | undefined
}

export interface LimitRateOptions extends SteerStagesOptions {
  /** of all members of a group together, or none */
  readonly rowsPerSecond: number | 'off'
}

/** A group after an order: what is in force, whoever has ordered it. */
export interface SteeredGroup {
  readonly group: string
  /** members that obey within a second; 0 for a group that obeys when it starts */
  readonly members: number
  readonly paused: PauseOrder | undefined
  readonly rate: RateOrder | undefined
}

const optional = { stage: oneOf(steeredStages), group: text, controlTopic: ownTopic, by: text } as const
const pauseChecks = optionChecks<SteerStagesOptions>('pauseStages', { dataset: datasetName }, optional)
const resumeChecks = optionChecks<SteerStagesOptions>('resumeStages', { dataset: datasetName }, optional)
const rateChecks = optionChecks<LimitRateOptions>(
  'limitRate',
  { dataset: datasetName, rowsPerSecond: either(count, oneOf(['off'])) },
  optional,
)

/**
 * Pauses the groups of a data set: within a second each member commits its open slice and reads no more rows. It stays
 * in its group, and its lag goes on being exported. A member that starts later is paused as well, until `resumeStages`.
 *
 * @example
 * await pauseStages(cluster, { dataset: 'trips', stage: 'normalize' })
 *
 * @returns what is in force: of two operators who do this at once, the last one is obeyed
 * @throws TopicMissingError for a data set that is not known; UsageError for a group that is not; CompactedTopicError
 *   if the control topic is not compacted
 */
export async function pauseStages(cluster: ClusterSession, options: SteerStagesOptions): Promise<SteeredGroup[]> {
  return call(pauseChecks, cluster, options, (open) => steer(open, options, 'paused', { paused: true }))
}

/** Lets groups go on that were paused. @throws as `pauseStages` */
export async function resumeStages(cluster: ClusterSession, options: SteerStagesOptions): Promise<SteeredGroup[]> {
  return call(resumeChecks, cluster, options, (open) => steer(open, options, 'paused', { paused: false }))
}

/**
 * Limits the rows that the members of each group read in a second, together. A member takes the share of its
 * partitions.
 *
 * @throws as `pauseStages`
 */
export async function limitRate(cluster: ClusterSession, options: LimitRateOptions): Promise<SteeredGroup[]> {
  return call(rateChecks, cluster, options, (open) => {
    const rowsPerSecond = options.rowsPerSecond === 'off' ? null : options.rowsPerSecond
    return steer(open, options, 'rate', { rowsPerSecond })
  })
}

async function steer(
  cluster: ClusterSession,
  options: SteerStagesOptions,
  kind: 'paused' | 'rate',
  order: Pick<PauseOrder, 'paused'> | Pick<RateOrder, 'rowsPerSecond'>,
): Promise<SteeredGroup[]> {
  const { admin, rows } = cluster
  const { controlTopic = defaultControlTopic, by = ownName() } = options
  const groups = await groupsOf(cluster, options)
  await admin.topics.ensureControlTopic(controlTopic)
  const value = orderValue({ ...order, by, at: new Date().toISOString() })
  await rows.append(
    controlTopic,
    groups.map((group) => [orderKey(group, kind), value] as const),
  )
  const orders = await readOrders(cluster, controlTopic)
  const described = await admin.groups.describe(groups)
  return groups.map((group) => {
    const { paused, rate } = orders.get(group) ?? noOrders
    const members = described.find((each) => each.group === group)?.members.length ?? 0
    return { group, members, paused, rate }
  })
}

/** The groups that an order is for. */
async function groupsOf(cluster: ClusterSession, { dataset, stage, group }: SteerStagesOptions): Promise<string[]> {
  const { raw } = topicNames(dataset)
  const histories = await positionHistoriesOf(cluster)
  if (group !== undefined) {
    if (stage !== undefined)
      throw new UsageError('A stage and a group are both given, and they exclude each other', 'Leave out one of them')
    await requireGroup(cluster, group, dataset, histories)
    return [group]
  }
  const listed = (await cluster.admin.groups.list()).map((each) => each.group)
  const begun = replaysOf(histories, raw)
  const undone = begun.filter((name) =>
    histories.some((each) => each.group === name && each.offset < (parseReplayNote(each.metadata)?.to ?? 0)),
  )
  // Those that are about to begin have members, and no position.
  const fresh = listed.filter((name) => name.startsWith(groupName(dataset, 'replay')) && !begun.includes(name))
  const replays = new Set([...undone, ...fresh])
  const usual = ['normalize', 'restore'] as const
  const all = stage === 'replay' ? [] : usual.filter((each) => stage === undefined || stage === each)
  const groups = [
    ...all.map((each) => groupName(dataset, each)),
    ...(stage === undefined || stage === 'replay' ? replays : []),
  ]
  if (groups.length === 0)
    throw new UsageError(
      `Data set ${dataset} has no unfinished replay`,
      'Name another stage, or a group with --group (group)',
    )
  // A stage may be paused before its first start, if its rows are there.
  const isKnown = groups.some((name) => listed.includes(name) || histories.some((each) => each.group === name))
  if (!isKnown && (await cluster.admin.topics.partitionCount(raw)) === undefined) throw new TopicMissingError(raw)
  return groups
}
