import { since, struct } from './message.ts'
import { array, int16, int32, int64, nullable, string } from './primitives.ts'

/** Offsets that a group commits. @param epochSince the version that has brought leader epochs */
export function offsetsByTopic(epochSince: number) {
  return array(
    struct({
      name: string,
      partitions: array(
        struct({
          partitionIndex: int32,
          committedOffset: int64,
          committedLeaderEpoch: since(epochSince, int32, -1),
          committedMetadata: nullable(string),
        }),
      ),
    }),
  )
}

/** An error for each partition whose offset was to be committed, or deleted. */
export const errorsByTopic = array(
  struct({ name: string, partitions: array(struct({ partitionIndex: int32, errorCode: int16 })) }),
)
