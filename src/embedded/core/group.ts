import { errorCodes } from '../error-codes.ts'
import type { Clock, Timer } from './clock.ts'
import { type GroupMember, newMemberId } from './group-member.ts'
import { GroupMembers } from './group-members.ts'
import {
  answered,
  type DescribedGroup,
  type GroupState,
  type JoinedGroup,
  type JoinRequest,
  type LeavingMember,
  type MemberIdentity,
  noBytes,
  refusedJoin,
  refusedSync,
  type StoredGroup,
  type SyncedGroup,
  type SyncRequest,
} from './group-messages.ts'
import { RebalanceTimer } from './rebalance-timer.ts'

/** What a group needs of its coordinator. */
export interface GroupHost {
  readonly clock: Clock
  /** group.initial.rebalance.delay.ms: how long a group that was empty waits for more members */
  readonly initialRebalanceDelayMs: number
  /** Keeps what outlives the process. */
  store(group: StoredGroup): void
}

const consumerProtocol = 'consumer'
/** After which a JoinGroup of a new member is answered: it may be gone. */
const newMemberJoinTimeoutMs = 5 * 60_000

/**
 * A classic consumer group, as `ClassicGroup` and `GroupMetadataManager` of Apache Kafka have it: members, generations,
 * rebalances, static members, sessions. Unlike there members do not outlive the process: they are unknown then, and
 * join again.
 */
export class Group {
  readonly #host: GroupHost
  #state: GroupState = 'Empty'
  #generation: number
  #protocolType: string | null
  #protocolName: string | null = null
  #emptySinceMs: number | null
  /** of the last generation; undefined if they are not known */
  #topics: Set<string> | undefined
  readonly #members = new GroupMembers()
  /** those who were told their member id, and have not joined under it yet; each with its time-out */
  readonly #pendingJoins = new Map<string, Timer>()
  readonly #pendingSyncs = new Set<string>()
  readonly #rebalance: RebalanceTimer
  #syncTimer: Timer | undefined
  /** the group was empty before the rebalance: it waits for its time */
  #isInitial = false

  constructor(host: GroupHost, stored?: StoredGroup) {
    this.#host = host
    this.#rebalance = new RebalanceTimer(host.clock, host.initialRebalanceDelayMs, () => this.#complete())
    this.#generation = stored?.generation ?? 0
    this.#protocolType = stored?.protocolType ?? null
    // Members of before are gone since now, as far as it is known.
    this.#emptySinceMs = stored === undefined ? null : (stored.emptySinceMs ?? host.clock.nowMs)
    this.#topics = new Set()
  }

  get state(): GroupState {
    return this.#state
  }

  get protocolType(): string | null {
    return this.#protocolType
  }

  get isEmpty(): boolean {
    return this.#state === 'Empty' && this.#pendingJoins.size === 0
  }

  /** Since when the group has had no members; null if it never had one, or has some. */
  get emptySinceMs(): number | null {
    return this.#emptySinceMs
  }

  /** Whether members read a topic, or may do so. */
  isSubscribedTo(topic: string): boolean {
    return this.#topics?.has(topic) ?? this.#protocolType === consumerProtocol
  }

