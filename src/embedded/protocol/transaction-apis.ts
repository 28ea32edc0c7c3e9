import { api, since, struct } from './message.ts'
import { errorsByTopic, offsetsByTopic } from './offset-commits.ts'
import { array, bigInt64, bool, int16, int32, int64, nullable, string } from './primitives.ts'

/*
 * The versions end where transactions v2 (KIP-890) begin, which clients choose by these versions and by the feature
 * transaction.version.
 */

/** Version 6 adds two-phase commits (KIP-939). */
export const InitProducerId = api({
  key: 22,
  name: 'InitProducerId',
  versions: [0, 5],
  flexibleFrom: 2,
  request: struct({
    transactionalId: nullable(string),
    transactionTimeoutMs: int32,
    producerId: since(3, bigInt64, -1n),
    producerEpoch: since(3, int16, -1),
  }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    errorCode: int16,
    producerId: since(0, bigInt64, -1n),
    producerEpoch: int16,
  }),
})

/** Versions from 4 on are for brokers. */
export const AddPartitionsToTxn = api({
  key: 24,
  name: 'AddPartitionsToTxn',
  versions: [0, 3],
  flexibleFrom: 3,
  request: struct({
    v3AndBelowTransactionalId: string,
    v3AndBelowProducerId: bigInt64,
    v3AndBelowProducerEpoch: int16,
    v3AndBelowTopics: array(struct({ name: string, partitions: array(int32) })),
  }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    resultsByTopicV3AndBelow: array(
      struct({
        name: string,
        resultsByPartition: array(struct({ partitionIndex: int32, partitionErrorCode: int16 })),
      }),
    ),
  }),
})

export const AddOffsetsToTxn = api({
  key: 25,
  name: 'AddOffsetsToTxn',
  versions: [0, 4],
  flexibleFrom: 3,
  request: struct({ transactionalId: string, producerId: bigInt64, producerEpoch: int16, groupId: string }),
  response: struct({ throttleTimeMs: since(0, int32, 0), errorCode: int16 }),
})

export const EndTxn = api({
  key: 26,
  name: 'EndTxn',
  versions: [0, 4],
  flexibleFrom: 3,
  request: struct({ transactionalId: string, producerId: bigInt64, producerEpoch: int16, committed: bool }),
  response: struct({ throttleTimeMs: since(0, int32, 0), errorCode: int16 }),
})

export const TxnOffsetCommit = api({
  key: 28,
  name: 'TxnOffsetCommit',
  versions: [0, 4],
  flexibleFrom: 3,
  request: struct({
    transactionalId: string,
    groupId: string,
    producerId: bigInt64,
    producerEpoch: int16,
    generationIdOrMemberEpoch: since(3, int32, -1),
    memberId: since(3, string, ''),
    groupInstanceId: since(3, nullable(string), null),
    topics: offsetsByTopic(2),
  }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    topics: errorsByTopic,
  }),
})

export const DescribeProducers = api({
  key: 61,
  name: 'DescribeProducers',
  versions: [0, 0],
  flexibleFrom: 0,
  request: struct({ topics: array(struct({ name: string, partitionIndexes: array(int32) })) }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: since(0, nullable(string), null),
            activeProducers: array(
              struct({
                producerId: bigInt64,
                producerEpoch: int32,
                lastSequence: since(0, int32, -1),
                lastTimestamp: since(0, int64, -1),
                coordinatorEpoch: int32,
                currentTxnStartOffset: since(0, int64, -1),
              }),
            ),
          }),
        ),
      }),
    ),
  }),
})

export const DescribeTransactions = api({
  key: 65,
  name: 'DescribeTransactions',
  versions: [0, 0],
  flexibleFrom: 0,
  request: struct({ transactionalIds: array(string) }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    transactionStates: array(
      struct({
        errorCode: int16,
        transactionalId: string,
        transactionState: string,
        transactionTimeoutMs: int32,
        transactionStartTimeMs: int64,
        producerId: bigInt64,
        producerEpoch: int16,
        topics: array(struct({ topic: string, partitions: array(int32) })),
      }),
    ),
  }),
})

/** Version 2 filters by a pattern in RE2's language. */
export const ListTransactions = api({
  key: 66,
  name: 'ListTransactions',
  versions: [0, 1],
  flexibleFrom: 0,
  request: struct({
    stateFilters: array(string),
    producerIdFilters: array(bigInt64),
    durationFilter: since(1, int64, -1),
  }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    errorCode: int16,
    unknownStateFilters: since(0, array(string), []),
    transactionStates: array(struct({ transactionalId: string, producerId: bigInt64, transactionState: string })),
  }),
})
