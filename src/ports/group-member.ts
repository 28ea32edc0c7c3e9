import type { TopicPartition } from './log.ts'

/** A member of a consumer group, as its coordinator describes it. */
export interface GroupMember {
  readonly memberId: string
  readonly clientId: string
  readonly host: string
  /** that it reads; none while the group is rebalancing, and for members of another protocol */
  readonly partitions: readonly TopicPartition[]
}
