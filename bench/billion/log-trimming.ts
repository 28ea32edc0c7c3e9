import type { ClusterSession } from '../../src/pipeline/cluster-session.ts'
import { topicRanges } from '../../src/pipeline/row-topics.ts'
import type { PartitionOffset } from '../../src/ports/log.ts'

/** Markers and aborted batches have offsets too: where the last rows begin is looked for from a little before. */
const markerShare = 0.05
const mostMarkers = 10_000

/**
 * The offset from which on a partition holds exactly so many rows, for each partition of a topic to which nobody
 * writes.
 *
 * @param rows by partition
 * @throws Error if a partition holds fewer
 */
export async function offsetsOfLastRows(
  cluster: ClusterSession,
  topic: string,
  rows: (partition: number) => number,
): Promise<PartitionOffset[]> {
  const ranges = (await topicRanges(cluster, topic)).map((range) => ({
    ...range,
    offset: Math.max(
      range.offset,
      Math.floor(range.endOffset - rows(range.partition) * (1 + markerShare) - mostMarkers),
    ),
  }))
  const batches = new Map(ranges.map(({ partition }) => [partition, [] as { base: number; count: number }[]]))
  const reader = cluster.rows.openReader()
  try {
    reader.assign(ranges)
    while (!ranges.every(({ partition, endOffset }) => reader.position(topic, partition) >= endOffset))
      for (const fetched of await reader.poll(100))
        for (const { baseOffset, recordCount } of fetched.batches)
          batches.get(fetched.partition)?.push({ base: baseOffset, count: recordCount })
  } finally {
    await reader.close()
  }
  return ranges.map(({ partition, endOffset }) => {
    let left = rows(partition)
    for (const { base, count } of (batches.get(partition) ?? []).reverse()) {
      if (left <= 0) break
      if (left <= count) return { topic, partition, offset: base + count - left }
      left -= count
    }
    if (left > 0) throw new Error(`${topic}/${partition} holds ${left} rows fewer than it should`)
    return { topic, partition, offset: endOffset }
  })
}

/**
 * Deletes what a group has consumed of a topic, but for what is to be kept: every now and then, until it is told to
 * end.
 */
export class LogTrimming {
  readonly #cluster: ClusterSession
  readonly #keepFrom: readonly PartitionOffset[]
  readonly #consumed: () => Promise<readonly PartitionOffset[]>
  #turn: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout

  /** @param consumed the next offset to be read of each partition; everything before it may go */
  constructor(
    cluster: ClusterSession,
    keepFrom: readonly PartitionOffset[],
    consumed: () => Promise<readonly PartitionOffset[]>,
  ) {
    this.#cluster = cluster
    this.#keepFrom = keepFrom
    this.#consumed = consumed
    this.#timer = setInterval(() => {
      this.#turn = this.#turn.then(() => this.#trim())
    }, everyMs)
  }

  async end(): Promise<void> {
    clearInterval(this.#timer)
    await this.#turn
  }

  async #trim(): Promise<void> {
    const offsets = (await this.#consumed()).flatMap((position) => {
      const kept = this.#keepFrom.find(({ partition }) => partition === position.partition)
      return kept === undefined ? [] : [{ ...position, offset: Math.min(position.offset, kept.offset) }]
    })
    // What is not deleted now is deleted the next time.
    await this.#cluster.admin.offsets.deleteRecords(offsets).catch((cause: unknown) => {
      this.#cluster.log.warn({ cause }, 'consumed rows could not be deleted')
    })
  }
}

const everyMs = 5_000
