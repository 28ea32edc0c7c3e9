import { isIP } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { findCoordinatorV4, listOffsetsV7, metadataV11, offsetFetchV8, ResponseError } from '@platformatic/kafka'
import type { ConnectionSettings } from '../ports/connection-settings.ts'
import type { PartitionOffset, TopicPartition } from '../ports/log.ts'
import { onGroup, onTopic, onTransactions } from './acl.ts'
import { type BackOff, backOffMs } from './back-off.ts'
import { addressText, type BrokerAddress, parseAddress } from './broker-address.ts'
import { BrokerConnection, type BrokerConnectionOptions } from './broker-connection.ts'
import {
  AdvertisedListenerError,
  type Asked,
  BrokerError,
  BrokerUnreachableError,
  ConnectionLostError,
  isTopicUnknown,
  toBrokerError,
  UnreadableAnswerError,
} from './broker-errors.ts'
import { accessError } from './login-errors.ts'
import { rowClientLogin } from './sasl-login.ts'
import { within } from './time-limit.ts'

/** Coordinator kinds of FindCoordinator. */
export const coordinatorKinds = { group: 0, transaction: 1 } as const
export type CoordinatorKind = keyof typeof coordinatorKinds

/** ListOffsets' names for the first row of a partition, and for the offset after its last one. */
export const earliest = -2
export const latest = -1

/**
 * What a connection is for. A broker answers a connection's requests in order, so a fetch that waits for rows would
 * hold up whatever stands behind it: each purpose has connections of its own.
 */
export type ConnectionPurpose = 'control' | 'fetch' | 'produce' | 'membership' | 'heartbeat'

export interface ConnectionLimits {
  readonly connectTimeoutMs: number
  /** how long an answer may take; a connection whose answer is late is closed */
  readonly requestTimeoutMs: Readonly<Record<ConnectionPurpose, number>>
  /** for how long a topic may be unknown to the brokers: metadata lag behind a creation, but not for long */
  readonly unknownTopicMs: number
  /**
   * for how long an address that a broker advertises, and that has never been reached, is tried: one that has just died
   * is still named for 9 s (broker.session.timeout.ms), and an address that leads nowhere is so for ever
   */
  readonly unreachedBrokerMs: number
}

/** As long as a transaction may take: an answer that comes later is of no use. */
const requestTimeoutMs = 10_000

export const connectionLimits: ConnectionLimits = {
  connectTimeoutMs: 5_000,
  requestTimeoutMs: {
    control: requestTimeoutMs,
    fetch: requestTimeoutMs,
    produce: requestTimeoutMs,
    // JoinGroup is answered when all members have joined, which may take the rebalance time-out.
    membership: 35_000,
    // Late ones must leave room for two more within the session time-out.
    heartbeat: 3_000,
  },
  unknownTopicMs: 15_000,
  unreachedBrokerMs: 10_000,
}

const backOff: BackOff = { firstMs: 10, longestMs: 1_000 }
/** While the markers of the previous transaction are being written, which takes some ms. */
const markersPauseMs = 5
/** How long requests on a connection may take to leave it when it is closed; a peer that is gone takes none. */
const closeMs = 1_000
const leaderNotAvailable = 5

export type Metadata = Awaited<ReturnType<typeof metadataV11.api.async>>

interface OpenConnection {
  readonly node: number
  /** host:port */
  readonly broker: string
  /** requests without an answer */
  asked: number
  /** takes it out of use, so that the next request gets a new one */
  readonly retire: () => void
}

/** A broker, by the address that it advertises; node -1 for a bootstrap address, whoever answers there. */
export interface KnownBroker extends BrokerAddress {
  readonly node: number
}

/** A broker that leads a partition. */
interface Leader extends KnownBroker {
  /** grows with each election */
  readonly epoch: number
}

/**
 * Knows who leads what, and keeps one connection for each broker and purpose.
 *
 * @param random uniform in [0, 1), for the pauses between attempts
 */
