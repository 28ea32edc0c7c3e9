import { setTimeout as sleep } from 'node:timers/promises'
import { InterruptedError } from '../errors.ts'
import type { TopicPartition } from '../ports/log.ts'
import { onGroup } from './acl.ts'
import { backOffMs } from './back-off.ts'
import type { BrokerConnections } from './broker-connections.ts'
import { BrokerError, FencedError, toBrokerError } from './broker-errors.ts'
import { heartbeatV4, joinGroupV7, leaveGroupV4, type ResponseError, syncGroupV5 } from './client-parts.ts'
import { GroupUnstableError } from './group-errors.ts'
import { decodeAssignment, encodeAssignment, encodeSubscription, shareOut } from './group-protocol.ts'
import type { CommittingMember } from './slice-producer.ts'

export interface GroupMembershipOptions {
  readonly group: string
  readonly topic: string
  /** makes the member static (KIP-345): it keeps its partitions over a restart shorter than the session time-out */
  readonly groupInstanceId: string | null
  /** session time-out: after this time without a heartbeat, the group drops a member */
  readonly sessionTimeoutMs: number
  /** how long members may take to finish their slice and join again */
  readonly rebalanceTimeoutMs: number
  /** how often to look whether the topic has got more partitions */
  readonly partitionCheckMs: number
  /** uniform in [0, 1): members do not look all at once */
  readonly random?: () => number
}

export const membershipDefaults = {
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 30_000,
  partitionCheckMs: 30_000,
} as const

const heartbeatsPerSession = 4
/** After a heartbeat without an answer. */
const nextHeartbeatMs = 500
/** How long a member rejoins a group that keeps rebalancing. */
const roundPause = { firstMs: 10, longestMs: 1_000 }
const roundsPatienceMs = 300_000
const protocolType = 'consumer'
const protocolName = 'range'

/**
 * A member of a classic consumer group. It joins only when its owner calls `join`. A rebalance first sets `mustRejoin`,
 * so that the owner can commit the open slice with the generation in which it began, and no rows are processed twice.
 * (The client library's own consumer rejoins at once, which aborts every open slice.)
 */
export class GroupMembership {
  readonly #connections: BrokerConnections
  readonly #options: GroupMembershipOptions
  readonly #random: () => number
  #memberId = ''
  #generationId = -1
  #mustRejoin = true
  #heartbeat: NodeJS.Timeout | undefined
  #partitionCheck: NodeJS.Timeout | undefined
  /** of the topic, as we told the group */
  #partitions = 0
  #fenced: FencedError | undefined
  #left = false

  constructor(connections: BrokerConnections, options: GroupMembershipOptions) {
    this.#connections = connections
    this.#options = options
    this.#random = options.random ?? Math.random
  }

  /** Whether the group waits for this member to rejoin, or has dropped it. */
  get mustRejoin(): boolean {
    return this.#mustRejoin
  }

  /** The error of a commit shows that the group has a new generation, as the next heartbeat would. */
  outdated(): void {
    this.#mustRejoin = true
  }