  join(request: JoinRequest): Promise<JoinedGroup> {
    return answered((later) => this.#join(request, later))
  }

  sync(request: SyncRequest): Promise<SyncedGroup> {
    return answered((later) => this.#sync(request, later))
  }

  heartbeat(identity: MemberIdentity): number {
    const error = this.#validate(identity)
    if (error !== errorCodes.NONE) return error
    this.#beat(this.#members.get(identity.memberId)!)
    return this.#state === 'PreparingRebalance' ? errorCodes.REBALANCE_IN_PROGRESS : errorCodes.NONE
  }

  /** An error code for each of those who leave. */
  leave(leaving: readonly LeavingMember[]): number[] {
    const errors = leaving.map((each) => this.#leave(each))
    if (errors.includes(errorCodes.NONE) && this.#state !== 'Empty') this.#rebalanceOrComplete()
    return errors
  }

  /** Whether somebody may commit offsets; an error code. */
  validateCommit(identity: MemberIdentity, isTransactional: boolean): number {
    const { memberId, instanceId, generation } = identity
    if (generation < 0 && this.#state === 'Empty') return errorCodes.NONE
    if (generation >= 0 || memberId !== '' || instanceId !== null) {
      const error = this.#validate(identity)
      if (error !== errorCodes.NONE) return error
      if (!isTransactional) this.#beat(this.#members.get(memberId)!)
    } else if (!isTransactional) return errorCodes.UNKNOWN_MEMBER_ID
    const isRefused = this.#state === 'CompletingRebalance' && !isTransactional
    return isRefused ? errorCodes.REBALANCE_IN_PROGRESS : errorCodes.NONE
  }

  describe(): DescribedGroup {
    const protocolName = this.#state === 'Stable' ? this.#protocolName : null
    return {
      error: errorCodes.NONE,
      state: this.#state,
      protocolType: this.#protocolType ?? '',
      protocolName: protocolName ?? '',
      members: this.#members.all().map((member) => member.describe(protocolName)),
    }
  }

  /** The coordinator is another broker from now on: whoever waits for an answer has to ask there. */
  move(): void {
    for (const member of this.#members.all()) {
      member.answerJoin(refusedJoin(errorCodes.NOT_COORDINATOR, member.memberId))
      member.answerSync(refusedSync(errorCodes.NOT_COORDINATOR))
      this.#beat(member)
    }
    if (this.#state === 'CompletingRebalance') this.#prepare()
  }

  /** The group is no more, and neither is what it waits for. */
  close(): void {
    this.#state = 'Dead'
    this.#rebalance.cancel()
    for (const timer of [...this.#pendingJoins.values(), this.#syncTimer]) timer?.cancel()
    for (const member of this.#members.all()) this.#drop(member, errorCodes.NOT_COORDINATOR)
  }

  /** The answer, or undefined if `later` gets it. */
  #join(request: JoinRequest, later: (answer: JoinedGroup) => void): JoinedGroup | undefined {
    const { memberId, instanceId } = request
    if (!this.#supports(request)) return refusedJoin(errorCodes.INCONSISTENT_GROUP_PROTOCOL, memberId)
    if (memberId === '') return this.#joinNew(request, later)
    if (this.#endPending(memberId)) return this.#add(memberId, request, later)
    const error = this.#members.validate(memberId, instanceId)
    if (error !== errorCodes.NONE) return refusedJoin(error, memberId)
    const member = this.#members.get(memberId)!
    this.#beat(member)
    const isSame = member.matches(request.protocols)
    const isFollower = this.#state === 'Stable' && memberId !== this.#members.leader
    if (isSame && (isFollower || this.#state === 'CompletingRebalance')) return this.#joined(member)
    member.update(request)
    // The older of two requests was given up by its sender.
    member.answerJoin(refusedJoin(errorCodes.UNKNOWN_MEMBER_ID, memberId))
    member.waitForJoin(later)
    this.#rebalanceOrComplete()
    return undefined
  }

  #joinNew(request: JoinRequest, later: (answer: JoinedGroup) => void): JoinedGroup | undefined {
    const { instanceId, clientId, sessionTimeoutMs, requiresMemberId } = request
    const id = newMemberId(instanceId ?? clientId, this.#host.clock)
    const old = this.#members.byInstance(instanceId)
    if (old !== undefined) return this.#replace(old, id, request, later)
    if (instanceId !== null || !requiresMemberId) return this.#add(id, request, later)
    this.#pendingJoins.set(
      id,
      this.#host.clock.after(sessionTimeoutMs, () => {
        this.#pendingJoins.delete(id)
        this.#completeIfAllJoined()
      }),
    )
    return refusedJoin(errorCodes.MEMBER_ID_REQUIRED, id)
  }

  #add(memberId: string, request: JoinRequest, later: (answer: JoinedGroup) => void): undefined {
    if (this.#members.size === 0) this.#protocolType = request.protocolType
    if (this.#isInitial) this.#rebalance.noteMember()
    const member = this.#members.add(memberId, request)
    member.waitForJoin(later)
    this.#beat(member, newMemberJoinTimeoutMs)
    this.#rebalanceOrComplete()
  }

  /** A static member has come back under a new member id: the old one is fenced. */
  #replace(
    old: GroupMember,
    memberId: string,
    request: JoinRequest,
    later: (answer: JoinedGroup) => void,
  ): JoinedGroup | undefined {
    const leader = this.#members.leader
    this.#pendingSyncs.delete(old.memberId)
    const member = this.#members.replace(old, memberId, request)
    this.#beat(member)
    if (this.#state === 'Stable' && this.#members.electProtocol() === this.#protocolName) {
      // Its partitions stay its own, without a new generation. Named as leader it would share them out anew, unless it
      // can be told not to.
      const joined = this.#joined(member)
      if (request.canSkipAssignment) return { ...joined, isAssignmentSkipped: this.#members.leader === memberId }
      return { ...joined, leader, members: [] }
    }
    member.waitForJoin(later)
    if (this.#state === 'CompletingRebalance') this.#prepare()
    else this.#rebalanceOrComplete()
    return undefined
  }

  /** The answer, or undefined if `later` gets it. */
  #sync(request: SyncRequest, later: (answer: SyncedGroup) => void): SyncedGroup | undefined {
    const { memberId, protocolType, protocolName, assignments } = request
    const error = this.#validate(request)
    if (error !== errorCodes.NONE) return refusedSync(error)
    const isOther = (asked: string | null, own: string | null) => asked !== null && asked !== own
    if (isOther(protocolType, this.#protocolType) || isOther(protocolName, this.#protocolName))
      return refusedSync(errorCodes.INCONSISTENT_GROUP_PROTOCOL)
    if (this.#state === 'PreparingRebalance') return refusedSync(errorCodes.REBALANCE_IN_PROGRESS)
    const member = this.#members.get(memberId)!
    this.#beat(member)
    this.#pendingSyncs.delete(memberId)
    if (this.#pendingSyncs.size === 0) this.#syncTimer?.cancel()
    if (this.#state === 'Stable') return this.#synced(member)
    member.waitForSync(later)
    if (memberId !== this.#members.leader) return undefined
    const shares = new Map(assignments.map((share) => [share.memberId, share.assignment]))
    this.#state = 'Stable'
    for (const each of this.#members.all()) {
      each.assignment = shares.get(each.memberId) ?? noBytes
      if (each.answerSync(this.#synced(each))) this.#beat(each)
    }
    this.#store()
    return undefined
  }

  #leave({ memberId, instanceId }: LeavingMember): number {
    if (memberId !== '' && this.#endPending(memberId)) return errorCodes.NONE
    const id = memberId === '' ? (this.#members.byInstance(instanceId)?.memberId ?? '') : memberId
    const error = memberId === '' && id === '' ? errorCodes.UNKNOWN_MEMBER_ID : this.#members.validate(id, instanceId)
    if (error === errorCodes.NONE) this.#drop(this.#members.get(id)!, errorCodes.UNKNOWN_MEMBER_ID)
    return error
  }

  #rebalanceOrComplete(): void {
    if (this.#state !== 'PreparingRebalance') this.#prepare()
    else if (!this.#isInitial) this.#completeIfAllJoined()
  }

  /** Everybody has to join again. */
  #prepare(): void {
    if (this.#state === 'CompletingRebalance')
      for (const member of this.#members.all()) {
        member.assignment = noBytes
        if (member.answerSync(refusedSync(errorCodes.REBALANCE_IN_PROGRESS))) this.#beat(member)
      }
    this.#pendingSyncs.clear()
    this.#syncTimer?.cancel()
    this.#isInitial = this.#state === 'Empty'
    this.#state = 'PreparingRebalance'
    if (this.#isInitial) this.#rebalance.startInitial(this.#members.rebalanceTimeoutMs)
    else {
      this.#rebalance.start(this.#members.rebalanceTimeoutMs)
      this.#completeIfAllJoined()
    }
  }

  /** The next generation is made of those who have joined, and of static members that may still come. */
  #complete(): void {
    this.#rebalance.cancel()
    for (const member of this.#members.all())
      if (!member.awaitsJoin && member.instanceId === null) this.#drop(member, errorCodes.UNKNOWN_MEMBER_ID)
    const joined = this.#members.all().filter(({ awaitsJoin }) => awaitsJoin)
    // Nobody has come: it waits on, until sessions end.
    if (joined.length === 0 && this.#members.size > 0) {
      this.#rebalance.start(this.#members.rebalanceTimeoutMs)
      return
    }
    if (this.#members.get(this.#members.leader)?.awaitsJoin !== true) this.#members.leader = joined[0]?.memberId ?? ''
    this.#isInitial = false
    this.#generation++
    if (this.#members.size === 0) {
      this.#becomeEmpty()
      return
    }
    this.#state = 'CompletingRebalance'
    this.#emptySinceMs = null
    this.#protocolName = this.#members.electProtocol()
    this.#topics =
      this.#protocolType === consumerProtocol ? this.#members.subscribedTopics(this.#protocolName) : new Set()
    for (const member of this.#members.all()) {
      member.answerJoin(this.#joined(member))
      member.isNew = false
      this.#beat(member)
      this.#pendingSyncs.add(member.memberId)
    }
    const generation = this.#generation
    this.#syncTimer = this.#host.clock.after(this.#members.rebalanceTimeoutMs, () => this.#endPendingSyncs(generation))
  }

  #becomeEmpty(): void {
    this.#state = 'Empty'
    this.#protocolName = null
    this.#topics = new Set()
    this.#emptySinceMs = this.#host.clock.nowMs
    this.#store()
  }

  /** Members that have joined must sync too. */
  #endPendingSyncs(generation: number): void {
    if (generation !== this.#generation || this.#pendingSyncs.size === 0) return
    for (const memberId of this.#pendingSyncs) {
      const member = this.#members.get(memberId)
      if (member !== undefined) this.#drop(member, errorCodes.UNKNOWN_MEMBER_ID)
    }
    this.#prepare()
  }

  #store(): void {
    this.#host.store({
      generation: this.#generation,
      protocolType: this.#protocolType,
      emptySinceMs: this.#emptySinceMs,
    })
  }
  #completeIfAllJoined(): void {
    if (this.#state === 'PreparingRebalance' && this.#pendingJoins.size === 0 && this.#members.haveAllJoined)
      this.#complete()
  }

  /** A sign of life of a member. */
  #beat(member: GroupMember, timeoutMs = member.sessionTimeoutMs): void {
    member.timer?.cancel()
    member.timer = this.#host.clock.after(timeoutMs, () => {
      // Whoever waits for the others is alive.
      if (!member.isNew && (member.awaitsJoin || member.awaitsSync)) return
      this.#drop(member, errorCodes.UNKNOWN_MEMBER_ID)
      if (this.#state === 'PreparingRebalance') this.#completeIfAllJoined()
      else this.#prepare()
    })
  }

  #drop(member: GroupMember, error: number): void {
    this.#pendingSyncs.delete(member.memberId)
    this.#members.drop(member, error)
  }

  #endPending(memberId: string): boolean {
    this.#pendingJoins.get(memberId)?.cancel()
    return this.#pendingJoins.delete(memberId)
  }

  #supports({ protocolType, protocols }: JoinRequest): boolean {
    if (this.#members.size === 0) return protocolType !== '' && protocols.length > 0
    return protocolType === this.#protocolType && this.#members.haveInCommon(protocols)
  }

  #joined(member: GroupMember): JoinedGroup {
    const members = this.#members.leader === member.memberId ? this.#members.all() : []
    return {
      error: errorCodes.NONE,
      generation: this.#generation,
      protocolType: this.#protocolType,
      protocolName: this.#protocolName,
      leader: this.#members.leader,
      memberId: member.memberId,
      isAssignmentSkipped: false,
      members: members.map((each) => ({
        memberId: each.memberId,
        instanceId: each.instanceId,
        metadata: each.metadataOf(this.#protocolName),
      })),
    }
  }

  #synced({ assignment }: GroupMember): SyncedGroup {
    return { error: errorCodes.NONE, protocolType: this.#protocolType, protocolName: this.#protocolName, assignment }
  }

  #validate({ memberId, instanceId, generation }: MemberIdentity): number {
    const error = this.#members.validate(memberId, instanceId)
    if (error !== errorCodes.NONE) return error
    return generation === this.#generation ? errorCodes.NONE : errorCodes.ILLEGAL_GENERATION
  }
}