export class BrokerConnections {
  readonly #settings: ConnectionSettings
  readonly #limits: ConnectionLimits
  readonly #random: () => number
  /**
   * the last one to answer first, then the bootstrap brokers and those that were learnt: asked what concerns no one of
   * them
   */
  #brokers: KnownBroker[]
  /** all that are open or being opened */
  readonly #open = new Map<BrokerConnection, OpenConnection>()
  readonly #refreshing = new Map<string, Promise<void>>()
  readonly #connections = new Map<string, Promise<BrokerConnection>>()
  readonly #leaders = new Map<string, Leader>()
  readonly #partitionCounts = new Map<string, number>()
  readonly #topicIds = new Map<string, string>()
  readonly #coordinators = new Map<string, KnownBroker>()
  /** addresses at which a broker has answered */
  readonly #reached = new Set<string>()
  /** since when others that brokers advertise have been tried in vain, ms since the epoch */
  readonly #unreachedSince = new Map<string, number>()
  #closed = false

  constructor(
    settings: ConnectionSettings,
    {
      limits = connectionLimits,
      random = () => Math.random(),
    }: { limits?: ConnectionLimits; random?: () => number } = {},
  ) {
    this.#settings = settings
    this.#limits = limits
    this.#random = random
    this.#brokers = settings.brokers.map(bootstrapBroker)
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
   * The id of a topic, asked for anew: one that is made again has another.
   *
   * @throws BrokerError
   * UNKNOWN_TOPIC_OR_PARTITION
   */
  async topicId(topic: string): Promise<string | undefined> {
    await this.refresh([topic])
    return this.#topicIds.get(topic)
  }

  /** The node that leads a partition, from what was learnt last; undefined if nobody was known to. */
  knownLeader({ topic, partition }: TopicPartition): number | undefined {
    return this.#leaders.get(`${topic}/${partition}`)?.node
  }

  /** The epoch of that leader; -1 if it is not known. */
  knownEpoch({ topic, partition }: TopicPartition): number {
    return this.#leaders.get(`${topic}/${partition}`)?.epoch ?? -1
  }

  /** A connection to the leader of a partition. */
  async leaderConnection(of: TopicPartition, purpose: ConnectionPurpose): Promise<BrokerConnection> {
    return this.#connection(await this.#leader(of.topic, of.partition), purpose)
  }

  /** A connection to one broker, whatever it leads. */
  brokerConnection(broker: KnownBroker): Promise<BrokerConnection> {
    return this.#connection(broker, 'control')
  }

  async coordinatorConnection(
    kind: CoordinatorKind,
    key: string,
    purpose: ConnectionPurpose = 'control',
  ): Promise<BrokerConnection> {
    const known = this.#coordinators.get(`${kind}/${key}`)
    if (known !== undefined) return this.#connection(known, purpose)
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
    return this.#connection(coordinator, purpose)
  }

  /**
   * Learns anew who leads the partitions of these topics, and how many they have. A partition without a leader is none
   * of the errors here: others have theirs.
   */
  refresh(topics: readonly string[]): Promise<void> {
    // Whoever asks for many partitions at once asks once.
    const key = topics.join()
    const running = this.#refreshing.get(key)
    if (running !== undefined) return running
    const started = this.#refresh(topics).finally(() => this.#refreshing.delete(key))
    this.#refreshing.set(key, started)
    return started
  }

  /**
   * What a broker knows of the cluster: its brokers, the controller, and topics, which have errors of their own.
   *
   * @param topics null for all that this user may see
   */
  metadata(what: string, topics: readonly string[] | null, withOperations = false): Promise<Metadata> {
    return this.askAny(what, (connection) =>
      // The client makes an error of the whole answer if one topic is unknown or one partition has no leader.
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

  /** The offset of each partition at a point in time: ms since the epoch, `earliest` or `latest`. */
  async listOffsets(partitions: readonly TopicPartition[], timestampMs: number): Promise<PartitionOffset[]> {
    return Promise.all(
      partitions.map(({ topic, partition }) =>
        this.retrying(`Asking for an offset of ${topic}/${partition}`, async (what) => {
          const connection = await this.leaderConnection({ topic, partition }, 'control')
          const currentLeaderEpoch = this.knownEpoch({ topic, partition })
          const asked = { partitionIndex: partition, currentLeaderEpoch, timestamp: BigInt(timestampMs) }
          const response = await this.request(
            connection,
            what,
            () => listOffsetsV7.api.async(connection, -1, 0, [{ name: topic, partitions: [asked] }]),
            { permissions: [onTopic('Describe', topic)] },
          )
          return { topic, partition, offset: Number(response.topics[0].partitions[0].offset) }
        }),
      ),
    )
  }

  /**
   * Committed offsets of a group; partitions without one are left out.
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
    // None at all stands for all; the client's types do not know it.
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

  /**
   * Runs `send`; what it is rejected with comes out as one of the errors of broker-errors.ts.
   *
   * @param asked what is sent, for what an error of its answer means and what mends it
   */
  async request<T>(
    connection: BrokerConnection,
    what: string,
    send: (connection: BrokerConnection) => Promise<T>,
    asked?: Asked,
  ): Promise<T> {
    const open = this.#open.get(connection)
    if (open !== undefined) open.asked++
    try {
      if (connection.login !== undefined) await connection.login
      const answer = await send(connection)
      this.#answered(open)
      return answer
    } catch (cause) {
      const error = toBrokerError(cause, what, asked)
      if (error instanceof BrokerError) this.#answered(open)
      if (error instanceof UnreadableAnswerError) throw accessError(open?.broker ?? what, cause) ?? error
      if (!(error instanceof ConnectionLostError)) throw error
      this.#lost(connection)
      // With TLS 1.3 a server says after the handshake what it thinks of our certificate.
      throw accessError(open?.broker ?? what, connection.failure) ?? this.#unreached(open, error)
    } finally {
      if (open !== undefined) open.asked--
    }
  }

  /** Forgets who leads and coordinates what: after an error that may mean that it has moved. */
  forgetLeaders(): void {
    this.#leaders.clear()
    this.#coordinators.clear()
  }

  /** The same for one partition. */
  forgetLeader({ topic, partition }: TopicPartition): void {
    this.#leaders.delete(`${topic}/${partition}`)
  }

  /** Repeats what fails retriably, with growing pauses; no attempt begins later than `forMs` after the first. */
  async retrying<T>(what: string, attempt: (what: string) => Promise<T>, forMs = 60_000): Promise<T> {
    let deadline = Date.now() + forMs
    let wasUnknown = false
    for (let failures = 1; ; failures++) {
      try {
        return await attempt(what)
      } catch (error) {
        const retriable = (error instanceof BrokerError || error instanceof ConnectionLostError) && error.retriable
        const isConcurrent = error instanceof BrokerError && error.errorName === 'CONCURRENT_TRANSACTIONS'
        if (isConcurrent) failures = 0
        if (isTopicUnknown(error) && !wasUnknown)
          deadline = Math.min(deadline, Date.now() + this.#limits.unknownTopicMs)
        if (error instanceof AdvertisedListenerError)
          deadline = Math.min(deadline, this.#unreachedFrom(error.address) + this.#limits.unreachedBrokerMs)
        wasUnknown = isTopicUnknown(error)
        const pauseMs = isConcurrent ? markersPauseMs : backOffMs(backOff, failures, this.#random)
        if (!retriable || this.#closed || Date.now() + pauseMs > deadline) throw error
        // While markers are written nothing has moved.
        if (!isConcurrent) this.forgetLeaders()
        await sleep(pauseMs)
      }
    }
  }

  #answered(open: OpenConnection | undefined): void {
    if (open === undefined || this.#reached.has(open.broker)) return
    this.#reached.add(open.broker)
    this.#unreachedSince.delete(open.broker)
  }

  /**
   * What it means that a connection was lost: where nobody has ever answered, the address is at fault that the cluster
   * has told.
   */
  #unreached(open: OpenConnection | undefined, lost: ConnectionLostError): ConnectionLostError {
    if (open === undefined || open.node < 0 || this.#reached.has(open.broker) || this.#closed) return lost
    return new AdvertisedListenerError(open.node, open.broker, lost)
  }

  #unreachedFrom(address: string): number {
    const sinceMs = this.#unreachedSince.get(address) ?? Date.now()
    this.#unreachedSince.set(address, sinceMs)
    return sinceMs
  }

  async close(): Promise<void> {
    this.#closed = true
    const open = [...this.#open.keys()]
    this.#connections.clear()
    const late = () => new Error('The brokers take nothing')
    await within(closeMs, Promise.allSettled(open.map((connection) => connection.close())), late).catch(() => undefined)
    for (const { socket } of open) socket?.destroy()
  }

  /**
   * Gives up a connection that broke, or whose answer is late: it would be taken for that of the next request. What
   * goes wrong with one goes wrong with all to that broker, as when a firewall has forgotten them, and each would cost
   * a time-out of its own: those that wait for no answer are given up as well.
   */
  #lost(connection: BrokerConnection): void {
    const lost = this.#open.get(connection)
    for (const [other, open] of this.#open)
      if (other === connection || (open.broker === lost?.broker && open.asked === 0 && other.isConnected())) {
        open.retire()
        // It would not end before a peer that is gone has taken what was written.
        void other.close().catch(() => undefined)
        other.socket?.destroy()
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
   * Asks for what the controller does. Any broker passes it on, but with ZooKeeper it says that it is none, and the
   * controller is asked.
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
      return await this.request(await this.#connection({ node, host, port }, 'control'), what, ask, asked)
    }
  }

  /**
   * Asks brokers in turn until one answers, the one that has answered last first.
   *
   * @throws BrokerUnreachableError if none does
   */
  async askAny<T>(what: string, ask: (connection: BrokerConnection) => Promise<T>, asked?: Asked): Promise<T> {
    let lost: unknown
    for (const broker of this.#brokers) {
      try {
        const connection = await this.#connection(broker, 'control')
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

  #connection(broker: KnownBroker, purpose: ConnectionPurpose): Promise<BrokerConnection> {
    const key = `${purpose}/${addressText(broker)}`
    const known = this.#connections.get(key)
    if (known !== undefined) return known
    const opening = this.#connect(broker, purpose, () => {
      if (this.#connections.get(key) === opening) this.#connections.delete(key)
    })
    this.#connections.set(key, opening)
    return opening
  }

  async #connect(broker: KnownBroker, purpose: ConnectionPurpose, onGone: () => void): Promise<BrokerConnection> {
    const { node, host, port } = broker
    const address = addressText(broker)
    if (this.#closed) throw new ConnectionLostError(`Connecting to ${address}`, 'the client is closed')
    const { clientId, tls, sasl } = this.#settings
    const options: BrokerConnectionOptions = {
      connectTimeout: this.#limits.connectTimeoutMs,
      requestTimeout: this.#limits.requestTimeoutMs[purpose],
    }
    // An address cannot be a server name (RFC 6066); the certificate is compared with it all the same.
    if (tls !== undefined) Object.assign(options, { tls: { ...tls }, ...(isIP(host) === 0 && { tlsServerName: host }) })
    if (sasl !== undefined) options.sasl = rowClientLogin(sasl)
    const connection = new BrokerConnection(clientId, options)
    const gone = () => {
      this.#open.delete(connection)
      onGone()
    }
    const open: OpenConnection = { node, broker: address, asked: 0, retire: gone }
    this.#open.set(connection, open)
    connection.on('error', gone)
    connection.on('close', gone)
    try {
      await connection.connect(host, port)
    } catch (cause) {
      gone()
      const refused = accessError(address, cause)
      // A token endpoint that is away is as good as a broker that is.
      if (refused?.retriable === false) throw refused
      const lost = new ConnectionLostError(`Connecting to ${address}`, refused ?? cause)
      throw refused === undefined ? this.#unreached(open, lost) : lost
    }
    return connection
  }
}

function bootstrapBroker(address: string): KnownBroker {
  return { node: -1, ...parseAddress(address) }
}
