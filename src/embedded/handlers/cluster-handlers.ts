import { statfsSync } from 'node:fs'
import type { BrokerState, HandlersOf } from '../broker-state.ts'
import { errorCodes } from '../error-codes.ts'
import { groupKey, transactionKey } from '../nodes.ts'
import { offeredVersions, type RequestOf, type ResponseOf } from '../protocol/apis.ts'
import type { TopicAdmin } from '../topic-admin.ts'
import { topicNameProblem } from '../topic-names.ts'
import type { Topic } from '../topics.ts'

type MetadataTopic = ResponseOf<'Metadata'>['topics'][number]

/** All that may be done with topics and with the cluster, as bits: nobody is refused anything. */
const topicOperations = 0b1101_1111_1000
const clusterOperations = 0b1_1111_1010_0000
/** metadata.version of Apache Kafka 4.0, whose requests we answer; transaction.version 2 is not offered. */
const metadataVersion = { name: 'metadata.version', oldest: 7, newest: 25 }
const brokerEndpoint = 1

/** What clients ask to find their way. */
export function clusterHandlers(
  broker: BrokerState,
  admin: TopicAdmin,
): HandlersOf<'ApiVersions' | 'Metadata' | 'FindCoordinator' | 'DescribeCluster' | 'DescribeLogDirs'> {
  const { topics, clusterId, settings, nodes } = broker
  const controllerId = () => nodes.all()[0].nodeId

  function describe({ name, id, isInternal, partitions }: Topic, withOperations: boolean): MetadataTopic {
    return {
      errorCode: errorCodes.NONE,
      name,
      topicId: id,
      isInternal,
      partitions: partitions.map(({ index, log }) => {
        const leaderId = nodes.leaderOf(name, index)
        return {
          errorCode: errorCodes.NONE,
          partitionIndex: index,
          leaderId,
          leaderEpoch: log.leaderEpoch,
          replicaNodes: [leaderId],
          isrNodes: [leaderId],
        }
      }),
      ...(withOperations && { topicAuthorizedOperations: topicOperations }),
    }
  }

  function findTopic(
    { name, topicId }: NonNullable<RequestOf<'Metadata'>['topics']>[number],
    { allowAutoTopicCreation, includeTopicAuthorizedOperations }: RequestOf<'Metadata'>,
  ): MetadataTopic {
    if (name === null) {
      const topic = topics.byId(topicId)
      if (topic === undefined) return { errorCode: errorCodes.UNKNOWN_TOPIC_ID, name, topicId, partitions: [] }
      return describe(topic, includeTopicAuthorizedOperations)
    }
    const known = topics.get(name)
    if (known !== undefined) return describe(known, includeTopicAuthorizedOperations)
    const isMade = allowAutoTopicCreation && settings.flag('auto.create.topics.enable')
    if (topicNameProblem(name) !== undefined || (isMade && admin.nameProblem(name) !== undefined))
      return { errorCode: errorCodes.INVALID_TOPIC_EXCEPTION, name, partitions: [] }
    if (!isMade) return { errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION, name, partitions: [] }
    return describe(topics.create(name, settings.number('num.partitions'), new Map()), includeTopicAuthorizedOperations)
  }

  return {
    ApiVersions: (_, { isVersionUnknown }) => ({
      errorCode: isVersionUnknown ? errorCodes.UNSUPPORTED_VERSION : errorCodes.NONE,
      apiKeys: offeredVersions,
      supportedFeatures: [
        { name: metadataVersion.name, minVersion: metadataVersion.oldest, maxVersion: metadataVersion.newest },
      ],
      finalizedFeaturesEpoch: 0,
      finalizedFeatures: [
        {
          name: metadataVersion.name,
          minVersionLevel: metadataVersion.newest,
          maxVersionLevel: metadataVersion.newest,
        },
      ],
    }),

    Metadata: (request) => ({
      brokers: nodes.all(),
      clusterId,
      controllerId: controllerId(),
      topics:
        request.topics === null
          ? topics.all().map((topic) => describe(topic, request.includeTopicAuthorizedOperations))
          : request.topics.map((asked) => findTopic(asked, request)),
      ...(request.includeClusterAuthorizedOperations && { clusterAuthorizedOperations: clusterOperations }),
    }),

    FindCoordinator: ({ keyType, key, coordinatorKeys }, { version }) => {
      // Share groups are not offered.
      const isKnown = keyType === groupKey || keyType === transactionKey
      const find = (each: string) =>
        isKnown
          ? { errorCode: errorCodes.NONE, ...nodes.coordinatorOf(keyType, each) }
          : { errorCode: errorCodes.INVALID_REQUEST, nodeId: -1, host: '', port: -1 }
      if (version < 4) return find(key)
      return { coordinators: coordinatorKeys.map((each) => ({ key: each, ...find(each) })) }
    },

    DescribeCluster: ({ endpointType, includeClusterAuthorizedOperations }) => {
      if (endpointType !== brokerEndpoint)
        return {
          errorCode: errorCodes.UNSUPPORTED_ENDPOINT_TYPE,
          errorMessage: 'The embedded broker has no controllers to connect to',
          endpointType,
          clusterId,
          brokers: [],
        }
      return {
        errorCode: errorCodes.NONE,
        clusterId,
        controllerId: controllerId(),
        brokers: nodes.all().map(({ nodeId, host, port }) => ({ brokerId: nodeId, host, port })),
        ...(includeClusterAuthorizedOperations && { clusterAuthorizedOperations: clusterOperations }),
      }
    },

    DescribeLogDirs: ({ topics: asked }) => {
      const wanted =
        asked ??
        topics.all().map(({ name, partitions }) => ({ topic: name, partitions: partitions.map(({ index }) => index) }))
      return {
        errorCode: errorCodes.NONE,
        results: [
          {
            errorCode: errorCodes.NONE,
            logDir: broker.dataDir ?? 'memory',
            topics: wanted.flatMap(({ topic, partitions }) => {
              const known = topics.get(topic)
              if (known === undefined) return []
              return {
                name: topic,
                partitions: partitions.flatMap((index) => {
                  const log = known.partitions[index]?.log
                  if (log === undefined) return []
                  return { partitionIndex: index, partitionSize: log.sizeBytes, offsetLag: 0, isFutureKey: false }
                }),
              }
            }),
            ...room(broker),
          },
        ],
      }
    },
  }
}

/** How much there is of what logs are kept in, and how much of it is left. */
function room({ dataDir, stores, memory }: BrokerState): { readonly totalBytes: number; readonly usableBytes: number } {
  if (dataDir === undefined)
    return { totalBytes: memory.limitBytes, usableBytes: Math.max(0, memory.limitBytes - stores.heldBytes) }
  const { bsize, blocks, bavail } = statfsSync(dataDir)
  return { totalBytes: bsize * blocks, usableBytes: bsize * bavail }
}
