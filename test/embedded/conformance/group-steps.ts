import { errorCodes } from '../../../src/embedded/error-codes.ts'
import type { Chance } from './chance.ts'
import type { SequenceRun } from './sequence-run.ts'
import { ask, type Step } from './step.ts'

/** A member of a group: its symbol, which is its connection too, and its instance id if it is static. */
export interface Member {
  readonly symbol: string
  readonly group: string
  readonly instance: string | null
  readonly protocols: readonly string[]
  readonly protocolType?: string
}

/** What a request says wrongly of its member. */
export interface Untruth {
  /** added to the generation */
  readonly generation?: number
  /** in the place of the member's id */
  readonly memberId?: string
  readonly instance?: string | null
  readonly protocolName?: string
  readonly protocolType?: string | null
}

type TopicPartitions = readonly (readonly [topic: string, partitions: readonly number[]])[]

/** From this version on a new member gets its id with an error first. */
const idFirst = 4

/** The facts by which members name themselves; versions without instance ids leave theirs out. */
function identity(run: SequenceRun, { symbol, group, instance }: Member, untruth: Untruth = {}) {
  const named = untruth.instance === undefined ? instance : untruth.instance
  return {
    groupId: run.name(group),
    memberId: untruth.memberId ?? run.members.get(symbol) ?? '',
    groupInstanceId: named === null ? null : run.name(named),
    generationId: (run.generations.get(group) ?? -1) + (untruth.generation ?? 0),
  }
}

/**
 * A consumer's subscription, version 0: Apache Kafka reads it. On some garbage in its place it fails inside, and no
 * member is ever answered.
 */
function subscription(topic: string, userData: string): Buffer {
  const head = Buffer.alloc(8)
  head.writeInt32BE(1, 2)
  head.writeInt16BE(topic.length, 6)
  const size = Buffer.alloc(4)
  size.writeInt32BE(userData.length)
  return Buffer.concat([head, Buffer.from(topic), size, Buffer.from(userData)])
}

export interface JoinOptions {
  readonly untruth?: Untruth
  /** the group completes its rebalance with this member */
  readonly isLast: boolean
  readonly sessionTimeoutMs?: number
  readonly rebalanceTimeoutMs?: number
}

/** A version of JoinGroup for a member: static ones need one with instance ids. */
export function joinVersion(chance: Chance, { instance }: Member): number {
  return chance.version('JoinGroup', instance === null ? 0 : 5)
}

/** A new member without an instance id asks twice: the first answer gives it its id. */
export function asksForId({ instance }: Member, version: number): boolean {
  return instance === null && version >= idFirst
}

export function join(member: Member, version: number, { untruth = {}, isLast, ...times }: JoinOptions): Step {
  const { symbol, group, protocols } = member
  return ask(
    'JoinGroup',
    version,
    (run) => {
      const { groupId, memberId, groupInstanceId } = identity(run, member, untruth)
      return {
        groupId,
        sessionTimeoutMs: times.sessionTimeoutMs ?? 30_000,
        rebalanceTimeoutMs: times.rebalanceTimeoutMs ?? 30_000,
        memberId,
        groupInstanceId,
        protocolType: untruth.protocolType ?? member.protocolType ?? 'consumer',
        protocols: protocols.map((name) => ({ name, metadata: subscription(run.name('t0'), `${name} of ${symbol}`) })),
      }
    },
    {
      actor: symbol,
      label: `${group} ${member.instance ?? ''} ${protocols.join()} ${JSON.stringify({ untruth, ...times })}`,
      isHeldBack: !isLast,
      keep({ errorCode, memberId, generationId, protocolName }, run) {
        if (errorCode === errorCodes.MEMBER_ID_REQUIRED) run.members.set(symbol, memberId)
        if (errorCode !== errorCodes.NONE) return
        run.members.set(symbol, memberId)
        run.generations.set(group, generationId)
        run.protocolNames.set(group, protocolName ?? '')
      },
    },
  )
}

export function sync(
  chance: Chance,
  member: Member,
  assigned: readonly Member[],
  isLast: boolean,
  untruth: Untruth = {},
): Step {
  return ask(
    'SyncGroup',
    chance.version('SyncGroup', member.instance === null ? 0 : 3),
    (run) => ({
      ...identity(run, member, untruth),
      protocolType: untruth.protocolType === undefined ? 'consumer' : untruth.protocolType,
      protocolName: untruth.protocolName ?? run.protocolNames.get(member.group) ?? null,
      assignments: assigned.map(({ symbol }) => ({
        memberId: run.members.get(symbol) ?? '',
        assignment: Buffer.from(`work of ${symbol}`),
      })),
    }),
    {
      actor: member.symbol,
      label: `${member.group} ${assigned.map(({ symbol }) => symbol).join()} ${JSON.stringify(untruth)}`,
      isHeldBack: !isLast,
    },
  )
}

