import {
  type Connection,
  heartbeatV4,
  joinGroupV7,
  leaveGroupV5,
  type ResponseError,
  syncGroupV5,
} from '@platformatic/kafka'
import { InterruptedError } from '../errors.ts'
import type { TopicPartition } from '../stages/ports.ts'
import type { BrokerConnections } from './broker-connections.ts'
import { BrokerError, FencedError, toBrokerError } from './broker-errors.ts'
import { decodeAssignment, encodeAssignment, encodeSubscription, shareOut } from './group-protocol.ts'
import type { CommittingMember } from './transactional-producer.ts'

export interface GroupMembershipOptions {
  readonly group: string
  readonly topic: string
  /** makes the member static (KIP-345): it keeps its partitions over a restart shorter than the session time-out */
  readonly groupInstanceId: string | null
  /** without a heartbeat for so long a member is given up by its group */
  readonly sessionTimeoutMs: number
  /** how long members may take to finish their slice and join again */
  readonly rebalanceTimeoutMs: number
}

export const membershipDefaults = { sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 30_000 } as const

const heartbeatsPerSession = 4
const protocolType = 'consumer'
const protocolName = 'range'

/**
 * A member of a classic consumer group. It joins only when it is told to: a rebalance first shows in
 * `mustRejoin`, so that its owner can commit the open slice with the generation that it began in, and the rows are not
 * processed twice. (The client library's own consumer joins again at once, which aborts every slice that is open.)
 */
export class GroupMembership {
  readonly #connections: BrokerConnections
  readonly #options: GroupMembershipOptions
  #memberId = ''
  #generationId = -1
  #mustRejoin = true
  #heartbeat: NodeJS.Timeout | undefined
  #fenced: FencedError | undefined
  #left = false

  constructor(connections: BrokerConnections, options: GroupMembershipOptions) {
    this.#connections = connections
    this.#options = options
  }

  /** Whether the group waits for us to join again, or has dropped us. */
  get mustRejoin(): boolean {
    return this.#mustRejoin
  }

