import type { Compression } from '../batch/batch-header.ts'
import type { RecordBatchWriter } from '../batch/record-batch-writer.ts'
import type { OffsetCommit, TopicPartition, TransactionalWriter } from '../ports/log.ts'
import { onGroup, onTopic, onTransactions, type Permission } from './acl.ts'
import type { BrokerConnection } from './broker-connection.ts'
import type { BrokerConnections } from './broker-connections.ts'
import type { BrokerRequest } from './broker-error-table.ts'
import {
  type Asked,
  type BrokerError,
  ConnectionLostError,
  FencedError,
  isRepeatable,
  kindOf,
} from './broker-errors.ts'
import {
  addOffsetsToTxnV3,
  addPartitionsToTxnV3,
  endTxnV3,
  initProducerIdV4,
  txnOffsetCommitV3,
} from './client-parts.ts'
import { committedTopics, defaultInFlightBytes, InFlightBatches, type InFlightOptions } from './in-flight-batches.ts'
import type { KeptPositions } from './kept-positions.ts'
import { type CommittingMember, noMember } from './slice-producer.ts'
import { TransactionStateMachine } from './transaction-states.ts'

export interface TransactionalProducerOptions {
  readonly transactionalId: string
  readonly compression: Compression
  /** after which the coordinator rolls an unfinished transaction back */
  readonly transactionTimeoutMs: number
  /** nobody else can have the transactional id, as one that was drawn: whoever has taken its epoch was ourselves */
  readonly isUnique?: boolean
  /**
   * whether an epoch that was taken away is the end: nobody repeats the transaction, and to ask for the next epoch
   * could fence whoever has it
   */
  readonly yields?: boolean
  /** what to do once another one has the transactional id, where that is no matter of --instance */
  readonly fencedFix?: string | undefined
  /** sequence of the first row to each partition, default 0; a broker takes any from a producer that it has not met */
  readonly firstSequence?: number
  /** of batches that wait for their acknowledgement [48 MiB] */
  readonly inFlightBytes?: number | undefined
  /** where the offsets that a transaction commits are kept as well */
  readonly positions?: KeptPositions | undefined
}

const abortWaitMs = 2_000
/** Sequences go from 2^31 - 1 to 0. */
const sequenceModulus = 2 ** 31

/** One transaction, from `begin` to its end. Answers that come after an abort concern it, and no later one. */
class Transaction extends InFlightBatches {
  /** partitions that the coordinator knows of */
  readonly announced = new Set<string>()
  /** whether the coordinator may know of it: an announcement whose answer was lost may have arrived */
  isAnnounced = false
}

/**
 * The transaction session on the wire: protocol version 1 throughout, so AddPartitionsToTxn
 * v3, Produce v9, TxnOffsetCommit v3 and EndTxn v3. A slice of work is the unit of retry: whatever goes wrong with a
 * batch fails the transaction, and the caller repeats the slice.
 */
export class TransactionalProducer implements TransactionalWriter {
  readonly #connections: BrokerConnections
  readonly #options: TransactionalProducerOptions
  readonly #life = new TransactionStateMachine()
  #producerId = -1n
  #epoch = -1
  readonly #sequences = new Map<string, number>()
  #firstSequence: number
  /**
   * A request's answer was lost. A broker may still carry the request out, after its repetition has done the same: a
   * late EndTxn would end the next transaction in its middle, late offsets would take its place. Before KIP-890 only
   * another epoch tells a transaction from the next one.
   */
  #hasLostAnswer = false
  #transaction: Transaction
  /**
   * Whether transactions commit offsets, as the first one has shown: then the positions partition is announced with the
   * others.
   */
  #commitsOffsets = false

  private constructor(connections: BrokerConnections, options: TransactionalProducerOptions) {
    this.#connections = connections
    this.#options = options
    this.#firstSequence = options.firstSequence ?? 0
    this.#transaction = this.#newTransaction()
  }

  /**
   * Fences older producers of the same transactional id, and ends the transaction that one may have left open.
   *
   * @throws BrokerError, ConnectionLostError, FencedError
   */
  static async open(
    connections: BrokerConnections,
    options: TransactionalProducerOptions,
  ): Promise<TransactionalProducer> {
    const producer = new TransactionalProducer(connections, options)
    await producer.#initialize(-1n, -1)
    producer.#life.enter('ready')
    return producer
  }

  async begin(expected: readonly TopicPartition[] = []): Promise<void> {
    this.#life.enter('open')
    this.#transaction = this.#newTransaction()
    if (this.#hasLostAnswer) await this.#renew()
    const { positions } = this.#options
    const kept = positions !== undefined && this.#commitsOffsets ? [positions.partition] : []
    await this.#judged(() => this.#addPartitions([...expected, ...kept]))
  }

  /** One request announces them all; those that have been announced already are left out. */
  async expect(partitions: readonly TopicPartition[]): Promise<void> {
    this.#life.require('open')
    const { announced } = this.#transaction
    await this.#judged(() =>
      this.#addPartitions(partitions.filter(({ topic, partition }) => !announced.has(`${topic}/${partition}`))),
    )
  }

