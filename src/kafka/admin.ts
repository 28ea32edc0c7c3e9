import { setTimeout as sleep } from 'node:timers/promises'
import {
  createPartitionsV3,
  deleteGroupsV2,
  deleteRecordsV2,
  deleteTopicsV6,
  describeConfigsV4,
  describeGroupsV5,
  incrementalAlterConfigsV1,
  listGroupsV4,
  offsetCommitV8,
} from '@platformatic/kafka'
import { exitCodes, PipelineError } from '../errors.ts'
import type { ConnectionSettings } from '../ports/connection-settings.ts'
import type { PartitionOffset, TopicPartition } from '../ports/log.ts'
import { onGroup, onTopic } from './acl.ts'
import { addressText } from './broker-address.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { BrokerConnections, earliest, latest } from './broker-connections.ts'
import { type Asked, BrokerError, BrokerUnreachableError, isTopicUnknown } from './broker-errors.ts'
import {
  createTopic,
  modelsTopicSettings,
  type NewTopic,
  positionsTopicSettings,
  rowTopicSettings,
  type TopicSettings,
} from './create-topic.ts'
import { noTlsError, wantedNoTls } from './login-errors.ts'

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
  readonly settings: readonly TopicSettings[]
}

const modelsTopic: CompactedTopic = {
  code: 'VGM_MODELS_TOPIC',
  holds: 'models',
  flag: '--models-topic',
  settings: modelsTopicSettings,
}

const positionsTopic: CompactedTopic = {
  code: 'VGM_POSITIONS_TOPIC',
  holds: 'positions',
  flag: '--positions-topic',
  settings: positionsTopicSettings,
}

/** A topic that must be compacted, with one partition, is something else. */
export class CompactedTopicError extends PipelineError {
  readonly code: `VGM_${string}`
  constructor(topic: string, { code, holds }: Pick<CompactedTopic, 'code' | 'holds'>, problem: string, fix: string) {
    super(`Topic ${topic} cannot hold ${holds}: ${problem}`, { fix, exitCode: exitCodes.usage })
    this.code = code
  }
}

/** Of IncrementalAlterConfigs. */
const setValue = 0 as const
/** ConfigResource.Type.TOPIC */
const topicResource = 2
/** Who commits without being a member of the group. */
const noMember = { generation: -1, memberId: '' } as const
/** Brokers learn of a topic after the controller has made it. */
const topicKnownWithinMs = 10_000
const topicPauseMs = 20
/** What brokers may take to make or delete topics, or to delete rows. */
const changeMs = 10_000
/** For how long a request is repeated that fails by what may pass: then the caller decides, as a stage that waits. */
const patienceMs = 3_000

/** Topics, offsets and groups. Connects at the first request. */
export class ClusterAdmin {
  readonly #settings: ConnectionSettings
  readonly #connections: BrokerConnections

  constructor(settings: ConnectionSettings) {
    this.#settings = settings
    this.#connections = new BrokerConnections(settings)
  }

  /** @throws BrokerUnreachableError after about 3 s, or 10 s for each that takes the connection and does not answer */
  async connect(): Promise<void> {
    await this.#ask('Connecting', () => this.#connections.answeringBroker())
  }

  close(): Promise<void> {
    return this.#connections.close()
  }

