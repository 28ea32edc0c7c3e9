import { setTimeout as sleep } from 'node:timers/promises'
import { PipelineError } from '../errors.ts'
import { nearestTopic } from '../nearest-name.ts'
import type { TopicPartition } from '../ports/log.ts'
import { onTopic, operationsOf } from './acl.ts'
import { type AdminRequests, changeMs } from './admin-requests.ts'
import { latest } from './broker-connections.ts'
import { BrokerError, isTopicUnknown } from './broker-errors.ts'
import { createPartitionsV3, deleteTopicsV6, describeConfigsV4, incrementalAlterConfigsV1 } from './client-parts.ts'
import {
  controlTopicSettings,
  createTopic,
  modelsTopicSettings,
  type NewTopic,
  positionsTopicSettings,
  rowTopicSettings,
  statsTopicSettings,
  type TopicSettings,
} from './create-topic.ts'
import { CompactedTopicError, PartitionCountError, TopicMissingError } from './topic-errors.ts'

/** How a row topic is to be. */
export interface RowTopic {
  readonly topic: string
  readonly partitions: number
  /** the raw topic, whose retention and message size it gets */
  readonly like?: string
}

/** A topic of ours that keeps the last record of each key, and one order of all records. */
interface CompactedTopic {
  readonly code: CompactedTopicError['code']
  /** what its records are */
  readonly holds: string
  /** what gives it another name */
  readonly flag: string
  readonly settings: readonly TopicSettings[]
  /** whether old records may be deleted */
  readonly mayForget?: boolean
}

const modelsTopic: CompactedTopic = {
  code: 'VGM_MODELS_TOPIC',
  holds: 'models',
  flag: '--models-topic, modelsTopic',
  settings: modelsTopicSettings,
}

const positionsTopic: CompactedTopic = {
  code: 'VGM_POSITIONS_TOPIC',
  holds: 'positions',
  flag: '--positions-topic, positionsTopic',
  settings: positionsTopicSettings,
}

const statsTopic: CompactedTopic = {
  code: 'VGM_STATS_TOPIC',
  holds: 'stats',
  flag: '--stats-topic, statsTopic',
  settings: statsTopicSettings,
  mayForget: true,
}

const controlTopic: CompactedTopic = {
  code: 'VGM_CONTROL_TOPIC',
  holds: 'orders',
  flag: '--control-topic, controlTopic',
  settings: controlTopicSettings,
}

/** TOPIC_AUTHORIZATION_FAILED */
const topicAuthorizationFailed = 29
/** Of IncrementalAlterConfigs. */
const setValue = 0 as const
/** ConfigResource.Type.TOPIC */
const topicResource = 2
/** Brokers learn of a topic after the controller has made it. */
const topicKnownWithinMs = 10_000
const topicPauseMs = 20

/** Topics: which there are, their settings, and those that stages need. */
export class TopicAdmin {
  readonly #requests: AdminRequests

  constructor(requests: AdminRequests) {
    this.#requests = requests
  }

