import type { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import type { FetchedPartition, GroupSession, PartitionOffset, TopicPartition } from '../stages/ports.ts'
import type { BrokerConnections } from './broker-connections.ts'
import { FencedError, isRepeatable, kindOf } from './broker-errors.ts'
import type { Fetcher } from './fetcher.ts'
import type { GroupMembership } from './group-membership.ts'
import type { CommittingMember, TransactionalProducer } from './transactional-producer.ts'

/** Offset of a partition whose group has committed nothing: its first row, or one that a replay names. */
export type StartOffsets = (partitions: readonly TopicPartition[]) => Promise<PartitionOffset[]>

export interface GroupSessionParts {
  readonly connections: BrokerConnections
  readonly membership: GroupMembership
  readonly producer: TransactionalProducer
  readonly fetcher: Fetcher
  readonly group: string
  readonly startOffsets: StartOffsets
  /** where reading a partition stops, undefined for nowhere */
  readonly endOffsetOf: (input: TopicPartition) => number | undefined
  /** where rows of an input partition usually go: announced to the coordinator in one request */
  readonly outputsOf: (input: TopicPartition) => readonly TopicPartition[]
  /** told of each slice that had to be given up, and why */
  readonly onAbort: (cause: unknown) => void
}

/**
 * Poll, begin, produce, commit over one membership, one fetcher and one producer (KIP-447: offsets are committed with
 * the generation in which the slice began, so that a member that was replaced meanwhile commits nothing).
 */
export class TransactionalGroupSession implements GroupSession {
  readonly #parts: GroupSessionParts
  #assignment: readonly TopicPartition[] = []
  #slice: { readonly member: CommittingMember; readonly touched: Map<string, TopicPartition> } | undefined
  #broken: unknown

  constructor(parts: GroupSessionParts) {
    this.#parts = parts
  }

  get mustCommit(): boolean {
    return this.#parts.membership.mustRejoin || this.#broken !== undefined
  }

  positions(): readonly PartitionOffset[] {
    const { fetcher } = this.#parts
    return this.#assignment.map(({ topic, partition }) => ({
      topic,
      partition,
      offset: fetcher.position(topic, partition),
    }))
  }

  async poll(maxWaitMs: number): Promise<readonly FetchedPartition[]> {
    const { membership, fetcher } = this.#parts
    if (membership.mustRejoin) {
      if (this.#slice !== undefined) return []
      await this.#join()
    }
    const fetched = await fetcher.poll(maxWaitMs)
    if (fetched.length > 0) await this.#begin(fetched)
    return fetched
  }

  async produce(topic: string, partition: number, batch: RecordBatchWriter): Promise<void> {
    if (this.#broken !== undefined) {
      batch.clear()
      return
    }
    try {
      await this.#parts.producer.produce(topic, partition, batch)
    } catch (error) {
      batch.clear()
      this.#break(error)
    }
  }

  async commit(): Promise<boolean> {
    const slice = this.#slice
    if (slice === undefined) return true
    const { producer, fetcher, group, membership } = this.#parts
    try {
      if (this.#broken !== undefined) throw this.#broken
      if (!isSame(membership.identity, slice.member)) return await this.#abort('the group has a new generation')
      const offsets = [...slice.touched.values()].map(({ topic, partition }) => ({
        topic,
        partition,
        offset: fetcher.position(topic, partition),
      }))
      await producer.commit({ group, offsets }, slice.member)
      this.#slice = undefined
      return true
    } catch (error) {
      if (isRepeatable(error)) return await this.#abort(error)
      await this.#giveUp()
      throw this.#asFenced(error)
    }
  }

  async close(): Promise<void> {
    const { membership, fetcher, producer, connections } = this.#parts
    try {
      await this.#giveUp()
      this.#assignment = []
      await fetcher.close()
      await membership.leave()
      await producer.close()
    } finally {
      await connections.close()
    }
  }

  async #join(): Promise<void> {
    await this.#seek(await this.#parts.membership.join())
  }

  /** Puts the fetcher where the group has committed. */
  async #seek(assignment: readonly TopicPartition[]): Promise<void> {
    const { connections, fetcher, group, startOffsets, endOffsetOf } = this.#parts
    const committed = await connections.committedOffsets(group, assignment)
    const known = new Set(committed.map(({ topic, partition }) => `${topic}/${partition}`))
    const fresh = assignment.filter(({ topic, partition }) => !known.has(`${topic}/${partition}`))
    const positions = [...committed, ...(fresh.length > 0 ? await startOffsets(fresh) : [])]
    // A replay knows nothing of a partition that came after its start: that one is not read.
    this.#assignment = positions.map(({ topic, partition }) => ({ topic, partition }))
    fetcher.assign(positions.map((position) => ({ ...position, endOffset: endOffsetOf(position) })))
  }

  async #begin(fetched: readonly FetchedPartition[]): Promise<void> {
    const { membership, producer, outputsOf } = this.#parts
    if (this.#slice === undefined) {
      this.#slice = { member: membership.identity, touched: new Map() }
      try {
        await producer.begin(this.#assignment.flatMap(outputsOf))
      } catch (error) {
        this.#break(error)
      }
    }
    for (const { topic, partition } of fetched) this.#slice.touched.set(`${topic}/${partition}`, { topic, partition })
  }

  /** Notes an error that ends the slice; one that no new transaction can mend is thrown. */
  #break(error: unknown): void {
    if (!isRepeatable(error)) throw this.#asFenced(error)
    this.#broken ??= error
  }

  async #abort(cause: unknown): Promise<false> {
    this.#parts.onAbort(cause)
    this.#slice = undefined
    this.#broken = undefined
    await this.#parts.producer.abort()
    if (!this.#parts.membership.mustRejoin) await this.#seek(this.#assignment)
    return false
  }

  #asFenced(error: unknown): unknown {
    if (kindOf(error) !== 'fenced' || error instanceof FencedError) return error
    return new FencedError(`This member of group ${this.#parts.group}`, error)
  }

  /** Aborts without a word: what happens next does not depend on it. */
  async #giveUp(): Promise<void> {
    if (this.#slice === undefined) return
    this.#slice = undefined
    await this.#parts.producer.abort().catch(() => undefined)
  }
}

function isSame(a: CommittingMember, b: CommittingMember): boolean {
  return a.memberId === b.memberId && a.generationId === b.generationId
}
