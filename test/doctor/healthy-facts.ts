import { topicNames } from '../../src/config/names.ts'
import type { DatasetFacts, Facts } from '../../src/doctor/facts.ts'
import type { Operation } from '../../src/kafka/acl.ts'
import type { BrokerFacts, ClusterFacts, TopicFacts } from '../../src/kafka/cluster-survey.ts'
import { usedRequests } from '../../src/kafka/required-apis.ts'
import { exampleContent } from '../model/example-model.ts'

const operations: readonly Operation[] = ['Read', 'Write', 'Describe', 'DescribeConfigs']
const all = new Set(operations)
const gb = 1_000_000_000

export const dataset = 'trips'
export const topics = topicNames(dataset)
export const modelsTopic = 'vgm.models'
export const positionsTopic = 'vgm.positions'
export const statsTopic = 'vgm.stats'
export const controlTopic = 'vgm.control'

const rowConfig = {
  'cleanup.policy': 'delete',
  'message.timestamp.type': 'CreateTime',
  'message.timestamp.before.max.ms': '9223372036854775807',
  'message.timestamp.after.max.ms': '9223372036854775807',
  'max.message.bytes': '1114124',
  'retention.ms': '604800000',
  'retention.bytes': '-1',
  'min.insync.replicas': '2',
}

/** A topic with two partitions on three brokers, with other settings than rows have where they are given. */
export function topicFacts(topic: string, settings: Readonly<Record<string, string>> = {}, partitions = 2): TopicFacts {
  return {
    topic,
    errorName: undefined,
    partitions: Array.from({ length: partitions }, (_, partition) => ({
      partition,
      leader: 1,
      replicas: [1, 2, 3],
      inSync: [1, 2, 3],
    })),
    operations: all,
    config: new Map(Object.entries({ ...rowConfig, ...settings })),
  }
}

export function missingTopic(topic: string): TopicFacts {
  return {
    topic,
    errorName: 'UNKNOWN_TOPIC_OR_PARTITION',
    partitions: [],
    operations: undefined,
    config: undefined,
  }
}

export function brokerFacts(node: number): BrokerFacts {
  return {
    node,
    address: `kafka-${node}:9092`,
    answeredInMs: node,
    versions: new Map(usedRequests.map(({ key, version }) => [key, [0, version]])),
    metadataLevel: 27,
    config: new Map([
      ['transaction.max.timeout.ms', '900000'],
      ['group.min.session.timeout.ms', '6000'],
      ['group.max.session.timeout.ms', '1800000'],
    ]),
    folders: [
      { path: '/data', totalBytes: 100 * gb, usableBytes: 60 * gb, topicBytes: new Map([[topics.raw, 10 * gb]]) },
    ],
  }
}

/** Of a cluster and a data set on which every check is well. */
export function healthyFacts(): Facts & { readonly cluster: ClusterFacts; readonly dataset: DatasetFacts } {
  const { columns } = exampleContent(dataset)
  const fields = columns.map(({ name, type, nullable }) => ({ name, type: nullable ? ['null', type] : type }))
  const partitions = [
    { partition: 0, committed: 10, low: 0, high: 10 },
    { partition: 1, committed: 8, low: 5, high: 10 },
  ]
  const groups = ['normalize', 'restore', 'load', 'sample'].map((stage) => `vgm.${dataset}.${stage}`)
  return {
    given: [{ address: 'kafka-1:9092', refusal: undefined }],
    cluster: {
      clusterId: 'abc',
      brokers: [1, 2, 3].map(brokerFacts),
      topics: [
        topicFacts(topics.raw, { 'max.message.bytes': '1048588' }),
        ...[topics.normalized, topics.deadLetters, topics.restored, topics.sample].map((topic) => topicFacts(topic)),
        topicFacts(modelsTopic, { 'cleanup.policy': 'compact' }, 1),
        topicFacts(positionsTopic, { 'cleanup.policy': 'compact' }, 1),
        topicFacts(statsTopic, { 'cleanup.policy': 'compact,delete' }, 1),
        topicFacts(controlTopic, { 'cleanup.policy': 'compact' }, 1),
      ],
      groups: groups.map((group) => ({ group, state: 'Stable', members: 2, operations: all })),
      probe: { transactionalId: `vgm.${dataset}.normalize.doctor.0`, clockAheadMs: -3, clockErrorMs: 4 },
    },
    dataset: {
      dataset,
      topics,
      modelsTopic,
      positionsTopic,
      statsTopic,
      controlTopic,
      groups: [
        { stage: 'normalize', group: groups[0], topic: topics.raw, partitions },
        { stage: 'restore', group: groups[1], topic: topics.normalized, partitions },
      ],
      strayPositions: { count: 0, offset: undefined },
      hanging: [],
      model: { current: { version: 3, columns }, versions: [1, 2, 3], unusable: [] },
      rawRows: { rows: 0, tombstones: 0, met: [], unread: [] },
    },
    registry: {
      url: 'http://registry:8081',
      mode: 'READWRITE',
      rawSchema: JSON.stringify({ type: 'record', name: 'Trip', fields }),
      normalizedCompatibility: 'NONE',
      hasNormalizedSchema: true,
    },
    machine: { nodeVersion: 'v24.21.0', cores: 4, totalBytes: 16 * gb, availableBytes: 8 * gb },
  }
}
