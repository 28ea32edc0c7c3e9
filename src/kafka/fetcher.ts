import { setTimeout as sleep } from 'node:timers/promises'
import { PipelineError } from '../errors.ts'
import type { FetchedPartition, LogReader, OffsetRange, TopicPartition } from '../stages/ports.ts'
import { type BrokerConnections, earliest, latest } from './broker-connections.ts'
import { BrokerError, ConnectionLostError } from './broker-errors.ts'
import { CorruptBatchError, committedBatches } from './committed-batches.ts'
import { type FetchedRecords, type FetchLimits, type FetchTarget, fetchRecords } from './fetch-request.ts'

export interface FetcherOptions {
  /** fetched bytes that may wait to be polled, of all brokers together; one answer may exceed it */
  readonly bufferBytes: number
  /** fetched bytes that one poll hands out, or one partition's share of an answer: what is done between two looks at the clock */
  readonly pollBytes: number
  /** of one partition in one answer; small enough for several partitions to share the processor's cache */
  readonly partitionMaxBytes: number
  /** of one answer */
  readonly maxBytes: number
}

export const fetcherDefaults: FetcherOptions = {
  bufferBytes: 32 * 1024 * 1024,
  pollBytes: 4 * 1024 * 1024,
  partitionMaxBytes: 1024 * 1024,
  maxBytes: 8 * 1024 * 1024,
}

/** How long a broker holds an answer back when it has no rows. */
const maxWaitMs = 250
const corruptRetries = 3
const offsetOutOfRange = 1
const longestPauseMs = 1_000

/** A position that the log does not have any more. */
export class PositionLostError extends PipelineError {
  readonly code = 'VGM_POSITION_LOST'
  constructor(topic: string, partition: number, offset: number, start: number, end: number) {
    const before = offset < start
    super(
      `Offset ${offset} of ${topic}/${partition} is ${before ? 'no longer' : 'not'} in the log, which holds ${start} to ${end}`,
      {
        fix: before
          ? 'Rows were deleted before they were read: raise retention, and reset the group with "vgm replay --from start"'
          : 'The topic was deleted and made again, or truncated: choose another --group, or reset this one',
      },
    )
  }
}

interface Position {
  readonly topic: string
  readonly partition: number
  readonly endOffset: number
  /** next offset to ask the broker for */
  fetchOffset: number
  /** next offset to hand out */
  polledOffset: number
  /** asked for and not yet answered */
  isAsked: boolean
  /** answers in a row with a batch whose CRC is wrong */
  corrupt: number
}

/**
 * Reads partitions ahead of their consumer, read_committed: one request in flight for each broker, over all partitions
 * that it leads, as long as less than `bufferBytes` wait to be polled.
 */
export class Fetcher implements LogReader {
  readonly #connections: BrokerConnections
  readonly #options: FetcherOptions
  #positions = new Map<string, Position>()
  /** Grows with each assignment: answers to questions of an older one are dropped. */
  #assignment = 0
  #waiting: FetchedPartition[] = []
  #waitingBytes = 0
  readonly #askedNodes = new Set<number>()
  #wake: (() => void) | undefined
  #failure: unknown
  #isPumping = false
  #pumpAgain = false
  #closed = false

  constructor(connections: BrokerConnections, options: FetcherOptions = fetcherDefaults) {
    this.#connections = connections
    this.#options = options
  }

