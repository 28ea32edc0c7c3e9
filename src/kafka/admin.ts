import { setTimeout as sleep } from 'node:timers/promises'
import { incrementalAlterConfigsV1, TimeoutError } from '@platformatic/kafka'
import kafkajs, { type Admin } from 'kafkajs'
import { exitCodes, PipelineError } from '../errors.ts'
import type { PartitionOffset, TopicPartition } from '../stages/ports.ts'
import { BrokerConnections, earliest, latest } from './broker-connections.ts'
import { BrokerError, ConnectionLostError, isTopicUnknown } from './broker-errors.ts'
import type { ConnectionSettings } from './connection-settings.ts'
import { BrokerUnreachableError, type ControlLog, createControlClient, toControlError } from './control-client.ts'
import { noTlsError, wantedNoTls } from './login-errors.ts'
import { type Operation, onTopic, type Right } from './needed-rights.ts'
import { within } from './time-limit.ts'

/** First and end offset of a partition; markers and open transactions count. */
export interface Watermarks {
  readonly partition: number
  /** the first offset that retention has left */
  readonly low: number
  /** the offset after the last record */
  readonly high: number
}

export interface GroupSummary {
  readonly group: string
  /** as `consumer` */
  readonly protocolType: string
}

export interface GroupDescription {
  readonly group: string
  /** as Stable, Empty, PreparingRebalance, Dead */
  readonly state: string
  readonly members: readonly { readonly memberId: string; readonly clientId: string; readonly host: string }[]
}

/** How a row topic is to be. */
export interface RowTopic {
  readonly topic: string
  readonly partitions: number
  /** the raw topic, whose retention and message size it gets */
  readonly like?: string
}

/** A topic that must exist does not. */
export class TopicMissingError extends PipelineError {
  readonly code = 'VGM_TOPIC_MISSING'
  constructor(topic: string) {
    super(`There is no topic ${topic}`, {
      fix: 'Check --dataset and the topic options; "vgm load" and "vgm generate" make the raw topic',
      exitCode: exitCodes.usage,
    })
  }
}

/** An output topic exists with another number of partitions than its rows need. */
export class PartitionCountError extends PipelineError {
  readonly code = 'VGM_PARTITION_COUNT'
  constructor(topic: string, actual: number, needed: number, brokers: readonly string[]) {
    const tool = `kafka-topics.sh --bootstrap-server ${brokers.join(',')}`
    super(`Topic ${topic} has ${actual} partitions and needs ${needed}: a row keeps its partition`, {
      fix:
        actual < needed
          ? `Run "${tool} --alter --topic ${topic} --partitions ${needed}"`
          : `Name another output topic, or run "${tool} --delete --topic ${topic}" if its rows may go`,
      exitCode: exitCodes.usage,
    })
  }
}

/** A topic of ours that keeps the last record of each key for ever, and one order of all records. */
interface CompactedTopic {
  readonly code: `VGM_${string}`
  /** what its records are */
  readonly holds: string
  /** gives it another name */
  readonly flag: string
  /** beside cleanup.policy */
  readonly settings: Readonly<Record<string, string>>
}

/** A model is one message: room for some ten thousand columns, and no more than managed clusters allow. */
const modelsMessageBytes = 8 * 1024 * 1024

const modelsTopic: CompactedTopic = {
  code: 'VGM_MODELS_TOPIC',
  holds: 'models',
  flag: '--models-topic',
  settings: { 'max.message.bytes': String(modelsMessageBytes) },
}

/**
 * Each slice of each member writes to the positions topic, and a member whose group has no offsets reads all of it. So
 * it must be cleaned often. Only closed segments are cleaned, and transaction markers stay for `delete.retention.ms`.
 */
const positionsTopic: CompactedTopic = {
  code: 'VGM_POSITIONS_TOPIC',
  holds: 'positions',
  flag: '--positions-topic',
  settings: {
    // The smallest that managed clusters allow.
    'segment.bytes': String(50 * 1024 * 1024),
    'delete.retention.ms': String(600_000),
    // A broker refuses records whose time is far from its own; a worker's clock may be wrong.
    'message.timestamp.type': 'LogAppendTime',
  },
}

