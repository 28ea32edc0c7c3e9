import type { TopicPartition } from '../ports/log.ts'
import { Reader, Writer } from './client-parts.ts'

/*
 * What members of a consumer group tell one another, version 0: ConsumerProtocolSubscription and
 * ConsumerProtocolAssignment of Kafka's message definitions. Other clients of the group read it too.
 */

const version = 0

/**
 * @param partitions that the member knows of, as user data: a broker starts a rebalance when a member joins again with
 * another subscription, whoever leads the group, and answers with the old assignment otherwise
 */
export function encodeSubscription(topic: string, partitions: number): Buffer {
  return Writer.create()
    .appendInt16(version)
    .appendArray([topic], (writer, name) => writer.appendString(name, false), false, false)
    .appendBytes(Writer.create().appendInt32(partitions).buffer, false).buffer
}

export function encodeAssignment(topic: string, partitions: readonly number[]): Buffer {
  return Writer.create()
    .appendInt16(version)
    .appendArray(
      [topic],
      (writer, name) =>
        writer
          .appendString(name, false)
          .appendArray([...partitions], (inner, partition) => inner.appendInt32(partition), false, false),
      false,
      false,
    )
    .appendBytes(null, false).buffer
}

export function decodeAssignment(assignment: Uint8Array): TopicPartition[] {
  if (assignment.length === 0) return []
  const reader = Reader.from(Buffer.from(assignment))
  reader.readInt16()
  return reader
    .readArray(
      (r) => {
        const topic = r.readString(false)
        return r.readArray((inner) => ({ topic, partition: inner.readInt32() }), false, false)
      },
      false,
      false,
    )
    .flat()
}

/** Splits partitions 0 to `count` - 1 among the members, in the order of their names; shares differ by one at most. */
export function shareOut(count: number, members: readonly string[]): Map<string, number[]> {
  const shares = new Map<string, number[]>()
  let next = 0
  for (const [i, member] of members.toSorted().entries()) {
    const end = Math.floor(((i + 1) * count) / members.length)
    shares.set(
      member,
      Array.from({ length: end - next }, (_, k) => next + k),
    )
    next = end
  }
  return shares
}
