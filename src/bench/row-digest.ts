import { framingBytes } from '../avro/framing.ts'
import { InterruptedError } from '../errors.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { topicRanges } from '../pipeline/row-topics.ts'
import { FetchedReader } from '../stages/read-fetched.ts'

/** Every so manieth row of a partition is compared. */
const step = 100

/** Of a partition. */
interface PartitionDigest {
  rows: number
  /** of the key and the value of each row compared; without the framing, for each topic has a schema of its own */
  readonly hashes: number[]
}

/** Of a topic's rows, in the order of the partitions. */
export type RowDigest = readonly PartitionDigest[]

export async function digestRows(cluster: ClusterSession, topic: string): Promise<RowDigest> {
  const ranges = await topicRanges(cluster, topic)
  const digest = ranges.map((): PartitionDigest => ({ rows: 0, hashes: [] }))
  const placeOf = new Map(ranges.map(({ partition }, place) => [partition, place]))
  const rowReader = new FetchedReader()
  const reader = cluster.rows.openReader()
  try {
    reader.assign(ranges)
    while (!ranges.every(({ partition, endOffset }) => reader.position(topic, partition) >= endOffset)) {
      if (cluster.signal.aborted) throw new InterruptedError()
      for (const fetched of await reader.poll(100)) {
        const of = digest[placeOf.get(fetched.partition) as number]
        for (const header of fetched.batches)
          for (const { from, to } of rowReader.pieces(fetched, header)) {
            const first = (step - (of.rows % step)) % step
            for (let row = from + first; row < to; row += step) of.hashes.push(rowHash(rowReader, row))
            of.rows += to - from
          }
      }
    }
  } finally {
    await reader.close()
  }
  return digest
}

/** FNV-1a. */
function rowHash({ records }: FetchedReader, row: number): number {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = records
  let hash = 0x811c9dc5
  for (let at = keyStart[row]; at >= 0 && at < keyEnd[row]; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193)
  for (let at = valueStart[row] + framingBytes; at < valueEnd[row]; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193)
  return hash
}

/**
 * What is wrong with the rows of a peer, which may have stopped before the end; undefined if nothing is.
 *
 * @param rows that it was to write at least
 */
export function digestProblem(theirs: RowDigest, ours: RowDigest, rows: number): string | undefined {
  const written = theirs.reduce((sum, partition) => sum + partition.rows, 0)
  if (written < rows) return `it has written ${written} rows of ${rows}`
  for (const [place, { rows, hashes }] of theirs.entries()) {
    if (rows > ours[place].rows) return `partition ${place} has ${rows} rows of ${ours[place].rows}`
    const differing = hashes.findIndex((hash, i) => hash !== ours[place].hashes[i])
    if (differing >= 0) return `row ${differing * step} of partition ${place} is not what it is with us`
  }
  return undefined
}
