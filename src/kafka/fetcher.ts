import { setTimeout as sleep } from 'node:timers/promises'
import type { GroupAddress } from '../ports/groups-tool.ts'
import type {
  FetchedPartition,
  LogReader,
  OffsetRange,
  PartitionOffset,
  SessionPosition,
  TopicPartition,
} from '../ports/log.ts'
import type { StalledPartition } from '../ports/stage-event.ts'
import { onTopic } from './acl.ts'
import { type BackOff, backOffMs } from './back-off.ts'
import { CorruptBatchError } from './batch-errors.ts'
import { type BrokerConnections, earliest, latest } from './broker-connections.ts'
import { BrokerError, ConnectionLostError } from './broker-errors.ts'
import { committedBatches } from './committed-batches.ts'
import { type FetchPosition, positionAt, whyNothing } from './fetch-position.ts'
import { type FetchedRecords, type FetchLimits, type FetchTarget, fetchRecords } from './fetch-request.ts'
import { LentMemory } from './lent-memory.ts'
import { lookAfter, noteTrouble, type WatchLimits, watchLimits } from './partition-watch.ts'
import { LogTruncatedError, PositionLostError } from './position-errors.ts'

export interface FetcherOptions {
  /** fetched bytes that may wait to be polled or be on their way, of all brokers together; one answer may exceed it */
  readonly bufferBytes: number
  /**
   * fetched bytes that one poll hands out, or one partition's share of an answer: what is done between two looks at the
   * clock
   */
  readonly pollBytes: number
  /** of one partition in one answer; small enough for several partitions to share the processor's cache */
  readonly partitionMaxBytes: number
  /** of one answer */
  readonly maxBytes: number
  readonly watch: WatchLimits
  /** whose positions are read from; undefined for a reader without a group */
  readonly group?: string | undefined
  /** called regularly with the partitions that have more rows but return none */
  readonly onStall: (stalls: readonly StalledPartition[]) => void
  /** ms, from any point in time on */
  readonly now: () => number
  /** uniform in [0, 1) */
  readonly random: () => number
}

export const fetcherDefaults: FetcherOptions = {
  bufferBytes: 32 * 1024 * 1024,
  pollBytes: 4 * 1024 * 1024,
  partitionMaxBytes: 1024 * 1024,
  maxBytes: 8 * 1024 * 1024,
  watch: watchLimits,
  onStall: () => undefined,
  now: () => performance.now(),
  random: () => Math.random(),
}

/** How long a broker waits for rows before it answers. */
const maxWaitMs = 250
const corruptRetries = 3
const corruptPauseMs = 250
/** A new or former leader may once or twice return errors that its log does not justify. */
const mostDoubts = 5
const offsetOutOfRange = 1
const leaderNotAvailable = 5
/** Pause before a failed partition is fetched again; the others continue meanwhile. */
const backOff: BackOff = { firstMs: 100, longestMs: 1_000 }
/** How often partitions without progress are looked for. */
const lookEveryMs = 1_000

/** Fetched bytes of a partition that were not polled yet. */
interface Waiting {
  readonly fetched: FetchedPartition
  readonly memory: LentMemory
  readonly assignment: number
}

/**
 * Reads partitions ahead of their consumer, read_committed: one request in flight for each broker, over all partitions
 * that it leads, as long as less than `bufferBytes` wait to be polled.
 */
export class Fetcher implements LogReader {
  readonly #connections: BrokerConnections
  readonly #options: FetcherOptions
  #positions = new Map<string, FetchPosition>()
  /** Increases with each assignment: responses to requests of an older one are dropped. */
  #assignment = 0
  #waiting: Waiting[] = []
  #waitingBytes = 0
  /** bytes of the last poll: the reader has finished with them when it polls again */
  #polled: Waiting[] = []
  readonly #askedNodes = new Set<number>()
  #wake: (() => void) | undefined
  #failure: unknown
  #isLearning = false
  #pumpLater: NodeJS.Timeout | undefined
  #nextLookMs = 0
  #closed = false

  constructor(connections: BrokerConnections, options: FetcherOptions = fetcherDefaults) {
    this.#connections = connections
    this.#options = options
  }

