import { setTimeout as sleep } from 'node:timers/promises'
import { MalformedBatchError, readPieces } from '../batch/read-records.ts'
import { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import { createRecords, type Records } from '../batch/records.ts'
import type { FetchedPartition, OffsetCommit, PartitionOffset, TopicPartition } from '../ports/log.ts'
import { type BrokerConnections, earliest, latest } from './broker-connections.ts'
import { isTopicUnknown } from './broker-errors.ts'
import { Fetcher, type FetcherOptions, fetcherDefaults } from './fetcher.ts'
import { PositionsUnreadableError } from './position-errors.ts'
import {
  groupKeyPrefix,
  isNoteKey,
  isPositionKey,
  type KeptPosition,
  noteKey,
  noteValue,
  parseNoteValue,
  parsePositionValue,
  positionKey,
  positionValue,
} from './position-record.ts'

/** The positions topic has one partition, so that the last record of a key is the newest one. */
const positionsPartition = 0
const pollMs = 100
/** How long another member's open transaction may hold the end back; ours time out after 10 s. */
const patienceMs = 60_000
const batchBytes = 256 * 1024
/** Brokers learn of a new topic after the controller has made it. */
const metadataLagMs = 1_000
/** Of clusters that give topics no id. */
const noTopicId = '00000000-0000-0000-0000-000000000000'

/** Called with each record; `held` has its bytes. */
type RecordVisitor = (records: Records, row: number, held: Buffer) => void

/** What the positions topic has of a group in a partition: where it stands, and how it came there. */
export interface PositionHistory extends TopicPartition {
  readonly group: string
  readonly offset: number
  readonly metadata: string | undefined
  /** ms since 1970: when the position moved last; of a group that has stood still, when it was stored */
  readonly movedMs: number
  /** offsets that it moved in the time that was asked for, and the ms of that time that are known */
  readonly moved: number
  readonly inMs: number
}

/** Records of the positions topic that are no positions. */
export interface StrayRecords {
  readonly count: number
  /** of the first one */
  readonly offset: number | undefined
}

/**
 * The positions of groups in our compacted topic. Brokers expire the offsets of a group that was inactive for
 * `offsets.retention.minutes`, and exactly-once processing needs them; records of this topic do not expire. A producer
 * writes a group's offsets here in the transaction that commits them to the group, so both agree. The group's own
 * offsets take precedence, because an operator may have moved them.
 */
export class KeptPositions {
  readonly topic: string
  readonly #connections: BrokerConnections
  readonly #fetching: FetcherOptions
  /** of the topics whose rows are read: as they were when positions in them were asked for */
  readonly #topicIds = new Map<string, string>()
  readonly #batch = new RecordBatchWriter(batchBytes)

  constructor(connections: BrokerConnections, topic: string, fetching: FetcherOptions = fetcherDefaults) {
    this.#connections = connections
    this.topic = topic
    this.#fetching = fetching
  }

  /** Where `write` writes to. */
  get partition(): TopicPartition {
    return { topic: this.topic, partition: positionsPartition }
  }

  /**
   * The positions of a group: its committed offsets, otherwise the stored ones. Partitions without either are omitted.
   *
   * @param usable which of the kept positions may be used
   * @throws PositionsUnreadableError, BrokerError, ConnectionLostError
   */
  async of(
    group: string,
    partitions: readonly TopicPartition[],
    usable: (kept: readonly PartitionOffset[]) => Promise<readonly PartitionOffset[]> = async (kept) => kept,
  ): Promise<PartitionOffset[]> {
    for (const topic of new Set(partitions.map(({ topic }) => topic))) await this.#learnTopicId(topic)
    const committed = await this.#connections.committedOffsets(group, partitions)
    const known = new Set(committed.map(({ topic, partition }) => `${topic}/${partition}`))
    const rest = partitions.filter(({ topic, partition }) => !known.has(`${topic}/${partition}`))
    return [...committed, ...(await usable(await this.kept(group, rest)))]
  }

  /** The kept positions of a group, whatever it has committed. Reads the whole topic. @throws likewise */
  async kept(group: string, partitions: readonly TopicPartition[]): Promise<PartitionOffset[]> {
    const found = await this.#find(group, partitions)
    return found.filter(({ isOlder }) => !isOlder).map(({ isOlder: _, ...position }) => position)
  }

  /**
   * Partitions for which a position is kept that belongs to an older, deleted topic of the same name.
   *
   * @throws likewise
   */
  async leftBehind(group: string, partitions: readonly TopicPartition[]): Promise<TopicPartition[]> {
    const found = await this.#find(group, partitions)
    return found.filter(({ isOlder }) => isOlder).map(({ topic, partition }) => ({ topic, partition }))
  }

  /** The texts that are kept beside a group's position, by name. Reads the whole topic. @throws likewise */
  async notes(group: string, place: TopicPartition): Promise<ReadonlyMap<string, string>> {
    const notes = new Map<string, string>()
    if (!(await this.#exists())) return notes
    const topicId = await this.#learnTopicId(place.topic)
    const prefix = positionKey(group, place).replace(/]$/, ',')
    await this.#readGroup(group, (key, value) => {
      if (!key.startsWith(prefix) || !isNoteKey(key)) return
      const [, , , name] = JSON.parse(key) as [string, string, number, string]
      const note = value === undefined ? undefined : parseNoteValue(value)
      if (note !== undefined && isSameTopic(note.topicId, topicId)) notes.set(name, note.text)
      else notes.delete(name)
    })
    return notes
  }

  async #find(
    group: string,
    partitions: readonly TopicPartition[],
  ): Promise<(PartitionOffset & { readonly isOlder: boolean })[]> {
    if (partitions.length === 0 || !(await this.#exists())) return []
    const positions = await this.#positionsOf(group)
    const found: (PartitionOffset & { readonly isOlder: boolean })[] = []
    for (const { topic, partition } of partitions) {
      const position = positions.get(positionKey(group, { topic, partition }))
      if (position === undefined) continue
      const { topicId, ...rest } = position
      const id = this.#topicIds.get(topic) ?? (await this.#learnTopicId(topic))
      found.push({ topic, partition, ...rest, isOlder: !isSameTopic(topicId, id) })
    }
    return found
  }

  /**
   * Writes the offsets that are about to be committed; `produce` sends a batch in the transaction that commits them.
   */
  async write(
    { group, offsets, notes = [] }: OffsetCommit,
    produce: (topic: string, partition: number, batch: RecordBatchWriter) => Promise<void>,
  ): Promise<void> {
    const batch = this.#batch
    batch.clear()
    const nowMs = Date.now()
    const append = async (key: string, value: string | null) => {
      const record = [Buffer.from(key), value === null ? null : Buffer.from(value)] as const
      if (batch.append(nowMs, ...record)) return
      await produce(this.topic, positionsPartition, batch)
      batch.append(nowMs, ...record)
    }
    const idOf = async (topic: string) => this.#topicIds.get(topic) ?? (await this.#learnTopicId(topic))
    for (const position of offsets)
      await append(positionKey(group, position), positionValue({ ...position, topicId: await idOf(position.topic) }))
    for (const { name, text, ...place } of notes) {
      const value = text === null ? null : noteValue({ text, topicId: await idOf(place.topic) })
      await append(noteKey(group, place, name), value)
    }
    if (batch.recordCount > 0) await produce(this.topic, positionsPartition, batch)
  }

  async #learnTopicId(topic: string): Promise<string> {
    const connections = this.#connections
    const ask = () => connections.topicId(topic)
    const id = (await connections.retrying(`Asking for the id of topic ${topic}`, ask)) ?? noTopicId
    this.#topicIds.set(topic, id)
    return id
  }

  /** Without the topic nothing is kept yet. A broker that has not heard of it yet is asked again. */
  async #exists(): Promise<boolean> {
    const connections = this.#connections
    const isKnown = () =>
      connections.refresh([this.topic]).then(
        () => true,
        (error: unknown) => {
          if (isTopicUnknown(error)) return false
          throw error
        },
      )
    const what = `Looking for topic ${this.topic}`
    for (const deadline = performance.now() + metadataLagMs; ; await sleep(pollMs)) {
      if (await connections.retrying(what, isKnown)) return true
      if (performance.now() > deadline) return false
    }
  }

  /** The records that are no positions; whoever looks for positions passes over them. @throws likewise */
  async strayRecords(): Promise<StrayRecords> {
    let [count, first]: [number, number | undefined] = [0, undefined]
    await this.#read((records, row, held) => {
      const { keyStart, keyEnd, valueStart, valueEnd, baseOffset, offsetDelta } = records
      const key = held.toString('utf8', keyStart[row], keyEnd[row])
      const parse = isPositionKey(key) ? parsePositionValue : isNoteKey(key) ? parseNoteValue : () => undefined
      const isTombstone = valueStart[row] < 0 && (isPositionKey(key) || isNoteKey(key))
      if (isTombstone || parse(held.toString('utf8', valueStart[row], valueEnd[row])) !== undefined) return
      count++
      first ??= baseOffset + offsetDelta[row]
    })
    return { count, offset: first }
  }

  /** The positions of all groups, with their progress in the last `windowMs` before `nowMs`. @throws likewise */
  async histories(nowMs: number, windowMs: number): Promise<PositionHistory[]> {
    if (!(await this.#exists())) return []
    const known = new Map<string, PositionTrack>()
    await this.#read(({ keyStart, keyEnd, valueStart, valueEnd, timestampMs }, row, held) => {
      const key = held.toString('utf8', keyStart[row], keyEnd[row])
      if (!isPositionKey(key)) return
      const position =
        valueStart[row] < 0 ? undefined : parsePositionValue(held.toString('utf8', valueStart[row], valueEnd[row]))
      if (position === undefined) known.delete(key)
      else known.set(key, tracked(known.get(key), position, timestampMs[row], nowMs - windowMs))
    })
    return [...known].map(([key, { last, movedMs, base }]) => {
      const [group, topic, partition] = JSON.parse(key) as [string, string, number]
      const { offset, metadata } = last
      const inMs = nowMs - Math.max(base.ms, nowMs - windowMs)
      return { group, topic, partition, offset, metadata, movedMs, moved: Math.max(0, offset - base.offset), inMs }
    })
  }

  /** The last position of each of a group's partitions. */
  async #positionsOf(group: string): Promise<ReadonlyMap<string, KeptPosition>> {
    const positions = new Map<string, KeptPosition>()
    await this.#readGroup(group, (key, value) => {
      const position = value === undefined ? undefined : parsePositionValue(value)
      if (position === undefined) positions.delete(key)
      else positions.set(key, position)
    })
    return positions
  }

  /** Reads the records of a group; without a value it is deleted. */
  async #readGroup(group: string, visit: (key: string, value: string | undefined) => void): Promise<void> {
    const prefix = Buffer.from(groupKeyPrefix(group))
    await this.#read(({ keyStart, keyEnd, valueStart, valueEnd }, row, held) => {
      if (keyEnd[row] - keyStart[row] < prefix.length) return
      if (prefix.compare(held, keyStart[row], keyStart[row] + prefix.length) !== 0) return
      const value = valueStart[row] < 0 ? undefined : held.toString('utf8', valueStart[row], valueEnd[row])
      visit(held.toString('utf8', keyStart[row], keyEnd[row]), value)
    })
  }

  /** Reads all records, to the end as it is now: what is committed later belongs to another member. */
  async #read(visit: RecordVisitor): Promise<void> {
    const { topic, partition } = this.partition
    const [start] = await this.#connections.listOffsets([this.partition], earliest)
    const [end] = await this.#connections.listOffsets([this.partition], latest)
    const records = createRecords()
    const fetcher = new Fetcher(this.#connections, this.#fetching)
    try {
      fetcher.assign([{ ...start, endOffset: end.offset }])
      // The last record may be a transaction's marker, which is never polled: the position passes it.
      for (let lastMs = performance.now(); fetcher.position(topic, partition) < end.offset; ) {
        const fetched = await fetcher.poll(pollMs)
        if (fetched.length > 0) lastMs = performance.now()
        else if (performance.now() - lastMs > patienceMs)
          throw new PositionsUnreadableError(end, fetcher.position(topic, partition), end.offset, patienceMs)
        for (const part of fetched) visitRecords(part, records, visit)
      }
    } finally {
      await fetcher.close()
    }
  }
}