/** A topic that must be compacted, with one partition, is something else. */
export class CompactedTopicError extends PipelineError {
  readonly code: `VGM_${string}`
  constructor(topic: string, { code, holds }: Pick<CompactedTopic, 'code' | 'holds'>, problem: string, fix: string) {
    super(`Topic ${topic} cannot hold ${holds}: ${problem}`, { fix, exitCode: exitCodes.usage })
    this.code = code
  }
}

/** The largest long: no limit. */
export const unlimited = '9223372036854775807'
/** What the stamp, the modes and the headers of a dead letter may add to a row. */
export const addedMessageBytes = 64 * 1024
/** Kafka's own default of max.message.bytes. */
const defaultMaxMessageBytes = 1_048_588
/** Of the cluster: `default.replication.factor`. */
const brokersChoice = -1
/** Of IncrementalAlterConfigs. */
const setValue = 0 as const
/** Brokers learn of a topic after the controller has made it. */
const topicKnownWithinMs = 10_000
const topicPauseMs = 20
/** What connecting may take, with all of kafkajs's repetitions; brokers that refuse or are not there take about 3 s. */
const connectMs = 15_000
/** What any other request may take, likewise. */
const askMs = 60_000
const disconnectMs = 1_000
/** What looking for a topic may take with all repetitions. */
const lookForMs = 3_000

/** Topics, offsets and groups, by kafkajs. Connects at the first request. */
export class ClusterAdmin {
  readonly #settings: ConnectionSettings
  readonly #log: ControlLog
  #connecting: Promise<Admin> | undefined
  #closed = false
  readonly #offsets: BrokerConnections

  constructor(settings: ConnectionSettings, log: ControlLog) {
    this.#settings = settings
    this.#log = log
    this.#offsets = new BrokerConnections(settings)
  }

  /** @throws BrokerUnreachableError after about 3 s, or 10 s for each that takes the connection and does not answer */
  async connect(): Promise<void> {
    await this.#ask('Connecting', async () => undefined)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#offsets.close()
    await this.#disconnect()
  }

  async #disconnect(): Promise<void> {
    const connecting = this.#connecting
    this.#connecting = undefined
    if (connecting === undefined) return
    const admin = await connecting.catch(() => undefined)
    if (admin === undefined) return
    await within(disconnectMs, admin.disconnect(), () => this.#unreachable()).catch(() => undefined)
  }

  /** Number of brokers that answer, and the cluster's id. */
  async describeCluster(): Promise<{ readonly clusterId: string; readonly brokers: readonly string[] }> {
    const { clusterId, brokers } = await this.#ask('Describing the cluster', (admin) => admin.describeCluster())
    return { clusterId, brokers: brokers.map(({ host, port }) => `${host}:${port}`) }
  }

  /** Number of partitions by topic. */
  async topics(): Promise<ReadonlyMap<string, number>> {
    const { topics } = await this.#ask('Listing topics', (admin) => admin.fetchTopicMetadata())
    return new Map(topics.map(({ name, partitions }) => [name, partitions.length]))
  }

