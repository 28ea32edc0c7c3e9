import type { Compression } from '../batch/batch-header.ts'
import { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import type { ConnectionSettings } from '../ports/connection-settings.ts'
import type {
  Delivery,
  GroupSession,
  LogReader,
  PartitionOffset,
  TopicPartition,
  TransactionalWriter,
} from '../ports/log.ts'
import type { StalledPartition } from '../ports/stage-event.ts'
import { BrokerConnections, earliest } from './broker-connections.ts'
import { Fetcher, type FetcherOptions, fetcherDefaults } from './fetcher.ts'
import { GroupMembership, membershipDefaults } from './group-membership.ts'
import { type JoinListener, type StartOffsets, TransactionalGroupSession } from './group-session.ts'
import { KeptPositions, type PositionHistory, type StrayRecords } from './kept-positions.ts'
import { PlainProducer } from './plain-producer.ts'
import { TransactionalProducer, type TransactionalProducerOptions } from './transactional-producer.ts'
import { namingGoneTopics } from './written-topics.ts'

/** KIP-447 makes a killed member's offsets unstable for no longer than this. */
export const transactionTimeoutMs = 10_000

/** Of a writer that is no member of a group: a load, a sample, generated rows or models. */
const oneAtATime = 'Another one of the same kind may be writing the same topic: let it end, then start this one again'

export interface GroupSessionOptions {
  readonly group: string
  readonly topic: string
  readonly delivery?: Delivery | undefined
  /** drawn for this session alone if the membership is not static */
  readonly transactionalId: string
  /** makes the membership static */
  readonly groupInstanceId: string | null
  readonly compression: Compression
  /** otherwise than the client does */
  readonly fetching?: Partial<FetcherOptions> | undefined
  /** of batches that wait for their acknowledgement [48 MiB] */
  readonly inFlightBytes?: number | undefined
  /** default: the first row of a partition */
  readonly startOffsets?: StartOffsets
  /** where to stop reading partitions; others are read for ever */
  readonly ends?: readonly PartitionOffset[]
  readonly outputsOf: (input: TopicPartition) => readonly TopicPartition[]
  /** text that is kept beside the position in a partition */
  readonly metadataOf?: ((input: TopicPartition) => string | undefined) | undefined
  readonly onAbort: (cause: unknown) => void
  readonly onJoin?: JoinListener
}

/** Opens what stages read and write rows with. Each has its own connections, and closes them when it is closed. */
export class RowClient {
  readonly #settings: ConnectionSettings
  readonly #fetching: FetcherOptions
  /** where positions of groups are kept; undefined if none are */
  readonly positionsTopic: string | undefined

  /**
   * @param onStall called regularly with the partitions that have more rows but return none
   * @param fetching what to fetch otherwise than stages do
   * @param positionsTopic where positions of groups are kept, in the transactions that commit them
   */
  constructor(
    settings: ConnectionSettings,
    onStall: (stalls: readonly StalledPartition[]) => void = () => undefined,
    fetching: Partial<FetcherOptions> = {},
    positionsTopic?: string,
  ) {
    this.#settings = settings
    this.#fetching = { ...fetcherDefaults, onStall, ...fetching }
    this.positionsTopic = positionsTopic
  }

  /** Reads nothing before it is told what. @param group whose positions are read from, for errors */
  openReader(group?: string): LogReader {
    const connections = new BrokerConnections(this.#settings)
    const fetcher = new Fetcher(connections, { ...this.#fetching, group })
    return {
      assign: (next) => fetcher.assign(next),
      poll: (maxWaitMs) => fetcher.poll(maxWaitMs),
      position: (topic, partition) => fetcher.position(topic, partition),
      close: async () => {
        await fetcher.close()
        await connections.close()
      },
    }
  }

  async openWriter(transactionalId: string, compression: Compression): Promise<TransactionalWriter> {
    const connections = new BrokerConnections(this.#settings)
    const positions = this.#positions(connections)
    const producer = await this.#producer(connections, positions, {
      transactionalId,
      compression,
      yields: true,
      fencedFix: oneAtATime,
    })
    const writer = namingGoneTopics(producer, connections, positions === undefined ? [] : [positions.partition])
    return {
      ...writer,
      close: async () => {
        await producer.close()
        await connections.close()
      },
    }
  }

  /** Writes records to the only partition of a topic, each once or more, without a transaction; null deletes a key. */
  async append(topic: string, records: readonly (readonly [key: string, value: string | null])[]): Promise<void> {
    await this.withConnections(async (connections) => {
      const producer = new PlainProducer(connections, { compression: 'none', patienceMs: transactionTimeoutMs })
      const batch = new RecordBatchWriter(Number.POSITIVE_INFINITY)
      for (const [key, value] of records)
        batch.append(Date.now(), Buffer.from(key), value === null ? null : Buffer.from(value))
      await producer.begin()
      await producer.produce(topic, 0, batch)
      await producer.flush()
    })
  }

  async openSession(options: GroupSessionOptions): Promise<GroupSession> {
    const { group, topic, groupInstanceId, transactionalId, compression, inFlightBytes } = options
    const connections = new BrokerConnections(this.#settings)
    const positions = this.#positions(connections)
    const producer =
      options.delivery === 'at-least-once'
        ? new PlainProducer(connections, { compression, patienceMs: transactionTimeoutMs, inFlightBytes, positions })
        : await this.#producer(connections, positions, {
            transactionalId,
            compression,
            inFlightBytes,
            isUnique: groupInstanceId === null,
          })
    return new TransactionalGroupSession({
      connections,
      producer,
      positions,
      group,
      fetcher: new Fetcher(connections, { ...this.#fetching, ...options.fetching, group }),
      membership: new GroupMembership(connections, { group, topic, groupInstanceId, ...membershipDefaults }),
      startOffsets: options.startOffsets ?? ((partitions) => connections.listOffsets(partitions, earliest)),
      endOffsetOf: ({ topic, partition }) =>
        options.ends?.find((end) => end.topic === topic && end.partition === partition)?.offset,
      outputsOf: options.outputsOf,
      metadataOf: options.metadataOf,
      onAbort: options.onAbort,
      onJoin: options.onJoin,
    })
  }

  /**
   * The positions of a group: its committed offsets, else what is kept. Waits for transactions that are about to commit
   * others.
   *
   * @throws BrokerError, ConnectionLostError, PositionsUnreadableError
   */
  async positionsOf(group: string, partitions: readonly TopicPartition[]): Promise<PartitionOffset[]> {
    return this.withConnections(
      async (connections) =>
        this.#positions(connections)?.of(group, partitions) ?? connections.committedOffsets(group, partitions),
    )
  }

  /** The kept positions of a group, whatever it has committed. @throws likewise */
  async keptPositions(group: string, partitions: readonly TopicPartition[]): Promise<PartitionOffset[]> {
    return this.withConnections(async (connections) => this.#positions(connections)?.kept(group, partitions) ?? [])
  }

  /** The texts that are kept beside a group's position in a partition, by name. @throws likewise */
  async keptNotes(group: string, place: TopicPartition): Promise<ReadonlyMap<string, string>> {
    return this.withConnections(
      async (connections) => (await this.#positions(connections)?.notes(group, place)) ?? new Map(),
    )
  }

  /**
   * Partitions for which a position is kept that belongs to an older, deleted topic of the same name.
   *
   * @throws likewise
   */
  async positionsLeftBehind(group: string, partitions: readonly TopicPartition[]): Promise<TopicPartition[]> {
    return this.withConnections(
      async (connections) => this.#positions(connections)?.leftBehind(group, partitions) ?? [],
    )
  }

  /** The stored positions of all groups, with their progress in the last `windowMs`. @throws likewise */
  async positionHistories(windowMs: number): Promise<PositionHistory[]> {
    return this.withConnections(
      async (connections) => this.#positions(connections)?.histories(Date.now(), windowMs) ?? [],
    )
  }

  /** The records of the positions topic that are no positions. @throws likewise */
  async strayPositionRecords(): Promise<StrayRecords> {
    return this.withConnections(
      async (connections) => this.#positions(connections)?.strayRecords() ?? { count: 0, offset: undefined },
    )
  }

  /** Runs `ask` with connections that live as long as it does. */
  async withConnections<T>(ask: (connections: BrokerConnections) => Promise<T>): Promise<T> {
    const connections = new BrokerConnections(this.#settings)
    try {
      return await ask(connections)
    } finally {
      await connections.close()
    }
  }

  #positions(connections: BrokerConnections): KeptPositions | undefined {
    const { positionsTopic } = this
    return positionsTopic === undefined ? undefined : new KeptPositions(connections, positionsTopic, this.#fetching)
  }

  async #producer(
    connections: BrokerConnections,
    positions: KeptPositions | undefined,
    options: Omit<TransactionalProducerOptions, 'positions' | 'transactionTimeoutMs'>,
  ): Promise<TransactionalProducer> {
    try {
      return await TransactionalProducer.open(connections, { ...options, positions, transactionTimeoutMs })
    } catch (error) {
      await connections.close()
      throw error
    }
  }
}
