import { setTimeout as sleep } from 'node:timers/promises'
import type { BatchIdentity } from '../batch/batch-header.ts'
import type { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import type { PartitionOffset, TopicPartition } from '../ports/log.ts'
import { onTopic, onTransactions } from './acl.ts'
import type { BrokerConnection } from './broker-connection.ts'
import type { BrokerConnections } from './broker-connections.ts'
import { type Asked, BrokerError } from './broker-errors.ts'
import { ProduceQueue } from './produce-queue.ts'
import { type ProducedBatch, produce } from './produce-request.ts'
import { compressInThread, isThreaded, type ThreadedCodec } from './threaded-compression.ts'

/** Maximum number of batches of a partition that a broker deduplicates and keeps in order on one connection. */
const maxInFlightPerPartition = 5
/** Buffers of the batches of all partitions that wait for their acknowledgement, unless told. */
export const defaultInFlightBytes = 48 * 1024 * 1024

export interface InFlightOptions {
  readonly connections: BrokerConnections
  /** null: rows are visible as soon as they are written */
  readonly transactionalId: string | null
  /** how long a first batch may be sent again */
  readonly patienceMs: number
  /** of all batches together; one batch may exceed it */
  readonly inFlightBytes: number
  /** sends one request, and converts its failure */
  readonly ask: <T>(
    connection: BrokerConnection,
    asked: Asked,
    what: string,
    send: (connection: BrokerConnection) => Promise<T>,
  ) => Promise<T>
}

/** A partition that is written to. */
interface WrittenPartition {
  inFlight: number
  /** when the last batch may be sent */
  turn: Promise<unknown> | undefined
  /** settles when the first batch of the slice is in the log */
  opened: Promise<void> | undefined
  /** of the first batch: the others follow on the same one, or their order would hang on who finds the leader first */
  connection: BrokerConnection | undefined
}

/** The batches of one slice: a response that arrives after the slice was aborted does not affect a later one. */
export class InFlightBatches {
  readonly #options: InFlightOptions
  readonly #queue: ProduceQueue
  readonly #partitions = new Map<string, WrittenPartition>()
  readonly #inFlight = new Set<Promise<void>>()
  #bytes = 0
  #wake: (() => void)[] = []
  /** the first failure; after it nothing more of the slice is sent */
  failure: unknown

  constructor(options: InFlightOptions) {
    this.#options = options
    this.#queue = new ProduceQueue(async (connection, batches) => {
      this.throwFailure()
      const { ask, transactionalId, patienceMs } = options
      return ask(connection, this.#asked(batches), writingTo(batches), () =>
        produce.async(connection, transactionalId, patienceMs, batches),
      )
    })
  }

  /** Whether a batch has no answer yet. */
  get isWaiting(): boolean {
    return this.#inFlight.size > 0
  }

  /**
   * Sends what `writer` holds behind the batches of its partition; a failure is noted. Resolves when another one may be
   * sent.
   */
  async send({ topic, partition }: TopicPartition, writer: RecordBatchWriter, identity: BatchIdentity): Promise<void> {
    const key = `${topic}/${partition}`
    const written = this.#partitions.get(key) ?? {
      inFlight: 0,
      turn: undefined,
      opened: undefined,
      connection: undefined,
    }
    this.#partitions.set(key, written)
    // A row that is larger than batches are has been compressed already.
    const codec = writer.isOversized || !isThreaded(identity.compression) ? undefined : identity.compression
    const bytes = writer.finish(codec === undefined ? identity : { ...identity, compression: 'none' })
    let heldBytes = bytes.buffer.byteLength
    const free = () => writer.recycle(bytes)
    const compressed = async (codec: ThreadedCodec): Promise<ProducedBatch> => {
      const smaller = await compressInThread(bytes, codec)
      if (smaller !== bytes) free()
      this.#bytes += smaller.buffer.byteLength - heldBytes
      heldBytes = smaller.buffer.byteLength
      return { topic, partition, bytes: smaller }
    }
    const batch = codec === undefined ? { topic, partition, bytes } : compressed(codec)
    // One that takes longer to compress holds back those behind it.
    const turn = Promise.all([batch, written.turn, written.opened])
    const isFirst = written.turn === undefined
    written.turn = turn
    const settled = turn
      .then(async ([ready]) => {
        await (isFirst ? this.#writeFirst(written, ready) : this.#write(written, ready, false))
        if (ready.bytes === bytes) free()
      })
      .catch((error: unknown) => {
        this.failure ??= error
      })
    written.opened ??= settled
    written.inFlight++
    this.#bytes += heldBytes
    this.#inFlight.add(settled)
    void settled.finally(() => {
      written.inFlight--
      this.#bytes -= heldBytes
      this.#inFlight.delete(settled)
      for (const wake of this.#wake.splice(0)) wake()
    })
    while (written.inFlight >= maxInFlightPerPartition || this.#bytes > this.#options.inFlightBytes)
      await new Promise<void>((resolve) => this.#wake.push(resolve))
  }

  /** All answers have come, or the time is over. */
  async answered(withinMs?: number): Promise<void> {
    const all = Promise.all(this.#inFlight)
    await (withinMs === undefined ? all : Promise.race([all, sleep(withinMs, undefined, { ref: false })]))
  }

  throwFailure(): void {
    if (this.failure !== undefined) throw this.failure
  }

  /** Nothing of its partition is in flight behind a first batch, so it may be sent again in order. */
  async #writeFirst(partition: WrittenPartition, batch: ProducedBatch): Promise<void> {
    const { connections, patienceMs } = this.#options
    await connections.retrying(
      writingTo([batch]),
      async () => {
        partition.connection = await connections.leaderConnection(batch, 'produce')
        await this.#write(partition, batch, true)
      },
      patienceMs,
    )
  }

  async #write({ connection }: WrittenPartition, batch: ProducedBatch, isFirst: boolean): Promise<void> {
    this.throwFailure()
    const { errorCode, reason } = await this.#queue.send(connection as BrokerConnection, batch, isFirst)
    if (errorCode !== 0) throw new BrokerError(errorCode, writingTo([batch]), this.#asked([batch]), undefined, reason)
  }

  #asked(partitions: readonly TopicPartition[]): Asked {
    const { transactionalId } = this.#options
    const topics = [...new Set(partitions.map(({ topic }) => topic))].map((topic) => onTopic('Write', topic))
    const transactions = transactionalId === null ? [] : [onTransactions('Write', transactionalId)]
    return { request: 'Produce', permissions: [...topics, ...transactions] }
  }
}

function writingTo([{ topic, partition }, ...others]: readonly TopicPartition[]): string {
  const what = `Writing to ${topic}/${partition}`
  return others.length === 0 ? what : `${what} and ${others.length} more`
}

/** Offsets as OffsetCommit and TxnOffsetCommit take them. */
export function committedTopics(offsets: readonly PartitionOffset[]) {
  return [...Map.groupBy(offsets, ({ topic }) => topic)].map(([name, members]) => ({
    name,
    partitions: members.map(({ partition, offset, leaderEpoch, metadata }) => ({
      partitionIndex: partition,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: leaderEpoch ?? -1,
      committedMetadata: metadata ?? '',
    })),
  }))
}