  /** Undefined if there is no such topic. */
  async partitionCount(topic: string): Promise<number | undefined> {
    // Asked for by name: a list of all topics leaves out, without a word, those that this user has no right to.
    return this.#offsets.retrying(
      `Looking for topic ${topic}`,
      async () => {
        try {
          await this.#offsets.refresh([topic])
          return await this.#offsets.partitionCount(topic)
        } catch (error) {
          if (isTopicUnknown(error)) return undefined
          throw error
        }
      },
      lookForMs,
    )
  }

  /** Which topic of this name it is; undefined if there is none, or if no broker tells now. */
  async topicId(topic: string): Promise<string | undefined> {
    try {
      return await this.#offsets.topicId(topic)
    } catch (error) {
      if (isTopicUnknown(error) || (error instanceof PipelineError && error.retriable)) return undefined
      throw error
    }
  }

  /** The settings that are in force, defaults included. @throws TopicMissingError */
  async topicConfig(topic: string): Promise<ReadonlyMap<string, string>> {
    const { resources } = await this.#ofTopic(
      topic,
      'Reading the settings',
      (admin) =>
        admin.describeConfigs({
          includeSynonyms: false,
          resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }],
        }),
      'DescribeConfigs',
    )
    return new Map(
      resources.flatMap(({ configEntries }) => configEntries.map((entry) => [entry.configName, entry.configValue])),
    )
  }

  /**
   * Makes a topic for rows unless it exists: timestamps are kept, however old, and messages may be 64 KiB larger than in the
   * raw topic.
   *
   * @throws PartitionCountError if it exists with another number of partitions
   * @throws TopicMissingError if the topic that it is to be like does not exist
   */
  async ensureRowTopic({ topic, partitions, like }: RowTopic): Promise<'created' | 'present'> {
    const source = like === undefined ? new Map<string, string>() : await this.topicConfig(like)
    const maxMessageBytes = Number(source.get('max.message.bytes') ?? defaultMaxMessageBytes)
    const retention = ['retention.ms', 'retention.bytes'].flatMap((name) => {
      const value = source.get(name)
      return value === undefined ? [] : [[name, value] as const]
    })
    const created = await this.#create(topic, partitions, [
      ...retention,
      ['message.timestamp.type', 'CreateTime'],
      ['message.timestamp.before.max.ms', unlimited],
      ['message.timestamp.after.max.ms', unlimited],
      ['max.message.bytes', String(maxMessageBytes + (like === undefined ? 0 : addedMessageBytes))],
    ])
    if (created) {
      // Brokers take a while to make hundreds of logs, and a transaction that waits for each of them may time out.
      await this.#offsets.listOffsets(partitionsOf(topic, partitions), latest)
      return 'created'
    }
    const actual = await this.partitionCount(topic)
    if (actual !== undefined && actual !== partitions) {
      throw new PartitionCountError(topic, actual, partitions, this.#settings.brokers)
    }
    return 'present'
  }

  /** Makes the models topic unless it exists. @throws CompactedTopicError if it exists and cannot hold models */
  ensureModelsTopic(topic: string): Promise<'created' | 'present'> {
    return this.#ensureCompactedTopic(topic, modelsTopic)
  }

  /** Makes the positions topic unless it exists. @throws CompactedTopicError if it exists and cannot hold positions */
  ensurePositionsTopic(topic: string): Promise<'created' | 'present'> {
    return this.#ensureCompactedTopic(topic, positionsTopic)
  }

  async #ensureCompactedTopic(topic: string, kind: CompactedTopic): Promise<'created' | 'present'> {
    const { holds, flag, settings } = kind
    if (await this.#create(topic, 1, Object.entries({ 'cleanup.policy': 'compact', ...settings }))) return 'created'
    const partitions = await this.partitionCount(topic)
    if (partitions !== undefined && partitions !== 1) {
      throw new CompactedTopicError(
        topic,
        kind,
        `it has ${partitions} partitions instead of 1`,
        `Name another one with ${flag}`,
      )
    }
    const policy = (await this.topicConfig(topic)).get('cleanup.policy')
    if (policy !== 'compact') {
      const brokers = this.#settings.brokers.join(',')
      throw new CompactedTopicError(
        topic,
        kind,
        `its cleanup.policy is ${policy}, so ${holds} would be deleted`,
        `Run "kafka-configs.sh --bootstrap-server ${brokers} --alter --entity-type topics --entity-name ${topic} --add-config cleanup.policy=compact"`,
      )
    }
    return 'present'
  }

  /** Changes some settings; the others stay. Not by kafkajs, which sets those that are not named back to their defaults. */
  async alterTopic(topic: string, settings: Readonly<Record<string, string>>): Promise<void> {
    const configs = Object.entries(settings).map(([name, value]) => ({ name, configOperation: setValue, value }))
    await this.#offsets.askAny(`Changing settings of topic ${topic}`, (connection) =>
      incrementalAlterConfigsV1.api.async(
        connection,
        [{ resourceType: kafkajs.ConfigResourceTypes.TOPIC, resourceName: topic, configs }],
        false,
      ),
    )
  }

  /** Gives a topic partitions until it has so many. @throws TopicMissingError */
  async addPartitions(topic: string, count: number): Promise<void> {
    await this.#ofTopic(topic, 'Adding partitions', (admin) =>
      admin.createPartitions({ topicPartitions: [{ topic, count }] }),
    )
    // Brokers learn of it after the controller.
    for (const deadline = Date.now() + topicKnownWithinMs; (await this.partitionCount(topic)) !== count; ) {
      if (Date.now() > deadline) throw new TopicMissingError(topic)
      await sleep(topicPauseMs)
    }
  }

  /**
   * By partition, ascending. Not by kafkajs: its end is the last stable offset, which an open transaction holds back.
   *
   * @throws TopicMissingError
   */
  async watermarks(topic: string): Promise<readonly Watermarks[]> {
    const count = await this.partitionCount(topic)
    if (count === undefined) throw new TopicMissingError(topic)
    const partitions = partitionsOf(topic, count)
    const low = await this.#offsets.listOffsets(partitions, earliest)
    const high = await this.#offsets.listOffsets(partitions, latest)
    return low.map(({ partition, offset }, i) => ({ partition, low: offset, high: high[i].offset }))
  }

  /** The offset after the last record. @throws TopicMissingError */
  async highWatermark(topic: string, partition: number): Promise<number> {
    return (await this.watermarks(topic)).find((marks) => marks.partition === partition)?.high ?? 0
  }

  /**
   * The first offset of each partition whose row is as new as `timestampMs` (ms since the epoch); the end if none is.
   *
   * @throws TopicMissingError
   */
  async offsetsAt(topic: string, timestampMs: number): Promise<readonly PartitionOffset[]> {
    const offsets = await this.#ofTopic(topic, 'Looking for a time', (admin) =>
      admin.fetchTopicOffsetsByTimestamp(topic, timestampMs),
    )
    return offsets.map(({ partition, offset }) => ({ topic, partition, offset: Number(offset) })).sort(byPartition)
  }

  /** What a group has committed, with metadata; partitions without a commit are left out. */
  async committedOffsets(group: string, topic?: string): Promise<readonly PartitionOffset[]> {
    const what = `Reading the committed offsets of ${group}`
    // Repeated, for the first group of a cluster has no coordinator yet, and then one that is not ready.
    const topics = await this.#offsets.retrying(
      what,
      async () => {
        // kafkajs says no more than that it finds no coordinator where the right to the group is missing.
        await this.#offsets.coordinatorConnection('group', group)
        // Without topics all of the group's come, and a topic that does not exist is no error.
        return this.#ask(what, (admin) => admin.fetchOffsets({ groupId: group }))
      },
      lookForMs,
    )
    return topics
      .filter((committed) => topic === undefined || committed.topic === topic)
      .flatMap((committed) =>
        committed.partitions
          .filter(({ offset }) => Number(offset) >= 0)
          .map(({ partition, offset, metadata }) => ({
            topic: committed.topic,
            partition,
            offset: Number(offset),
            metadata: metadata ?? '',
          })),
      )
      .sort(byPartition)
  }

  /**
   * Moves a group. kafkajs joins it to do so, which takes 5 s, and leaves no metadata.
   *
   * @throws ControlRequestError if it has members
   */
  async commitOffsets(group: string, topic: string, offsets: readonly Omit<PartitionOffset, 'topic'>[]): Promise<void> {
    const partitions = offsets.map(({ partition, offset }) => ({ partition, offset: String(offset) }))
    await this.#ofTopic(topic, `Moving group ${group}`, (admin) =>
      admin.setOffsets({ groupId: group, topic, partitions }),
    )
  }

  async groups(): Promise<readonly GroupSummary[]> {
    const { groups } = await this.#ask('Listing groups', (admin) => admin.listGroups())
    return groups.map(({ groupId, protocolType }) => ({ group: groupId, protocolType }))
  }

  async describeGroups(groups: readonly string[]): Promise<readonly GroupDescription[]> {
    if (groups.length === 0) return []
    const described = await this.#ask('Describing groups', (admin) => admin.describeGroups([...groups]))
    return described.groups.map(({ groupId, state, members }) => ({
      group: groupId,
      state,
      members: members.map(({ memberId, clientId, clientHost }) => ({ memberId, clientId, host: clientHost })),
    }))
  }

  async deleteGroups(groups: readonly string[]): Promise<void> {
    if (groups.length > 0) await this.#ask('Deleting groups', (admin) => admin.deleteGroups([...groups]))
  }

  /** Deletes the rows before an offset of each partition; the disk's space comes back when the broker next looks for it. */
  async deleteRecords(offsets: readonly PartitionOffset[]): Promise<void> {
    for (const [topic, partitions] of Map.groupBy(offsets, (offset) => offset.topic))
      await this.#ask(`Deleting rows of ${topic}`, async (admin) => {
        // kafkajs looks the leaders up in what it knows already.
        await admin.fetchTopicOffsets(topic)
        await admin.deleteTopicRecords({
          topic,
          partitions: partitions.map(({ partition, offset }) => ({ partition, offset: String(offset) })),
        })
      })
  }

  /** Topics that do not exist are left out. */
  async deleteTopics(names: readonly string[]): Promise<void> {
    const known = await this.topics()
    const topics = names.filter((name) => known.has(name))
    if (topics.length > 0) await this.#ask(`Deleting ${topics.join(', ')}`, (admin) => admin.deleteTopics({ topics }))
  }

  async #create(topic: string, partitions: number, config: readonly (readonly [string, string])[]): Promise<boolean> {
    // kafkajs logs the answer that a topic exists as an error.
    if ((await this.partitionCount(topic)) !== undefined) return false
    const configEntries = config.map(([name, value]) => ({ name, value }))
    const created = await this.#ask(
      `Creating topic ${topic}`,
      (admin) =>
        admin.createTopics({
          topics: [{ topic, numPartitions: partitions, replicationFactor: brokersChoice, configEntries }],
          // It would ask a broker that may not have heard of the topic yet, and take its answer for a failure.
          waitForLeaders: false,
        }),
      [onTopic('Create', topic)],
    )
    for (const deadline = Date.now() + topicKnownWithinMs; (await this.partitionCount(topic)) === undefined; ) {
      if (Date.now() > deadline) throw new TopicMissingError(topic)
      await sleep(topicPauseMs)
    }
    return created
  }

  async #ofTopic<T>(
    topic: string,
    what: string,
    request: (admin: Admin) => Promise<T>,
    operation: Operation = 'Describe',
  ): Promise<T> {
    // Looked up first: for a topic that does not exist kafkajs would retry for 3 s.
    if ((await this.partitionCount(topic)) === undefined) throw new TopicMissingError(topic)
    return this.#ask(`${what} of topic ${topic}`, request, [onTopic(operation, topic)])
  }

  async #ask<T>(what: string, request: (admin: Admin) => Promise<T>, rights: readonly Right[] = []): Promise<T> {
    try {
      return await within(askMs, request(await this.#connected()), () => this.#unreachable())
    } catch (cause) {
      const error = toControlError(cause, what, this.#settings.brokers, rights)
      // kafkajs keeps asking for the metadata of each topic it has met; once one of them is gone every request fails.
      const isGone = error instanceof BrokerError && error.errorName === 'UNKNOWN_TOPIC_OR_PARTITION'
      if (isGone || error instanceof BrokerUnreachableError) await this.#disconnect()
      throw error
    }
  }

  #connected(): Promise<Admin> {
    this.#connecting ??= this.#connect().catch((error: unknown) => {
      this.#connecting = undefined
      throw error
    })
    return this.#connecting
  }

  async #connect(): Promise<Admin> {
    const brokers = await this.#brokersThatAnswer()
    // It would try for its own time-out, and `close` would wait for it.
    if (this.#closed) throw this.#unreachable()
    const admin = createControlClient({ ...this.#settings, brokers }, this.#log).admin()
    try {
      await within(connectMs, admin.connect(), () => this.#unreachable())
      return admin
    } catch (error) {
      // It may be still at it, and would keep the process alive.
      void admin.disconnect().catch(() => undefined)
      throw error
    }
  }

  /** kafkajs stays with a broker that takes the connection and never answers, and asks no other. */
  async #brokersThatAnswer(): Promise<readonly string[]> {
    try {
      return [await this.#offsets.answeringBroker()]
    } catch (error) {
      // Refused for a reason that lasts.
      if (!(error instanceof ConnectionLostError)) throw error
      if (error.cause instanceof TimeoutError) throw this.#unreachable()
      if (wantedNoTls(error)) throw noTlsError(this.#settings.brokers.join(', '), error)
      return this.#settings.brokers
    }
  }

  #unreachable(): BrokerUnreachableError {
    return new BrokerUnreachableError(this.#settings.brokers, undefined)
  }
}

function byPartition(a: PartitionOffset, b: PartitionOffset): number {
  return a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1
}

function partitionsOf(topic: string, count: number): TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }))
}
