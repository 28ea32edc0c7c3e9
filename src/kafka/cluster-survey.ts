import { PipelineError } from '../errors.ts'
import { type Operation, operationsOf } from './acl.ts'
import { addressText } from './broker-address.ts'
import type { BrokerConnections, Metadata } from './broker-connections.ts'
import { BrokerError, ConnectionLostError, UnreadableAnswerError } from './broker-errors.ts'
import {
  addOffsetsToTxnV3,
  apiVersionsV3,
  describeConfigsV4,
  describeGroupsV5,
  describeLogDirsV2,
  describeLogDirsV4,
  describeTransactionsV0,
  endTxnV3,
  initProducerIdV4,
  type Sender,
} from './client-parts.ts'
import { brokersChoice, createTopic, type TopicSettings } from './create-topic.ts'

/** Why a fact could not be gathered. */
export interface Refusal {
  readonly problem: string
  /** Kafka's name of the error, as TOPIC_AUTHORIZATION_FAILED; undefined if no broker has answered */
  readonly errorName: string | undefined
  readonly fix: string
}

export interface BrokerFacts {
  readonly node: number
  /** as it advertises itself */
  readonly address: string
  /** round-trip time; undefined if this machine cannot reach the broker */
  readonly answeredInMs: number | undefined
  readonly refusal?: Refusal
  /** newest and oldest version of each request, by its key */
  readonly versions: ReadonlyMap<number, readonly [oldest: number, newest: number]>
  /** newest level of metadata.version that it knows: which release it is of */
  readonly metadataLevel: number | undefined
  /** undefined without the permission to read it */
  readonly config: ReadonlyMap<string, string> | undefined
  readonly folders: readonly LogFolder[]
}

interface LogFolder {
  readonly path: string
  /** undefined from brokers before KIP-827 (Kafka 3.3) */
  readonly totalBytes: number | undefined
  readonly usableBytes: number | undefined
  readonly topicBytes: ReadonlyMap<string, number>
}

interface PartitionFacts {
  readonly partition: number
  /** node; -1 if there is none */
  readonly leader: number
  readonly replicas: readonly number[]
  readonly inSync: readonly number[]
}

export interface TopicFacts {
  readonly topic: string
  /** UNKNOWN_TOPIC_OR_PARTITION, TOPIC_AUTHORIZATION_FAILED; undefined if all is well */
  readonly errorName: string | undefined
  readonly partitions: readonly PartitionFacts[]
  readonly operations: ReadonlySet<Operation> | undefined
  /** settings in force; undefined without the right to read them */
  readonly config: ReadonlyMap<string, string> | undefined
  /** why it could not be made; undefined if it is there, if it can, or if we do not make it */
  readonly creation?: Refusal
}

interface GroupFacts {
  readonly group: string
  readonly state: string
  readonly members: number
  readonly operations: ReadonlySet<Operation> | undefined
  readonly refusal?: Refusal
}

/** Results of an empty transaction that was opened and rolled back. */
export interface ProbeFacts {
  readonly transactionalId: string
  readonly refusal?: Refusal
  /** the coordinator's clock minus ours, in the middle of the question; undefined if it was not learnt */
  readonly clockAheadMs: number | undefined
  /** the uncertainty of that difference */
  readonly clockErrorMs: number
}

export interface ClusterFacts {
  readonly clusterId: string | undefined
  readonly brokers: readonly BrokerFacts[]
  readonly topics: readonly TopicFacts[]
  readonly groups: readonly GroupFacts[]
  readonly probe: ProbeFacts | undefined
}

export interface SurveyPlan {
  readonly topics: readonly string[]
  /** those of them that stages make, and how, from the settings of topics that are there */
  readonly made: ReadonlyMap<
    string,
    (configs: ReadonlyMap<string, ReadonlyMap<string, string>>) => readonly TopicSettings[]
  >
  readonly groups: readonly string[]
  /** ids for an empty transaction that is rolled back, and the group that it names; the first that we may use */
  readonly probes: readonly { readonly transactionalId: string; readonly group: string }[]
  readonly transactionTimeoutMs: number
}

const topicResource = 2
const brokerResource = 4
const clientName = 'vgm'
/** A coordinator may move within some seconds; if it is missing for longer, that is a finding. */
const patienceMs = 10_000

/**
 * Gathers from the brokers all facts that `vgm doctor` judges. It changes nothing: its one transaction writes nothing
 * and is rolled back. A missing permission is a fact too.
 *
 * @throws BrokerError, ConnectionLostError if no broker answers
 */
export async function surveyCluster(connections: BrokerConnections, plan: SurveyPlan): Promise<ClusterFacts> {
  const metadata = await connections.metadata('Asking for brokers and topics', plan.topics, true)
  const brokers = await Promise.all(
    metadata.brokers.map((broker) => surveyBroker(connections, broker, metadata.topics)),
  )
  const configs = await topicConfigs(connections, metadata)
  const creations = brokers.some(createsAlthoughAskedNotTo)
    ? new Map<string, Refusal>()
    : await tryToCreate(connections, metadata, plan.made, configs)
  return {
    clusterId: metadata.clusterId ?? undefined,
    brokers,
    topics: metadata.topics.map((topic) =>
      topicFacts(topic, configs.get(topic.name ?? ''), creations.get(topic.name ?? '')),
    ),
    ...(brokers.some(isReached)
      ? {
          groups: await Promise.all(plan.groups.map((group) => surveyGroup(connections, group))),
          probe: await firstProbe(connections, plan),
        }
      : // Whoever coordinates them cannot be reached either.
        { groups: [], probe: undefined }),
  }
}

