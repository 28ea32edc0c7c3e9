import { InterruptedError } from '../errors.ts'
import type { FetchedPartition, PartitionOffset } from '../ports/log.ts'
import { BatchUnreadableError, FetchedReader } from '../stages/read-fetched.ts'
import type { ClusterSession } from './cluster-session.ts'
import { topicEnds } from './row-topics.ts'

const pollMs = 100

/**
 * The first row of each partition that is as new as a time; the end if none is. A broker counts the markers of
 * transactions, whose time is that of the commit: where old rows were loaded, it answers with the first marker. So the
 * rows from its answer on are read until one is as new.
 *
 * @param timestampMs ms since 1970
 * @throws TopicMissingError; InterruptedError when the cluster's signal fires
 */
export async function offsetsAtTime(
  cluster: ClusterSession,
  topic: string,
  timestampMs: number,
): Promise<PartitionOffset[]> {
  const { admin, rows, signal } = cluster
  const found = await admin.offsets.at(topic, timestampMs)
  const ends = new Map((await topicEnds(cluster, topic)).map(({ partition, offset }) => [partition, offset]))
  const answers = new Map<number, number>()
  const isOpen = ({ partition, offset }: PartitionOffset) =>
    !answers.has(partition) && offset < (ends.get(partition) ?? 0)
  const reader = rows.openReader()
  try {
    let open = found.filter(isOpen)
    reader.assign(open)
    while (open.length > 0) {
      for (const fetched of await reader.poll(pollMs)) {
        const offset = answers.get(fetched.partition) ?? firstAsNew(fetched, timestampMs)
        if (offset !== undefined) answers.set(fetched.partition, offset)
      }
      if (signal.aborted) throw new InterruptedError()
      const left = open.map((at) => ({ ...at, offset: reader.position(topic, at.partition) })).filter(isOpen)
      if (left.length < open.length) reader.assign(left)
      open = left
    }
  } finally {
    await reader.close()
  }
  return found.map((at) => {
    const end = ends.get(at.partition) ?? at.offset
    return { ...at, offset: Math.min(answers.get(at.partition) ?? end, end) }
  })
}

function firstAsNew(fetched: FetchedPartition, timestampMs: number): number | undefined {
  const reader = new FetchedReader()
  const { records } = reader
  for (const header of fetched.batches) {
    if (header.maxTimestampMs < timestampMs) continue
    try {
      for (const { from, to } of reader.pieces(fetched, header))
        for (let row = from; row < to; row++)
          if (records.timestampMs[row] >= timestampMs) return records.baseOffset + records.offsetDelta[row]
    } catch (error) {
      // Whoever reads the range says what is to be done with it.
      if (!(error instanceof BatchUnreadableError)) throw error
      return error.offset
    }
  }
  return undefined
}
