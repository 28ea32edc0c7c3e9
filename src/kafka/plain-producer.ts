import { offsetCommitV8 } from '@platformatic/kafka'
import type { Compression } from '../batch/batch-header.ts'
import type { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import type { OffsetCommit } from '../ports/log.ts'
import { onGroup, onTopic } from './acl.ts'
import type { BrokerConnection } from './broker-connection.ts'
import type { BrokerConnections } from './broker-connections.ts'
import { type Asked, BrokerError } from './broker-errors.ts'
import { committedTopics, InFlightBatches, type WrittenPartition } from './in-flight-batches.ts'
import type { KeptPositions } from './kept-positions.ts'
import { produce } from './produce-request.ts'
import type { CommittingMember, SliceProducer } from './slice-producer.ts'

export interface PlainProducerOptions {
  readonly compression: Compression
  /** how long a batch or a commit may be asked for again */
  readonly patienceMs: number
  /** where the offsets that are committed are kept as well */
  readonly positions?: KeptPositions | undefined
}

const abortWaitMs = 2_000

/** A batch of no producer that the broker would know again. */
const nobody = { isTransactional: false, producerId: -1n, producerEpoch: -1, baseSequence: -1 } as const

interface PartitionProgress extends WrittenPartition {
  /** settles when the first batch of this slice is in the log */
  readonly opened: Promise<void>
  /** of the first batch: the others follow on the same one, in order */
  connection: BrokerConnection | undefined
}

class Slice extends InFlightBatches {
  readonly partitions = new Map<string, PartitionProgress>()
}

/**
 * Writes at least once: rows are visible as soon as they are written, offsets are committed when all rows of their
 * slice have been acknowledged. A slice that fails half-way is repeated, and its rows are duplicated.
 */
export class PlainProducer implements SliceProducer {
  readonly #connections: BrokerConnections
  readonly #options: PlainProducerOptions
  #slice = new Slice()

  constructor(connections: BrokerConnections, options: PlainProducerOptions) {
    this.#connections = connections
    this.#options = options
  }

  async begin(): Promise<void> {
    this.#slice = new Slice()
  }

  async produce(topic: string, partition: number, batch: RecordBatchWriter): Promise<void> {
    const slice = this.#slice
    slice.throwFailure()
    const bytes = batch.finish({ compression: this.#options.compression, ...nobody })
    const key = `${topic}/${partition}`
    const known = slice.partitions.get(key)
    const sent =
      known === undefined
        ? this.#sendFirst(slice, topic, partition, bytes)
        : this.#sendNext(slice, known, topic, partition, bytes)
    const settled = sent
      .then(() => batch.recycle(bytes))
      .catch((error: unknown) => {
        slice.failure ??= error
      })
    const progress = known ?? { opened: settled, connection: undefined, inFlight: 0 }
    slice.partitions.set(key, progress)
    await slice.follow(progress, settled, bytes.length)
  }

  /** Waits until all batches of the slice are in the log. */
  async flush(): Promise<void> {
    const slice = this.#slice
    await slice.answered()
    slice.throwFailure()
  }

  async commit({ group, offsets }: OffsetCommit, member: CommittingMember): Promise<void> {
    await this.flush()
    // Positions are committed after the rows: the reverse order could lose rows.
    await this.#options.positions?.write({ group, offsets }, (...batch) => this.produce(...batch))
    await this.flush()
    const topics = committedTopics(offsets)
    await this.#connections.retrying(
      `Committing offsets to group ${group}`,
      async (what) => {
        const connection = await this.#connections.coordinatorConnection('group', group)
        const { generationId, memberId, groupInstanceId } = member
        const permissions = [onGroup('Read', group), ...topics.map(({ name }) => onTopic('Read', name))]
        const commit = () =>
          offsetCommitV8.api.async(connection, group, generationId, memberId, groupInstanceId, topics)
        await this.#connections.request(connection, what, commit, { permissions })
      },
      this.#options.patienceMs,
    )
  }

  /** Gives up a slice: nothing of it is committed, and its written rows stay. */
  async abort(): Promise<void> {
    const slice = this.#slice
    // Batches that wait for the first one are not to be sent any more.
    slice.failure ??= new Error('The slice was given up')
    await slice.answered(abortWaitMs)
  }

  close(): Promise<void> {
    return this.abort()
  }

  /** Nothing is in flight behind a first batch, so it may be sent again in order. */
  async #sendFirst(slice: Slice, topic: string, partition: number, bytes: Uint8Array): Promise<void> {
    await this.#connections.retrying(
      `Writing to ${topic}/${partition}`,
      async () => {
        const connection = await this.#connections.leaderConnection({ topic, partition }, 'produce')
        const progress = slice.partitions.get(`${topic}/${partition}`)
        if (progress !== undefined) progress.connection = connection
        await this.#send(slice, connection, topic, partition, bytes)
      },
      this.#options.patienceMs,
    )
  }

  async #sendNext(
    slice: Slice,
    progress: PartitionProgress,
    topic: string,
    partition: number,
    bytes: Uint8Array,
  ): Promise<void> {
    await progress.opened
    await this.#send(slice, progress.connection as BrokerConnection, topic, partition, bytes)
  }

  async #send(
    slice: Slice,
    connection: BrokerConnection,
    topic: string,
    partition: number,
    bytes: Uint8Array,
  ): Promise<void> {
    slice.throwFailure()
    const what = `Writing to ${topic}/${partition}`
    const asked: Asked = { request: 'Produce', permissions: [onTopic('Write', topic)] }
    const { errorCode, reason } = await this.#connections.request(
      connection,
      what,
      () => produce.async(connection, null, this.#options.patienceMs, topic, partition, bytes),
      asked,
    )
    if (errorCode !== 0) throw new BrokerError(errorCode, what, asked, undefined, reason)
  }
}