function topicFacts(
  { name, errorCode, partitions, topicAuthorizedOperations }: Metadata['topics'][number],
  config: ReadonlyMap<string, string> | undefined,
  creation: Refusal | undefined,
): TopicFacts {
  return {
    topic: name ?? '',
    errorName: errorCode === 0 ? undefined : new BrokerError(errorCode, '').errorName,
    partitions: partitions
      .map(({ partitionIndex, leaderId, replicaNodes, isrNodes }) => ({
        partition: partitionIndex,
        leader: leaderId,
        replicas: replicaNodes,
        inSync: isrNodes,
      }))
      .sort((a, b) => a.partition - b.partition),
    operations: operationsOf(topicAuthorizedOperations),
    config,
    ...(creation !== undefined && { creation }),
  }
}

async function topicConfigs(
  connections: BrokerConnections,
  { topics }: Metadata,
): Promise<Map<string, ReadonlyMap<string, string>>> {
  const known = topics.filter(({ errorCode }) => errorCode === 0).map(({ name }) => name ?? '')
  // One request for each: the right to read may be there for one and not for another.
  const configs = await Promise.all(
    known.map((topic) =>
      orUndefined(connections.askAny('Reading settings', (connection) => config(connection, topicResource, topic))),
    ),
  )
  return new Map(
    known.flatMap((topic, i): [string, ReadonlyMap<string, string>][] => {
      const found = configs[i]
      return found === undefined ? [] : [[topic, found]]
    }),
  )
}

async function config(connection: Sender, type: 2 | 4, name: string): Promise<ReadonlyMap<string, string>> {
  const asked = { resourceType: type, resourceName: name, configurationKeys: null }
  const { results } = await describeConfigsV4.api.async(connection, [asked], false, false)
  return new Map(results[0].configs.flatMap(({ name: key, value }) => (value == null ? [] : [[key, value] as const])))
}

async function surveyBroker(
  connections: BrokerConnections,
  { nodeId: node, host, port }: Metadata['brokers'][number],
  topics: Metadata['topics'],
): Promise<BrokerFacts> {
  const address = addressText({ host, port })
  const ask = async <T>(what: string, send: (connection: Sender) => Promise<T>): Promise<T> => {
    const connection = await connections.brokerConnection({ node, host, port })
    return connections.request(connection, what, send)
  }
  const unknown = { versions: new Map(), metadataLevel: undefined, config: undefined, folders: [] }
  try {
    await ask(`Connecting to ${address}`, (connection) => apiVersionsV3.api.async(connection, clientName, '1'))
    const askedMs = performance.now()
    const { apiKeys, supportedFeatures = [] } = await ask(`Asking ${address} for its versions`, (connection) =>
      apiVersionsV3.api.async(connection, clientName, '1'),
    )
    const answeredInMs = performance.now() - askedMs
    const versions = new Map(
      apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, [minVersion, maxVersion]] as const),
    )
    const tellsRoom = (versions.get(describeLogDirsV4.api.key)?.[1] ?? 0) >= describeLogDirsV4.api.version
    return {
      node,
      address,
      answeredInMs,
      versions,
      metadataLevel: supportedFeatures.find(({ name }) => name === 'metadata.version')?.maxVersion,
      config: await orUndefined(ask('Reading settings', (connection) => config(connection, brokerResource, `${node}`))),
      folders:
        (await orUndefined(
          ask('Reading the log folders', (connection) => logFolders(connection, topics, tellsRoom)),
        )) ?? [],
    }
  } catch (error) {
    return { node, address, answeredInMs: undefined, refusal: refusalOf(error), ...unknown }
  }
}

/** @param tellsRoom whether the broker says how large its disks are (KIP-827, Kafka 3.3) */
async function logFolders(connection: Sender, topics: Metadata['topics'], tellsRoom: boolean): Promise<LogFolder[]> {
  const asked = topics.map(({ name, partitions }) => ({
    name: name ?? '',
    partitions: partitions.map(({ partitionIndex }) => partitionIndex),
  }))
  const { results } = await (tellsRoom ? describeLogDirsV4 : describeLogDirsV2).api.async(connection, asked)
  const bytes = (size: bigint) => (size < 0n ? undefined : Number(size))
  return results.map(({ logDir, totalBytes, usableBytes, topics: held }) => ({
    path: logDir,
    totalBytes: bytes(totalBytes),
    usableBytes: bytes(usableBytes),
    topicBytes: new Map(
      held.map(({ name, partitions }) => [name, partitions.reduce((sum, each) => sum + Number(each.partitionSize), 0)]),
    ),
  }))
}