  assign(ranges: readonly OffsetRange[]): void {
    this.#assignment++
    this.#waiting = []
    this.#waitingBytes = 0
    this.#failure = undefined
    this.#positions = new Map(
      ranges.map(({ topic, partition, offset, endOffset = Infinity }) => [
        `${topic}/${partition}`,
        { topic, partition, endOffset, fetchOffset: offset, polledOffset: offset, isAsked: false, corrupt: 0 },
      ]),
    )
    this.#pump()
  }

  position(topic: string, partition: number): number {
    const position = this.#positions.get(`${topic}/${partition}`)
    if (position === undefined) throw new RangeError(`${topic}/${partition} is not assigned`)
    return position.polledOffset
  }

  async poll(waitMs: number): Promise<readonly FetchedPartition[]> {
    if (this.#waiting.length === 0 && this.#failure === undefined) await this.#arrival(waitMs)
    if (this.#failure !== undefined) throw this.#failure
    const polled = this.#waiting.splice(0, this.#pollCount())
    for (const { topic, partition, nextOffset, bytes } of polled) {
      this.#waitingBytes -= bytes.length
      const position = this.#positions.get(`${topic}/${partition}`)
      if (position !== undefined) position.polledOffset = nextOffset
    }
    this.#pump()
    return polled
  }

  async close(): Promise<void> {
    this.#closed = true
    this.assign([])
    this.#wake?.()
  }

  /** How many of the waiting answers one poll takes. */
  #pollCount(): number {
    let count = 0
    for (let bytes = 0; count < this.#waiting.length && bytes < this.#options.pollBytes; count++)
      bytes += this.#waiting[count].bytes.length
    return count
  }

  #arrival(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
      const timer = setTimeout(done, waitMs)
      this.#wake = done
    })
  }

  /** Sends a fetch to each broker that has something to be asked for and has no question open. */
  #pump(): void {
    if (this.#closed) return
    if (this.#isPumping) {
      this.#pumpAgain = true
      return
    }
    this.#isPumping = true
    const assignment = this.#assignment
    void this.#ask()
      .catch((error: unknown) => {
        if (assignment === this.#assignment) this.#fail(error)
      })
      .finally(() => {
        this.#isPumping = false
        if (!this.#pumpAgain) return
        this.#pumpAgain = false
        this.#pump()
      })
  }

  async #ask(): Promise<void> {
    const assignment = this.#assignment
    const byNode = new Map<number, Position[]>()
    for (const position of this.#positions.values()) {
      if (position.fetchOffset >= position.endOffset) continue
      if (position.isAsked || this.#waitingBytes >= this.#options.bufferBytes) continue
      const node = await this.#leaderOf(position)
      const known = byNode.get(node)
      if (known === undefined) byNode.set(node, [position])
      else known.push(position)
    }
    if (assignment !== this.#assignment) return
    for (const [node, positions] of byNode) if (!this.#askedNodes.has(node)) void this.#fetch(node, positions)
  }

  async #leaderOf(position: Position): Promise<number> {
    return this.#connections.retrying(`Looking for the leader of ${position.topic}/${position.partition}`, () =>
      this.#connections.leader(position),
    )
  }

  async #fetch(node: number, positions: readonly Position[]): Promise<void> {
    const assignment = this.#assignment
    this.#askedNodes.add(node)
    for (const position of positions) position.isAsked = true
    let pauseMs = 0
    try {
      const { maxBytes, partitionMaxBytes } = this.#options
      const limits: FetchLimits = { maxWaitMs, minBytes: 1, maxBytes, partitionMaxBytes }
      const connection = await this.#connections.leaderConnection(positions[0], 'fetch')
      const targets = positions.map(({ topic, partition, fetchOffset }) => ({ topic, partition, offset: fetchOffset }))
      const what = `Fetching from ${positions[0].topic}`
      const response = await this.#connections.request(connection, what, () =>
        fetchRecords.async(connection, targets, limits),
      )
      if (response.errorCode !== 0) throw new BrokerError(response.errorCode, what)
      const lost = response.partitions.find(({ errorCode }) => errorCode === offsetOutOfRange)
      if (lost !== undefined) throw await this.#positionLost(lost, targets)
      if (assignment === this.#assignment)
        for (const records of response.partitions) pauseMs = Math.max(pauseMs, this.#accept(records))
    } catch (error) {
      const retriable = (error instanceof BrokerError || error instanceof ConnectionLostError) && error.retriable
      if (!retriable && assignment === this.#assignment) this.#fail(error)
      this.#connections.forgetLeaders()
      pauseMs = longestPauseMs / 4
    }
    if (pauseMs > 0) await sleep(pauseMs)
    for (const position of positions) position.isAsked = false
    this.#askedNodes.delete(node)
    this.#rotate(positions)
    this.#pump()
  }

  /** The answer to a position that the log does not have says nothing of the log: brokers are asked for its ends. */
  async #positionLost({ topic, partition }: TopicPartition, asked: readonly FetchTarget[]): Promise<PositionLostError> {
    const offset = asked.find((target) => target.topic === topic && target.partition === partition)?.offset ?? 0
    const [start] = await this.#connections.listOffsets([{ topic, partition }], earliest)
    const [end] = await this.#connections.listOffsets([{ topic, partition }], latest)
    return new PositionLostError(topic, partition, offset, start.offset, end.offset)
  }

  /** Takes a partition's share of an answer; returns for how long its broker is to be left alone. */
  #accept(records: FetchedRecords): number {
    const { topic, partition, errorCode } = records
    const position = this.#positions.get(`${topic}/${partition}`)
    if (position === undefined) return 0
    if (errorCode !== 0) throw new BrokerError(errorCode, `Fetching ${topic}/${partition}`)
    let fetched: FetchedPartition
    try {
      fetched = committedBatches(records, position.fetchOffset, position.endOffset)
      position.corrupt = 0
    } catch (error) {
      if (error instanceof CorruptBatchError && position.corrupt++ < corruptRetries) return longestPauseMs / 4
      throw error
    }
    if (fetched.nextOffset === position.fetchOffset) return 0
    position.fetchOffset = fetched.nextOffset
    this.#waiting.push(fetched)
    this.#waitingBytes += records.bytes.length
    this.#wake?.()
    return 0
  }

  /** A broker fills its answer in the order of the question: whoever was first is last the next time. */
  #rotate(positions: readonly Position[]): void {
    const key = `${positions[0].topic}/${positions[0].partition}`
    const first = this.#positions.get(key)
    if (first !== positions[0]) return
    this.#positions.delete(key)
    this.#positions.set(key, first)
  }

  #fail(error: unknown): void {
    this.#failure = error
    this.#wake?.()
  }
}
