import type { PartitionOffset } from '../ports/log.ts'
import { onTopic } from './acl.ts'
import { type AdminRequests, changeMs } from './admin-requests.ts'
import { earliest, latest } from './broker-connections.ts'
import { deleteRecordsV2 } from './client-parts.ts'
import { partitionsOf, type TopicAdmin } from './topic-admin.ts'

/** First and end offset of a partition; markers and open transactions count. */
export interface Watermarks {
  readonly partition: number
  /** the first offset that retention has left */
  readonly low: number
  /** the offset after the last record */
  readonly high: number
}

/** What partitions hold: their offsets, by end and by time, and the rows before one. */
export class OffsetAdmin {
  readonly #requests: AdminRequests
  readonly #topics: TopicAdmin

  constructor(requests: AdminRequests, topics: TopicAdmin) {
    this.#requests = requests
    this.#topics = topics
  }

  /**
   * By partition, ascending. The end counts what an open transaction holds back from readers.
   *
   * @throws TopicMissingError
   */
  async watermarks(topic: string): Promise<readonly Watermarks[]> {
    const partitions = partitionsOf(topic, await this.#topics.mustExist(topic))
    const low = await this.#requests.connections.listOffsets(partitions, earliest)
    const high = await this.#requests.connections.listOffsets(partitions, latest)
    return low.map(({ partition, offset }, i) => ({ partition, low: offset, high: high[i].offset }))
  }

  /** The offset after the last record. @throws TopicMissingError */
  async highWatermark(topic: string, partition: number): Promise<number> {
    return (await this.watermarks(topic)).find((marks) => marks.partition === partition)?.high ?? 0
  }

  /**
   * The first offset of each partition whose row or marker is as new as `timestampMs` (ms since 1970, negative before);
   * the end if none is.
   *
   * @throws TopicMissingError
   */
  async at(topic: string, timestampMs: number): Promise<readonly PartitionOffset[]> {
    const partitions = partitionsOf(topic, await this.#topics.mustExist(topic))
    // Negative times are names of places to a broker. Every row is as new as a time before 1970.
    const at = timestampMs < 0 ? earliest : timestampMs
    const found = await this.#requests.connections.listOffsets(partitions, at)
    const ends = await this.#requests.connections.listOffsets(partitions, latest)
    return found.map((at, i) => (at.offset < 0 ? ends[i] : at))
  }

  /**
   * Deletes the rows before an offset of each partition; the disk's space comes back when the broker next looks for it.
   */
  async deleteRecords(offsets: readonly PartitionOffset[]): Promise<void> {
    await Promise.all(
      offsets.map(({ topic, partition, offset }) =>
        this.#requests.ask(`Deleting rows of ${topic}/${partition}`, async (what) => {
          const connection = await this.#requests.connections.leaderConnection({ topic, partition }, 'control')
          const partitions = [{ partitionIndex: partition, offset: BigInt(offset) }]
          await this.#requests.connections.request(
            connection,
            what,
            () => deleteRecordsV2.api.async(connection, [{ name: topic, partitions }], changeMs),
            { permissions: [onTopic('Delete', topic)] },
          )
        }),
      ),
    )
  }
}