  /** Who we are in the group now; a transaction keeps what it was when it began. @throws FencedError */
  get identity(): CommittingMember {
    if (this.#fenced !== undefined) throw this.#fenced
    return {
      memberId: this.#memberId,
      generationId: this.#generationId,
      groupInstanceId: this.#options.groupInstanceId,
    }
  }

  /**
   * Joins the group, again if need be, and returns the partitions that are ours in the new generation.
   *
   * @throws FencedError if another process has the same `groupInstanceId`
   * @throws InterruptedError if it is left meanwhile
   */
  async join(): Promise<TopicPartition[]> {
    const { group, topic, rebalanceTimeoutMs } = this.#options
    this.#stopHeartbeat()
    const what = `Joining group ${group}`
    const assignment = await this.#connections.retrying(
      what,
      async () => {
        for (;;) {
          if (this.#left) throw new InterruptedError()
          const joined = await this.#round(what)
          if (joined !== undefined) return joined
        }
      },
      2 * rebalanceTimeoutMs,
    )
    this.#mustRejoin = false
    if (!this.#left) this.#startHeartbeat()
    return decodeAssignment(assignment).filter((owned) => owned.topic === topic)
  }

  /** Leaves, so that others take over without waiting for the session to time out; a static member stays. */
  async leave(): Promise<void> {
    this.#left = true
    this.#stopHeartbeat()
    if (this.#memberId === '' || this.#options.groupInstanceId !== null || this.#fenced !== undefined) return
    const { group } = this.#options
    try {
      const connection = await this.#connections.coordinatorConnection('group', group)
      const member = { memberId: this.#memberId, groupInstanceId: null, reason: 'stopped' }
      await this.#connections.request(connection, `Leaving group ${group}`, () =>
        leaveGroupV5.api.async(connection, group, [member]),
      )
    } catch {
      // The session time-out does the same, later.
    }
  }

  /** One JoinGroup and SyncGroup; undefined if the group wants another round. */
  async #round(what: string): Promise<Uint8Array | undefined> {
    const { group, topic, groupInstanceId, sessionTimeoutMs, rebalanceTimeoutMs } = this.#options
    const connection = await this.#connections.coordinatorConnection('group', group, 'membership')
    try {
      const joined = await joinGroupV7.api.async(
        connection,
        group,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        this.#memberId,
        groupInstanceId,
        protocolType,
        [{ name: protocolName, metadata: encodeSubscription(topic) }],
        '',
      )
      this.#memberId = joined.memberId ?? ''
      this.#generationId = joined.generationId
      const isLeader = joined.leader === this.#memberId
      const synced = await syncGroupV5.api.async(
        connection,
        group,
        this.#generationId,
        this.#memberId,
        groupInstanceId,
        protocolType,
        protocolName,
        isLeader
          ? await this.#assign(joined.members.map(({ memberId, groupInstanceId }) => ({ memberId, groupInstanceId })))
          : [],
      )
      return synced.assignment
    } catch (cause) {
      return this.#nextRound(connection, cause, what)
    }
  }

  /** As leader: shares the topic's partitions out among all members. */
  async #assign(
    members: readonly { memberId: string; groupInstanceId?: string | null | undefined }[],
  ): Promise<{ memberId: string; assignment: Buffer }[]> {
    const { topic } = this.#options
    await this.#connections.refresh([topic])
    // By instance name where there is one: a static member gets the same partitions in each generation.
    const names = new Map(members.map(({ memberId, groupInstanceId }) => [groupInstanceId ?? memberId, memberId]))
    const shares = shareOut(await this.#connections.partitionCount(topic), [...names.keys()])
    return [...names].map(([name, memberId]) => ({
      memberId,
      assignment: encodeAssignment(topic, shares.get(name) ?? []),
    }))
  }

  #nextRound(connection: Connection, cause: unknown, what: string): undefined {
    const error = toBrokerError(cause, what)
    if (!(error instanceof BrokerError)) {
      void connection.close().catch(() => undefined)
      throw error
    }
    switch (error.errorName) {
      case 'MEMBER_ID_REQUIRED':
        this.#memberId = (cause as ResponseError & { response: { memberId: string } }).response.memberId
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
    const { sessionTimeoutMs } = this.#options
    const generationId = this.#generationId
    const beat = async () => {
      await this.#beat()
      // After another join the heart beats for its generation.
      if (this.#mustRejoin || this.#left || generationId !== this.#generationId) return
      this.#heartbeat = setTimeout(beat, sessionTimeoutMs / heartbeatsPerSession)
    }
    this.#heartbeat = setTimeout(beat, sessionTimeoutMs / heartbeatsPerSession)
  }

  #stopHeartbeat(): void {
    clearTimeout(this.#heartbeat)
    this.#heartbeat = undefined
  }

  async #beat(): Promise<void> {
    const { group, groupInstanceId } = this.#options
    const [memberId, generationId] = [this.#memberId, this.#generationId]
    const what = `Heartbeat to group ${group}`
    try {
      const connection = await this.#connections.coordinatorConnection('group', group, 'membership')
      await this.#connections.request(connection, what, () =>
        heartbeatV4.api.async(connection, group, generationId, memberId, groupInstanceId),
      )
    } catch (cause) {
      const error = toBrokerError(cause, what)
      if (generationId !== this.#generationId || memberId !== this.#memberId) return
      if (!(error instanceof BrokerError)) this.#connections.forgetLeaders()
      else if (error.errorName === 'FENCED_INSTANCE_ID') this.#fence(error)
      else if (error.retriable) this.#connections.forgetLeaders()
      else this.#mustRejoin = true
    }
  }

  #fence(cause: unknown): FencedError {
    this.#fenced = new FencedError(`Group instance ${this.#options.groupInstanceId}`, cause)
    this.#mustRejoin = true
    return this.#fenced
  }
}
