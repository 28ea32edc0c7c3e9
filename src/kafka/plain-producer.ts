import type { Compression } from '../batch/batch-header.ts'
import type { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import type { OffsetCommit } from '../ports/log.ts'
import { onGroup, onTopic } from './acl.ts'
import type { BrokerConnections } from './broker-connections.ts'
import { offsetCommitV8 } from './client-parts.ts'
import { committedTopics, defaultInFlightBytes, InFlightBatches, type InFlightOptions } from './in-flight-batches.ts'
import type { KeptPositions } from './kept-positions.ts'
import type { CommittingMember, SliceProducer } from './slice-producer.ts'

export interface PlainProducerOptions {
  readonly compression: Compression
  /** how long a batch or a commit may be asked for again */
  readonly patienceMs: number
  /** of batches that wait for their acknowledgement [48 MiB] */
  readonly inFlightBytes?: number | undefined
  /** where the offsets that are committed are kept as well */
  readonly positions?: KeptPositions | undefined
}

const abortWaitMs = 2_000

/** A batch of no producer that the broker would know again. */
const nobody = { isTransactional: false, producerId: -1n, producerEpoch: -1, baseSequence: -1 } as const

/**
 * Writes at least once: rows are visible as soon as they are written, offsets are committed when all rows of their
 * slice have been acknowledged. A slice that fails half-way is repeated, and its rows are duplicated.
 */
export class PlainProducer implements SliceProducer {
  readonly #connections: BrokerConnections
  readonly #options: PlainProducerOptions
  #slice: InFlightBatches

  constructor(connections: BrokerConnections, options: PlainProducerOptions) {
    this.#connections = connections
    this.#options = options
    this.#slice = this.#newSlice()
  }

  async begin(): Promise<void> {
    this.#slice = this.#newSlice()
  }

  async expect(): Promise<void> {}

  async produce(topic: string, partition: number, batch: RecordBatchWriter): Promise<void> {
    const slice = this.#slice
    slice.throwFailure()
    await slice.send({ topic, partition }, batch, { compression: this.#options.compression, ...nobody })
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

  #newSlice(): InFlightBatches {
    const ask: InFlightOptions['ask'] = (connection, asked, what, send) =>
      this.#connections.request(connection, what, send, asked)
    const { patienceMs, inFlightBytes = defaultInFlightBytes } = this.#options
    return new InFlightBatches({
      connections: this.#connections,
      transactionalId: null,
      patienceMs,
      inFlightBytes,
      ask,
    })
  }
}
