import { errorCodes } from './error-codes.ts'

export interface JoinedGroup {
  readonly error: number
  readonly generation: number
  readonly leader: string
  readonly memberId: string
  readonly members: readonly {
    readonly memberId: string
    readonly instanceId: string | null
    readonly metadata: Buffer
  }[]
}

export interface SyncedGroup {
  readonly error: number
  readonly assignment: Buffer
}

/** Whoever asks something of a group that it is a member of. */
export interface MemberIdentity {
  readonly memberId: string
  readonly instanceId: string | null
  readonly generation: number
}

export interface JoinRequest {
  readonly memberId: string
  readonly instanceId: string | null
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocols: readonly { readonly name: string; readonly metadata: Buffer }[]
}

export interface SyncRequest extends MemberIdentity {
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[]
}

export interface TransactionalOffsets extends MemberIdentity {
  readonly producerId: bigint
  readonly epoch: number
  readonly offsets: readonly {
    readonly topic: string
    readonly partition: number
    readonly offset: number
    readonly leaderEpoch: number
  }[]
}

type State = 'empty' | 'preparing' | 'completing' | 'stable'

interface Member {
  readonly memberId: string
  readonly instanceId: string | null
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  metadata: Buffer
  assignment: Buffer
  /** who waits for the answer to its JoinGroup or SyncGroup */
  join: ((answer: JoinedGroup) => void) | undefined
  sync: ((answer: SyncedGroup) => void) | undefined
  /** counts signs of life, so that a session's time-out knows whether there was one since */
  beats: number
}

/** What the group coordinator needs of the rest of the cluster. */
export interface GroupHost {
  after(delayMs: number, work: () => void): void
  /** how long a group that was empty waits for more members */
  readonly firstRebalanceMs: number
}

/** What a group has committed of a partition. */
export interface CommittedOffset {
  readonly offset: number
  /** -1 if it was not told */
  readonly leaderEpoch: number
}

/**
 * A classic consumer group, as `GroupMetadataManager`, `ClassicGroup` and `OffsetMetadataManager` of Apache Kafka have
 * it: members, generations, rebalances, static members, sessions; and offsets that become valid with the marker of
 * their transaction.
 */
export class Group {
  readonly #host: GroupHost
  #state: State = 'empty'
  #generation = 0
  #leader = ''
  #members = new Map<string, Member>()
  readonly #static = new Map<string, string>()
  readonly #expected = new Set<string>()
  #rebalance = 0
  #named = 0
  readonly committed = new Map<string, CommittedOffset>()
  /** by producer: offsets of transactions that are open, and the newest epoch seen */
  readonly #pending = new Map<bigint, Map<string, CommittedOffset>>()
  readonly #epochs = new Map<bigint, number>()

  constructor(host: GroupHost) {
    this.#host = host
  }