export function heartbeat(chance: Chance, member: Member, untruth: Untruth = {}): Step {
  return ask(
    'Heartbeat',
    chance.version('Heartbeat', member.instance === null ? 0 : 3),
    (run) => identity(run, member, untruth),
    { actor: `${member.symbol} beside`, label: `${member.group} ${JSON.stringify(untruth)}` },
  )
}

export function leave(chance: Chance, members: readonly Member[], untruth: Untruth = {}): Step {
  const [{ group, instance, symbol }] = members
  const isPlural = members.length > 1 || instance !== null
  return ask(
    'LeaveGroup',
    chance.version('LeaveGroup', isPlural ? 3 : 0),
    (run) => ({
      groupId: run.name(group),
      memberId: identity(run, members[0], untruth).memberId,
      members: members.map((member) => identity(run, member, untruth)),
    }),
    {
      actor: `${symbol} beside`,
      label: `${group} ${members.map((member) => member.symbol).join()} ${JSON.stringify(untruth)}`,
    },
  )
}

/** @param member null for a consumer that commits without being a member */
export function commit(
  chance: Chance,
  group: string,
  member: Member | null,
  offsets: readonly (readonly [topic: string, partition: number, offset: number, metadata: string | null])[],
  untruth: Untruth = {},
): Step {
  return ask(
    'OffsetCommit',
    chance.version('OffsetCommit', member?.instance ? 7 : 0),
    (run) => {
      const who =
        member === null
          ? { memberId: untruth.memberId ?? '', groupInstanceId: null, generationId: -1 + (untruth.generation ?? 0) }
          : identity(run, member, untruth)
      return {
        groupId: run.name(group),
        memberId: who.memberId,
        groupInstanceId: who.groupInstanceId,
        generationIdOrMemberEpoch: who.generationId,
        topics: [...Map.groupBy(offsets, ([topic]) => topic)].map(([topic, rows]) => ({
          name: run.name(topic),
          partitions: rows.map(([, partitionIndex, committedOffset, committedMetadata]) => ({
            partitionIndex,
            committedOffset,
            committedMetadata,
          })),
        })),
      }
    },
    {
      actor: `${member?.symbol ?? 'main'} beside`,
      label: `${group} ${offsets.map((row) => row.slice(0, 3).join('-')).join(' ')} ${JSON.stringify(untruth)}`,
    },
  )
}

/** @param topics null for all */
export function fetchOffsets(
  chance: Chance,
  group: string,
  topics: TopicPartitions | null,
  requireStable: boolean,
  more: readonly string[] = [],
): Step {
  const version = chance.version('OffsetFetch', more.length > 0 ? 8 : topics === null ? 2 : 0)
  return ask(
    'OffsetFetch',
    version,
    (run) => {
      const asked = topics?.map(([topic, partitionIndexes]) => ({ name: run.name(topic), partitionIndexes })) ?? null
      return {
        groupId: run.name(group),
        topics: asked,
        groups: [group, ...more].map((symbol) => ({ groupId: run.name(symbol), topics: asked })),
        requireStable,
      }
    },
    { label: `${[group, ...more].join(' ')} ${topics?.join(' ') ?? 'all'} ${requireStable ? 'stable' : ''}` },
  )
}

export function describeGroups(chance: Chance, groups: readonly string[]): Step {
  return ask(
    'DescribeGroups',
    chance.version('DescribeGroups'),
    (run) => ({ groups: groups.map((group) => run.name(group)) }),
    { label: groups.join(' ') },
  )
}

export function listGroups(chance: Chance, statesFilter: readonly string[], typesFilter: readonly string[]): Step {
  return ask('ListGroups', chance.version('ListGroups'), () => ({ statesFilter, typesFilter }), {
    label: `${statesFilter.join()} ${typesFilter.join()}`,
    listsAll: true,
  })
}

export function deleteGroups(chance: Chance, groups: readonly string[]): Step {
  return ask(
    'DeleteGroups',
    chance.version('DeleteGroups'),
    (run) => ({ groupsNames: groups.map((group) => run.name(group)) }),
    { label: groups.join(' ') },
  )
}

export function deleteOffsets(chance: Chance, group: string, topics: TopicPartitions): Step {
  return ask(
    'OffsetDelete',
    chance.version('OffsetDelete'),
    (run) => ({
      groupId: run.name(group),
      topics: topics.map(([topic, partitions]) => ({
        name: run.name(topic),
        partitions: partitions.map((partitionIndex) => ({ partitionIndex })),
      })),
    }),
    { label: `${group} ${topics.join(' ')}` },
  )
}
