import { errorCodes } from '../error-codes.ts'
import type { Clock } from './clock.ts'
import type { Marker } from './control-batch.ts'
import type { Producer, StateChange, StateEntry, StateKey, StateLog } from './state-log.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** An offset that a group commits. */
export interface OffsetCommit extends TopicPartition {
  readonly offset: number
  /** -1 if it was not told */
  readonly leaderEpoch: number
  readonly metadata: string
}

export interface CommittedOffset extends OffsetCommit {
  readonly committedMs: number
}

/** With its place among all commits: of two of a partition the later one is valid, whenever its transaction ends. */
type Known = CommittedOffset & { readonly order: number }
type Offsets = Map<string, Known>

export const offsetKind = 'offset'
const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`
const stateKey = (group: string, { topic, partition }: TopicPartition): StateKey => [
  offsetKind,
  group,
  topic,
  partition,
]

/**
 * What groups have committed, as `OffsetMetadataManager` of Apache Kafka: each offset is a record of the log, and those
 * of a transaction become valid with its marker.
 */
export class GroupOffsets {
  readonly #log: StateLog
  readonly #clock: Clock
  #order = 0
  readonly #committed = new Map<string, Offsets>()
  /** by producer and group: offsets of transactions that are open */
  readonly #pending = new Map<bigint, Map<string, Offsets>>()

  constructor(log: StateLog, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  commit(group: string, offsets: readonly OffsetCommit[]): void {
    const entries = offsets.map((offset) => this.#entry(group, offset))
    this.#log.put(entries)
    for (const [, value] of entries) this.#set(this.#committed, group, this.#ordered(value))
  }

  /** Whether a producer's transaction has committed something for a group already. */
  hasPending(producerId: bigint, group: string): boolean {
    return this.#pending.get(producerId)?.has(group) === true
  }

  commitPending(group: string, producer: Producer, offsets: readonly OffsetCommit[]): number {
    if (producer.producerEpoch < this.#log.epochOf(producer.producerId)) return errorCodes.INVALID_PRODUCER_EPOCH
    const entries = offsets.map((offset) => this.#entry(group, offset))
    this.#log.put(entries, producer)
    for (const [, value] of entries) this.#setPending(producer, group, this.#ordered(value))
    return errorCodes.NONE
  }

  /** Ends a transaction. */
  mark(marker: Marker): number {
    const error = this.#log.mark(marker)
    if (error === errorCodes.NONE) this.#end(marker)
    return error
  }

  get(group: string, partition: TopicPartition): CommittedOffset | undefined {
    return this.#committed.get(group)?.get(keyOf(partition))
  }

  of(group: string): readonly CommittedOffset[] {
    return [...(this.#committed.get(group)?.values() ?? [])]
  }

  groups(): Iterable<string> {
    return this.#committed.keys()
  }

  /** Whether a transaction is about to commit an offset of the partition, or of any. */
  isPending(group: string, partition?: TopicPartition): boolean {
    for (const groups of this.#pending.values()) {
      const offsets = groups.get(group)
      if (offsets !== undefined && (partition === undefined || offsets.has(keyOf(partition)))) return true
    }
    return false
  }

  remove(group: string, partitions: readonly TopicPartition[]): void {
    const known = partitions.filter((each) => this.get(group, each) !== undefined || this.isPending(group, each))
    if (known.length === 0) return
    this.#log.put(known.map((each): StateEntry => [stateKey(group, each), null]))
    for (const each of known) {
      this.#delete(this.#committed, group, each)
      for (const groups of this.#pending.values()) this.#delete(groups, group, each)
    }
  }

  /** Removes what `isExpired` says; what a transaction is about to commit stays. */
  expire(group: string, isExpired: (offset: CommittedOffset) => boolean): void {
    this.remove(
      group,
      this.of(group).filter((offset) => isExpired(offset) && !this.isPending(group, offset)),
    )
  }

  /** Takes what is in the log. */
  replay(change: StateChange): void {
    if ('marker' in change) {
      this.#end(change.marker)
      return
    }
    const { entry, producer } = change
    const [[, group, topic, partition], value] = entry as [[string, string, string, number], CommittedOffset | null]
    if (value === null) {
      this.#delete(this.#committed, group, { topic, partition })
      for (const groups of this.#pending.values()) this.#delete(groups, group, { topic, partition })
    } else if (producer === undefined) this.#set(this.#committed, group, this.#ordered(value))
    else this.#setPending(producer, group, this.#ordered(value))
  }

  #entry(group: string, { topic, partition, offset, leaderEpoch, metadata }: OffsetCommit) {
    const value = { topic, partition, offset, leaderEpoch, metadata, committedMs: this.#clock.nowMs }
    return [stateKey(group, value), value] as const
  }

  #ordered(offset: CommittedOffset): Known {
    return { ...offset, order: ++this.#order }
  }

  #end({ producerId, isCommit }: Marker): void {
    const groups = this.#pending.get(producerId) ?? []
    this.#pending.delete(producerId)
    if (!isCommit) return
    for (const [group, offsets] of groups)
      for (const offset of offsets.values())
        if ((this.#committed.get(group)?.get(keyOf(offset))?.order ?? 0) < offset.order)
          this.#set(this.#committed, group, offset)
  }

  #setPending({ producerId }: Producer, group: string, offset: Known): void {
    const groups = this.#pending.get(producerId) ?? new Map<string, Offsets>()
    this.#pending.set(producerId, groups)
    this.#set(groups, group, offset)
  }

  #set(groups: Map<string, Offsets>, group: string, offset: Known): void {
    const offsets = groups.get(group) ?? new Map<string, Known>()
    groups.set(group, offsets.set(keyOf(offset), offset))
  }

  #delete(groups: Map<string, Offsets>, group: string, partition: TopicPartition): void {
    const offsets = groups.get(group)
    offsets?.delete(keyOf(partition))
    if (offsets?.size === 0) groups.delete(group)
  }
}