  assign(ranges: readonly OffsetRange[]): void {
    this.#assignment++
    for (const { memory } of this.#waiting) memory.release()
    this.#waiting = []
    this.#waitingBytes = 0
    this.#failure = undefined
    this.#positions = new Map(ranges.map((range) => [`${range.topic}/${range.partition}`, positionAt(range)]))
    this.#pump()
  }

  position(topic: string, partition: number): number {
    return this.#position(topic, partition).polledOffset
  }

  /** Of the leader that had appended the row before the position; undefined if it is not known. */
  leaderEpoch(topic: string, partition: number): number | undefined {
    return this.#position(topic, partition).polledEpoch
  }

  /** What the last answers say of a partition, as a session tells it. */
  condition(topic: string, partition: number): Required<Pick<SessionPosition, 'end' | 'stalledMs' | 'isFailing'>> {
    const { highWatermark, endOffset = Infinity, trouble } = this.#positions.get(`${topic}/${partition}`) ?? {}
    return {
      end: highWatermark === undefined ? undefined : Math.min(highWatermark, endOffset),
      stalledMs: trouble === undefined ? 0 : this.#options.now() - trouble.sinceMs,
      isFailing: trouble !== undefined && typeof trouble.cause !== 'string',
    }
  }

  /** Takes note of the ends of partitions that somebody else has asked for. */
  noteEnds(ends: readonly PartitionOffset[]): void {
    for (const { topic, partition, offset } of ends) {
      const position = this.#positions.get(`${topic}/${partition}`)
      if (position !== undefined) position.highWatermark = offset
    }
  }

  /** The partitions of which rows wait to be polled. */
  waiting(): TopicPartition[] {
    return this.#waiting.map(({ fetched: { topic, partition } }) => ({ topic, partition }))
  }

  async poll(waitMs: number): Promise<readonly FetchedPartition[]> {
    for (const { memory } of this.#polled) memory.release()
    this.#polled = []
    if (this.#waiting.length === 0 && this.#failure === undefined) await this.#arrival(waitMs)
    this.#look()
    if (this.#failure !== undefined) throw this.#failure
    const polled = this.#waiting.splice(0, this.#pollCount())
    this.#polled = [...polled]
    for (const { fetched } of polled) {
      const { topic, partition, nextOffset, nextEpoch, bytes } = fetched
      this.#waitingBytes -= bytes.length
      const position = this.#positions.get(`${topic}/${partition}`)
      if (position === undefined) continue
      position.polledOffset = nextOffset
      position.polledEpoch = nextEpoch
    }
    this.#pump()
    return polled.map(({ fetched }) => fetched)
  }

  /** As of a GroupSession. */
  giveBack(fetched: readonly FetchedPartition[], offset: number): void {
    const kept: Waiting[] = []
    for (const [i, unused] of fetched.entries()) {
      const polled = this.#polled.find((candidate) => candidate.fetched === unused)
      // Rows of an older assignment are fetched again.
      if (polled === undefined || polled.assignment !== this.#assignment) continue
      this.#polled.splice(this.#polled.indexOf(polled), 1)
      const fromOffset = i === 0 ? offset : unused.fromOffset
      const batches = unused.batches.filter(({ lastOffset }) => lastOffset >= fromOffset)
      const fromEpoch =
        unused.batches.findLast(({ baseOffset }) => baseOffset < fromOffset)?.leaderEpoch ?? unused.fromEpoch
      kept.push({ ...polled, fetched: { ...unused, fromOffset, fromEpoch, batches } })
      this.#waitingBytes += unused.bytes.length
      const position = this.#positions.get(`${unused.topic}/${unused.partition}`)
      if (position === undefined || position.polledOffset <= fromOffset) continue
      position.polledOffset = fromOffset
      position.polledEpoch = fromEpoch
    }
    const [interrupted] = fetched
    const isOther = (waiting: Waiting) =>
      waiting.fetched.partition !== interrupted.partition || waiting.fetched.topic !== interrupted.topic
    const all = [...kept, ...this.#waiting]
    // One batch may keep a reader busy for many slices, so the other partitions come first, each in order.
    this.#waiting = [...all.filter(isOther), ...all.filter((waiting) => !isOther(waiting))]
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#pumpLater)
    this.assign([])
    this.#wake?.()
  }

  /** How many of the waiting answers one poll takes. */
  #pollCount(): number {
    let count = 0
    for (let bytes = 0; count < this.#waiting.length && bytes < this.#options.pollBytes; count++)
      bytes += this.#waiting[count].fetched.bytes.length
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

  /** Sends a fetch to each broker that leads a wanted partition and has no fetch in flight. */
  #pump(): void {
    if (this.#closed || this.#failure !== undefined) return
    const { bufferBytes, maxBytes } = this.#options
    const nowMs = this.#options.now()
    const byNode = new Map<number, FetchPosition[]>()
    const leaderless: FetchPosition[] = []
    let waitMs = Infinity
    for (const position of this.#positions.values()) {
      if (position.isAsked || position.fetchOffset >= position.endOffset) continue
      const node = this.#connections.knownLeader(position)
      if (position.notBeforeMs > nowMs) waitMs = Math.min(waitMs, position.notBeforeMs - nowMs)
      else if (node === undefined) leaderless.push(position)
      else if (!this.#askedNodes.has(node)) {
        const known = byNode.get(node)
        if (known !== undefined) known.push(position)
        else if (this.#waitingBytes + (this.#askedNodes.size + byNode.size) * maxBytes < bufferBytes)
          byNode.set(node, [position])
      }
    }
    for (const [node, positions] of byNode) void this.#fetch(node, positions)
    if (leaderless.length > 0) void this.#learnLeaders(leaderless)
    clearTimeout(this.#pumpLater)
    if (waitMs < Infinity) this.#pumpLater = setTimeout(() => this.#pump(), Math.ceil(waitMs))
  }

  /** Looks for the leaders of partitions while all others are read. */
  async #learnLeaders(positions: readonly FetchPosition[]): Promise<void> {
    if (this.#isLearning) return
    this.#isLearning = true
    const assignment = this.#assignment
    const askedMs = this.#options.now()
    let failure: unknown
    try {
      await this.#connections.refresh([...new Set(positions.map(({ topic }) => topic))])
    } catch (error) {
      failure = error
    }
    this.#isLearning = false
    if (assignment === this.#assignment)
      for (const position of positions) {
        if (this.#connections.knownLeader(position) !== undefined) continue
        const what = `Looking for the leader of ${position.topic}/${position.partition}`
        this.#postpone(position, failure ?? new BrokerError(leaderNotAvailable, what), askedMs)
      }
    this.#pump()
  }

  async #fetch(node: number, positions: readonly FetchPosition[]): Promise<void> {
    const assignment = this.#assignment
    const askedMs = this.#options.now()
    this.#askedNodes.add(node)
    for (const position of positions) {
      position.isAsked = true
      position.leader = node
    }
    let pauseMs = 0
    try {
      const { maxBytes, partitionMaxBytes } = this.#options
      const limits: FetchLimits = { maxWaitMs, minBytes: 1, maxBytes, partitionMaxBytes }
      const connection = await this.#connections.leaderConnection(positions[0], 'fetch')
      const targets = positions.map(({ topic, partition, fetchOffset, fetchEpoch = -1 }) => {
        const leaderEpoch = this.#connections.knownEpoch({ topic, partition })
        return { topic, partition, offset: fetchOffset, leaderEpoch, lastFetchedEpoch: fetchEpoch }
      })
      const what = `Fetching from ${positions[0].topic}`
      const response = await this.#connections.request(connection, what, () =>
        fetchRecords.async(connection, targets, limits),
      )
      const memory = new LentMemory(() => connection.recycle(response.memory))
      if (response.errorCode !== 0) throw new BrokerError(response.errorCode, what)
      const doubted = response.partitions.filter(({ errorCode }) => errorCode === offsetOutOfRange)
      if (doubted.length > 0) await this.#checkPositions(doubted, targets)
      const isEmpty = response.partitions.every(({ bytes }) => bytes.length === 0)
      if (assignment === this.#assignment)
        for (const records of response.partitions)
          pauseMs = Math.max(pauseMs, this.#accept(records, memory, askedMs, isEmpty))
      memory.release()
    } catch (error) {
      if (assignment === this.#assignment) for (const position of positions) this.#postpone(position, error, askedMs)
    }
    if (pauseMs > 0) await sleep(pauseMs)
    for (const position of positions) position.isAsked = false
    this.#askedNodes.delete(node)
    this.#rotate(positions, assignment)
    this.#pump()
  }

  /** Pauses a partition after an error and looks up its leader again; a permanent error is thrown. */
  #postpone(position: FetchPosition, error: unknown, askedMs: number): void {
    if (!(error instanceof BrokerError || error instanceof ConnectionLostError) || !error.retriable) {
      this.#fail(error)
      return
    }
    this.#connections.forgetLeader(position)
    position.notBeforeMs = this.#options.now() + backOffMs(backOff, ++position.failures, this.#options.random)
    position.trouble = noteTrouble(position.trouble, error, askedMs)
  }

  /**
   * The response to a position outside the log does not contain the ends of the log, so ask the leader for them. A
   * former or future leader may have a shorter log: a position inside the leader's log is fetched again.
   *
   * @throws PositionLostError, LogTruncatedError
   */
  async #checkPositions(doubted: readonly TopicPartition[], asked: readonly FetchTarget[]): Promise<void> {
    const starts = await this.#connections.listOffsets(doubted, earliest)
    const ends = await this.#connections.listOffsets(doubted, latest)
    const positions = doubted.map(({ topic, partition }, i) => {
      const target = asked.find((each) => each.topic === topic && each.partition === partition)
      return { topic, partition, offset: target?.offset ?? 0, start: starts[i].offset, end: ends[i].offset }
    })
    const lost = positions.filter(({ offset, start, end }) => offset < start || offset > end)
    if (lost.length > 0) throw new PositionLostError(lost, this.#group())
    for (const { topic, partition } of doubted) {
      const position = this.#positions.get(`${topic}/${partition}`)
      // A leader that knows nothing of the epoch of the row before the position answers the same.
      if (position?.fetchEpoch !== undefined && ++position.doubted > mostDoubts)
        throw new LogTruncatedError(topic, partition, position, undefined, this.#group())
    }
  }

  #group(): GroupAddress | undefined {
    const { group } = this.#options
    return group === undefined ? undefined : { brokers: this.#connections.bootstrap, group }
  }

  /** Processes a partition's share of a response; returns the pause for its broker. */
  #accept(records: FetchedRecords, memory: LentMemory, askedMs: number, isEmpty: boolean): number {
    const { topic, partition, errorCode } = records
    const position = this.#positions.get(`${topic}/${partition}`)
    if (position === undefined) return 0
    if (errorCode !== 0) {
      this.#postpone(
        position,
        new BrokerError(errorCode, `Fetching ${topic}/${partition}`, { permissions: [onTopic('Read', topic)] }),
        askedMs,
      )
      return 0
    }
    if (records.divergingOffset !== undefined)
      throw new LogTruncatedError(topic, partition, position, records.divergingOffset, this.#group())
    position.highWatermark = records.highWatermark
    position.doubted = 0
    let fetched: FetchedPartition
    try {
      fetched = committedBatches(records, position.fetchOffset, position.endOffset, position.fetchEpoch)
      position.corrupt = 0
    } catch (error) {
      if (error instanceof CorruptBatchError && position.corrupt++ < corruptRetries) return corruptPauseMs
      throw error
    }
    position.failures = 0
    if (fetched.nextOffset === position.fetchOffset) {
      const reason = whyNothing(records, position, isEmpty)
      position.trouble = reason === undefined ? undefined : noteTrouble(position.trouble, reason, askedMs)
      return 0
    }
    position.trouble = undefined
    position.fetchOffset = fetched.nextOffset
    position.fetchEpoch = fetched.nextEpoch
    memory.lend()
    this.#waiting.push({ fetched, memory, assignment: this.#assignment })
    this.#waitingBytes += records.bytes.length
    this.#wake?.()
    return 0
  }

  /** Reports partitions that return nothing, and throws if all unfinished partitions have failed for too long. */
  #look(): void {
    const nowMs = this.#options.now()
    if (nowMs < this.#nextLookMs || this.#failure !== undefined) return
    this.#nextLookMs = nowMs + lookEveryMs
    const toRead = [...this.#positions.values()].filter(({ fetchOffset, endOffset }) => fetchOffset < endOffset)
    const { stalls, failure } = lookAfter(toRead, nowMs, this.#options.watch)
    if (stalls.length > 0) this.#options.onStall(stalls)
    if (failure !== undefined) this.#fail(failure)
  }

  /**
   * A broker fills its response in the order of the request, so the first partition becomes the last of the next
   * request; and other brokers are asked first, if there is no room for the answers of all.
   */
  #rotate([first, ...rest]: readonly FetchPosition[], assignment: number): void {
    if (assignment !== this.#assignment) return
    for (const position of [...rest, first]) {
      const key = `${position.topic}/${position.partition}`
      this.#positions.delete(key)
      this.#positions.set(key, position)
    }
  }

  #position(topic: string, partition: number): FetchPosition {
    const position = this.#positions.get(`${topic}/${partition}`)
    if (position === undefined) throw new RangeError(`${topic}/${partition} is not assigned`)
    return position
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.#wake?.()
  }
}
