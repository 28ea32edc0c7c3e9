import type { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import type { OffsetCommit, TopicPartition } from '../ports/log.ts'

/** Who commits offsets, as the group knew it when the slice began (KIP-447). */
export interface CommittingMember {
  readonly memberId: string
  readonly generationId: number
  readonly groupInstanceId: string | null
}

/** Offsets that are committed outside a group's membership: the group has no members. */
export const noMember: CommittingMember = { memberId: '', generationId: -1, groupInstanceId: null }

/** What a group session writes a slice with. */
export interface SliceProducer {
  begin(expected: readonly TopicPartition[]): Promise<void>
  /** The slice will probably write there as well. */
  expect(partitions: readonly TopicPartition[]): Promise<void>
  produce(topic: string, partition: number, batch: RecordBatchWriter): Promise<void>
  commit(offsets: OffsetCommit, member: CommittingMember): Promise<void>
  abort(): Promise<void>
  close(): Promise<void>
}