  /** Number of partitions by topic. */
  async partitionCounts(): Promise<ReadonlyMap<string, number>> {
    const { topics } = await this.#requests.ask('Listing topics', (what) =>
      this.#requests.connections.metadata(what, null),
    )
    return new Map(topics.map(({ name, partitions }) => [name ?? '', partitions.length]))
  }

  /** The topic whose name is most like one that does not exist; undefined if none is like it, or nobody tells. */
  async nearest(topic: string): Promise<string | undefined> {
    try {
      return nearestTopic(topic, (await this.partitionCounts()).keys())
    } catch {
      return undefined
    }
  }

  /** Undefined if there is no such topic. */
  async partitionCount(topic: string): Promise<number | undefined> {
    // Asked for by name: a list of all topics leaves out, without a word, those that this user has no right to.
    return this.#requests.ask(`Looking for topic ${topic}`, async () => {
      try {
        await this.#requests.connections.refresh([topic])
        return await this.#requests.connections.partitionCount(topic)
      } catch (error) {
        if (isTopicUnknown(error)) return undefined
        throw error
      }
    })
  }

  /** Which topic of this name it is; undefined if there is none, or if no broker tells now. */
  async id(topic: string): Promise<string | undefined> {
    try {
      return await this.#requests.connections.topicId(topic)
    } catch (error) {
      if (isTopicUnknown(error) || (error instanceof PipelineError && error.retriable)) return undefined
      throw error
    }
  }

  /** The settings that are in force, defaults included. @throws TopicMissingError */
  async config(topic: string): Promise<ReadonlyMap<string, string>> {
    await this.mustExist(topic)
    const asked = { resourceType: topicResource, resourceName: topic, configurationKeys: null } as const
    const { results } = await this.#requests.askAny(
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
    const settings = rowTopicSettings(like === undefined ? undefined : await this.config(like))
    const created = await this.#create({ topic, partitions, settings })
    if (created) {
      // Brokers take a while to make hundreds of logs, and a transaction that waits for each of them may time out.
      await this.#requests.connections.listOffsets(partitionsOf(topic, partitions), latest)
      return 'created'
    }
    const actual = await this.partitionCount(topic)
    if (actual !== undefined && actual !== partitions) {
      throw new PartitionCountError(topic, actual, partitions, this.#requests.settings.brokers)
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

  /**
   * Makes the stats topic unless it exists.
   *
   * @throws CompactedTopicError if it exists and cannot hold stats; BrokerError if this user may not write to it
   */
  async ensureStatsTopic(topic: string): Promise<'created' | 'present'> {
    const found = await this.#ensureCompactedTopic(topic, statsTopic)
    await this.#requests.ask(`Asking for the right to write to topic ${topic}`, async (what) => {
      const { topics } = await this.#requests.connections.metadata(what, [topic], true)
      const [{ topicAuthorizedOperations: bits }] = topics
      if (operationsOf(bits)?.has('Write') === false)
        throw new BrokerError(topicAuthorizationFailed, what, { permissions: [onTopic('Write', topic)] })
    })
    return found
  }

  /** Makes the control topic unless it exists. @throws CompactedTopicError if it exists and cannot hold orders */
  ensureControlTopic(topic: string): Promise<'created' | 'present'> {
    return this.#ensureCompactedTopic(topic, controlTopic)
  }

  async #ensureCompactedTopic(topic: string, kind: CompactedTopic): Promise<'created' | 'present'> {
    const { holds, flag, settings, mayForget = false } = kind
    if (await this.#create({ topic, partitions: 1, settings })) return 'created'
    const partitions = await this.partitionCount(topic)
    if (partitions !== undefined && partitions !== 1) {
      throw new CompactedTopicError(
        topic,
        kind,
        `it has ${partitions} partitions instead of 1`,
        `Name another one (${flag})`,
      )
    }
    const policy = (await this.config(topic)).get('cleanup.policy')
    if (policy !== 'compact' && !(mayForget && policy?.includes('compact'))) {
      const brokers = this.#requests.settings.brokers.join(',')
      throw new CompactedTopicError(
        topic,
        kind,
        `its cleanup.policy is ${policy}, so ${holds} would be deleted`,
        // Compaction takes rows away from a topic of rows.
        `Name another one (${flag}). If it was made for ${holds} and holds nothing else, run ` +
          `"kafka-configs.sh --bootstrap-server ${brokers} --alter --entity-type topics --entity-name ` +
          `${topic} --add-config cleanup.policy=compact"`,
      )
    }
    return 'present'
  }

  /** Changes some settings; the others stay. Returns when a broker has them in force. */
  async alter(topic: string, settings: Readonly<Record<string, string>>): Promise<void> {
    const configs = Object.entries(settings).map(([name, value]) => ({ name, configOperation: setValue, value }))
    await this.#requests.askAny(
      `Changing settings of topic ${topic}`,
      (connection) =>
        incrementalAlterConfigsV1.api.async(
          connection,
          [{ resourceType: topicResource, resourceName: topic, configs }],
          false,
        ),
      { permissions: [onTopic('AlterConfigs', topic)] },
    )
    await this.#untilInForce(topic, settings)
  }

  /** Gives a topic partitions until it has so many. @throws TopicMissingError */
  async addPartitions(topic: string, count: number): Promise<void> {
    await this.mustExist(topic)
    await this.#requests.askController(
      `Adding partitions to topic ${topic}`,
      (connection) =>
        createPartitionsV3.api.async(connection, [{ name: topic, count, assignments: null }], changeMs, false),
      { request: 'CreatePartitions', permissions: [onTopic('Alter', topic)] },
    )
    await this.#untilCounts(topic, (known) => known === count)
  }

  /** Topics that do not exist are left out. */
  async delete(names: readonly string[]): Promise<void> {
    const known = await this.partitionCounts()
    await Promise.all(
      names
        .filter((name) => known.has(name))
        .map(async (name) => {
          await this.#requests.askController(
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
    const isCreated = await this.#requests.ask(`Creating topic ${topic}`, (what) =>
      createTopic(this.#requests.connections, what, wanted).then(
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
    if (!(await untilKnown(async () => isAsWanted(await this.partitionCount(topic)))))
      throw new TopicMissingError(topic)
  }

  /** The same for settings. A user who may not see them does not wait. */
  async #untilInForce(topic: string, settings: Readonly<Record<string, string>>): Promise<void> {
    await untilKnown(async () => {
      const known = await this.config(topic).catch((error: unknown) => {
        if (error instanceof BrokerError && error.errorName === 'TOPIC_AUTHORIZATION_FAILED') return undefined
        throw error
      })
      return known === undefined || Object.entries(settings).every(([name, value]) => known.get(name) === value)
    })
  }

  /** Number of its partitions. @throws TopicMissingError */
  async mustExist(topic: string): Promise<number> {
    const count = await this.partitionCount(topic)
    if (count === undefined) throw new TopicMissingError(topic, await this.nearest(topic))
    return count
  }
}

/** Whether the brokers come to know something in time. */
async function untilKnown(isKnown: () => Promise<boolean>): Promise<boolean> {
  for (const deadline = Date.now() + topicKnownWithinMs; !(await isKnown()); await sleep(topicPauseMs))
    if (Date.now() > deadline) return false
  return true
}

/** All partitions of a topic. */
export function partitionsOf(topic: string, count: number): TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }))
}
