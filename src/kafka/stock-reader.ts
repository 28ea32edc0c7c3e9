import { randomUUID } from 'node:crypto'
import type { Consumer, EachBatchPayload } from 'kafkajs'
import { readBatchHeader } from '../batch/batch-header.ts'
import { MalformedBatchError, openBatch } from '../batch/read-records.ts'
import { InterruptedError } from '../errors.ts'
import type { ConnectionSettings } from '../ports/connection-settings.ts'
import type { OffsetRange, RowSource, StockLog } from '../ports/stock-log.ts'
import { onGroup, onTopic, type Permission } from './acl.ts'
import { BrokerConnections } from './broker-connections.ts'
import { BrokerError } from './broker-errors.ts'
import { BatchOfTooManyRowsError } from './control-errors.ts'
import { errorCauses } from './error-causes.ts'
import { fetchRecords } from './fetch-request.ts'
import { type ControlLog, createControlClient, toControlError, unreadableStreams } from './kafkajs-client.ts'
import { RangeRead } from './range-read.ts'

export interface StockReaderOptions {
  /** how long nothing may come before the end is reached, default 60,000 ms: an open transaction holds rows back */
  readonly patienceMs?: number
  /** of one partition in one answer, default 1 MiB; as objects rows take about twenty times as much */
  readonly partitionMaxBytes?: number
  /** rows of one partition that may wait; fetching pauses above it, default 40,000 */
  readonly waitingRows?: number
  /** ends all reads with InterruptedError */
  readonly signal?: AbortSignal | undefined
}

/** Short, because a fetcher whose partitions are all paused sleeps for as long before it looks again. */
const maxWaitMs = 20
const sessionTimeoutMs = 60_000
/** How the names of the readers' groups begin. */
const auditGroups = 'vgm.audit.'

/** The group has a name of its own each time: what can be granted is its prefix. */
const auditRights = (topic: string) => [onTopic('Read', topic), onGroup('Read', `${auditGroups}*`)]

/**
 * Reads ranges with kafkajs, read_committed, in a group of its own without commits.
 *
 * kafkajs delivers no batch when a fetch holds nothing but transaction markers and aborted rows, so the end of a range
 * cannot be seen from messages. Positions can: a delivered batch ends at its `lastOffset()`, which counts what was
 * filtered, and for a batch with everything filtered kafkajs emits START_BATCH_PROCESS with batchSize 0 and the same
 * `lastOffset`.
 *
 * Known limits of kafkajs 2.2.4, which is left as it is because the audit is to be an outsider's: two aborted
 * transactions that a range begins in the middle of may leak a row, a row whose key is four zero bytes ends an aborted
 * transaction early, headers of one name lose their order among others, CRCs are not checked, and a fetch that holds
 * nothing but batches which compaction has emptied stalls (StalledReadError).
 */
export class StockReader implements StockLog {
  readonly #settings: ConnectionSettings
  readonly #log: ControlLog
  readonly #options: StockReaderOptions
  /** Several of a topic if one partition is read twice at the same time. */
  readonly #consumers: TopicConsumer[] = []

