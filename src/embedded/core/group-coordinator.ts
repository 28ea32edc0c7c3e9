import { errorCodes } from '../error-codes.ts'
import type { Clock } from './clock.ts'
import type { Marker } from './control-batch.ts'
import { Group } from './group.ts'
import {
  type DescribedGroup,
  type GroupState,
  type JoinedGroup,
  type JoinRequest,
  type LeavingMember,
  type MemberIdentity,
  refusedJoin,
  refusedSync,
  type StoredGroup,
  type SyncedGroup,
  type SyncRequest,
} from './group-messages.ts'
import { GroupOffsets, type OffsetCommit, type TopicPartition } from './group-offsets.ts'
import type { Producer, StateLog } from './state-log.ts'
import type { Verify } from './transaction-verifications.ts'

/** Settings of the broker, with the defaults of Apache Kafka. */
export interface GroupSettings {
  /** group.initial.rebalance.delay.ms */
  readonly initialRebalanceDelayMs: number
  /** group.min.session.timeout.ms and group.max.session.timeout.ms */
  readonly minSessionTimeoutMs: number
  readonly maxSessionTimeoutMs: number
  /** offsets.retention.minutes */
  readonly offsetsRetentionMs: number
  /** offset.metadata.max.bytes */
  readonly maxMetadataBytes: number
}

export const groupDefaults: GroupSettings = {
  initialRebalanceDelayMs: 3_000,
  minSessionTimeoutMs: 6_000,
  maxSessionTimeoutMs: 1_800_000,
  offsetsRetentionMs: 7 * 24 * 3_600_000,
  maxMetadataBytes: 4_096,
}

export interface FetchedOffset extends OffsetCommit {
  readonly error: number
}

export interface ListedGroup {
  readonly group: string
  readonly protocolType: string
  readonly state: GroupState
}

const groupKind = 'group'

/**
 * All groups and what they have committed, as `GroupCoordinatorService` of Apache Kafka. Generations and offsets are
 * records of its log, and are there again when it is opened again.
 */
export class GroupCoordinator {
  readonly offsets: GroupOffsets
  readonly #clock: Clock
  readonly #log: StateLog
  readonly #settings: GroupSettings
  readonly #groups = new Map<string, Group>()

  constructor(log: StateLog, clock: Clock, settings: Partial<GroupSettings> = {}) {
    this.#log = log
    this.#clock = clock
    this.#settings = { ...groupDefaults, ...settings }
    this.offsets = new GroupOffsets(log, clock)
    this.#recover()
  }

  async join(group: string, request: JoinRequest): Promise<JoinedGroup> {
    const { memberId, sessionTimeoutMs } = request
    const { minSessionTimeoutMs, maxSessionTimeoutMs } = this.#settings
    if (group === '') return refusedJoin(errorCodes.INVALID_GROUP_ID, memberId)
    if (sessionTimeoutMs < minSessionTimeoutMs || sessionTimeoutMs > maxSessionTimeoutMs)
      return refusedJoin(errorCodes.INVALID_SESSION_TIMEOUT, memberId)
    const known = memberId === '' ? this.#open(group) : this.#groups.get(group)
    return known?.join(request) ?? refusedJoin(errorCodes.UNKNOWN_MEMBER_ID, memberId)
  }

  async sync(group: string, request: SyncRequest): Promise<SyncedGroup> {
    if (group === '') return refusedSync(errorCodes.INVALID_GROUP_ID)
    return this.#groups.get(group)?.sync(request) ?? refusedSync(errorCodes.UNKNOWN_MEMBER_ID)
  }

  heartbeat(group: string, identity: MemberIdentity): number {
    if (group === '') return errorCodes.INVALID_GROUP_ID
    return this.#groups.get(group)?.heartbeat(identity) ?? errorCodes.UNKNOWN_MEMBER_ID
  }

  /** An error code for each of those who leave. */
  leave(group: string, leaving: readonly LeavingMember[]): number[] {
    return this.#groups.get(group)?.leave(leaving) ?? leaving.map(() => errorCodes.UNKNOWN_MEMBER_ID)
  }

