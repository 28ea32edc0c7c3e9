import { availableParallelism, totalmem } from 'node:os'
import {
  defaultControlTopic,
  defaultPositionsTopic,
  defaultStatsTopic,
  groupName,
  type TopicNames,
  transactionalId,
  valueSubject,
} from '../config/names.ts'
import { PipelineError } from '../errors.ts'
import { BrokerConnections } from '../kafka/broker-connections.ts'
import { type ClusterFacts, isReached, type Refusal, refusalOf, surveyCluster } from '../kafka/cluster-survey.ts'
import {
  modelsTopicSettings,
  positionsTopicSettings,
  rowTopicSettings,
  statsTopicSettings,
} from '../kafka/create-topic.ts'
import type { StrayRecords } from '../kafka/kept-positions.ts'
import { hangingTransactions, type OpenTransaction } from '../kafka/open-transactions.ts'
import { transactionTimeoutMs } from '../kafka/row-client.ts'
import { currentModel, knownVersions } from '../model/model-catalogue.ts'
import { readModels } from '../model/read-models.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { positionsIn, startRefusal } from '../pipeline/group-positions.ts'
import { openModels } from '../pipeline/models-topic.ts'
import { hangingAfterMs } from '../pipeline/verify-dataset.ts'
import type {
  DatasetFacts,
  Facts,
  GroupPositions,
  MachineFacts,
  ModelFacts,
  RawRowFacts,
  RegistryFacts,
} from './facts.ts'
import { noRows, rawRowFacts } from './raw-rows.ts'
import { groupsOfStages } from './rights-checks.ts'

type TopicConfigs = ReadonlyMap<string, ReadonlyMap<string, string>>

/** What is written to beside rows: positions of groups and states of transactions. Not there before their first use. */
const brokersTopics = ['__consumer_offsets', '__transaction_state']

export interface DatasetNames {
  readonly dataset: string
  readonly topics: TopicNames
  readonly modelsTopic: string
  /** vgm.positions unless given */
  readonly positionsTopic?: string
  /** vgm.stats unless given */
  readonly statsTopic?: string
  /** vgm.control unless given */
  readonly controlTopic?: string
}

function withDefaults(names: DatasetNames): Required<DatasetNames> {
  const { positionsTopic = defaultPositionsTopic, statsTopic = defaultStatsTopic } = names
  return { ...names, positionsTopic, statsTopic, controlTopic: names.controlTopic ?? defaultControlTopic }
}

/** Asks for everything that checks judge; what is refused is a fact as well. Nothing is changed. */
export async function gatherFacts(cluster: ClusterSession, names: DatasetNames | undefined): Promise<Facts> {
  const given = await Promise.all(
    cluster.settings.brokers.map(async (address) => ({ address, refusal: await refusalAt(cluster, address) })),
  )
  const answers = given.some(({ refusal }) => refusal === undefined)
  let brokers: ClusterFacts | undefined
  const [refusal, registry] = await Promise.all([
    refused(async () => {
      if (answers) brokers = await cluster.rows.withConnections((connections) => surveyOf(connections, names))
    }),
    registryFacts(cluster, names),
  ])
  return {
    given: given.map((each) => ({ ...each, refusal: each.refusal ?? refusal })),
    cluster: brokers,
    dataset: names && (await datasetFacts(cluster, names, brokers, registry)),
    registry,
    machine: machineFacts(),
  }
}

/** Why a bootstrap broker does not answer; undefined if it does. */
async function refusalAt({ settings }: ClusterSession, address: string): Promise<Refusal | undefined> {
  const connections = new BrokerConnections({ ...settings, brokers: [address] })
  try {
    return await refused(async () => void (await connections.answeringBroker()))
  } finally {
    await connections.close()
  }
}

