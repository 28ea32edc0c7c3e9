import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectionSettings } from '../ports/connection-settings.ts'
import type { PartitionOffset, TopicPartition } from '../ports/log.ts'
import { onGroup, onTopic, onTransactions } from './acl.ts'
import { type BackOff, backOffMs } from './back-off.ts'
import { addressText, parseAddress } from './broker-address.ts'
import type { BrokerConnection } from './broker-connection.ts'
import {
  AdvertisedListenerError,
  type Asked,
  BrokerError,
  BrokerUnreachableError,
  ConnectionLostError,
  isTopicUnknown,
} from './broker-errors.ts'
import { findCoordinatorV4, listOffsetsV7, metadataV11, offsetFetchV8, ResponseError } from './client-parts.ts'
import {
  type ConnectionLimits,
  ConnectionPool,
  type ConnectionPurpose,
  connectionLimits,
  type KnownBroker,
} from './connection-pool.ts'

/** Coordinator kinds of FindCoordinator. */
const coordinatorKinds = { group: 0, transaction: 1 } as const
export type CoordinatorKind = keyof typeof coordinatorKinds

/** ListOffsets' names for the first row of a partition, and for the offset after its last one. */
export const earliest = -2
export const latest = -1

const backOff: BackOff = { firstMs: 10, longestMs: 1_000 }
/** Pauses while the markers of the previous transaction are being written: some ms, more with many partitions. */
const markersBackOff: BackOff = { firstMs: 5, longestMs: 50 }
/** Attempts after which that pause grows. */
const shortPauses = 4
const leaderNotAvailable = 5

export type Metadata = Awaited<ReturnType<typeof metadataV11.api.async>>

/** A broker that leads a partition. */
interface Leader extends KnownBroker {
  /** grows with each election */
  readonly epoch: number
}

/**
 * Knows the leaders and coordinators, and sends each request to the right broker.
 *
 * @param random uniform in [0, 1), for the pauses between attempts
 */
export class BrokerConnections {
  readonly #settings: ConnectionSettings
  readonly #pool: ConnectionPool
  readonly #limits: ConnectionLimits
  readonly #random: () => number
  /**
   * brokers for requests that any broker can answer: first the one that answered last, then bootstrap and known brokers
   */
  #brokers: KnownBroker[]
  readonly #refreshing = new Map<string, Promise<void>>()
  readonly #leaders = new Map<string, Leader>()
  readonly #partitionCounts = new Map<string, number>()
  readonly #topicIds = new Map<string, string>()
  readonly #coordinators = new Map<string, KnownBroker>()

  constructor(
    settings: ConnectionSettings,
    {
      limits = connectionLimits,
      random = () => Math.random(),
    }: { limits?: ConnectionLimits; random?: () => number } = {},
  ) {
    this.#settings = settings
    this.#limits = limits
    this.#pool = new ConnectionPool(settings, limits)
    this.#random = random
    this.#brokers = settings.brokers.map(bootstrapBroker)
  }

  /** Addresses of the brokers that the settings name. */
  get bootstrap(): readonly string[] {
    return this.#settings.brokers
  }