  /** An error code for each offset. */
  commit(group: string, identity: MemberIdentity, offsets: readonly OffsetCommit[]): number[] {
    const error = this.#commitError(group, identity, false)
    if (error !== errorCodes.NONE) return offsets.map(() => error)
    return this.#accept(group, offsets, (accepted) => {
      this.offsets.commit(group, accepted)
      return errorCodes.NONE
    })
  }

  /**
   * Commits offsets with a transaction.
   *
   * @param verify what the transaction coordinator says of the group's part in the transaction
   * @returns an error code for each offset
   */
  async commitInTransaction(
    group: string,
    identity: MemberIdentity,
    producer: Producer,
    offsets: readonly OffsetCommit[],
    verify: Verify,
  ): Promise<number[]> {
    const verified = this.offsets.hasPending(producer.producerId, group) ? errorCodes.NONE : await verify()
    let error = verified === errorCodes.PRODUCER_FENCED ? errorCodes.INVALID_PRODUCER_EPOCH : verified
    if (error === errorCodes.NONE) error = this.#commitError(group, identity, true)
    if (error !== errorCodes.NONE) return offsets.map(() => error)
    return this.#accept(group, offsets, (accepted) => this.offsets.commitPending(group, producer, accepted))
  }

  /** Ends a transaction that has committed offsets; an error code. */
  mark(marker: Marker): number {
    return this.offsets.mark(marker)
  }

  /**
   * What a group has committed, offset -1 for nothing.
   *
   * @param partitions null for all that it has
   * @param isStable whether an offset that a transaction is about to commit has to be waited for
   */
  fetchOffsets(group: string, partitions: readonly TopicPartition[] | null, isStable: boolean): FetchedOffset[] {
    return (partitions ?? this.offsets.of(group)).map(({ topic, partition }) => {
      const isUnstable = isStable && this.offsets.isPending(group, { topic, partition })
      const known = isUnstable ? undefined : this.offsets.get(group, { topic, partition })
      const { offset, leaderEpoch, metadata } = known ?? { offset: -1, leaderEpoch: -1, metadata: '' }
      const error = isUnstable ? errorCodes.UNSTABLE_OFFSET_COMMIT : errorCodes.NONE
      return { topic, partition, offset, leaderEpoch, metadata, error }
    })
  }

  /** OffsetDelete: the group's error, and one for each partition. */
  deleteOffsets(group: string, partitions: readonly TopicPartition[]) {
    const known = this.#groups.get(group)
    const none = { partitions: partitions.map(() => errorCodes.NONE as number) }
    if (group === '') return { error: errorCodes.INVALID_GROUP_ID, ...none }
    if (known === undefined) return { error: errorCodes.GROUP_ID_NOT_FOUND, ...none }
    if (known.state !== 'Empty' && known.protocolType !== 'consumer')
      return { error: errorCodes.NON_EMPTY_GROUP, ...none }
    const isRead = partitions.map(({ topic }) => known.isSubscribedTo(topic))
    this.offsets.remove(
      group,
      partitions.filter((_, i) => !isRead[i]),
    )
    return {
      error: errorCodes.NONE,
      partitions: isRead.map((is) => (is ? errorCodes.GROUP_SUBSCRIBED_TO_TOPIC : errorCodes.NONE)),
    }
  }

  /** DeleteGroups; an error code. */
  delete(group: string): number {
    const known = this.#groups.get(group)
    if (group === '') return errorCodes.INVALID_GROUP_ID
    if (known === undefined) return errorCodes.GROUP_ID_NOT_FOUND
    if (known.state !== 'Empty') return errorCodes.NON_EMPTY_GROUP
    this.offsets.remove(group, this.offsets.of(group))
    this.#remove(group)
    return errorCodes.NONE
  }

  /** A topic is no more: groups forget what they have committed of it. */
  forgetTopic(topic: string): void {
    for (const group of this.#groups.keys())
      this.offsets.remove(
        group,
        this.offsets.of(group).filter((offset) => offset.topic === topic),
      )
  }

  describe(group: string): DescribedGroup {
    const dead = { state: 'Dead', protocolType: '', protocolName: '', members: [] } as const
    return this.#groups.get(group)?.describe() ?? { ...dead, error: errorCodes.GROUP_ID_NOT_FOUND }
  }

  /** @param states of which to list, all if there are none */
  list(states: readonly string[] = []): ListedGroup[] {
    const wanted = new Set(states.map((state) => state.toLowerCase()))
    return [...this.#groups]
      .map(([group, { protocolType, state }]) => ({ group, protocolType: protocolType ?? '', state }))
      .filter(({ state }) => wanted.size === 0 || wanted.has(state.toLowerCase()))
  }

  /** Removes offsets whose retention has ended, and groups that have none left: what brokers do from time to time. */
  maintain(): void {
    const { offsetsRetentionMs } = this.#settings
    const isOver = (sinceMs: number) => this.#clock.nowMs - sinceMs >= offsetsRetentionMs
    for (const [name, group] of this.#groups) {
      // Counted from when the group became empty; of what a consumer has no group for, or does not read any more, from
      // when it was committed.
      if (group.state === 'Empty')
        this.offsets.expire(name, ({ committedMs }) => isOver(group.emptySinceMs ?? committedMs))
      else if (group.state === 'Stable' && group.protocolType === 'consumer')
        this.offsets.expire(name, ({ topic, committedMs }) => !group.isSubscribedTo(topic) && isOver(committedMs))
      if (group.isEmpty && this.offsets.of(name).length === 0 && !this.offsets.isPending(name)) this.#remove(name)
    }
  }

  /** Other brokers coordinate from now on: whoever waits for an answer has to ask there. */
  move(): void {
    for (const group of this.#groups.values()) group.move()
  }

  /** Ends all waiting. */
  close(): void {
    for (const group of this.#groups.values()) group.close()
  }

  /** Resolves once everything up to now outlives a power cut. */
  flush(): Promise<void> {
    return this.#log.sync()
  }

  #commitError(group: string, identity: MemberIdentity, isTransactional: boolean): number {
    if (group === '') return errorCodes.INVALID_GROUP_ID
    const known = this.#groups.get(group)
    if (known === undefined && identity.generation >= 0)
      return isTransactional ? errorCodes.ILLEGAL_GENERATION : errorCodes.GROUP_ID_NOT_FOUND
    return (known ?? this.#newGroup(group)).validateCommit(identity, isTransactional)
  }

  /** Commits the offsets whose metadata is not too large. A group without members begins with its first offset. */
  #accept(
    group: string,
    offsets: readonly OffsetCommit[],
    commit: (accepted: readonly OffsetCommit[]) => number,
  ): number[] {
    const isTooLarge = ({ metadata }: OffsetCommit) => metadata.length > this.#settings.maxMetadataBytes
    const accepted = offsets.filter((offset) => !isTooLarge(offset))
    if (accepted.length > 0) this.#open(group)
    const error = commit(accepted)
    return offsets.map((offset) => (isTooLarge(offset) ? errorCodes.OFFSET_METADATA_TOO_LARGE : error))
  }

  #open(name: string, stored?: StoredGroup): Group {
    const known = this.#groups.get(name)
    if (known !== undefined) return known
    const group = this.#newGroup(name, stored)
    this.#groups.set(name, group)
    return group
  }

  #newGroup(name: string, stored?: StoredGroup): Group {
    const host = {
      clock: this.#clock,
      initialRebalanceDelayMs: this.#settings.initialRebalanceDelayMs,
      store: (state: StoredGroup) => this.#log.put([[[groupKind, name], state]]),
    }
    return new Group(host, stored)
  }

  #remove(name: string): void {
    this.#groups.get(name)?.close()
    this.#groups.delete(name)
    this.#log.put([[[groupKind, name], null]])
  }

  #recover(): void {
    const stored = new Map<string, StoredGroup>()
    for (const change of this.#log.changes()) {
      if ('marker' in change || change.entry[0][0] !== groupKind) {
        this.offsets.replay(change)
        continue
      }
      const [[, name], state] = change.entry as [[string, string], StoredGroup | null]
      if (state === null) stored.delete(name)
      else stored.set(name, state)
    }
    for (const name of new Set([...stored.keys(), ...this.offsets.groups()])) this.#open(name, stored.get(name))
  }
}