  async produce(topic: string, partition: number, batch: RecordBatchWriter): Promise<void> {
    this.#life.require('open')
    const transaction = this.#transaction
    const key = `${topic}/${partition}`
    await this.expect([{ topic, partition }])
    if (transaction.failure !== undefined) await this.#judged(() => transaction.throwFailure())
    const { recordCount } = batch
    const baseSequence = this.#sequences.get(key) ?? this.#firstSequence
    this.#sequences.set(key, (baseSequence + recordCount) % sequenceModulus)
    await transaction.send({ topic, partition }, batch, {
      compression: this.#options.compression,
      isTransactional: true,
      producerId: this.#producerId,
      producerEpoch: this.#epoch,
      baseSequence,
    })
  }

  async commit(offsets?: OffsetCommit, member: CommittingMember = noMember): Promise<void> {
    this.#life.require('open')
    const transaction = this.#transaction
    if (offsets !== undefined) {
      this.#commitsOffsets = true
      await this.#options.positions?.write(offsets, (...batch) => this.produce(...batch))
    }
    await transaction.answered()
    await this.#judged(() => transaction.throwFailure())
    this.#life.enter('committing')
    await this.#judged(async () => {
      if (offsets !== undefined) await this.#commitOffsets(offsets, member)
      if (transaction.isAnnounced) await this.#endTransaction(true)
    })
    this.#life.enter('ready')
  }

  async abort(): Promise<void> {
    // The successor has ended it.
    if (this.#life.state === 'fenced') return
    this.#life.enter('aborting')
    const transaction = this.#transaction
    await transaction.answered(abortWaitMs)
    // A batch without an answer leaves the broker's last sequence unknown: KIP-360, a new epoch starts at 0.
    let isUncertain = this.#hasLostAnswer || transaction.failure !== undefined || transaction.isWaiting
    // Batches that wait for their turn are not to be sent any more.
    transaction.failure ??= new Error('The transaction was aborted')
    if (transaction.isAnnounced) {
      try {
        await this.#endTransaction(false)
      } catch (error) {
        // The coordinator has ended it by itself, or will when the epoch is bumped.
        if (!isRepeatable(error)) throw this.#fail(error)
        isUncertain = true
      }
    }
    if (isUncertain) await this.#renew().catch((error: unknown) => Promise.reject(this.#fail(error)))
    this.#life.enter('ready')
  }

  /** Aborts what is open; if that fails, the transaction's time-out does the same. */
  async close(): Promise<void> {
    if (this.#life.state === 'open' || this.#life.state === 'committing') await this.abort().catch(() => undefined)
    if (this.#life.state !== 'closed') this.#life.enter('closed')
  }

  #fenced(cause: unknown): FencedError {
    const { transactionalId, fencedFix } = this.#options
    return new FencedError(`The transactional id ${transactionalId}`, cause, fencedFix)
  }

  /** Notes that the producer is of no more use; the error to throw. */
  #fail(error: unknown): unknown {
    if (kindOf(error) === 'fenced') {
      this.#life.enter('fenced')
      return error
    }
    this.#life.enter('failed')
    return error
  }

  #newTransaction(): Transaction {
    const { transactionalId, transactionTimeoutMs: patienceMs, inFlightBytes = defaultInFlightBytes } = this.#options
    const ask: InFlightOptions['ask'] = (...request) => this.#ask(...request)
    return new Transaction({ connections: this.#connections, transactionalId, patienceMs, inFlightBytes, ask })
  }

  async #addPartitions(partitions: readonly TopicPartition[]): Promise<void> {
    if (partitions.length === 0) return
    const transaction = this.#transaction
    transaction.isAnnounced = true
    const { transactionalId } = this.#options
    const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, members]) => ({
      name,
      partitions: members.map(({ partition }) => partition),
    }))
    await this.#coordinator(
      'AddPartitionsToTxn',
      'Announcing partitions',
      (connection) =>
        addPartitionsToTxnV3.api.async(connection, [
          { transactionalId, producerId: this.#producerId, producerEpoch: this.#epoch, verifyOnly: false, topics },
        ]),
      topics.map(({ name }) => onTopic('Write', name)),
    )
    for (const { topic, partition } of partitions) transaction.announced.add(`${topic}/${partition}`)
  }

  async #commitOffsets({ group, offsets }: OffsetCommit, member: CommittingMember): Promise<void> {
    const { transactionalId, transactionTimeoutMs } = this.#options
    this.#transaction.isAnnounced = true
    await this.#coordinator(
      'AddOffsetsToTxn',
      'Announcing the offsets',
      (connection) => addOffsetsToTxnV3.api.async(connection, transactionalId, this.#producerId, this.#epoch, group),
      [onGroup('Read', group)],
    )
    const topics = committedTopics(offsets)
    await this.#connections.retrying(
      `Committing offsets to group ${group}`,
      async (what) => {
        const connection = await this.#connections.coordinatorConnection('group', group)
        const permissions = [
          mayWrite(transactionalId),
          onGroup('Read', group),
          ...topics.map(({ name }) => onTopic('Read', name)),
        ]
        await this.#ask(connection, { request: 'TxnOffsetCommit', permissions }, what, () =>
          txnOffsetCommitV3.api.async(
            connection,
            transactionalId,
            group,
            this.#producerId,
            this.#epoch,
            member.generationId,
            member.memberId,
            member.groupInstanceId,
            topics,
          ),
        )
      },
      transactionTimeoutMs,
    )
  }

  async #endTransaction(isCommit: boolean): Promise<void> {
    await this.#coordinator('EndTxn', isCommit ? 'Committing' : 'Aborting', (connection) =>
      endTxnV3.api.async(connection, this.#options.transactionalId, this.#producerId, this.#epoch, isCommit),
    )
  }

  /**
   * Asks for an epoch: a new identity for -1, else the next epoch of the current one, from which sequences start anew.
   */
  async #initialize(producerId: bigint, epoch: number): Promise<void> {
    const { transactionalId, transactionTimeoutMs } = this.#options
    try {
      const given = await this.#coordinator('InitProducerId', 'Taking the transactional id', (connection) =>
        initProducerIdV4.api.async(connection, transactionalId, transactionTimeoutMs, producerId, epoch),
      )
      this.#producerId = given.producerId
      this.#epoch = given.producerEpoch
    } catch (error) {
      if (kindOf(error) !== 'fenced') throw error
      // Our transaction timed out, and the answer to the InitProducerId that mended it was lost: brokers know one epoch
      // back, not two.
      if (this.#options.isUnique !== true || epoch === -1) throw this.#fenced(error)
      await this.#initialize(-1n, -1)
    }
    this.#sequences.clear()
    if (epoch !== -1) this.#firstSequence = 0
    this.#hasLostAnswer = false
  }

  /** The next epoch of our own: late requests of the current one are refused then. */
  #renew(): Promise<void> {
    return this.#initialize(this.#producerId, this.#epoch)
  }

  /**
   * Runs a part of the transaction. An epoch that was taken away meanwhile may have gone with the time-out of our own
   * transaction, as when a laptop slept, or to a successor. InitProducerId with the epoch that we had tells the one
   * from the other, and mends the first (KIP-360, KIP-588): the transaction is lost in both, the producer in the second
   * only. While the brokers still end the transaction that a successor has found open, they take the question for the
   * first as well, and fence the successor: who does not repeat the transaction does not ask.
   *
   * @throws FencedError
   */
  async #judged(part: () => Promise<void> | void): Promise<void> {
    try {
      await part()
    } catch (error) {
      this.#transaction.failure ??= error
      const isTaken = kindOf(error) === 'abortable' && epochTaken.has((error as BrokerError).errorName)
      if (isTaken && this.#options.yields) throw this.#fail(this.#fenced(error))
      if (isTaken)
        await this.#renew().catch((cause: unknown) => {
          if (kindOf(cause) === 'fenced') throw cause
        })
      throw error
    }
  }

  /** Sends a request to the transaction's coordinator, again while that is worth it. */
  #coordinator<T>(
    request: BrokerRequest,
    doing: string,
    send: (connection: BrokerConnection) => Promise<T>,
    permissions: readonly Permission[] = [],
  ): Promise<T> {
    const { transactionalId } = this.#options
    const what = `${doing} (transactional id ${transactionalId})`
    return this.#connections.retrying(what, async () => {
      const connection = await this.#connections.coordinatorConnection('transaction', transactionalId)
      return this.#ask(connection, { request, permissions: [mayWrite(transactionalId), ...permissions] }, what, send)
    })
  }

  async #ask<T>(
    connection: BrokerConnection,
    asked: Asked,
    what: string,
    send: (connection: BrokerConnection) => Promise<T>,
  ): Promise<T> {
    const epoch = this.#epoch
    try {
      return await this.#connections.request(connection, what, send, asked)
    } catch (error) {
      // What was asked in an older epoch is refused if it comes late.
      if (error instanceof ConnectionLostError && epoch === this.#epoch) this.#hasLostAnswer = true
      throw error
    }
  }
}

const mayWrite = (transactionalId: string) => onTransactions('Write', transactionalId)

const epochTaken: ReadonlySet<string> = new Set(['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH'])
