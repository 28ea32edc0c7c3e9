import type { HandlersOf } from '../broker-state.ts'
import type { GroupCoordinator } from '../core/group-coordinator.ts'
import type { OffsetCommit, TopicPartition } from '../core/group-offsets.ts'
import { errorCodes } from '../error-codes.ts'
import type { RequestOf, ResponseOf } from '../protocol/apis.ts'
import type { Topics } from '../topics.ts'
import { byTopic } from './by-topic.ts'

type CommittedTopics = RequestOf<'OffsetCommit'>['topics']
type FetchedTopics = NonNullable<ResponseOf<'OffsetFetch'>['topics']>
type AskedTopics = RequestOf<'OffsetFetch'>['topics']

/** READ, DELETE and DESCRIBE, as bits: nobody is refused anything. */
const groupOperations = 0b1_0100_1000
const classic = 'classic'

/** Bytes that outlive the request. */
const kept = (bytes: Uint8Array): Buffer => Buffer.from(bytes)
const view = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer => Buffer.from(buffer, byteOffset, byteLength)

/**
 * Commits what a request has of partitions that are there.
 *
 * @param commit gets these, and gives an error code for each
 */
export async function committed(
  topics: Topics,
  asked: CommittedTopics,
  commit: (offsets: readonly OffsetCommit[]) => number[] | Promise<number[]>,
): Promise<ResponseOf<'OffsetCommit'>['topics']> {
  const offsets = asked.flatMap(({ name: topic, partitions }) =>
    partitions.map(({ partitionIndex: partition, committedOffset, committedLeaderEpoch, committedMetadata }) => ({
      topic,
      partition,
      offset: committedOffset,
      leaderEpoch: committedLeaderEpoch,
      metadata: committedMetadata ?? '',
    })),
  )
  const isThere = ({ topic, partition }: TopicPartition) => topics.partition(topic, partition) !== undefined
  const errors = await commit(offsets.filter(isThere))
  let next = 0
  const answers = offsets.map((offset) => ({
    topic: offset.topic,
    partitionIndex: offset.partition,
    errorCode: isThere(offset) ? errors[next++] : errorCodes.UNKNOWN_TOPIC_OR_PARTITION,
  }))
  return byTopic(answers).map(({ topic, items }) => ({ name: topic, partitions: items }))
}

/** Members of groups, and what groups have committed. */
export function groupHandlers(
  topics: Topics,
  groups: GroupCoordinator,
): HandlersOf<
  | 'JoinGroup'
  | 'SyncGroup'
  | 'Heartbeat'
  | 'LeaveGroup'
  | 'OffsetCommit'
  | 'OffsetFetch'
  | 'OffsetDelete'
  | 'DescribeGroups'
  | 'ListGroups'
  | 'DeleteGroups'
