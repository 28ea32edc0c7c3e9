import { setTimeout as sleep } from 'node:timers/promises'
import type { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import { groupsCommand } from '../ports/groups-tool.ts'
import type { FetchedPartition, GroupSession, PartitionOffset, SessionPosition, TopicPartition } from '../ports/log.ts'
import { type BackOff, backOffMs } from './back-off.ts'
import { type BrokerConnections, latest } from './broker-connections.ts'
import { FencedError, isGenerationLost, isRepeatable, isTopicUnknown, kindOf } from './broker-errors.ts'
import type { Fetcher } from './fetcher.ts'
import { CommitsFailingError } from './group-errors.ts'
import type { GroupMembership } from './group-membership.ts'
import type { KeptPositions } from './kept-positions.ts'
import { TopicGoneError } from './partition-watch.ts'
import { PositionLostError } from './position-errors.ts'
import type { CommittingMember, SliceProducer } from './slice-producer.ts'
import { within } from './time-limit.ts'
import { WrittenTopicGoneError } from './topic-errors.ts'
import { startAgain, unknownPartition } from './written-topics.ts'

/** Offset of a partition whose group has committed nothing: its first row, or one that a replay names. */
export type StartOffsets = (partitions: readonly TopicPartition[]) => Promise<PartitionOffset[]>

export interface GroupSessionParts {
  readonly connections: BrokerConnections
  readonly membership: GroupMembership
  /** a transactional producer makes output and positions visible together; with a plain one, rows may be duplicated */
  readonly producer: SliceProducer
  readonly fetcher: Fetcher
  readonly group: string
  readonly startOffsets: StartOffsets
  /** where positions are kept that outlive the group's offsets */
  readonly positions?: Pick<KeptPositions, 'of' | 'partition'> | undefined
  /** where reading a partition stops, undefined for nowhere */
  readonly endOffsetOf: (input: TopicPartition) => number | undefined
  /** where rows of an input partition usually go: announced to the coordinator in one request */
  readonly outputsOf: (input: TopicPartition) => readonly TopicPartition[]
  /** text that is kept beside the position in a partition; none unless given */
  readonly metadataOf?: ((input: TopicPartition) => string | undefined) | undefined
  /** called for each aborted slice, with the reason */
  readonly onAbort: (cause: unknown) => void
  /** called after each join, with the partitions of the member */
  readonly onJoin?: JoinListener | undefined
  /** uniform in [0, 1) */
  readonly random?: () => number
}

export interface JoinListener {
  joining(): void
  joined(generation: number, partitions: readonly TopicPartition[]): void
}

/** How often a member that rests asks how far its partitions have grown. */
const endsEveryMs = 1_000
interface Slice {
  readonly member: CommittingMember
  readonly touched: Map<string, TopicPartition>
  /** the partitions whose outputs have been announced */
  readonly expected: Set<string>
}

/** Pauses between repetitions of an aborted slice; the first repetition follows at once. */
const backOff: BackOff = { firstMs: 20, longestMs: 5_000 }
/** How long transactions may fail without a commit in between. */
const commitPatienceMs = 300_000
/** Time limit for closing; after that the transaction and the session end by their time-outs. */
const closeMs = 5_000

/**
 * Poll, begin, produce, commit over one membership, one fetcher and one producer (KIP-447: offsets are committed with
 * the generation in which the slice began, so that a member that was replaced meanwhile commits nothing).
 */
export class TransactionalGroupSession implements GroupSession {
  readonly #parts: GroupSessionParts
  #assignment: readonly TopicPartition[] = []
  #slice: Slice | undefined
  #broken: unknown
  /** an output that a batch could not be sent to because no broker knew it */
  #missed: TopicPartition | undefined
  /** number of consecutive aborted slices, and since when commits fail */
  #givenUp = 0
  #failingSinceMs: number | undefined
  #nextEndsMs = 0

  constructor(parts: GroupSessionParts) {
    this.#parts = parts
  }

  get mustCommit(): boolean {
    return this.#parts.membership.mustRejoin || this.#broken !== undefined
  }

  positions(): readonly SessionPosition[] {
    const { fetcher } = this.#parts
    return this.#assignment.map(({ topic, partition }) => ({
      topic,
      partition,
      offset: fetcher.position(topic, partition),
      ...fetcher.condition(topic, partition),
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

  async rest(maxWaitMs: number): Promise<void> {
    const { membership, fetcher, connections } = this.#parts
    if (membership.mustRejoin) await this.#join()
    if (performance.now() >= this.#nextEndsMs) {
      this.#nextEndsMs = performance.now() + endsEveryMs
      // A fetcher whose buffer is full asks for nothing. Not awaited: brokers that are away must not delay a rejoin.
      connections.listOffsets(this.#assignment, latest).then(
        (ends) => fetcher.noteEnds(ends),
        () => undefined,
      )
    }
    await sleep(maxWaitMs)
  }

  giveBack(fetched: readonly FetchedPartition[], offset: number): void {
    this.#parts.fetcher.giveBack(fetched, offset)
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
      if (isTopicUnknown(error)) this.#missed = { topic, partition }
    }
  }

  async commit(): Promise<boolean> {
    const slice = this.#slice
    if (slice === undefined) return true
    const { producer, fetcher, group, membership, metadataOf } = this.#parts
    try {
      if (this.#broken !== undefined) throw this.#broken
      if (!isSame(membership.identity, slice.member)) return await this.#abort('the group has a new generation')
      const offsets = [...slice.touched.values()].map(({ topic, partition }) => ({
        topic,
        partition,
        offset: fetcher.position(topic, partition),
        leaderEpoch: fetcher.leaderEpoch(topic, partition),
        metadata: metadataOf?.({ topic, partition }),
      }))
      await producer.commit({ group, offsets }, slice.member)
      this.#slice = undefined
      this.#givenUp = 0
      this.#failingSinceMs = undefined
      return true
    } catch (error) {
      if (isRepeatable(error)) {
        this.#failingSinceMs ??= performance.now()
        if (performance.now() - this.#failingSinceMs > commitPatienceMs)
          throw new CommitsFailingError(group, commitPatienceMs, error)
        return await this.#abort(error)
      }
      await this.#giveUp()
      throw this.#asFenced(error)
    }
  }

  async abort(cause: unknown): Promise<void> {
    await this.#abort(cause)
  }

  async close(): Promise<void> {
    const { membership, fetcher, producer, connections } = this.#parts
    const leave = async () => {
      await this.#giveUp()
      await membership.leave()
      await producer.close()
    }
    try {
      await fetcher.close()
      await within(closeMs, leave(), () => new Error('The brokers do not answer')).catch(() => undefined)
      this.#assignment = []
    } finally {
      await connections.close()
    }
  }

  async #join(): Promise<void> {
    const { membership, onJoin, positions } = this.#parts
    onJoin?.joining()
    await this.#seek(await membership.join())
    onJoin?.joined(membership.identity.generationId, this.#assignment)
    if (positions !== undefined) await this.#commitAll()
  }

  /**
   * Commits the position of each partition of this member before it reads a row. So the positions of idle partitions
   * are kept too, and those that an older version has committed; and every partition whose output holds rows has a
   * position.
   */
  async #commitAll(): Promise<void> {
    const { membership } = this.#parts
    while (this.#assignment.length > 0 && !membership.mustRejoin) {
      await this.#open([])
      this.#touch(this.#assignment)
      if (await this.commit()) return
    }
  }

  /** Sets the fetcher to the positions of the group. @throws TopicGoneError, PositionLostError */
  async #seek(assignment: readonly TopicPartition[]): Promise<void> {
    try {
      await this.#seekCommitted(assignment)
    } catch (error) {
      throw isTopicUnknown(error) ? new TopicGoneError(assignment[0], error) : error
    }
  }

  async #seekCommitted(assignment: readonly TopicPartition[]): Promise<void> {
    const { connections, fetcher, group, positions, startOffsets, endOffsetOf } = this.#parts
    const held = await (positions?.of(group, assignment, (kept) => this.#withOutput(kept)) ??
      connections.committedOffsets(group, assignment))
    await this.#checkEnds(held)
    const known = new Set(held.map(({ topic, partition }) => `${topic}/${partition}`))
    const fresh = assignment.filter(({ topic, partition }) => !known.has(`${topic}/${partition}`))
    const next = [...held, ...(fresh.length > 0 ? await startOffsets(fresh) : [])]
    // A replay does not read a partition that was added after its start.
    this.#assignment = next.map(({ topic, partition }) => ({ topic, partition }))
    fetcher.assign(next.map((position) => ({ ...position, endOffset: endOffsetOf(position) })))
  }

  /**
   * The stored positions whose output has been written to. Each slice leaves at least a marker in the outputs of the
   * partitions that it has read, so an output without any record was recreated: an operator who deletes both the group
   * and its output wants to process all rows again.
   */
  async #withOutput(kept: readonly PartitionOffset[]): Promise<PartitionOffset[]> {
    const { connections, outputsOf } = this.#parts
    const ends = await connections.listOffsets(kept.flatMap(outputsOf), latest)
    const written = new Set(
      ends.filter(({ offset }) => offset > 0).map(({ topic, partition }) => `${topic}/${partition}`),
    )
    return kept.filter((position) =>
      outputsOf(position).some(({ topic, partition }) => written.has(`${topic}/${partition}`)),
    )
  }

  /**
   * A fetch detects a position beyond the end of the log, for instance after the topic was deleted and recreated. A
   * position beyond the end of the range is never fetched, and would look like the end.
   *
   * @throws PositionLostError
   */
  async #checkEnds(held: readonly PartitionOffset[]): Promise<void> {
    const { connections, endOffsetOf } = this.#parts
    const beyond = held.filter((position) => position.offset > (endOffsetOf(position) ?? Infinity))
    if (beyond.length === 0) return
    // Another member of the group may have read on, up to where the log ends now.
    const ends = await connections.listOffsets(beyond, latest)
    const lost = beyond
      .map((position, i) => ({ ...position, end: ends[i].offset }))
      .filter(({ offset, end }) => offset > end)
    if (lost.length > 0) throw new PositionLostError(lost, { brokers: connections.bootstrap, group: this.#parts.group })
  }

  /**
   * Announces the outputs of what was fetched, together with those of what waits. Others get no marker: a slice of half
   * a second does not reach all of a thousand partitions.
   */
  async #begin(fetched: readonly FetchedPartition[]): Promise<void> {
    const isNew = (input: TopicPartition) => this.#slice?.expected.has(nameOf(input)) !== true
    if (fetched.some(isNew)) {
      const { fetcher, outputsOf } = this.#parts
      const inputs = [...fetched, ...fetcher.waiting()].filter(isNew)
      const outputs = [...new Map(inputs.flatMap(outputsOf).map((output) => [nameOf(output), output])).values()]
      if (this.#slice === undefined) await this.#open(outputs)
      else await this.#expect(outputs)
      for (const input of inputs) this.#slice?.expected.add(nameOf(input))
    }
    this.#touch(fetched)
  }

  async #expect(outputs: readonly TopicPartition[]): Promise<void> {
    try {
      await this.#parts.producer.expect(outputs)
    } catch (error) {
      this.#break(error)
    }
  }

  /** @param expected where the slice will probably write */
  async #open(expected: readonly TopicPartition[]): Promise<void> {
    const { membership, producer } = this.#parts
    this.#slice = { member: membership.identity, touched: new Map(), expected: new Set() }
    try {
      await producer.begin(expected)
    } catch (error) {
      this.#break(error)
    }
  }

  /** The slice commits where the member stands in these. */
  #touch(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions)
      this.#slice?.touched.set(nameOf({ topic, partition }), { topic, partition })
  }

  /** Records an error that ends the slice; throws an error that a new transaction cannot recover from. */
  #break(error: unknown): void {
    if (!isRepeatable(error)) throw this.#asFenced(error)
    this.#broken ??= error
  }

  async #abort(cause: unknown): Promise<false> {
    const { onAbort, membership, producer, random = Math.random } = this.#parts
    onAbort(cause)
    if (isGenerationLost(cause)) membership.outdated()
    const isOpen = this.#slice !== undefined
    this.#slice = undefined
    this.#broken = undefined
    if (isOpen) await producer.abort()
    if (isTopicUnknown(cause)) await this.#demandOutputs(cause)
    if (this.#givenUp++ > 0) await sleep(backOffMs(backOff, this.#givenUp - 1, random))
    if (isOpen && !membership.mustRejoin) await this.#seek(this.#assignment)
    return false
  }

  /**
   * Waits until the brokers know the topics that are written to.
   *
   * @throws WrittenTopicGoneError if they do not for as long as metadata may lag
   */
  async #demandOutputs(cause: unknown): Promise<void> {
    const { connections, outputsOf, positions } = this.#parts
    const outputs = this.#assignment.flatMap(outputsOf)
    const others = [this.#missed, positions?.partition].filter((each) => each !== undefined)
    this.#missed = undefined
    const gone = await unknownPartition(connections, [...outputs, ...others])
    if (gone === undefined) return
    const isOutput = outputs.some(({ topic }) => topic === gone.topic)
    throw new WrittenTopicGoneError(gone, isOutput ? this.#outputFix() : startAgain, cause)
  }

  /** The fix after an output was deleted: its rows are gone, and the group's position is after them. */
  #outputFix(): string {
    const { connections, group } = this.#parts
    const address = { brokers: connections.bootstrap, group }
    const [{ topic }] = this.#assignment
    // A group without offsets begins where it did, which for a replay is not the first row.
    return (
      'To write all rows again, stop the members, delete the other output topics as well, run ' +
      `"${groupsCommand(address, topic, 'all', '--delete-offsets')}" and start again. ` +
      'To continue with the rows that follow, start again with --allow-empty-output (allowEmptyOutput). ' +
      'The topic is then created again'
    )
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

const nameOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`

function isSame(a: CommittingMember, b: CommittingMember): boolean {
  return a.memberId === b.memberId && a.generationId === b.generationId
}
