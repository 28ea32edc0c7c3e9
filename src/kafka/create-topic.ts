import { onTopic } from './acl.ts'
import type { BrokerConnections } from './broker-connections.ts'
import { BrokerError } from './broker-errors.ts'
import { createTopicsV7 } from './client-parts.ts'

/** Names and values of a topic's settings. */
export type TopicSettings = readonly (readonly [name: string, value: string])[]

export interface NewTopic {
  readonly topic: string
  readonly partitions: number
  /** the same by the names that different releases know: the first that these brokers take */
  readonly settings: readonly TopicSettings[]
}

/** The largest long: no limit. */
export const unlimited = '9223372036854775807'
/** Bytes that the model version, the modes and the headers of a dead letter may add to a row. */
export const addedMessageBytes = 64 * 1024
/** Of the cluster: `num.partitions`, `default.replication.factor`. */
export const brokersChoice = -1
/** Kafka's own default of max.message.bytes. */
const defaultMaxMessageBytes = 1_048_588
/** A model is one message: room for some four thousand columns, and no more than managed clusters allow. */
const modelsMessageBytes = 8 * 1024 * 1024
/** Time-out of the brokers for creating a topic. */
const createMs = 10_000

/**
 * Settings that let a topic take rows of any time. Kafka 3.6 has split the limit in two (KIP-937), 4.0 knows the new
 * names only.
 */
const withoutTimeLimits = [
  ['message.timestamp.before.max.ms', 'message.timestamp.after.max.ms'],
  ['message.timestamp.difference.max.ms'],
] as const
/** Names of the settings that limit the time of a topic's rows, of all releases. */
export const timeLimits: readonly string[] = withoutTimeLimits.flat()

export const modelsTopicSettings: readonly TopicSettings[] = [
  [
    ['cleanup.policy', 'compact'],
    ['max.message.bytes', String(modelsMessageBytes)],
  ],
]

/**
 * Each slice of each member writes to the positions topic, and a member whose group has no offsets reads all of it. So
 * it must be compacted often. Only closed segments are cleaned, and transaction markers stay for `delete.retention.ms`.
 */
export const positionsTopicSettings: readonly TopicSettings[] = [
  [
    ['cleanup.policy', 'compact'],
    // The smallest that managed clusters allow.
    ['segment.bytes', String(50 * 1024 * 1024)],
    ['delete.retention.ms', String(600_000)],
    // A broker refuses records whose time is far from its own; a worker's clock may be wrong.
    ['message.timestamp.type', 'LogAppendTime'],
  ],
]

/** How long windows are kept: a season, and the healthy ones that later ones are ranked among. */
const statsRetentionMs = 90 * 86_400_000

/** Each slice writes its window's counts so far: the last record of a window is kept, and old windows go. */
export const statsTopicSettings: readonly TopicSettings[] = [
  [
    ['cleanup.policy', 'compact,delete'],
    ['retention.ms', String(statsRetentionMs)],
    ['segment.bytes', String(50 * 1024 * 1024)],
    ['message.timestamp.type', 'LogAppendTime'],
    ['max.message.bytes', String(modelsMessageBytes)],
  ],
]

/** A few records of some bytes, read whole at each start. */
export const controlTopicSettings: readonly TopicSettings[] = [
  [
    ['cleanup.policy', 'compact'],
    ['message.timestamp.type', 'LogAppendTime'],
  ],
]

/**
 * Of a topic for rows: timestamps are kept, however old.
 *
 * @param like settings of the raw topic, whose retention it gets, and messages that are 64 KiB larger
 */
export function rowTopicSettings(like: ReadonlyMap<string, string> | undefined): readonly TopicSettings[] {
  const maxMessageBytes = Number(like?.get('max.message.bytes') ?? defaultMaxMessageBytes)
  const retention = ['retention.ms', 'retention.bytes'].flatMap((name) => {
    const value = like?.get(name)
    return value === undefined ? [] : [[name, value] as const]
  })
  return withoutTimeLimits.map((limits) => [
    ...retention,
    ['message.timestamp.type', 'CreateTime'],
    ...limits.map((limit) => [limit, unlimited] as const),
    ['max.message.bytes', String(maxMessageBytes + (like === undefined ? 0 : addedMessageBytes))],
  ])
}

/**
 * Creates a topic.
 *
 * @param what says what is being done
 * @param judgesOnly only validates the request
 * @throws BrokerError TOPIC_ALREADY_EXISTS, and for what they refuse, with their reason
 */
export async function createTopic(
  connections: BrokerConnections,
  what: string,
  { topic, partitions, settings }: NewTopic,
  judgesOnly = false,
): Promise<void> {
  const [first, ...others] = settings
  const asked = {
    name: topic,
    numPartitions: partitions,
    replicationFactor: brokersChoice,
    assignments: [],
    configs: first.map(([name, value]) => ({ name, value })),
  }
  try {
    await connections.askController(
      what,
      (connection) => createTopicsV7.api.async(connection, [asked], createMs, judgesOnly),
      { request: 'CreateTopics', permissions: [onTopic('Create', topic)] },
    )
  } catch (error) {
    if (others.length === 0 || !isSettingUnknown(error)) throw error
    await createTopic(connections, what, { topic, partitions, settings: others }, judgesOnly)
  }
}

/** Whether brokers of this release do not know the name of a setting. */
function isSettingUnknown(error: unknown): boolean {
  return (
    error instanceof BrokerError &&
    error.errorName === 'INVALID_CONFIG' &&
    error.reason?.startsWith('Unknown topic config name') === true
  )
}
