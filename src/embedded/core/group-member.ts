import type { Clock, Timer } from './clock.ts'
import {
  type DescribedMember,
  type GroupProtocol,
  type JoinedGroup,
  type JoinRequest,
  noBytes,
  type SyncedGroup,
} from './group-messages.ts'

/** A member of a group: `ClassicGroupMember` of Apache Kafka. */
export class GroupMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  protocols: readonly GroupProtocol[]
  assignment: Uint8Array = noBytes
  /** it has not been told its first generation yet */
  isNew = true
  /** ends its session */
  timer: Timer | undefined
  #join: ((answer: JoinedGroup) => void) | undefined
  #sync: ((answer: SyncedGroup) => void) | undefined

  constructor(memberId: string, request: JoinRequest) {
    this.memberId = memberId
    this.instanceId = request.instanceId
    this.clientId = request.clientId
    this.clientHost = request.clientHost
    this.sessionTimeoutMs = request.sessionTimeoutMs
    this.rebalanceTimeoutMs = request.rebalanceTimeoutMs
    this.protocols = request.protocols
  }

  get awaitsJoin(): boolean {
    return this.#join !== undefined
  }

  get awaitsSync(): boolean {
    return this.#sync !== undefined
  }

  /** Takes what a member says of itself when it joins again. */
  update({ sessionTimeoutMs, rebalanceTimeoutMs, protocols }: JoinRequest): void {
    this.sessionTimeoutMs = sessionTimeoutMs
    this.rebalanceTimeoutMs = rebalanceTimeoutMs
    this.protocols = protocols
  }

  /** Whether it has said the same of itself before. */
  matches(protocols: readonly GroupProtocol[]): boolean {
    return (
      protocols.length === this.protocols.length &&
      protocols.every(
        ({ name, metadata }, i) =>
          name === this.protocols[i].name && Buffer.compare(metadata, this.protocols[i].metadata) === 0,
      )
    )
  }

  metadataOf(protocol: string | null): Uint8Array {
    return this.protocols.find(({ name }) => name === protocol)?.metadata ?? noBytes
  }

  /** @param protocol that its group has settled on; null while it has none */
  describe(protocol: string | null): DescribedMember {
    const { memberId, instanceId, clientId, clientHost, assignment } = this
    return { memberId, instanceId, clientId, clientHost, metadata: this.metadataOf(protocol), assignment }
  }

  waitForJoin(answer: (joined: JoinedGroup) => void): void {
    this.#join = answer
  }

  waitForSync(answer: (synced: SyncedGroup) => void): void {
    this.#sync = answer
  }

  /** Answers the JoinGroup that waits, if one does. */
  answerJoin(answer: JoinedGroup): void {
    const join = this.#join
    this.#join = undefined
    join?.(answer)
  }

  /** Answers the SyncGroup that waits; whether one has. */
  answerSync(answer: SyncedGroup): boolean {
    const sync = this.#sync
    this.#sync = undefined
    sync?.(answer)
    return sync !== undefined
  }
}

/** A member id that nobody has. @param prefix says who it is */
export function newMemberId(prefix: string, clock: Clock): string {
  const part = () =>
    Math.floor(clock.random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0')
  return `${prefix}-${part()}${part()}${part()}${part()}`
}

/** Topics of a consumer's subscription; undefined if it cannot be read. `ConsumerProtocolSubscription` */
export function subscribedTopics(metadata: Uint8Array): string[] | undefined {
  const bytes = Buffer.from(metadata.buffer, metadata.byteOffset, metadata.byteLength)
  try {
    const count = bytes.readInt32BE(2)
    const topics: string[] = []
    for (let i = 0, at = 6; i < count; i++) {
      const end = at + 2 + bytes.readInt16BE(at)
      if (end > bytes.length) return undefined
      topics.push(bytes.toString('utf8', at + 2, end))
      at = end
    }
    return topics
  } catch {
    return undefined
  }
}