/** How a position has moved so far. */
interface PositionTrack {
  readonly last: KeptPosition
  readonly movedMs: number
  /** where it stood when the time that is looked at began, or when it was stored first */
  readonly base: { readonly offset: number; readonly ms: number }
}

function tracked(before: PositionTrack | undefined, last: KeptPosition, ms: number, sinceMs: number): PositionTrack {
  // A topic that was made again begins again.
  if (before === undefined || !isSameTopic(before.last.topicId, last.topicId) || ms <= sinceMs)
    return {
      last,
      movedMs: before?.last.offset === last.offset ? before.movedMs : ms,
      base: { offset: last.offset, ms },
    }
  return { last, movedMs: last.offset === before.last.offset ? before.movedMs : ms, base: before.base }
}

function visitRecords(
  { bytes, view, batches, fromOffset, toOffset }: FetchedPartition,
  records: Records,
  visit: RecordVisitor,
): void {
  for (const header of batches)
    try {
      for (const _ of readPieces(bytes, view, header, records)) {
        const held = Buffer.from(records.bytes.buffer, records.bytes.byteOffset, records.bytes.byteLength)
        for (let row = 0; row < records.count; row++) {
          const offset = records.baseOffset + records.offsetDelta[row]
          if (offset >= fromOffset && offset < toOffset) visit(records, row, held)
        }
      }
    } catch (error) {
      // None of ours: we write small batches.
      if (!(error instanceof MalformedBatchError)) throw error
    }
}

/** Brokers delete the offsets of a deleted topic, so a position in an older topic of the same name is invalid. */
function isSameTopic(kept: string, now: string): boolean {
  return kept === now || kept === noTopicId || now === noTopicId
}