function surveyOf(connections: BrokerConnections, names: DatasetNames | undefined): Promise<ClusterFacts> {
  if (names === undefined)
    return surveyCluster(connections, { topics: [], made: new Map(), groups: [], probes: [], transactionTimeoutMs })
  const { dataset, topics, modelsTopic, positionsTopic, statsTopic, controlTopic } = withDefaults(names)
  const beside = [modelsTopic, positionsTopic, statsTopic, controlTopic]
  const probed = [groupName(dataset, 'normalize'), groupName(dataset, 'restore')]
  return surveyCluster(connections, {
    topics: [...new Set([...Object.values(topics), ...beside, ...brokersTopics])],
    made: new Map([
      ...[topics.normalized, topics.deadLetters].map(
        (topic) => [topic, (configs: TopicConfigs) => rowTopicSettings(configs.get(topics.raw))] as const,
      ),
      [modelsTopic, () => modelsTopicSettings] as const,
      [positionsTopic, () => positionsTopicSettings] as const,
      // Operators make the control topic.
      [statsTopic, () => statsTopicSettings] as const,
    ]),
    groups: groupsOfStages(dataset, topics.sample),
    probes: probed.map((group) => ({ transactionalId: transactionalId(group, 'doctor'), group })),
    transactionTimeoutMs,
  })
}

async function datasetFacts(
  cluster: ClusterSession,
  given: DatasetNames,
  brokers: ClusterFacts | undefined,
  registry: RegistryFacts,
): Promise<DatasetFacts> {
  const names = withDefaults(given)
  const { dataset, topics, modelsTopic, positionsTopic, statsTopic } = names
  const existing = new Set(brokers?.topics.flatMap(({ topic, errorName }) => (errorName === undefined ? [topic] : [])))
  const written = [
    topics.normalized,
    topics.deadLetters,
    topics.restored,
    modelsTopic,
    positionsTopic,
    statsTopic,
  ].filter((topic) => existing.has(topic))
  const stages = [
    { stage: 'normalize', group: groupName(dataset, 'normalize'), topic: topics.raw, outputTopic: topics.normalized },
    { stage: 'restore', group: groupName(dataset, 'restore'), topic: topics.normalized, outputTopic: topics.restored },
  ] as const
  if (brokers === undefined || !brokers.brokers.some(isReached)) {
    const refusal: Refusal = { problem: 'no broker can be reached', errorName: undefined, fix: '' }
    const groups = stages.map((of) => ({ ...of, partitions: undefined }))
    return {
      ...names,
      groups,
      strayPositions: noStrays,
      hanging: refusal,
      model: { ...noModel, refusal },
      rawRows: noRows,
    }
  }
  // Side by side: each may wait for a broker that cannot be reached.
  const hasRows = existing.has(topics.raw) && registry.refusal === undefined
  const [groups, strayPositions, hanging, model, rawRows] = await Promise.all([
    Promise.all(stages.map((of) => positionsOf(cluster, of, existing))),
    existing.has(positionsTopic) ? strayPositionsOf(cluster) : noStrays,
    hangingIn(cluster, brokers, written),
    existing.has(modelsTopic) ? modelFacts(cluster, modelsTopic, dataset, registry) : noModel,
    hasRows ? rowsOf(cluster, topics.raw) : noRows,
  ])
  return { ...names, groups, strayPositions, hanging, model, rawRows }
}

const noStrays: StrayRecords = { count: 0, offset: undefined }

/** Likewise. */
async function strayPositionsOf({ rows }: ClusterSession): Promise<StrayRecords> {
  let strays = noStrays
  await refused(async () => {
    strays = await rows.strayPositionRecords()
  })
  return strays
}

/** Another check reports what may not be read or does not arrive. */
async function rowsOf(cluster: ClusterSession, topic: string): Promise<RawRowFacts> {
  let facts = noRows
  await refused(async () => {
    facts = await rawRowFacts(cluster, topic)
  })
  return facts
}