  /** Brokers that the cluster names, and its id. */
  async describeCluster(): Promise<{ readonly clusterId: string; readonly brokers: readonly string[] }> {
    const { clusterId, brokers } = await this.#ask('Describing the cluster', (what) =>
      this.#connections.metadata(what, []),
    )
    return { clusterId: clusterId ?? '', brokers: brokers.map(addressText) }
  }

  /** Number of partitions by topic. */
  async topics(): Promise<ReadonlyMap<string, number>> {
    const { topics } = await this.#ask('Listing topics', (what) => this.#connections.metadata(what, null))
    return new Map(topics.map(({ name, partitions }) => [name ?? '', partitions.length]))
  }

  /** Undefined if there is no such topic. */
  async partitionCount(topic: string): Promise<number | undefined> {
    // Asked for by name: a list of all topics leaves out, without a word, those that this user has no right to.
    return this.#ask(`Looking for topic ${topic}`, async () => {
      try {
        await this.#connections.refresh([topic])
        return await this.#connections.partitionCount(topic)
      } catch (error) {
        if (isTopicUnknown(error)) return undefined
        throw error
      }
    })
  }

  /** Which topic of this name it is; undefined if there is none, or if no broker tells now. */
  async topicId(topic: string): Promise<string | undefined> {
    try {
      return await this.#connections.topicId(topic)
    } catch (error) {
      if (isTopicUnknown(error) || (error instanceof PipelineError && error.retriable)) return undefined
      throw error
    }
  }

  /** The settings that are in force, defaults included. @throws TopicMissingError */
  async topicConfig(topic: string): Promise<ReadonlyMap<string, string>> {
    await this.#mustExist(topic)
    const asked = { resourceType: topicResource, resourceName: topic, configurationKeys: null } as const
    const { results } = await this.#askAny(
      `Reading the settings of topic ${topic}`,
      (connection) => describeConfigsV4.api.async(connection, [asked], false, false),
      { permissions: [onTopic('DescribeConfigs', topic)] },
    )
    return new Map(results[0].configs.map(({ name, value }) => [name, value ?? '']))
  }

  /**
   * Makes a topic for rows unless it exists: timestamps are kept, however old, and messages may be 64 KiB larger than
   * in the raw topic.
   *
   * @throws PartitionCountError if it exists with another number of partitions
   * @throws TopicMissingError if the topic that it is to be like does not exist
   */
  async ensureRowTopic({ topic, partitions, like }: RowTopic): Promise<'created' | 'present'> {
    const settings = rowTopicSettings(like === undefined ? undefined : await this.topicConfig(like))
    const created = await this.#create({ topic, partitions, settings })
    if (created) {
      // Brokers take a while to make hundreds of logs, and a transaction that waits for each of them may time out.
      await this.#connections.listOffsets(partitionsOf(topic, partitions), latest)
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
    if (await this.#create({ topic, partitions: 1, settings })) return 'created'
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
        // Compaction takes rows away from a topic of rows.
        `Name another one with ${flag}. If it was made for ${holds} and holds nothing else, run ` +
          `"kafka-configs.sh --bootstrap-server ${brokers} --alter --entity-type topics --entity-name ${topic} --add-config cleanup.policy=compact"`,
      )
    }
    return 'present'
  }

  /** Changes some settings; the others stay. */
  async alterTopic(topic: string, settings: Readonly<Record<string, string>>): Promise<void> {
    const configs = Object.entries(settings).map(([name, value]) => ({ name, configOperation: setValue, value }))
    await this.#askAny(
      `Changing settings of topic ${topic}`,
      (connection) =>
        incrementalAlterConfigsV1.api.async(
          connection,
          [{ resourceType: topicResource, resourceName: topic, configs }],
          false,
        ),
      { permissions: [onTopic('AlterConfigs', topic)] },
    )
  }

  /** Gives a topic partitions until it has so many. @throws TopicMissingError */
  async addPartitions(topic: string, count: number): Promise<void> {
    await this.#mustExist(topic)
    await this.#askController(
      `Adding partitions to topic ${topic}`,
      (connection) =>
        createPartitionsV3.api.async(connection, [{ name: topic, count, assignments: null }], changeMs, false),
      { request: 'CreatePartitions', permissions: [onTopic('Alter', topic)] },
    )
    await this.#untilCounts(topic, (known) => known === count)
  }

  /**
   * By partition, ascending. The end counts what an open transaction holds back from readers.
   *
   * @throws TopicMissingError
   */
  async watermarks(topic: string): Promise<readonly Watermarks[]> {
    const count = await this.partitionCount(topic)
    if (count === undefined) throw new TopicMissingError(topic)
    const partitions = partitionsOf(topic, count)
    const low = await this.#connections.listOffsets(partitions, earliest)
    const high = await this.#connections.listOffsets(partitions, latest)
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
    const count = await this.#mustExist(topic)
    const partitions = partitionsOf(topic, count)
    const found = await this.#connections.listOffsets(partitions, timestampMs)
    const ends = await this.#connections.listOffsets(partitions, latest)
    return found.map((at, i) => (at.offset < 0 ? ends[i] : at))
  }

  /** What a group has committed, with metadata; partitions without a commit are left out. */
  async committedOffsets(group: string, topic?: string): Promise<readonly PartitionOffset[]> {
    // Repeated, for the first group of a cluster has no coordinator yet, and then one that is not ready.
    const committed = await this.#ask(`Reading the committed offsets of ${group}`, () =>
      this.#connections.committedOffsets(group, undefined, false),
    )
    return committed.filter((at) => topic === undefined || at.topic === topic).sort(byPartition)
  }

  /**
   * Moves a group, and leaves no metadata.
   *
   * @throws BrokerError UNKNOWN_MEMBER_ID if it has members
   */
  async commitOffsets(group: string, topic: string, offsets: readonly Omit<PartitionOffset, 'topic'>[]): Promise<void> {
    await this.#mustExist(topic)
    const partitions = offsets.map(({ partition, offset }) => ({
      partitionIndex: partition,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: -1,
      committedMetadata: null,
    }))
    await this.#askCoordinator(
      group,
      `Moving group ${group} in topic ${topic}`,
      (connection) =>
        offsetCommitV8.api.async(connection, group, noMember.generation, noMember.memberId, null, [
          { name: topic, partitions },
        ]),
      { permissions: [onGroup('Read', group), onTopic('Read', topic)] },
    )
  }

  /** Each broker knows those that it coordinates. */
  async groups(): Promise<readonly GroupSummary[]> {
    const known = await this.#ask('Listing groups', async (what) => {
      const { brokers } = await this.#connections.metadata(what, [])
      return Promise.all(
        brokers.map(async ({ nodeId: node, host, port }) => {
          const connection = await this.#connections.brokerConnection({ node, host, port })
          const { groups } = await this.#connections.request(connection, what, () =>
            listGroupsV4.api.async(connection, [], []),
          )
          return groups
        }),
      )
    })
    return known.flat().map(({ groupId, protocolType }) => ({ group: groupId, protocolType }))
  }

  async describeGroups(groups: readonly string[]): Promise<readonly GroupDescription[]> {
    return Promise.all(
      groups.map(async (group) => {
        const described = await this.#askCoordinator(
          group,
          `Describing group ${group}`,
          (connection) => describeGroupsV5.api.async(connection, [group], false),
          { permissions: [onGroup('Describe', group)] },
        )
        const [{ groupState, members }] = described.groups
        return {
          group,
          state: groupState,
          members: members.map(({ memberId, clientId, clientHost }) => ({ memberId, clientId, host: clientHost })),
        }
      }),
    )
  }

  async deleteGroups(groups: readonly string[]): Promise<void> {
    await Promise.all(
      groups.map((group) =>
        this.#askCoordinator(
          group,
          `Deleting group ${group}`,
          (connection) => deleteGroupsV2.api.async(connection, [group]),
          { permissions: [onGroup('Delete', group)] },
        ),
      ),
    )
  }

  /**
   * Deletes the rows before an offset of each partition; the disk's space comes back when the broker next looks for it.
   */
  async deleteRecords(offsets: readonly PartitionOffset[]): Promise<void> {
    await Promise.all(
      offsets.map(({ topic, partition, offset }) =>
        this.#ask(`Deleting rows of ${topic}/${partition}`, async (what) => {
          const connection = await this.#connections.leaderConnection({ topic, partition }, 'control')
          const partitions = [{ partitionIndex: partition, offset: BigInt(offset) }]
          await this.#connections.request(
            connection,
            what,
            () => deleteRecordsV2.api.async(connection, [{ name: topic, partitions }], changeMs),
            { permissions: [onTopic('Delete', topic)] },
          )
        }),
      ),
    )
  }

  /** Topics that do not exist are left out. */
  async deleteTopics(names: readonly string[]): Promise<void> {
    const known = await this.topics()
    await Promise.all(
      names
        .filter((name) => known.has(name))
        .map(async (name) => {
          await this.#askController(
            `Deleting topic ${name}`,
            (connection) => deleteTopicsV6.api.async(connection, [{ name, topicId: null }], changeMs),
            { request: 'DeleteTopics', permissions: [onTopic('Delete', name)] },
          )
          await this.#untilCounts(name, (count) => count === undefined)
        }),
    )
  }

  /** @returns false if it is there already */
  async #create(wanted: NewTopic): Promise<boolean> {
    const { topic } = wanted
    if ((await this.partitionCount(topic)) !== undefined) return false
    const isCreated = await this.#ask(`Creating topic ${topic}`, (what) =>
      createTopic(this.#connections, what, wanted).then(
        () => true,
        (error: unknown) => {
          if (error instanceof BrokerError && error.errorName === 'TOPIC_ALREADY_EXISTS') return false
          throw error
        },
      ),
    )
    await this.#untilCounts(topic, (count) => count !== undefined)
    return isCreated
  }

  /** Waits for the brokers, which learn after the controller what has become of a topic. @throws TopicMissingError */
  async #untilCounts(topic: string, isAsWanted: (count: number | undefined) => boolean): Promise<void> {
    for (const deadline = Date.now() + topicKnownWithinMs; !isAsWanted(await this.partitionCount(topic)); ) {
      if (Date.now() > deadline) throw new TopicMissingError(topic)
      await sleep(topicPauseMs)
    }
  }

  /** Number of its partitions. @throws TopicMissingError */
  async #mustExist(topic: string): Promise<number> {
    const count = await this.partitionCount(topic)
    if (count === undefined) throw new TopicMissingError(topic)
    return count
  }

  #askAny<T>(what: string, ask: (connection: BrokerConnection) => Promise<T>, asked?: Asked): Promise<T> {
    return this.#ask(what, () => this.#connections.askAny(what, ask, asked))
  }

  #askController<T>(what: string, ask: (connection: BrokerConnection) => Promise<T>, asked?: Asked): Promise<T> {
    return this.#ask(what, () => this.#connections.askController(what, ask, asked))
  }

  #askCoordinator<T>(
    group: string,
    what: string,
    ask: (connection: BrokerConnection) => Promise<T>,
    asked?: Asked,
  ): Promise<T> {
    return this.#ask(what, async () => {
      const connection = await this.#connections.coordinatorConnection('group', group)
      return this.#connections.request(connection, what, ask, asked)
    })
  }

  async #ask<T>(what: string, ask: (what: string) => Promise<T>): Promise<T> {
    try {
      return await this.#connections.retrying(what, ask, patienceMs)
    } catch (error) {
      if (error instanceof BrokerUnreachableError && wantedNoTls(error))
        throw noTlsError(this.#settings.brokers.join(', '), error)
      throw error
    }
  }
}

function byPartition(a: PartitionOffset, b: PartitionOffset): number {
  return a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1
}

function partitionsOf(topic: string, count: number): TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }))
}
