import { setTimeout as sleep } from 'node:timers/promises'
import {
  Connection,
  type ConnectionOptions,
  findCoordinatorV4,
  listOffsetsV7,
  metadataV12,
  offsetFetchV8,
} from '@platformatic/kafka'
import type { PartitionOffset, TopicPartition } from '../stages/ports.ts'
import { BrokerError, ConnectionLostError, toBrokerError } from './broker-errors.ts'
import type { ConnectionSettings } from './connection-settings.ts'

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
export type ConnectionPurpose = 'control' | 'fetch' | 'produce' | 'membership'

const connectTimeoutMs = 5_000
/** As long as a transaction may take: an answer that comes later is of no use. */
const requestTimeoutMs = 10_000
/** A JoinGroup is answered when all members have joined, which may take the rebalance time-out. */
const membershipTimeoutMs = 60_000
const shortestPauseMs = 5
const longestPauseMs = 1_000
/** Produce requests of all partitions of a broker share a connection, five a partition. */
const maxInflights = 1_000

interface Leader {
  readonly host: string
  readonly port: number
  readonly node: number
}

/** Knows who leads what, and keeps one connection for each broker and purpose. */
export class BrokerConnections {
  readonly #settings: ConnectionSettings
  readonly #connections = new Map<string, Promise<Connection>>()
  readonly #leaders = new Map<string, Leader>()
  readonly #partitionCounts = new Map<string, number>()
  readonly #coordinators = new Map<string, Leader>()
  #closed = false

  constructor(settings: ConnectionSettings) {
    this.#settings = settings
  }

  /** Number of partitions of a topic. @throws BrokerError UNKNOWN_TOPIC_OR_PARTITION */
  async partitionCount(topic: string): Promise<number> {
    if (!this.#partitionCounts.has(topic)) await this.refresh([topic])
    return this.#partitionCounts.get(topic) ?? 0
  }

  /** The node that leads a partition, from what was learnt last. */
  async leader({ topic, partition }: TopicPartition): Promise<number> {
    return (await this.#leader(topic, partition)).node
  }

  /** A connection to the leader of a partition. */
  async leaderConnection(of: TopicPartition, purpose: ConnectionPurpose): Promise<Connection> {
    return this.#connection(await this.#leader(of.topic, of.partition), purpose)
  }

  async coordinatorConnection(
    kind: CoordinatorKind,
    key: string,
    purpose: ConnectionPurpose = 'control',
  ): Promise<Connection> {
    const known = this.#coordinators.get(`${kind}/${key}`)
    if (known !== undefined) return this.#connection(known, purpose)
    const what = `Looking for the ${kind} coordinator of "${key}"`
    const response = await this.#anyBroker(what, (connection) =>
      findCoordinatorV4.api.async(connection, coordinatorKinds[kind], [key]),
    )
    const { errorCode, nodeId: node, host, port } = response.coordinators[0]
    if (errorCode !== 0) throw new BrokerError(errorCode, what)
    this.#coordinators.set(`${kind}/${key}`, { node, host, port })
    return this.#connection({ node, host, port }, purpose)
  }

  /** Learns anew who leads the partitions of these topics. */
  async refresh(topics: readonly string[]): Promise<void> {
    const what = `Asking who leads ${topics.join(', ')}`
    const metadata = await this.#anyBroker(what, (connection) =>
      metadataV12.api.async(connection, [...topics], false, false),
    )
    const brokers = new Map(metadata.brokers.map((broker) => [broker.nodeId, broker]))
    for (const { name, partitions } of metadata.topics) {
      this.#partitionCounts.set(name ?? '', partitions.length)
      for (const { partitionIndex, leaderId } of partitions) {
        const broker = brokers.get(leaderId)
        const key = `${name}/${partitionIndex}`
        if (broker === undefined) this.#leaders.delete(key)
        else this.#leaders.set(key, { node: leaderId, host: broker.host, port: broker.port })
      }
    }
  }

  /** The offset of each partition at a point in time: ms since the epoch, `earliest` or `latest`. */
  async listOffsets(partitions: readonly TopicPartition[], timestampMs: number): Promise<PartitionOffset[]> {
    return Promise.all(
      partitions.map(({ topic, partition }) =>
        this.retrying(`Asking for an offset of ${topic}/${partition}`, async (what) => {
          const connection = await this.leaderConnection({ topic, partition }, 'control')
          const asked = { partitionIndex: partition, currentLeaderEpoch: -1, timestamp: BigInt(timestampMs) }
          const response = await this.request(connection, what, () =>
            listOffsetsV7.api.async(connection, -1, 0, [{ name: topic, partitions: [asked] }]),
          )
          return { topic, partition, offset: Number(response.topics[0].partitions[0].offset) }
        }),
      ),
    )
  }