> {
  function fetched(group: string, asked: AskedTopics, isStable: boolean): FetchedTopics {
    const partitions =
      asked?.flatMap(({ name, partitionIndexes }) =>
        partitionIndexes.map((partition) => ({ topic: name, partition })),
      ) ?? null
    const offsets = groups.fetchOffsets(group, partitions, isStable)
    return byTopic(offsets).map(({ topic, items }) => ({
      name: topic,
      partitions: items.map(({ partition, offset, leaderEpoch, metadata, error }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedLeaderEpoch: leaderEpoch,
        metadata,
        errorCode: error,
      })),
    }))
  }

  return {
    JoinGroup: async (request, { version, clientId, clientHost }) => {
      const { groupId, memberId, groupInstanceId, sessionTimeoutMs, rebalanceTimeoutMs, protocolType, protocols } =
        request
      const joined = await groups.join(groupId, {
        memberId,
        instanceId: groupInstanceId,
        clientId,
        clientHost,
        sessionTimeoutMs,
        // Version 0 has one time for both.
        rebalanceTimeoutMs: version === 0 ? sessionTimeoutMs : rebalanceTimeoutMs,
        protocolType,
        protocols: protocols.map(({ name, metadata }) => ({ name, metadata: kept(metadata) })),
        requiresMemberId: version >= 4,
        canSkipAssignment: version >= 9,
      })
      return {
        errorCode: joined.error,
        generationId: joined.generation,
        protocolType: joined.protocolType,
        protocolName: joined.protocolName,
        leader: joined.leader,
        skipAssignment: joined.isAssignmentSkipped,
        memberId: joined.memberId,
        members: joined.members.map(({ memberId: id, instanceId, metadata }) => ({
          memberId: id,
          groupInstanceId: instanceId,
          metadata: view(metadata),
        })),
      }
    },

    SyncGroup: async ({ groupId, generationId, memberId, groupInstanceId, assignments, ...protocol }, { version }) => {
      if (version >= 5 && (protocol.protocolType === null || protocol.protocolName === null))
        return { errorCode: errorCodes.INCONSISTENT_GROUP_PROTOCOL, assignment: Buffer.alloc(0) }
      const { error, protocolType, protocolName, assignment } = await groups.sync(groupId, {
        generation: generationId,
        memberId,
        instanceId: groupInstanceId,
        protocolType: protocol.protocolType,
        protocolName: protocol.protocolName,
        assignments: assignments.map((each) => ({ memberId: each.memberId, assignment: kept(each.assignment) })),
      })
      return { errorCode: error, protocolType, protocolName, assignment: view(assignment) }
    },

    Heartbeat: ({ groupId, generationId, memberId, groupInstanceId }) => ({
      errorCode: groups.heartbeat(groupId, { generation: generationId, memberId, instanceId: groupInstanceId }),
    }),

    LeaveGroup: ({ groupId, memberId, members }, { version }) => {
      if (version < 3) return { errorCode: groups.leave(groupId, [{ memberId, instanceId: null }])[0] }
      const leaving = members.map((member) => ({ memberId: member.memberId, instanceId: member.groupInstanceId }))
      const errors = groups.leave(groupId, leaving)
      return {
        errorCode: errorCodes.NONE,
        members: members.map((member, i) => ({
          memberId: member.memberId,
          groupInstanceId: member.groupInstanceId,
          errorCode: errors[i],
        })),
      }
    },

    OffsetCommit: async (request, { version }) => {
      const { groupId, generationIdOrMemberEpoch, memberId, groupInstanceId, topics: asked } = request
      const identity = { generation: generationIdOrMemberEpoch, memberId, instanceId: groupInstanceId }
      // Before version 9 a group that is not there has another generation.
      const told = (error: number) =>
        error === errorCodes.GROUP_ID_NOT_FOUND && version < 9 ? errorCodes.ILLEGAL_GENERATION : error
      const commit = (offsets: Parameters<typeof groups.commit>[2]) =>
        groups.commit(groupId, identity, offsets).map(told)
      return { topics: await committed(topics, asked, commit) }
    },

    OffsetFetch: ({ groupId, topics: asked, groups: several, requireStable }, { version }) => {
      if (version < 8) return { errorCode: errorCodes.NONE, topics: fetched(groupId, asked, requireStable) }
      return {
        groups: several.map((each) => ({
          groupId: each.groupId,
          errorCode: errorCodes.NONE,
          topics: fetched(each.groupId, each.topics, requireStable),
        })),
      }
    },

    OffsetDelete: ({ groupId, topics: asked }) => {
      const partitions = asked.flatMap(({ name, partitions: of }) =>
        of.map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex })),
      )
      const { error, partitions: errors } = groups.deleteOffsets(groupId, partitions)
      if (error !== errorCodes.NONE) return { errorCode: error, topics: [] }
      const answers = partitions.map(({ topic, partition }, i) => ({
        topic,
        partitionIndex: partition,
        errorCode: topics.partition(topic, partition) === undefined ? errorCodes.UNKNOWN_TOPIC_OR_PARTITION : errors[i],
      }))
      return {
        errorCode: error,
        topics: byTopic(answers).map(({ topic, items }) => ({ name: topic, partitions: items })),
      }
    },

    DescribeGroups: ({ groups: asked, includeAuthorizedOperations }, { version }) => ({
      groups: asked.map((groupId) => {
        const { error, state, protocolType, protocolName, members } = groups.describe(groupId)
        // Before version 6 a group that is not there is dead, and that is no error.
        const isError = error !== errorCodes.NONE && version >= 6
        return {
          errorCode: isError ? error : errorCodes.NONE,
          errorMessage: isError ? `Group ${groupId} not found.` : null,
          groupId,
          groupState: state,
          protocolType,
          protocolData: protocolName,
          members: members.map(({ memberId, instanceId, clientId, clientHost, metadata, assignment }) => ({
            memberId,
            groupInstanceId: instanceId,
            clientId,
            clientHost,
            memberMetadata: view(metadata),
            memberAssignment: view(assignment),
          })),
          ...(includeAuthorizedOperations && { authorizedOperations: groupOperations }),
        }
      }),
    }),

    ListGroups: ({ statesFilter, typesFilter }) => {
      const isWanted = typesFilter.length === 0 || typesFilter.some((type) => type.toLowerCase() === classic)
      return {
        errorCode: errorCodes.NONE,
        groups: (isWanted ? groups.list(statesFilter) : []).map(({ group, protocolType, state }) => ({
          groupId: group,
          protocolType,
          groupState: state,
          groupType: classic,
        })),
      }
    },

    DeleteGroups: ({ groupsNames }) => ({
      results: groupsNames.map((groupId) => ({ groupId, errorCode: groups.delete(groupId) })),
    }),
  }
}