  join(request: JoinRequest): Promise<JoinedGroup> {
    return new Promise((resolve) => this.#join(request, resolve))
  }

  sync(request: SyncRequest): Promise<SyncedGroup> {
    const refuse = (error: number) => ({ error, assignment: Buffer.alloc(0) })
    return new Promise((resolve) => {
      const error = this.#validate(request)
      if (error !== errorCodes.NONE) {
        resolve(refuse(error))
        return
      }
      const member = this.#members.get(request.memberId)!
      this.#beat(member)
      if (this.#state === 'preparing') {
        resolve(refuse(errorCodes.REBALANCE_IN_PROGRESS))
        return
      }
      if (this.#state === 'stable') {
        resolve({ error: errorCodes.NONE, assignment: member.assignment })
        return
      }
      member.sync = resolve
      if (request.memberId !== this.#leader) return
      const shares = new Map<string, Buffer>(
        request.assignments.map(({ memberId, assignment }) => [memberId, Buffer.from(assignment)]),
      )
      this.#state = 'stable'
      for (const each of this.#members.values()) {
        each.assignment = shares.get(each.memberId) ?? Buffer.alloc(0)
        each.sync?.({ error: errorCodes.NONE, assignment: each.assignment })
        each.sync = undefined
      }
    })
  }

  heartbeat(request: MemberIdentity): number {
    const error = this.#validate(request)
    if (error !== errorCodes.NONE) return error
    this.#beat(this.#members.get(request.memberId)!)
    return this.#state === 'preparing' ? errorCodes.REBALANCE_IN_PROGRESS : errorCodes.NONE
  }

  leave({ members }: { readonly members: readonly { readonly memberId: string }[] }): number {
    for (const { memberId } of members) {
      const member = this.#members.get(memberId)
      if (member === undefined) {
        this.#expected.delete(memberId)
        return errorCodes.UNKNOWN_MEMBER_ID
      }
      this.#remove(member)
    }
    return errorCodes.NONE
  }

  /** @param verified what the transaction coordinator says of the group's part in the transaction */
  commit(request: TransactionalOffsets, verified: number): number {
    const { generation, memberId, instanceId, producerId, epoch } = request
    if (generation >= 0 || memberId !== '' || instanceId !== null) {
      if (this.#state === 'empty' && this.#members.size === 0 && this.#generation === 0)
        return errorCodes.ILLEGAL_GENERATION
      const error = this.#validate(request)
      if (error !== errorCodes.NONE) return error
    }
    if (epoch < (this.#epochs.get(producerId) ?? -1)) return errorCodes.INVALID_PRODUCER_EPOCH
    if (!this.#pending.has(producerId)) {
      if (verified === errorCodes.PRODUCER_FENCED) return errorCodes.INVALID_PRODUCER_EPOCH
      if (verified === errorCodes.CONCURRENT_TRANSACTIONS) return verified
      if (verified !== errorCodes.NONE) return verified
    }
    this.#epochs.set(producerId, epoch)
    const pending = this.#pending.get(producerId) ?? new Map<string, CommittedOffset>()
    for (const { topic, partition, offset, leaderEpoch } of request.offsets)
      pending.set(`${topic}/${partition}`, { offset, leaderEpoch })
    this.#pending.set(producerId, pending)
    return errorCodes.NONE
  }

  /** Retention removes what has been committed; what a transaction is about to commit stays. */
  expire(): void {
    const isPending = (key: string) => [...this.#pending.values()].some((offsets) => offsets.has(key))
    for (const key of this.committed.keys()) if (!isPending(key)) this.committed.delete(key)
  }

  mark(producerId: bigint, epoch: number, isCommit: boolean): void {
    this.#epochs.set(producerId, epoch)
    if (isCommit) for (const [key, offset] of this.#pending.get(producerId) ?? []) this.committed.set(key, offset)
    this.#pending.delete(producerId)
  }

  isUnstable(key: string): boolean {
    return [...this.#pending.values()].some((offsets) => offsets.has(key))
  }

  /** The coordinator is another broker from now on: whoever waits for an answer has to ask there. */
  move(): void {
    for (const member of this.#members.values()) {
      this.#answerJoin(member, refusedJoin(errorCodes.NOT_COORDINATOR, member.memberId))
      member.sync?.({ error: errorCodes.NOT_COORDINATOR, assignment: Buffer.alloc(0) })
      member.sync = undefined
      this.#beat(member)
    }
    if (this.#state === 'completing') this.#prepare()
  }

  #join(request: JoinRequest, resolve: (answer: JoinedGroup) => void): void {
    const { memberId, instanceId } = request
    const metadata = Buffer.from(request.protocols[0].metadata)
    if (instanceId === null && memberId === '') {
      const given = this.#newId('member')
      this.#expected.add(given)
      this.#host.after(request.sessionTimeoutMs, () => {
        if (this.#expected.delete(given)) this.#maybeComplete()
      })
      resolve(refusedJoin(errorCodes.MEMBER_ID_REQUIRED, given))
      return
    }
    if (memberId === '' && instanceId !== null) {
      const old = this.#members.get(this.#static.get(instanceId) ?? '')
      if (old !== undefined) {
        this.#replace(old, request, metadata, resolve)
        return
      }
      this.#add(this.#newId(instanceId), request, metadata, resolve)
      return
    }
    if (instanceId !== null) {
      const known = this.#static.get(instanceId)
      if (known === undefined) {
        resolve(refusedJoin(errorCodes.UNKNOWN_MEMBER_ID, memberId))
        return
      }
      if (known !== memberId) {
        resolve(refusedJoin(errorCodes.FENCED_INSTANCE_ID, memberId))
        return
      }
    }
    const member = this.#members.get(memberId)
    if (member === undefined) {
      if (!this.#expected.delete(memberId)) {
        resolve(refusedJoin(errorCodes.UNKNOWN_MEMBER_ID, memberId))
        return
      }
      this.#add(memberId, request, metadata, resolve)
      return
    }
    this.#beat(member)
    if (this.#state === 'completing' || (this.#state === 'stable' && memberId !== this.#leader)) {
      resolve(this.#joined(member, this.#leader))
      return
    }
    this.#wait(member, resolve)
    this.#prepare()
    this.#maybeComplete()
  }

  #add(memberId: string, request: JoinRequest, metadata: Buffer, resolve: (answer: JoinedGroup) => void): void {
    const member = this.#create(memberId, request, metadata)
    this.#wait(member, resolve)
    this.#prepare()
    this.#maybeComplete()
  }

  /** A static member has come back under a new member id: the old one is fenced. */
  #replace(old: Member, request: JoinRequest, metadata: Buffer, resolve: (answer: JoinedGroup) => void): void {
    this.#members.delete(old.memberId)
    this.#answerJoin(old, refusedJoin(errorCodes.FENCED_INSTANCE_ID, old.memberId))
    old.sync?.({ error: errorCodes.FENCED_INSTANCE_ID, assignment: Buffer.alloc(0) })
    const member = this.#create(this.#newId(old.instanceId ?? ''), request, metadata)
    member.assignment = old.assignment
    const leader = this.#leader
    if (leader === old.memberId) this.#leader = member.memberId
    // Its partitions stay its own, without a new generation; named as leader it would share them out anew.
    if (this.#state === 'stable') {
      resolve(this.#joined(member, leader))
      return
    }
    this.#wait(member, resolve)
    if (this.#state === 'completing') this.#prepare()
    this.#maybeComplete()
  }

  #create(memberId: string, request: JoinRequest, metadata: Buffer): Member {
    const { instanceId, sessionTimeoutMs, rebalanceTimeoutMs } = request
    const member: Member = {
      memberId,
      instanceId,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      metadata,
      assignment: Buffer.alloc(0),
      join: undefined,
      sync: undefined,
      beats: 0,
    }
    this.#members.set(memberId, member)
    if (instanceId !== null) this.#static.set(instanceId, memberId)
    this.#beat(member)
    return member
  }

  #wait(member: Member, resolve: (answer: JoinedGroup) => void): void {
    // The older of two requests was given up by its sender.
    this.#answerJoin(member, refusedJoin(errorCodes.UNKNOWN_MEMBER_ID, member.memberId))
    member.join = resolve
  }

  /** Everybody has to join again. */
  #prepare(): void {
    if (this.#state === 'preparing') return
    const wasEmpty = this.#state === 'empty'
    for (const member of this.#members.values()) {
      member.sync?.({ error: errorCodes.REBALANCE_IN_PROGRESS, assignment: Buffer.alloc(0) })
      member.sync = undefined
    }
    this.#state = 'preparing'
    const rebalance = ++this.#rebalance
    const patienceMs = wasEmpty
      ? this.#host.firstRebalanceMs
      : Math.max(0, ...[...this.#members.values()].map(({ rebalanceTimeoutMs }) => rebalanceTimeoutMs))
    const complete = () => {
      if (this.#state !== 'preparing' || rebalance !== this.#rebalance) return
      // Nobody has come: it waits on, until sessions end.
      if (![...this.#members.values()].some(({ join }) => join !== undefined)) {
        if (this.#members.size === 0) this.#state = 'empty'
        else this.#host.after(Math.max(patienceMs, 100), complete)
        return
      }
      this.#complete()
    }
    this.#isFirst = wasEmpty
    this.#host.after(patienceMs, complete)
  }

  /** an empty group waits for its time, others end a rebalance when all have come */
  #isFirst = false

  #maybeComplete(): void {
    if (this.#state !== 'preparing' || this.#isFirst || this.#expected.size > 0) return
    if (this.#members.size === 0) this.#state = 'empty'
    else if ([...this.#members.values()].every(({ join }) => join !== undefined)) this.#complete()
  }

  #complete(): void {
    this.#isFirst = false
    for (const member of [...this.#members.values()])
      if (member.join === undefined && member.instanceId === null) this.#members.delete(member.memberId)
    this.#generation++
    this.#state = 'completing'
    if (this.#members.get(this.#leader)?.join === undefined)
      this.#leader = [...this.#members.values()].find(({ join }) => join !== undefined)?.memberId ?? ''
    for (const member of this.#members.values()) {
      this.#beat(member)
      if (member.join !== undefined) this.#answerJoin(member, this.#joined(member, this.#leader))
    }
  }

  #joined(member: Member, leader: string): JoinedGroup {
    return {
      error: errorCodes.NONE,
      generation: this.#generation,
      leader,
      memberId: member.memberId,
      members:
        leader === member.memberId
          ? [...this.#members.values()].map(({ memberId, instanceId, metadata }) => ({
              memberId,
              instanceId,
              metadata,
            }))
          : [],
    }
  }

  #answerJoin(member: Member, answer: JoinedGroup): void {
    const { join } = member
    member.join = undefined
    join?.(answer)
  }

  #beat(member: Member): void {
    const beats = ++member.beats
    this.#host.after(member.sessionTimeoutMs, () => {
      if (member.beats !== beats || this.#members.get(member.memberId) !== member) return
      // Whoever waits for the others is alive.
      if (member.join !== undefined) return this.#beat(member)
      this.#remove(member)
    })
  }

  #remove(member: Member): void {
    this.#members.delete(member.memberId)
    if (member.instanceId !== null && this.#static.get(member.instanceId) === member.memberId)
      this.#static.delete(member.instanceId)
    this.#answerJoin(member, refusedJoin(errorCodes.UNKNOWN_MEMBER_ID, member.memberId))
    if (this.#state === 'stable' || this.#state === 'completing') {
      this.#prepare()
      this.#isFirst = false
    }
    this.#maybeComplete()
  }

  #validate({
    memberId,
    instanceId,
    generation,
  }: {
    memberId: string
    instanceId: string | null
    generation: number
  }): number {
    if (instanceId !== null) {
      const known = this.#static.get(instanceId)
      if (known === undefined) return errorCodes.UNKNOWN_MEMBER_ID
      if (known !== memberId) return errorCodes.FENCED_INSTANCE_ID
    }
    if (!this.#members.has(memberId)) return errorCodes.UNKNOWN_MEMBER_ID
    return generation === this.#generation ? errorCodes.NONE : errorCodes.ILLEGAL_GENERATION
  }

  #newId(prefix: string): string {
    return `${prefix}-${++this.#named}`
  }
}

function refusedJoin(error: number, memberId: string): JoinedGroup {
  return { error, generation: -1, leader: '', memberId, members: [] }
}