/** Whether this machine reaches the broker at its advertised address. */
export function isReached({ answeredInMs }: BrokerFacts): boolean {
  return answeredInMs !== undefined
}

/** LeaderAndIsr, which brokers with ZooKeeper alone answer */
const leaderAndIsrKey = 4

/** KRaft before Kafka 3.3, which reports no metadata.version, creates a topic even with validateOnly. */
function createsAlthoughAskedNotTo({ versions, metadataLevel }: BrokerFacts): boolean {
  return versions.size > 0 && metadataLevel === undefined && !versions.has(leaderAndIsrKey)
}

/** Lets the brokers validate whether missing topics could be created, without creating them (validateOnly). */
async function tryToCreate(
  connections: BrokerConnections,
  { topics }: Metadata,
  made: SurveyPlan['made'],
  configs: ReadonlyMap<string, ReadonlyMap<string, string>>,
): Promise<Map<string, Refusal>> {
  const missing = topics.filter(({ errorCode }) => errorCode !== 0).map(({ name }) => name ?? '')
  const refusals = await Promise.all(
    missing.map(async (topic): Promise<[string, Refusal][]> => {
      const settings = made.get(topic)?.(configs)
      if (settings === undefined) return []
      try {
        const wanted = { topic, partitions: brokersChoice, settings }
        await createTopic(connections, `Trying to make topic ${topic}`, wanted, true)
        return []
      } catch (error) {
        return [[topic, refusalOf(error)]]
      }
    }),
  )
  return new Map(refusals.flat())
}

async function surveyGroup(connections: BrokerConnections, group: string): Promise<GroupFacts> {
  try {
    const { groups } = await connections.retrying(
      `Describing group ${group}`,
      async (what) => {
        const connection = await connections.coordinatorConnection('group', group)
        return connections.request(connection, what, () => describeGroupsV5.api.async(connection, [group], true))
      },
      patienceMs,
    )
    const [{ groupState, members, authorizedOperations }] = groups
    return { group, state: groupState, members: members.length, operations: operationsOf(authorizedOperations) }
  } catch (error) {
    return { group, state: 'unknown', members: 0, operations: undefined, refusal: refusalOf(error) }
  }
}

/** The first successful probe, otherwise the one that got furthest; undefined if there is none. */
async function firstProbe(
  connections: BrokerConnections,
  { probes, transactionTimeoutMs }: SurveyPlan,
): Promise<ProbeFacts | undefined> {
  let facts: ProbeFacts | undefined
  for (const probe of probes) {
    const next = await probeTransactions(connections, probe, transactionTimeoutMs)
    const isFirstStep = facts?.refusal?.errorName === 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'
    if (facts === undefined || isFirstStep || next.refusal === undefined) facts = next
    if (facts.refusal === undefined) break
  }
  return facts
}

/** Opens an empty transaction, reads the start time that its coordinator has recorded, and rolls it back. */
async function probeTransactions(
  connections: BrokerConnections,
  { transactionalId, group }: SurveyPlan['probes'][number],
  timeoutMs: number,
): Promise<ProbeFacts> {
  const ask = <T>(what: string, send: (connection: Sender) => Promise<T>): Promise<T> =>
    connections.retrying(
      `${what} for ${transactionalId}`,
      async (named) => {
        const connection = await connections.coordinatorConnection('transaction', transactionalId)
        return connections.request(connection, named, send)
      },
      patienceMs,
    )
  try {
    const { producerId, producerEpoch } = await ask('Taking a transactional id', (connection) =>
      initProducerIdV4.api.async(connection, transactionalId, timeoutMs, -1n, -1),
    )
    const [askedMs, askedAt] = [performance.now(), Date.now()]
    await ask('Opening a transaction', (connection) =>
      addOffsetsToTxnV3.api.async(connection, transactionalId, producerId, producerEpoch, group),
    )
    const tookMs = performance.now() - askedMs
    const described = await orUndefined(
      ask('Describing a transaction', (connection) => describeTransactionsV0.api.async(connection, [transactionalId])),
    )
    await ask('Rolling a transaction back', (connection) =>
      endTxnV3.api.async(connection, transactionalId, producerId, producerEpoch, false),
    )
    const startedAt = Number(described?.transactionStates[0]?.transactionStartTimeMs ?? -1n)
    return {
      transactionalId,
      clockAheadMs: startedAt < 0 ? undefined : startedAt - (askedAt + tookMs / 2),
      clockErrorMs: tookMs / 2,
    }
  } catch (error) {
    return { transactionalId, refusal: refusalOf(error), clockAheadMs: undefined, clockErrorMs: 0 }
  }
}

/** Expected errors only: others are defects. */
export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof PipelineError)) throw error
  const errorName = error instanceof BrokerError ? error.errorName : undefined
  return { problem: error.message, errorName, fix: error.fix }
}

/** For requests that need a permission, or that an older broker does not support. */
async function orUndefined<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    const isExpected = [ConnectionLostError, BrokerError, UnreadableAnswerError].some((kind) => error instanceof kind)
    if (isExpected) return undefined
    throw error
  }
}