async function positionsOf(
  cluster: ClusterSession,
  { outputTopic, ...of }: Pick<GroupPositions, 'stage' | 'group' | 'topic'> & { readonly outputTopic: string },
  existing: ReadonlySet<string>,
): Promise<GroupPositions> {
  const nothing = { ...of, partitions: undefined }
  const { stage, group, topic } = of
  if (!existing.has(topic)) return nothing
  let positions: GroupPositions = nothing
  const refusal = await refused(async () => {
    // Committed offsets first: read the other way round, a group that keeps up could be ahead of the end.
    const committed = new Map((await positionsIn(cluster, group, topic)).map((at) => [at.partition, at.offset]))
    const partitions = (await cluster.admin.offsets.watermarks(topic)).map(({ partition, low, high }) => ({
      partition,
      committed: committed.get(partition),
      low,
      high,
    }))
    positions = { ...of, partitions }
  })
  if (refusal !== undefined) return { ...nothing, refusal }
  let next: PipelineError | undefined
  // Another check reports missing permissions on the output.
  await refused(async () => {
    next = await startRefusal(cluster, { stage, group, inputTopic: topic, outputTopic })
  })
  return { ...positions, startRefusal: next && refusalOf(next) }
}

async function hangingIn(
  { rows, signal }: ClusterSession,
  { topics }: ClusterFacts,
  written: readonly string[],
): Promise<readonly OpenTransaction[] | Refusal> {
  const partitions = topics
    .filter(({ topic }) => written.includes(topic))
    .flatMap(({ topic, partitions: all }) =>
      all.filter(({ leader }) => leader >= 0).map((each) => ({ ...each, topic })),
    )
  let hanging: readonly OpenTransaction[] = []
  const refusal = await refused(async () => {
    hanging = await rows.withConnections((connections) =>
      hangingTransactions(connections, partitions, { graceMs: hangingAfterMs, signal }),
    )
  })
  return refusal ?? hanging
}

const noModel: ModelFacts = { current: undefined, versions: [], unusable: [] }

async function modelFacts(
  cluster: ClusterSession,
  modelsTopic: string,
  dataset: string,
  registry: RegistryFacts,
): Promise<ModelFacts> {
  if (registry.refusal !== undefined)
    return { ...noModel, refusal: { ...registry.refusal, problem: 'models cannot be read without the registry' } }
  const source = openModels(cluster, modelsTopic)
  let facts = noModel
  try {
    const refusal = await refused(async () => {
      const catalogue = await readModels(source)
      facts = {
        current: currentModel(catalogue, dataset),
        versions: knownVersions(catalogue, dataset),
        unusable: catalogue.findings.map(({ key, offset, problem }) => `${modelsTopic}/0/${offset} ${key}: ${problem}`),
      }
    })
    return refusal === undefined ? facts : { ...noModel, refusal }
  } finally {
    await source.reader.close()
  }
}

async function registryFacts(
  { registry, address: { registry: url } }: ClusterSession,
  names: DatasetNames | undefined,
): Promise<RegistryFacts> {
  const nothing: RegistryFacts = {
    url,
    mode: undefined,
    rawSchema: undefined,
    normalizedCompatibility: undefined,
    hasNormalizedSchema: false,
  }
  let facts = nothing
  const refusal = await refused(async () => {
    // First what every registry has: a wrong path shows there, and the mode is none of all registries.
    await registry.subjects()
    const mode = await registry.mode()
    if (names === undefined) {
      facts = { ...nothing, mode }
      return
    }
    const raw = await registry.latest(valueSubject(names.topics.raw))
    const normalized = valueSubject(names.topics.normalized)
    facts = {
      url,
      mode,
      rawSchema: raw?.schema,
      ...(raw?.problem !== undefined && { rawSchemaProblem: raw.problem }),
      normalizedCompatibility: await registry.compatibility(normalized),
      hasNormalizedSchema: (await registry.latest(normalized)) !== undefined,
    }
  })
  return refusal === undefined ? facts : { ...nothing, refusal }
}

function machineFacts(): MachineFacts {
  const limit = process.constrainedMemory()
  return {
    nodeVersion: process.version,
    cores: availableParallelism(),
    totalBytes: limit > 0 && limit < totalmem() ? limit : totalmem(),
    availableBytes: process.availableMemory(),
  }
}

/** Why `work` has failed for a reason that we expect; undefined if it has not. */
async function refused(work: () => Promise<void>): Promise<Refusal | undefined> {
  try {
    await work()
    return undefined
  } catch (failure) {
    if (failure instanceof PipelineError && failure.code === 'VGM_INTERRUPTED') throw failure
    return refusalOf(failure)
  }
}