  constructor(settings: ConnectionSettings, log: ControlLog, options: StockReaderOptions = {}) {
    this.#settings = settings
    this.#log = log
    this.#options = options
    options.signal?.addEventListener('abort', this.#wake, { once: true })
  }

  /** @throws InterruptedError when the signal fires; a read that waits then ends at once */
  async read(topic: string, range: OffsetRange): Promise<RowSource> {
    const { signal } = this.#options
    if (signal?.aborted) throw new InterruptedError()
    let consumer = this.#consumers.find((open) => open.topic === topic && !open.isReading(range.partition))
    if (consumer === undefined) {
      consumer = await openTopicConsumer(topic, this.#settings, this.#log, this.#options)
      this.#consumers.push(consumer)
      if (signal?.aborted) throw new InterruptedError()
    }
    return consumer.read(range)
  }

  readonly #wake = () => {
    for (const consumer of this.#consumers) consumer.wake()
  }

  async close(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#wake)
    await Promise.allSettled(this.#consumers.splice(0).map((consumer) => consumer.close()))
  }
}

async function openTopicConsumer(
  topic: string,
  settings: ConnectionSettings,
  log: ControlLog,
  options: StockReaderOptions,
): Promise<TopicConsumer> {
  // kafkajs begins again by itself after a crash, also if it was disconnected meanwhile, and then never ends.
  const closing = new AbortController()
  const groupId = `${auditGroups}${randomUUID()}`
  const consumer = createControlClient(settings, log).consumer({
    groupId,
    retry: { restartOnFailure: async () => !closing.signal.aborted },
    sessionTimeout: sessionTimeoutMs,
    maxBytesPerPartition: options.partitionMaxBytes ?? 1024 * 1024,
    maxWaitTimeInMs: maxWaitMs,
    readUncommitted: false,
  })
  const opened = new TopicConsumer(topic, consumer, closing, settings, options)
  try {
    await opened.start()
  } catch (error) {
    closing.abort()
    await consumer.disconnect().catch(() => undefined)
    const what = `Reading topic ${topic}`
    await checkGroup(groupId, settings, what, auditRights(topic))
    throw toControlError(error, what, settings.brokers, auditRights(topic))
  }
  return opened
}

/**
 * kafkajs says no more than that it finds no coordinator where the right to the group is missing: the brokers are asked
 * again.
 */
async function checkGroup(
  group: string,
  settings: ConnectionSettings,
  what: string,
  permissions: readonly Permission[],
): Promise<void> {
  const connections = new BrokerConnections(settings)
  try {
    await connections.coordinatorConnection('group', group)
  } catch (error) {
    if (error instanceof BrokerError && error.errorName === 'GROUP_AUTHORIZATION_FAILED')
      throw new BrokerError(groupAuthorizationFailed, what, { permissions })
    // Whatever else there is, kafkajs has met it too.
  } finally {
    await connections.close()
  }
}

const groupAuthorizationFailed = 30

/** One kafkajs consumer of all partitions of a topic, of which those that nobody reads are paused. */
class TopicConsumer {
  readonly topic: string
  readonly #consumer: Consumer
  readonly #closing: AbortController
  readonly #settings: ConnectionSettings
  readonly #patienceMs: number
  readonly #waitingRows: number
  readonly #signal: AbortSignal | undefined
  readonly #reads = new Map<number, RangeRead>()
  #partitions: readonly number[] = []
  /** streams that could not be read when it was looked last, and where the reads were */
  #unreadable = unreadableStreams.count
  readonly #stuckAt = new Map<number, number>()
  #isLooking = false

  /** @param closing aborted before the consumer is disconnected */
  constructor(
    topic: string,
    consumer: Consumer,
    closing: AbortController,
    settings: ConnectionSettings,
    options: StockReaderOptions,
  ) {
    this.topic = topic
    this.#consumer = consumer
    this.#closing = closing
    this.#settings = settings
    this.#patienceMs = options.patienceMs ?? 60_000
    this.#waitingRows = options.waitingRows ?? 40_000
    this.#signal = options.signal
  }

  async start(): Promise<void> {
    const consumer = this.#consumer
    const { GROUP_JOIN, START_BATCH_PROCESS, FETCH, CRASH } = consumer.events
    const joined = new Promise<void>((resolve, reject) => {
      consumer.on(GROUP_JOIN, ({ payload }) => {
        this.#partitions = payload.memberAssignment[this.topic] ?? []
        this.#restorePositions()
        resolve()
      })
      consumer.on(CRASH, ({ payload }) => {
        if (payload.restart) return
        reject(payload.error)
        const what = `Reading topic ${this.topic}`
        const tooMany = errorCauses(payload.error).find((cause) => cause instanceof BatchOfTooManyRowsError)
        const error = toControlError(payload.error, what, this.#settings.brokers, auditRights(this.topic))
        for (const read of this.#reads.values())
          if (tooMany === undefined) read.fail(error)
          else read.stop(tooMany)
      })
    })
    // Awaited below; a crash that comes before must not count as unhandled.
    joined.catch(() => undefined)
    consumer.on(START_BATCH_PROCESS, ({ payload: { partition, batchSize, lastOffset } }) => {
      if (batchSize === 0) this.#reads.get(partition)?.advance(Number(lastOffset) + 1)
    })
    consumer.on(FETCH, () => void this.#lookForUnreadable())
    await consumer.connect()
    await consumer.subscribe({ topics: [this.topic], fromBeginning: true })
    await consumer.run({ autoCommit: false, eachBatch: async (payload) => this.#take(payload) })
    await joined
  }

  isReading(partition: number): boolean {
    return this.#reads.has(partition)
  }

  read({ partition, start, end }: OffsetRange): RowSource {
    const consumer = this.#consumer
    const selection = [{ topic: this.topic, partitions: [partition] }]
    const read = new RangeRead(this.topic, partition, start, end, this.#patienceMs, {
      limit: this.#waitingRows,
      signal: this.#signal,
      pause: () => consumer.pause(selection),
      resume: () => consumer.resume(selection),
      done: () => {
        if (this.#reads.get(partition) === read) this.#reads.delete(partition)
      },
    })
    if (start >= end) return read
    this.#reads.set(partition, read)
    consumer.seek({ topic: this.topic, partition, offset: String(start) })
    consumer.resume(selection)
    return read
  }

  /** Has the reads that wait look at the signal. */
  wake(): void {
    for (const read of this.#reads.values()) read.wake()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#consumer.disconnect()
  }

  /**
   * kafkajs comes no further than a batch whose stream cannot be read, and asks for it again and again: a read that
   * stands where it stood at the last such answer is put behind it.
   */
  async #lookForUnreadable(): Promise<void> {
    if (this.#isLooking || unreadableStreams.count === this.#unreadable) return
    this.#isLooking = true
    this.#unreadable = unreadableStreams.count
    for (const [partition, read] of this.#reads) {
      const { position } = read
      const isStuck = this.#stuckAt.get(partition) === position
      this.#stuckAt.set(partition, position)
      if (!isStuck) continue
      const batch = await unreadableBatch(this.#settings, this.topic, partition, position).catch(() => undefined)
      if (batch === undefined || read.position !== position) continue
      read.passOver(batch)
      this.#consumer.seek({ topic: this.topic, partition, offset: String(batch.end) })
    }
    this.#isLooking = false
  }

  /** After each join kafkajs starts from the beginning, with nothing paused. */
  #restorePositions(): void {
    const topic = this.topic
    const idle = this.#partitions.filter((partition) => !this.#reads.has(partition))
    if (idle.length > 0) this.#consumer.pause([{ topic, partitions: idle }])
    for (const [partition, { position }] of this.#reads) {
      this.#consumer.seek({ topic, partition, offset: String(position) })
    }
  }

  #take({ batch }: EachBatchPayload): void {
    const { fetchedOffset } = batch as typeof batch & { fetchedOffset: string }
    this.#reads.get(batch.partition)?.take(batch.messages, Number(fetchedOffset), Number(batch.lastOffset()) + 1)
  }
}

/** The batch that holds an offset, or the next one, if it cannot be read. */
async function unreadableBatch(
  settings: ConnectionSettings,
  topic: string,
  partition: number,
  offset: number,
): Promise<OffsetRange | undefined> {
  const connections = new BrokerConnections(settings)
  try {
    const connection = await connections.leaderConnection({ topic, partition }, 'fetch')
    const target = { topic, partition, offset, leaderEpoch: -1, lastFetchedEpoch: -1 }
    const limits = { maxWaitMs: 100, minBytes: 1, maxBytes: 1, partitionMaxBytes: 1 }
    const { partitions } = await connections.request(connection, `Reading topic ${topic}`, () =>
      fetchRecords.async(connection, [target], limits),
    )
    const [{ bytes, view }] = partitions
    const header = readBatchHeader(bytes, view, 0)
    if (header === undefined) return undefined
    try {
      openBatch(bytes, view, header)
    } catch (error) {
      if (error instanceof MalformedBatchError)
        return { partition, start: Math.max(header.baseOffset, offset), end: header.lastOffset + 1 }
      throw error
    }
    return undefined
  } finally {
    await connections.close()
  }
}