  /** The current membership; a transaction keeps the membership with which it began. @throws FencedError */
  get identity(): CommittingMember {
    if (this.#fenced !== undefined) throw this.#fenced
    return {
      memberId: this.#memberId,
      generationId: this.#generationId,
      groupInstanceId: this.#options.groupInstanceId,
    }
  }

  /**
   * Joins or rejoins the group, and returns the partitions of this member in the new generation.
   *
   * @throws FencedError if another process has the same `groupInstanceId`
   * @throws GroupUnstableError when the group has been rebalancing for five minutes
   * @throws BrokerError, ConnectionLostError when the group could not be joined for twice the rebalance time-out
   * @throws InterruptedError if it is left meanwhile
   */
  async join(): Promise<TopicPartition[]> {
    const { group, topic, rebalanceTimeoutMs } = this.#options
    this.#stopTimers()
    const what = `Joining group ${group}`
    const lastRoundMs = performance.now() + roundsPatienceMs
    const assignment = await this.#connections.retrying(
      what,
      async () => {
        for (let round = 1; ; round++) {
          if (this.#left) throw new InterruptedError()
          if (performance.now() > lastRoundMs) throw new GroupUnstableError(group, roundsPatienceMs)
          const joined = await this.#round(what)
          if (joined !== undefined) return joined
          // The first two rounds are how a member gets its id.
          if (round > 1) await sleep(backOffMs(roundPause, round - 1, this.#random))
        }
      },
      2 * rebalanceTimeoutMs,
    )
    this.#mustRejoin = false
    if (!this.#left) {
      this.#startHeartbeat()
      this.#startPartitionCheck()
    }
    return decodeAssignment(assignment).filter((owned) => owned.topic === topic)
  }

  /** Leaves, so that others take over without waiting for the session to time out; a static member stays. */
  async leave(): Promise<void> {
    this.#left = true
    this.#stopTimers()
    if (this.#memberId === '' || this.#options.groupInstanceId !== null || this.#fenced !== undefined) return
    const { group } = this.#options
    try {
      const connection = await this.#connections.coordinatorConnection('group', group)
      const member = { memberId: this.#memberId, groupInstanceId: null }
      await this.#connections.request(connection, `Leaving group ${group}`, () =>
        leaveGroupV4.api.async(connection, group, [member]),
      )
    } catch {
      // The session time-out does the same, later.
    }
  }

  /** One JoinGroup and SyncGroup; undefined if the group wants another round. */
  async #round(what: string): Promise<Uint8Array | undefined> {
    const { group, topic, groupInstanceId, sessionTimeoutMs, rebalanceTimeoutMs } = this.#options
    await this.#connections.refresh([topic])
    this.#partitions = await this.#connections.partitionCount(topic)
    const connection = await this.#connections.coordinatorConnection('group', group, 'membership')
    try {
      const joined = await this.#connections.request(
        connection,
        what,
        () =>
          joinGroupV7.api.async(
            connection,
            group,
            sessionTimeoutMs,
            rebalanceTimeoutMs,
            this.#memberId,
            groupInstanceId,
            protocolType,
            [{ name: protocolName, metadata: encodeSubscription(topic, this.#partitions) }],
            '',
          ),
        { permissions: [onGroup('Read', group)] },
      )
      this.#memberId = joined.memberId ?? ''
      this.#generationId = joined.generationId
      const isLeader = joined.leader === this.#memberId
      const synced = await this.#connections.request(connection, what, () =>
        syncGroupV5.api.async(
          connection,
          group,
          this.#generationId,
          this.#memberId,
          groupInstanceId,
          protocolType,
          protocolName,
          isLeader
            ? this.#assign(joined.members.map(({ memberId, groupInstanceId }) => ({ memberId, groupInstanceId })))
            : [],
        ),
      )
      return synced.assignment
    } catch (error) {
      return this.#nextRound(error)
    }
  }

  /** As leader: shares the topic's partitions out among all members. */
  #assign(
    members: readonly { memberId: string; groupInstanceId?: string | null | undefined }[],
  ): { memberId: string; assignment: Buffer }[] {
    const { topic } = this.#options
    // By instance name where there is one: a static member gets the same partitions in each generation.
    const names = new Map(members.map(({ memberId, groupInstanceId }) => [groupInstanceId ?? memberId, memberId]))
    const shares = shareOut(this.#partitions, [...names.keys()])
    return [...names].map(([name, memberId]) => ({
      memberId,
      assignment: encodeAssignment(topic, shares.get(name) ?? []),
    }))
  }

  #nextRound(error: unknown): undefined {
    if (!(error instanceof BrokerError)) throw error
    switch (error.errorName) {
      case 'MEMBER_ID_REQUIRED':
        this.#memberId = (error.cause as ResponseError & { response: { memberId: string } }).response.memberId
        return undefined
      case 'UNKNOWN_MEMBER_ID':
        this.#memberId = ''
        return undefined
      case 'ILLEGAL_GENERATION':
      case 'REBALANCE_IN_PROGRESS':
        return undefined
      case 'FENCED_INSTANCE_ID':
        throw this.#fence(error)
      default:
        throw error
    }
  }

  #startHeartbeat(): void {
    const intervalMs = this.#options.sessionTimeoutMs / heartbeatsPerSession
    const generationId = this.#generationId
    const beat = async () => {
      const isAnswered = await this.#beat()
      // After another join, its own heartbeat loop runs.
      if (this.#mustRejoin || this.#left || generationId !== this.#generationId) return
      this.#heartbeat = setTimeout(beat, isAnswered ? intervalMs : Math.min(nextHeartbeatMs, intervalMs))
    }
    this.#heartbeat = setTimeout(beat, intervalMs)
  }

  /**
   * Rejoins when the topic has more partitions. Every member checks, because a static member may be the leader without
   * a rebalance.
   */
  #startPartitionCheck(): void {
    const { topic, partitionCheckMs } = this.#options
    const generationId = this.#generationId
    const look = async () => {
      // The fetcher handles deleted topics and unreachable brokers.
      const count = await this.#connections
        .refresh([topic])
        .then(() => this.#connections.partitionCount(topic))
        .catch(() => this.#partitions)
      if (this.#mustRejoin || this.#left || generationId !== this.#generationId) return
      if (count !== this.#partitions) this.#mustRejoin = true
      else this.#partitionCheck = setTimeout(look, this.#jittered(partitionCheckMs))
    }
    this.#partitionCheck = setTimeout(look, this.#jittered(partitionCheckMs))
  }

  #jittered(ms: number): number {
    return backOffMs({ firstMs: ms, longestMs: ms }, 1, this.#random)
  }

  #stopTimers(): void {
    clearTimeout(this.#heartbeat)
    clearTimeout(this.#partitionCheck)
  }

  /** False if the answer did not come. */
  async #beat(): Promise<boolean> {
    const { group, groupInstanceId } = this.#options
    const [memberId, generationId] = [this.#memberId, this.#generationId]
    const what = `Heartbeat to group ${group}`
    try {
      const connection = await this.#connections.coordinatorConnection('group', group, 'heartbeat')
      await this.#connections.request(connection, what, () =>
        heartbeatV4.api.async(connection, group, generationId, memberId, groupInstanceId),
      )
      return true
    } catch (cause) {
      const error = toBrokerError(cause, what)
      if (generationId !== this.#generationId || memberId !== this.#memberId) return true
      if (!(error instanceof BrokerError)) this.#connections.forgetLeaders()
      else if (error.errorName === 'FENCED_INSTANCE_ID') this.#fence(error)
      else if (error.retriable) this.#connections.forgetLeaders()
      else this.#mustRejoin = true
      return error instanceof BrokerError
    }
  }

  #fence(cause: unknown): FencedError {
    this.#fenced = new FencedError(`Group instance ${this.#options.groupInstanceId}`, cause)
    this.#mustRejoin = true
    return this.#fenced
  }
}
