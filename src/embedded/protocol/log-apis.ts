import { api, since, struct, tagged, until } from './message.ts'
import { array, bigInt64, int8, int16, int32, int64, nullable, records, string, uuid, zeroUuid } from './primitives.ts'

const leaderIdAndEpoch = struct({ leaderId: int32, leaderEpoch: int32 })
const noLeader = { leaderId: -1, leaderEpoch: -1 }
const nodeEndpoint = struct({ nodeId: int32, host: string, port: int32, rack: since(0, nullable(string), null) })

/** Version 12 would let clients leave AddPartitionsToTxn out (transactions v2, KIP-890). */
export const Produce = api({
  key: 0,
  name: 'Produce',
  versions: [3, 11],
  flexibleFrom: 9,
  request: struct({
    transactionalId: nullable(string),
    acks: int16,
    timeoutMs: int32,
    topicData: array(
      struct({
        name: string,
        partitionData: array(struct({ index: int32, records: nullable(records) })),
      }),
    ),
  }),
  response: struct({
    responses: array(
      struct({
        name: string,
        partitionResponses: array(
          struct({
            index: int32,
            errorCode: int16,
            baseOffset: int64,
            logAppendTimeMs: since(0, int64, -1),
            logStartOffset: since(5, int64, -1),
            recordErrors: since(
              8,
              array(struct({ batchIndex: int32, batchIndexErrorMessage: since(0, nullable(string), null) })),
              [],
            ),
            errorMessage: since(8, nullable(string), null),
            currentLeader: tagged(0, 10, leaderIdAndEpoch, noLeader),
          }),
        ),
      }),
    ),
    throttleTimeMs: since(0, int32, 0),
    nodeEndpoints: tagged(0, 10, array(nodeEndpoint), []),
  }),
})

/** Topics have ids in the place of names from version 13 on. Versions 17 and 18 are for followers. */
export const Fetch = api({
  key: 1,
  name: 'Fetch',
  versions: [4, 16],
  flexibleFrom: 12,
  request: struct({
    clusterId: tagged(0, 12, nullable(string), null),
    replicaId: until(14, int32, -1),
    replicaState: tagged(1, 15, struct({ replicaId: int32, replicaEpoch: int64 }), { replicaId: -1, replicaEpoch: -1 }),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32,
    isolationLevel: int8,
    sessionId: since(7, int32, 0),
    sessionEpoch: since(7, int32, -1),
    topics: array(
      struct({
        topic: until(12, string, ''),
        topicId: since(13, uuid, zeroUuid),
        partitions: array(
          struct({
            partition: int32,
            currentLeaderEpoch: since(9, int32, -1),
            fetchOffset: int64,
            lastFetchedEpoch: since(12, int32, -1),
            logStartOffset: since(5, int64, -1),
            partitionMaxBytes: int32,
          }),
        ),
      }),
    ),
    forgottenTopicsData: since(
      7,
      array(struct({ topic: until(12, string, ''), topicId: since(13, uuid, zeroUuid), partitions: array(int32) })),
      [],
    ),
    rackId: since(11, string, ''),
  }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    errorCode: since(7, int16, 0),
    sessionId: since(7, int32, 0),
    responses: array(
      struct({
        topic: until(12, string, ''),
        topicId: since(13, uuid, zeroUuid),
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            highWatermark: int64,
            lastStableOffset: since(0, int64, -1),
            logStartOffset: since(5, int64, -1),
            divergingEpoch: tagged(0, 12, struct({ epoch: int32, endOffset: int64 }), { epoch: -1, endOffset: -1 }),
            currentLeader: tagged(1, 12, leaderIdAndEpoch, noLeader),
            snapshotId: tagged(2, 12, struct({ endOffset: int64, epoch: int32 }), { endOffset: -1, epoch: -1 }),
            abortedTransactions: nullable(array(struct({ producerId: bigInt64, firstOffset: int64 }))),
            preferredReadReplica: since(11, int32, -1),
            records: nullable(records),
          }),
        ),
      }),
    ),
    nodeEndpoints: tagged(0, 16, array(nodeEndpoint), []),
  }),
})

/**
 * Times below zero: -1 the end, -2 the start, -3 the newest record (from version 7 on), -4 the local start (8), -5 the
 * end of what is in tiered storage (9).
 */
export const ListOffsets = api({
  key: 2,
  name: 'ListOffsets',
  versions: [1, 10],
  flexibleFrom: 6,
  request: struct({
    replicaId: int32,
    isolationLevel: since(2, int8, 0),
    topics: array(
      struct({
        name: string,
        partitions: array(struct({ partitionIndex: int32, currentLeaderEpoch: since(4, int32, -1), timestamp: int64 })),
      }),
    ),
    timeoutMs: since(10, int32, 0),
  }),
  response: struct({
    throttleTimeMs: since(2, int32, 0),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            timestamp: since(0, int64, -1),
            offset: since(0, int64, -1),
            leaderEpoch: since(4, int32, -1),
          }),
        ),
      }),
    ),
  }),
})

export const OffsetForLeaderEpoch = api({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: [2, 4],
  flexibleFrom: 4,
  request: struct({
    replicaId: since(3, int32, -2),
    topics: array(
      struct({
        topic: string,
        partitions: array(struct({ partition: int32, currentLeaderEpoch: int32, leaderEpoch: int32 })),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    topics: array(
      struct({
        topic: string,
        partitions: array(
          struct({
            errorCode: int16,
            partition: int32,
            leaderEpoch: since(0, int32, -1),
            endOffset: since(0, int64, -1),
          }),
        ),
      }),
    ),
  }),
})

export const DeleteRecords = api({
  key: 21,
  name: 'DeleteRecords',
  versions: [0, 2],
  flexibleFrom: 2,
  request: struct({
    topics: array(struct({ name: string, partitions: array(struct({ partitionIndex: int32, offset: int64 })) })),
    timeoutMs: int32,
  }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    topics: array(
      struct({
        name: string,
        partitions: array(struct({ partitionIndex: int32, lowWatermark: int64, errorCode: int16 })),
      }),
    ),
  }),
})