  /**
   * Committed offsets of a group, waiting for transactions that are about to change them (requireStable, KIP-447);
   * partitions without one are left out.
   */
  async committedOffsets(group: string, partitions: readonly TopicPartition[]): Promise<PartitionOffset[]> {
    if (partitions.length === 0) return []
    const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, members]) => ({
      name,
      partitionIndexes: members.map(({ partition }) => partition),
    }))
    return this.retrying(`Reading the committed offsets of group ${group}`, async (what) => {
      const connection = await this.coordinatorConnection('group', group)
      const response = await this.request(connection, what, () =>
        offsetFetchV8.api.async(connection, [{ groupId: group, memberEpoch: -1, topics }], true),
      )
      return response.groups[0].topics.flatMap(({ name, partitions: committed }) =>
        committed
          .filter(({ committedOffset }) => committedOffset >= 0n)
          .map(({ partitionIndex, committedOffset, metadata }) => ({
            topic: name,
            partition: partitionIndex,
            offset: Number(committedOffset),
            metadata: metadata ?? '',
          })),
      )
    })
  }

  /** Runs `send`; what it is rejected with comes out as a BrokerError or a ConnectionLostError. */
  async request<T>(connection: Connection, what: string, send: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      return await send(connection)
    } catch (cause) {
      const error = toBrokerError(cause, what)
      // An answer that comes after its time-out would be taken for that of the next request.
      if (error instanceof ConnectionLostError) void connection.close().catch(() => undefined)
      throw error
    }
  }

  /** Forgets who leads and coordinates what: after an error that may mean that it has moved. */
  forgetLeaders(): void {
    this.#leaders.clear()
    this.#coordinators.clear()
  }

  /** Repeats what fails retriably, with a growing pause, for `forMs` at most. */
  async retrying<T>(what: string, attempt: (what: string) => Promise<T>, forMs = 60_000): Promise<T> {
    const deadline = Date.now() + forMs
    for (let pauseMs = shortestPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        return await attempt(what)
      } catch (error) {
        const retriable = (error instanceof BrokerError || error instanceof ConnectionLostError) && error.retriable
        if (!retriable || this.#closed || Date.now() + pauseMs > deadline) throw error
        if (error instanceof BrokerError && error.errorName === 'CONCURRENT_TRANSACTIONS') {
          // The markers of the previous transaction take some ms to be written; nothing has moved.
          pauseMs = shortestPauseMs
        } else this.forgetLeaders()
        await sleep(pauseMs)
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const open = [...this.#connections.values()]
    this.#connections.clear()
    await Promise.allSettled(open.map(async (connection) => (await connection).close()))
  }

  async #leader(topic: string, partition: number): Promise<Leader> {
    const key = `${topic}/${partition}`
    if (!this.#leaders.has(key)) await this.refresh([topic])
    const leader = this.#leaders.get(key)
    if (leader === undefined) throw new BrokerError(5, `Looking for the leader of ${key}`)
    return leader
  }

  /** Asks bootstrap brokers in turn until one answers. */
  async #anyBroker<T>(what: string, ask: (connection: Connection) => Promise<T>): Promise<T> {
    let lost: unknown
    for (const address of this.#settings.brokers) {
      const colon = address.lastIndexOf(':')
      const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
      const bootstrap = { node: -1, host, port: Number(address.slice(colon + 1)) }
      try {
        const connection = await this.#connection(bootstrap, 'control')
        return await this.request(connection, what, ask)
      } catch (error) {
        if (!(error instanceof ConnectionLostError)) throw error
        lost = error
      }
    }
    throw lost
  }

  #connection({ host, port }: Leader, purpose: ConnectionPurpose): Promise<Connection> {
    const key = `${purpose}/${host}:${port}`
    const known = this.#connections.get(key)
    if (known !== undefined) return known
    const opening = this.#open(host, port, purpose, () => {
      if (this.#connections.get(key) === opening) this.#connections.delete(key)
    })
    this.#connections.set(key, opening)
    return opening
  }

  async #open(host: string, port: number, purpose: ConnectionPurpose, onGone: () => void): Promise<Connection> {
    if (this.#closed) throw new ConnectionLostError(`Connecting to ${host}:${port}`, 'the client is closed')
    const { clientId, tls, sasl } = this.#settings
    const options: ConnectionOptions = {
      connectTimeout: connectTimeoutMs,
      requestTimeout: purpose === 'membership' ? membershipTimeoutMs : requestTimeoutMs,
      maxInflights,
    }
    if (tls !== undefined) Object.assign(options, { tls, tlsServerName: true })
    if (sasl !== undefined) options.sasl = { ...sasl }
    const connection = new Connection(clientId, options)
    connection.on('error', onGone)
    connection.on('close', onGone)
    try {
      await connection.connect(host, port)
    } catch (cause) {
      onGone()
      throw new ConnectionLostError(`Connecting to ${host}:${port}`, cause)
    }
    return connection
  }
}