  /** `host:port` of a broker that answers now. @throws ConnectionLostError if none does */
  async answeringBroker(): Promise<string> {
    await this.refresh([])
    return addressText(this.#brokers[0])
  }

  /** Number of partitions of a topic. @throws BrokerError UNKNOWN_TOPIC_OR_PARTITION */
  async partitionCount(topic: string): Promise<number> {
    if (!this.#partitionCounts.has(topic)) await this.refresh([topic])
    return this.#partitionCounts.get(topic) ?? 0
  }

  /**
   * The id of a topic, always requested again: a recreated topic has another id.
   *
   * @throws BrokerError
   * UNKNOWN_TOPIC_OR_PARTITION
   */
  async topicId(topic: string): Promise<string | undefined> {
    await this.refresh([topic])
    return this.#topicIds.get(topic)
  }

  /** The leader of a partition in the latest metadata; undefined if there was none. */
  knownLeader({ topic, partition }: TopicPartition): number | undefined {
    return this.#leaders.get(`${topic}/${partition}`)?.node
  }

  /** The epoch of that leader; -1 if it is not known. */
  knownEpoch({ topic, partition }: TopicPartition): number {
    return this.#leaders.get(`${topic}/${partition}`)?.epoch ?? -1
  }

  /** A connection to the leader of a partition. */
  async leaderConnection(of: TopicPartition, purpose: ConnectionPurpose): Promise<BrokerConnection> {
    return this.#pool.connection(await this.#leader(of.topic, of.partition), purpose)
  }

  /** A connection to one broker. */
  brokerConnection(broker: KnownBroker): Promise<BrokerConnection> {
    return this.#pool.connection(broker, 'control')
  }

  async coordinatorConnection(
    kind: CoordinatorKind,
    key: string,
    purpose: ConnectionPurpose = 'control',
  ): Promise<BrokerConnection> {
    const known = this.#coordinators.get(`${kind}/${key}`)
    if (known !== undefined) return this.#pool.connection(known, purpose)
    const what = `Looking for the ${kind} coordinator of "${key}"`
    const permissions = [kind === 'group' ? onGroup('Describe', key) : onTransactions('Describe', key)]
    const response = await this.askAny(
      what,
      (connection) => findCoordinatorV4.api.async(connection, coordinatorKinds[kind], [key]),
      { permissions },
    )
    const { errorCode, nodeId: node, host, port } = response.coordinators[0]
    if (errorCode !== 0) throw new BrokerError(errorCode, what, { permissions })
    const coordinator = { node, host, port }
    this.#coordinators.set(`${kind}/${key}`, coordinator)
    return this.#pool.connection(coordinator, purpose)
  }

  /**
   * Refreshes the metadata of these topics: partitions and leaders. A partition without a leader is not an error,
   * because the other partitions have theirs.
   */
  refresh(topics: readonly string[]): Promise<void> {
    // Concurrent requests for many partitions share one metadata request.
    const key = topics.join()
    const running = this.#refreshing.get(key)
    if (running !== undefined) return running
    const started = this.#refresh(topics).finally(() => this.#refreshing.delete(key))
    this.#refreshing.set(key, started)
    return started
  }

  /**
   * The metadata of a broker: brokers, controller and topics, each topic with its own error.
   *
   * @param topics null for all that this user may see
   */
  metadata(what: string, topics: readonly string[] | null, withOperations = false): Promise<Metadata> {
    return this.askAny(what, (connection) =>
      // The client rejects the whole response if one topic is unknown or one partition has no leader.
      metadataV11.api.async(connection, topics && [...topics], false, withOperations).catch((error: unknown) => {
        if (error instanceof ResponseError) return error.response as Metadata
        throw error
      }),
    )
  }

  async #refresh(topics: readonly string[]): Promise<void> {
    const what = `Asking who leads ${topics.join(', ')}`
    const metadata = await this.metadata(what, topics)
    const brokers = new Map(metadata.brokers.map(({ nodeId, host, port }) => [nodeId, { node: nodeId, host, port }]))
    this.#learn([...brokers.values()])
    for (const { errorCode, name, topicId, partitions } of metadata.topics) {
      if (errorCode !== 0) {
        this.#partitionCounts.delete(name ?? '')
        this.#topicIds.delete(name ?? '')
        continue
      }
      this.#topicIds.set(name ?? '', topicId)
      this.#partitionCounts.set(name ?? '', partitions.length)
      for (const { partitionIndex, leaderId, leaderEpoch } of partitions) {
        const leader = brokers.get(leaderId)
        const key = `${name}/${partitionIndex}`
        if (leader === undefined) this.#leaders.delete(key)
        else this.#leaders.set(key, { ...leader, epoch: leaderEpoch })
      }
    }
    const failed = metadata.topics.find(({ errorCode }) => errorCode !== 0)
    if (failed === undefined) return
    const refused = topics.length > 1 ? `Asking who leads ${failed.name}` : what
    throw new BrokerError(failed.errorCode, refused, { permissions: [onTopic('Describe', failed.name ?? '')] })
  }

  /**
   * The offset of each partition at a point in time: ms since the epoch, `earliest` or `latest`. One request for each
   * leader: a thousand partitions would be a thousand.
   */
  async listOffsets(partitions: readonly TopicPartition[], timestampMs: number): Promise<PartitionOffset[]> {
    const [first] = partitions
    if (first === undefined) return []
    const of = partitions.length === 1 ? `an offset of ${first.topic}/${first.partition}` : `offsets of ${first.topic}`
    return this.retrying(`Asking for ${of}`, async (what) => {
      const byLeader = new Map<BrokerConnection, TopicPartition[]>()
      for (const at of partitions) {
        const connection = await this.leaderConnection(at, 'control')
        const led = byLeader.get(connection)
        if (led === undefined) byLeader.set(connection, [at])
        else led.push(at)
      }
      const answers = await Promise.all(
        [...byLeader].map(([connection, led]) => this.#offsetsAt(what, connection, led, timestampMs)),
      )
      const found = new Map(answers.flat())
      return partitions.map(({ topic, partition }) => ({
        topic,
        partition,
        offset: found.get(`${topic}/${partition}`) ?? -1,
      }))
    })
  }

  /** Offsets by `topic/partition`, of partitions that one broker leads. */
  async #offsetsAt(
    what: string,
    connection: BrokerConnection,
    partitions: readonly TopicPartition[],
    timestampMs: number,
  ): Promise<(readonly [string, number])[]> {
    const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, members]) => ({
      name,
      partitions: members.map((at) => ({
        partitionIndex: at.partition,
        currentLeaderEpoch: this.knownEpoch(at),
        timestamp: BigInt(timestampMs),
      })),
    }))
    const response = await this.request(connection, what, () => listOffsetsV7.api.async(connection, -1, 0, topics), {
      permissions: topics.map(({ name }) => onTopic('Describe', name)),
    })
    return response.topics.flatMap(({ name, partitions: offsets }) =>
      offsets.map(({ partitionIndex, offset }) => [`${name}/${partitionIndex}`, Number(offset)] as const),
    )
  }

  /**
   * Committed offsets of a group; partitions without one are omitted.
   *
   * @param partitions undefined for all that it has committed
   * @param requireStable waits for transactions that are about to change them (KIP-447)
   */
  async committedOffsets(
    group: string,
    partitions: readonly TopicPartition[] | undefined,
    requireStable = true,
  ): Promise<PartitionOffset[]> {
    if (partitions?.length === 0) return []
    const topics = [...Map.groupBy(partitions ?? [], ({ topic }) => topic)].map(([name, members]) => ({
      name,
      partitionIndexes: members.map(({ partition }) => partition),
    }))
    // An absent list means all topics; the client's types do not allow that.
    const asked = { groupId: group, memberEpoch: -1, topics: partitions === undefined ? (null as never) : topics }
    return this.retrying(`Reading the committed offsets of group ${group}`, async (what) => {
      const connection = await this.coordinatorConnection('group', group)
      const response = await this.request(
        connection,
        what,
        () => offsetFetchV8.api.async(connection, [asked], requireStable),
        { permissions: [onGroup('Describe', group), ...topics.map(({ name }) => onTopic('Describe', name))] },
      )
      return response.groups[0].topics.flatMap(({ name, partitions: committed }) =>
        committed
          .filter(({ committedOffset }) => committedOffset >= 0n)
          .map(({ partitionIndex, committedOffset, committedLeaderEpoch, metadata }) => ({
            topic: name,
            partition: partitionIndex,
            offset: Number(committedOffset),
            metadata: metadata ?? '',
            ...(committedLeaderEpoch >= 0 && { leaderEpoch: committedLeaderEpoch }),
          })),
      )
    })
  }

  /** Sends a request on a connection, and converts a failure to an error of broker-errors.ts. */
  request<T>(
    connection: BrokerConnection,
    what: string,
    send: (connection: BrokerConnection) => Promise<T>,
    asked?: Asked,
  ): Promise<T> {
    return this.#pool.request(connection, what, send, asked)
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  /** Forgets all leaders and coordinators, after an error that may mean that one has moved. */
  forgetLeaders(): void {
    this.#leaders.clear()
    this.#coordinators.clear()
  }

  /** The same for one partition. */
  forgetLeader({ topic, partition }: TopicPartition): void {
    this.#leaders.delete(`${topic}/${partition}`)
  }

  /** Retries retriable failures with growing pauses. No attempt begins later than `forMs` after the first. */
  async retrying<T>(what: string, attempt: (what: string) => Promise<T>, forMs = 60_000): Promise<T> {
    let deadline = Date.now() + forMs
    let wasUnknown = false
    let concurrent = 0
    for (let failures = 1; ; failures++) {
      try {
        return await attempt(what)
      } catch (error) {
        const retriable = (error instanceof BrokerError || error instanceof ConnectionLostError) && error.retriable
        const isConcurrent = error instanceof BrokerError && error.errorName === 'CONCURRENT_TRANSACTIONS'
        if (isConcurrent) {
          failures = 0
          concurrent++
        }
        if (isTopicUnknown(error) && !wasUnknown)
          deadline = Math.min(deadline, Date.now() + this.#limits.unknownTopicMs)
        if (error instanceof AdvertisedListenerError)
          deadline = Math.min(deadline, this.#pool.unreachedSinceMs(error.address) + this.#limits.unreachedBrokerMs)
        wasUnknown = isTopicUnknown(error)
        const pauseMs = isConcurrent
          ? backOffMs(markersBackOff, Math.max(1, concurrent - shortPauses), this.#random)
          : backOffMs(backOff, failures, this.#random)
        if (!retriable || this.#pool.isClosed || Date.now() + pauseMs > deadline) throw error
        // While markers are being written, no leader or coordinator has moved.
        if (!isConcurrent) this.forgetLeaders()
        await sleep(pauseMs)
      }
    }
  }

  async #leader(topic: string, partition: number): Promise<KnownBroker> {
    const key = `${topic}/${partition}`
    if (!this.#leaders.has(key)) await this.refresh([topic])
    const leader = this.#leaders.get(key)
    if (leader === undefined) throw new BrokerError(leaderNotAvailable, `Looking for the leader of ${key}`)
    return leader
  }

  #learn(brokers: readonly KnownBroker[]): void {
    const all = [this.#brokers[0], ...this.#settings.brokers.map(bootstrapBroker), ...brokers]
    this.#brokers = [...new Map(all.map((broker) => [addressText(broker), broker])).values()]
  }

  /**
   * Sends a request for the controller. With KRaft any broker forwards it. With ZooKeeper another broker answers
   * NOT_CONTROLLER, and the request goes to the controller.
   */
  async askController<T>(what: string, ask: (connection: BrokerConnection) => Promise<T>, asked?: Asked): Promise<T> {
    try {
      return await this.askAny(what, ask, asked)
    } catch (error) {
      if (!(error instanceof BrokerError && error.errorName === 'NOT_CONTROLLER')) throw error
      const { controllerId, brokers } = await this.metadata(what, [])
      const controller = brokers.find(({ nodeId }) => nodeId === controllerId)
      if (controller === undefined) throw error
      const { nodeId: node, host, port } = controller
      return await this.request(await this.#pool.connection({ node, host, port }, 'control'), what, ask, asked)
    }
  }

  /**
   * Tries brokers in turn until one answers, beginning with the one that answered last.
   *
   * @throws BrokerUnreachableError if none does
   */
  async askAny<T>(what: string, ask: (connection: BrokerConnection) => Promise<T>, asked?: Asked): Promise<T> {
    let lost: unknown
    for (const broker of this.#brokers) {
      try {
        const connection = await this.#pool.connection(broker, 'control')
        const answer = await this.request(connection, what, ask, asked)
        this.#brokers = [broker, ...this.#brokers.filter((other) => other !== broker)]
        return answer
      } catch (error) {
        if (!(error instanceof ConnectionLostError)) throw error
        lost ??= error
      }
    }
    throw new BrokerUnreachableError(this.#settings.brokers, lost)
  }
}

function bootstrapBroker(address: string): KnownBroker {
  return { node: -1, ...parseAddress(address) }
}
