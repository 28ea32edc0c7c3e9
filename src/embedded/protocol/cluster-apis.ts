import { api, between, since, struct, tagged, until } from './message.ts'
import {
  array,
  bool,
  type Codec,
  int8,
  int16,
  int32,
  int64,
  nullable,
  nullableSince,
  operationsUnknown,
  string,
  uuid,
  zeroUuid,
} from './primitives.ts'

/** All topics are asked for by null, and in version 0, which has no null, by an empty list. */
function allTopicsIfNull<T, W>(topics: Codec<readonly T[] | null, readonly W[] | null>): typeof topics {
  return {
    read(from) {
      const asked = topics.read(from)
      return from.format.version === 0 && asked?.length === 0 ? null : asked
    },
    write: (to, value) => topics.write(to, value),
  }
}

export const Metadata = api({
  key: 3,
  name: 'Metadata',
  versions: [0, 13],
  flexibleFrom: 9,
  request: struct({
    topics: allTopicsIfNull(
      nullableSince(1, array(struct({ topicId: since(10, uuid, zeroUuid), name: nullableSince(10, string, '') })), []),
    ),
    allowAutoTopicCreation: since(4, bool, true),
    includeClusterAuthorizedOperations: between(8, 10, bool, false),
    includeTopicAuthorizedOperations: since(8, bool, false),
  }),
  response: struct({
    throttleTimeMs: since(3, int32, 0),
    brokers: array(struct({ nodeId: int32, host: string, port: int32, rack: since(1, nullable(string), null) })),
    clusterId: since(2, nullable(string), null),
    controllerId: since(1, int32, -1),
    topics: array(
      struct({
        errorCode: int16,
        name: nullableSince(12, string, ''),
        topicId: since(10, uuid, zeroUuid),
        isInternal: since(1, bool, false),
        partitions: array(
          struct({
            errorCode: int16,
            partitionIndex: int32,
            leaderId: int32,
            leaderEpoch: since(7, int32, -1),
            replicaNodes: array(int32),
            isrNodes: array(int32),
            offlineReplicas: since(5, array(int32), []),
          }),
        ),
        topicAuthorizedOperations: since(8, int32, operationsUnknown),
      }),
    ),
    clusterAuthorizedOperations: between(8, 10, int32, operationsUnknown),
    errorCode: since(13, int16, 0),
  }),
})

/**
 * The answer to an unknown version is in version 0, with UNSUPPORTED_VERSION and the versions that we offer (KIP-511).
 * Version 5 lets clients ask for a certain broker of a certain cluster.
 */
export const ApiVersions = api({
  key: 18,
  name: 'ApiVersions',
  versions: [0, 4],
  flexibleFrom: 3,
  request: struct({ clientSoftwareName: since(3, string, ''), clientSoftwareVersion: since(3, string, '') }),
  response: struct({
    errorCode: int16,
    apiKeys: array(struct({ apiKey: int16, minVersion: int16, maxVersion: int16 })),
    throttleTimeMs: since(1, int32, 0),
    supportedFeatures: tagged(0, 3, array(struct({ name: string, minVersion: int16, maxVersion: int16 })), []),
    finalizedFeaturesEpoch: tagged(1, 3, int64, -1),
    finalizedFeatures: tagged(
      2,
      3,
      array(struct({ name: string, maxVersionLevel: int16, minVersionLevel: int16 })),
      [],
    ),
    zkMigrationReady: tagged(3, 3, bool, false),
  }),
})

/** Several keys at once from version 4 on. Keys of type 0 are groups, of type 1 transactional ids. */
export const FindCoordinator = api({
  key: 10,
  name: 'FindCoordinator',
  versions: [0, 6],
  flexibleFrom: 3,
  request: struct({
    key: until(3, string, ''),
    keyType: since(1, int8, 0),
    coordinatorKeys: since(4, array(string), []),
  }),
  response: struct({
    throttleTimeMs: since(1, int32, 0),
    errorCode: until(3, int16, 0),
    errorMessage: between(1, 3, nullable(string), null),
    nodeId: until(3, int32, 0),
    host: until(3, string, ''),
    port: until(3, int32, 0),
    coordinators: since(
      4,
      array(
        struct({
          key: string,
          nodeId: int32,
          host: string,
          port: int32,
          errorCode: int16,
          errorMessage: since(0, nullable(string), null),
        }),
      ),
      [],
    ),
  }),
})

/** An end point of type 1 is a broker, of type 2 a controller. */
export const DescribeCluster = api({
  key: 60,
  name: 'DescribeCluster',
  versions: [0, 2],
  flexibleFrom: 0,
  request: struct({
    includeClusterAuthorizedOperations: bool,
    endpointType: since(1, int8, 1),
    includeFencedBrokers: since(2, bool, false),
  }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    errorCode: int16,
    errorMessage: since(0, nullable(string), null),
    endpointType: since(1, int8, 1),
    clusterId: string,
    controllerId: since(0, int32, -1),
    brokers: array(
      struct({
        brokerId: int32,
        host: string,
        port: int32,
        rack: since(0, nullable(string), null),
        isFenced: since(2, bool, false),
      }),
    ),
    clusterAuthorizedOperations: since(0, int32, operationsUnknown),
  }),
})

export const DescribeLogDirs = api({
  key: 35,
  name: 'DescribeLogDirs',
  versions: [1, 4],
  flexibleFrom: 2,
  request: struct({ topics: nullable(array(struct({ topic: string, partitions: array(int32) }))) }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    errorCode: since(3, int16, 0),
    results: array(
      struct({
        errorCode: int16,
        logDir: string,
        topics: array(
          struct({
            name: string,
            partitions: array(
              struct({ partitionIndex: int32, partitionSize: int64, offsetLag: int64, isFutureKey: bool }),
            ),
          }),
        ),
        totalBytes: since(4, int64, -1),
        usableBytes: since(4, int64, -1),
      }),
    ),
  }),
})
