import { api, between, since, struct, until } from './message.ts'
import { errorsByTopic, offsetsByTopic } from './offset-commits.ts'
import {
  array,
  bool,
  bytes,
  int16,
  int32,
  int64,
  nullable,
  nullableSince,
  operationsUnknown,
  string,
} from './primitives.ts'

export const JoinGroup = api({
  key: 11,
  name: 'JoinGroup',
  versions: [0, 9],
  flexibleFrom: 6,
  request: struct({
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: since(1, int32, -1),
    memberId: string,
    groupInstanceId: since(5, nullable(string), null),
    protocolType: string,
    protocols: array(struct({ name: string, metadata: bytes })),
    reason: since(8, nullable(string), null),
  }),
  response: struct({
    throttleTimeMs: since(2, int32, 0),
    errorCode: int16,
    generationId: since(0, int32, -1),
    protocolType: since(7, nullable(string), null),
    protocolName: nullableSince(7, string, ''),
    leader: string,
    skipAssignment: since(9, bool, false),
    memberId: string,
    members: array(struct({ memberId: string, groupInstanceId: since(5, nullable(string), null), metadata: bytes })),
  }),
})

export const SyncGroup = api({
  key: 14,
  name: 'SyncGroup',
  versions: [0, 5],
  flexibleFrom: 4,
  request: struct({
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: since(3, nullable(string), null),
    protocolType: since(5, nullable(string), null),
    protocolName: since(5, nullable(string), null),
    assignments: array(struct({ memberId: string, assignment: bytes })),
  }),
  response: struct({
    throttleTimeMs: since(1, int32, 0),
    errorCode: int16,
    protocolType: since(5, nullable(string), null),
    protocolName: since(5, nullable(string), null),
    assignment: bytes,
  }),
})

export const Heartbeat = api({
  key: 12,
  name: 'Heartbeat',
  versions: [0, 4],
  flexibleFrom: 4,
  request: struct({
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: since(3, nullable(string), null),
  }),
  response: struct({ throttleTimeMs: since(1, int32, 0), errorCode: int16 }),
})

/** Several members at once from version 3 on. */
export const LeaveGroup = api({
  key: 13,
  name: 'LeaveGroup',
  versions: [0, 5],
  flexibleFrom: 4,
  request: struct({
    groupId: string,
    memberId: until(2, string, ''),
    members: since(
      3,
      array(
        struct({
          memberId: string,
          groupInstanceId: nullable(string),
          reason: since(5, nullable(string), null),
        }),
      ),
      [],
    ),
  }),
  response: struct({
    throttleTimeMs: since(1, int32, 0),
    errorCode: int16,
    members: since(3, array(struct({ memberId: string, groupInstanceId: nullable(string), errorCode: int16 })), []),
  }),
})

/** Version 10 has topic ids in the place of names. */
export const OffsetCommit = api({
  key: 8,
  name: 'OffsetCommit',
  versions: [2, 9],
  flexibleFrom: 8,
  request: struct({
    groupId: string,
    generationIdOrMemberEpoch: int32,
    memberId: string,
    groupInstanceId: since(7, nullable(string), null),
    retentionTimeMs: until(4, int64, -1),
    topics: offsetsByTopic(6),
  }),
  response: struct({
    throttleTimeMs: since(3, int32, 0),
    topics: errorsByTopic,
  }),
})

const committedOffset = struct({
  partitionIndex: int32,
  committedOffset: int64,
  committedLeaderEpoch: since(5, int32, -1),
  metadata: nullable(string),
  errorCode: int16,
})
const committedTopics = array(struct({ name: string, partitions: array(committedOffset) }))
const askedTopics = array(struct({ name: string, partitionIndexes: array(int32) }))

/**
 * Several groups at once from version 8 on. Null asks for all topics. Version 10 has topic ids in the place of names.
 */
export const OffsetFetch = api({
  key: 9,
  name: 'OffsetFetch',
  versions: [1, 9],
  flexibleFrom: 6,
  request: struct({
    groupId: until(7, string, ''),
    topics: until(7, nullableSince(2, askedTopics, []), []),
    groups: since(
      8,
      array(
        struct({
          groupId: string,
          memberId: since(9, nullable(string), null),
          memberEpoch: since(9, int32, -1),
          topics: nullable(askedTopics),
        }),
      ),
      [],
    ),
    requireStable: since(7, bool, false),
  }),
  response: struct({
    throttleTimeMs: since(3, int32, 0),
    topics: until(7, committedTopics, []),
    errorCode: between(2, 7, int16, 0),
    groups: since(8, array(struct({ groupId: string, topics: committedTopics, errorCode: since(0, int16, 0) })), []),
  }),
})

export const OffsetDelete = api({
  key: 47,
  name: 'OffsetDelete',
  versions: [0, 0],
  flexibleFrom: Infinity,
  request: struct({
    groupId: string,
    topics: array(struct({ name: string, partitions: array(struct({ partitionIndex: int32 })) })),
  }),
  response: struct({
    errorCode: int16,
    throttleTimeMs: since(0, int32, 0),
    topics: errorsByTopic,
  }),
})

export const DescribeGroups = api({
  key: 15,
  name: 'DescribeGroups',
  versions: [0, 6],
  flexibleFrom: 5,
  request: struct({ groups: array(string), includeAuthorizedOperations: since(3, bool, false) }),
  response: struct({
    throttleTimeMs: since(1, int32, 0),
    groups: array(
      struct({
        errorCode: int16,
        errorMessage: since(6, nullable(string), null),
        groupId: string,
        groupState: string,
        protocolType: string,
        protocolData: string,
        members: array(
          struct({
            memberId: string,
            groupInstanceId: since(4, nullable(string), null),
            clientId: string,
            clientHost: string,
            memberMetadata: bytes,
            memberAssignment: bytes,
          }),
        ),
        authorizedOperations: since(3, int32, operationsUnknown),
      }),
    ),
  }),
})

export const ListGroups = api({
  key: 16,
  name: 'ListGroups',
  versions: [0, 5],
  flexibleFrom: 3,
  request: struct({ statesFilter: since(4, array(string), []), typesFilter: since(5, array(string), []) }),
  response: struct({
    throttleTimeMs: since(1, int32, 0),
    errorCode: int16,
    groups: array(
      struct({
        groupId: string,
        protocolType: string,
        groupState: since(4, string, ''),
        groupType: since(5, string, ''),
      }),
    ),
  }),
})

export const DeleteGroups = api({
  key: 42,
  name: 'DeleteGroups',
  versions: [0, 2],
  flexibleFrom: 2,
  request: struct({ groupsNames: array(string) }),
  response: struct({
    throttleTimeMs: since(0, int32, 0),
    results: array(struct({ groupId: string, errorCode: int16 })),
  }),
})
