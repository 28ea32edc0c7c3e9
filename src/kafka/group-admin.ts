import type { GroupMember } from '../ports/group-member.ts'
import type { PartitionOffset, TopicPartition } from '../ports/log.ts'
import { onGroup, onTopic } from './acl.ts'
import type { AdminRequests } from './admin-requests.ts'
import { deleteGroupsV2, describeGroupsV5, listGroupsV4, offsetCommitV8 } from './client-parts.ts'
import { decodeAssignment } from './group-protocol.ts'
import type { TopicAdmin } from './topic-admin.ts'

export interface GroupSummary {
  readonly group: string
  /** as `consumer` */
  readonly protocolType: string
}

export interface GroupDescription {
  readonly group: string
  /** as Stable, Empty, PreparingRebalance, Dead */
  readonly state: string
  readonly members: readonly GroupMember[]
}

/** Member fields of a commit by a client that is not a member of the group. */
const noMember = { generation: -1, memberId: '' } as const

/** Groups of the cluster, their members and their committed offsets. */
export class GroupAdmin {
  readonly #requests: AdminRequests
  readonly #topics: TopicAdmin

  constructor(requests: AdminRequests, topics: TopicAdmin) {
    this.#requests = requests
    this.#topics = topics
  }

  /** Committed offsets of a group, with metadata; partitions without a commit are omitted. */
  async committedOffsets(group: string, topic?: string): Promise<readonly PartitionOffset[]> {
    // Repeated, for the first group of a cluster has no coordinator yet, and then one that is not ready.
    const committed = await this.#requests.ask(`Reading the committed offsets of ${group}`, () =>
      this.#requests.connections.committedOffsets(group, undefined, false),
    )
    return committed.filter((at) => topic === undefined || at.topic === topic).sort(byPartition)
  }

  /**
   * Sets the offsets of a group, and removes their metadata.
   *
   * @throws BrokerError UNKNOWN_MEMBER_ID if it has members
   */
  async commitOffsets(group: string, topic: string, offsets: readonly Omit<PartitionOffset, 'topic'>[]): Promise<void> {
    await this.#topics.mustExist(topic)
    const partitions = offsets.map(({ partition, offset }) => ({
      partitionIndex: partition,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: -1,
      committedMetadata: null,
    }))
    await this.#requests.askCoordinator(
      group,
      `Moving group ${group} in topic ${topic}`,
      (connection) =>
        offsetCommitV8.api.async(connection, group, noMember.generation, noMember.memberId, null, [
          { name: topic, partitions },
        ]),
      { permissions: [onGroup('Read', group), onTopic('Read', topic)] },
    )
  }

  /** Each broker knows those that it coordinates. */
  async list(): Promise<readonly GroupSummary[]> {
    const known = await this.#requests.ask('Listing groups', async (what) => {
      const { brokers } = await this.#requests.connections.metadata(what, [])
      return Promise.all(
        brokers.map(async ({ nodeId: node, host, port }) => {
          const connection = await this.#requests.connections.brokerConnection({ node, host, port })
          const { groups } = await this.#requests.connections.request(connection, what, () =>
            listGroupsV4.api.async(connection, [], []),
          )
          return groups
        }),
      )
    })
    return known.flat().map(({ groupId, protocolType }) => ({ group: groupId, protocolType }))
  }

  async describe(groups: readonly string[]): Promise<readonly GroupDescription[]> {
    return Promise.all(
      groups.map(async (group) => {
        const described = await this.#requests.askCoordinator(
          group,
          `Describing group ${group}`,
          (connection) => describeGroupsV5.api.async(connection, [group], false),
          { permissions: [onGroup('Describe', group)] },
        )
        const [{ groupState, members }] = described.groups
        return {
          group,
          state: groupState,
          members: members.map(({ memberId, clientId, clientHost, memberAssignment }) => ({
            memberId,
            clientId,
            host: clientHost,
            partitions: assigned(memberAssignment),
          })),
        }
      }),
    )
  }

  async delete(groups: readonly string[]): Promise<void> {
    await Promise.all(
      groups.map((group) =>
        this.#requests.askCoordinator(
          group,
          `Deleting group ${group}`,
          (connection) => deleteGroupsV2.api.async(connection, [group]),
          { permissions: [onGroup('Delete', group)] },
        ),
      ),
    )
  }
}

/** Of a group that is not one of consumers, whatever its members tell each other. */
function assigned(assignment: Uint8Array | null): TopicPartition[] {
  try {
    return assignment === null ? [] : decodeAssignment(assignment)
  } catch {
    return []
  }
}

function byPartition(a: PartitionOffset, b: PartitionOffset): number {
  return a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1
}
