import { errorCodes } from '../error-codes.ts'
import { GroupMember, subscribedTopics } from './group-member.ts'
import { type GroupProtocol, type JoinRequest, refusedJoin, refusedSync } from './group-messages.ts'

/** The members of a group, who leads them, and what they have in common. */
export class GroupMembers {
  /** member id of the one who shares partitions out; empty if there is none */
  leader = ''
  readonly #members = new Map<string, GroupMember>()
  /** member ids by instance id */
  readonly #static = new Map<string, string>()

  get size(): number {
    return this.#members.size
  }

  all(): GroupMember[] {
    return [...this.#members.values()]
  }

  get(memberId: string): GroupMember | undefined {
    return this.#members.get(memberId)
  }

  byInstance(instanceId: string | null): GroupMember | undefined {
    return instanceId === null ? undefined : this.#members.get(this.#static.get(instanceId) ?? '')
  }

  add(memberId: string, request: JoinRequest): GroupMember {
    const member = new GroupMember(memberId, request)
    this.#members.set(memberId, member)
    if (member.instanceId !== null) this.#static.set(member.instanceId, memberId)
    if (this.leader === '') this.leader = memberId
    return member
  }

  /** Removes a member. @param error told to it, if it waits */
  drop(member: GroupMember, error: number): void {
    const { memberId, instanceId } = member
    member.timer?.cancel()
    this.#members.delete(memberId)
    if (instanceId !== null) this.#static.delete(instanceId)
    if (this.leader === memberId) this.leader = this.#members.keys().next().value ?? ''
    member.answerJoin(refusedJoin(error, memberId))
    member.answerSync(refusedSync(error))
  }

  /** Gives what a static member has to the one that has come after it, under a new member id. */
  replace(old: GroupMember, memberId: string, request: JoinRequest): GroupMember {
    const wasLeader = this.leader === old.memberId
    this.drop(old, errorCodes.FENCED_INSTANCE_ID)
    const member = this.add(memberId, request)
    member.assignment = old.assignment
    member.isNew = false
    if (wasLeader) this.leader = memberId
    return member
  }

  /** Whether there is such a member; an error code. */
  validate(memberId: string, instanceId: string | null): number {
    if (instanceId !== null) {
      const known = this.#static.get(instanceId)
      if (known === undefined) return errorCodes.UNKNOWN_MEMBER_ID
      if (known !== memberId) return errorCodes.FENCED_INSTANCE_ID
    }
    return this.#members.has(memberId) ? errorCodes.NONE : errorCodes.UNKNOWN_MEMBER_ID
  }

  /** The longest that a member asks to be waited for. */
  get rebalanceTimeoutMs(): number {
    return Math.max(0, ...this.all().map(({ rebalanceTimeoutMs }) => rebalanceTimeoutMs))
  }

  get haveAllJoined(): boolean {
    return this.all().every(({ awaitsJoin }) => awaitsJoin)
  }

  /** Whether all members know one of the protocols. */
  haveInCommon(protocols: readonly GroupProtocol[]): boolean {
    const common = this.#commonProtocols()
    return protocols.some(({ name }) => common.has(name))
  }

  /** The protocol that most members would rather have than the others that all know. */
  electProtocol(): string {
    const candidates = this.#commonProtocols()
    const votes = new Map<string, number>()
    for (const { protocols } of this.#members.values()) {
      const vote = protocols.find(({ name }) => candidates.has(name))?.name ?? ''
      votes.set(vote, (votes.get(vote) ?? 0) + 1)
    }
    return [...votes].reduce((best, each) => (each[1] > best[1] ? each : best))[0]
  }

  /** Topics that consumers have subscribed to; undefined if one's subscription cannot be read. */
  subscribedTopics(protocol: string): Set<string> | undefined {
    const topics = this.all().map((member) => subscribedTopics(member.metadataOf(protocol)))
    return topics.includes(undefined) ? undefined : new Set(topics.flatMap((each) => each ?? []))
  }

  #commonProtocols(): Set<string> {
    const sets = this.all().map(({ protocols }) => new Set(protocols.map(({ name }) => name)))
    return new Set([...(sets[0] ?? [])].filter((name) => sets.every((set) => set.has(name))))
  }
}
