import { errorCodes } from '../error-codes.ts'
import type { Clock } from './clock.ts'
import type { Marker } from './control-batch.ts'
import type { TopicPartition } from './group-offsets.ts'
import { ProducerIds, producerIdsKind } from './producer-ids.ts'
import type { StateLog } from './state-log.ts'
import {
  fromStored,
  isPrepared,
  lastUsableEpoch,
  newTransactionalId,
  noEpoch,
  noProducerId,
  partitionKey,
  partitionOf,
  type TransactionalId,
  type TransactionState,
  toStored,
  transactionStates,
} from './transaction-state.ts'

/** Whoever asks something of a transaction. */
export interface TransactionalProducer {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly epoch: number
}

/** A producer with its own id and epoch, -1 for one that has none yet. */
export interface InitProducer {
  /** null for a producer that is idempotent only */
  readonly transactionalId: string | null
  readonly timeoutMs: number
  readonly producerId: bigint
  readonly epoch: number
}

export interface InitializedProducer {
  readonly error: number
  readonly producerId: bigint
  readonly epoch: number
}

/** What the coordinator needs of the logs and the groups that a transaction spans. */
export interface TransactionHost {
  /** Resolves once what they were written outlives a power cut. */
  sync(partitions: readonly TopicPartition[], groups: readonly string[]): Promise<void>
  /** Writes a marker. Resolves once it outlives a power cut, or the partition is no more. */
  markPartition(partition: TopicPartition, marker: Marker): Promise<void>
  markGroup(group: string, marker: Marker): Promise<void>
  /** Something that nobody waits for cannot be done: the storage refuses it. */
  fail(error: unknown): void
}

/** Settings of the broker, with the defaults of Apache Kafka. */
export interface TransactionSettings {
  /** transaction.max.timeout.ms */
  readonly maxTimeoutMs: number
  /** transactional.id.expiration.ms */
  readonly idExpirationMs: number
  /**
   * whether InitProducerId knows the epoch before a time-out again: Kafka 4.1 does, older ones answer PRODUCER_FENCED
   */
  readonly keepsLastEpoch: boolean
  /** of new transactional ids: near the last one, the coordinator gives a new producer id soon */
  readonly firstEpoch: number
}

export const transactionDefaults: TransactionSettings = {
  maxTimeoutMs: 900_000,
  idExpirationMs: 7 * 24 * 3_600_000,
  keepsLastEpoch: true,
  firstEpoch: 0,
}

export interface DescribedTransaction {
  readonly error: number
  readonly transactionalId: string
  readonly producerId: bigint
  readonly epoch: number
  readonly state: TransactionState | ''
  readonly timeoutMs: number
  readonly startedMs: number
  readonly partitions: readonly TopicPartition[]
  /** whose offsets it commits */
  readonly groups: readonly string[]
}

export interface TransactionFilter {
  readonly states?: readonly string[]
  readonly producerIds?: readonly bigint[]
  /** -1 for any */
  readonly longerThanMs?: number
}

const idKind = 'id'
const refused = (error: number): InitializedProducer => ({ error, producerId: noProducerId, epoch: noEpoch })

/**
 * The transaction coordinator, as `TransactionCoordinator` and `TransactionStateManager` of Apache Kafka have it, for
 * clients of the first protocol generation: producer ids and epochs, KIP-360, time-outs that take the epoch away. What
 * it decides is in its log, and outlives a power cut, before anybody is told and before a marker is written.
 */
export class TransactionCoordinator {
  readonly #log: StateLog
  readonly #clock: Clock
  readonly #host: TransactionHost
  readonly #settings: TransactionSettings
  readonly #ids = new Map<string, TransactionalId>()
  readonly #producerIds: ProducerIds

  constructor(log: StateLog, clock: Clock, host: TransactionHost, settings: Partial<TransactionSettings> = {}) {
    this.#log = log
    this.#clock = clock
    this.#host = host
    this.#settings = { ...transactionDefaults, ...settings }
    this.#producerIds = new ProducerIds(log)
    for (const change of log.changes()) {
      if ('marker' in change) continue
      const [[kind, name], value] = change.entry
      if (kind === producerIdsKind) this.#producerIds.replay(change.entry)
      else if (value === null) this.#ids.delete(String(name))
      else this.#ids.set(String(name), fromStored(String(name), value))
    }
  }

  /** Goes on with what was in the log: transactions that were decided are completed, open ones keep their time-out. */
  async start(): Promise<void> {
    const ids = [...this.#ids.values()]
    for (const id of ids) if (id.state === 'Ongoing') this.#startTimer(id)
    await Promise.all(ids.filter(isPrepared).map((id) => this.#complete(id)))
  }

  /** Ends all waiting. */
  close(): void {
    for (const { timer } of this.#ids.values()) timer?.cancel()
  }

  /** Transactional ids whose transaction is neither committed nor rolled back. */
  open(): string[] {
    return [...this.#ids.values()].filter((id) => id.state === 'Ongoing' || isPrepared(id)).map(({ name }) => name)
  }

  /**
   * Whether a transaction that will be ended spans a partition. After a power cut rows of one may be there that its
   * coordinator has not heard of: they are to be rolled back.
   */
  covers(producerId: bigint, epoch: number, partition: TopicPartition): boolean {
    const key = partitionKey(partition)
    return [...this.#ids.values()].some(
      (id) => id.producerId === producerId && id.epoch >= epoch && id.partitions.has(key),
    )
  }

  /** The same of offsets that groups are to commit with a transaction. */
  coversOffsets(producerId: bigint, epoch: number): boolean {
    return [...this.#ids.values()].some((id) => id.producerId === producerId && id.epoch >= epoch && id.groups.size > 0)
  }

  async initProducerId(request: InitProducer): Promise<InitializedProducer> {
    const { transactionalId, timeoutMs, producerId, epoch } = request
    if ((producerId === noProducerId) !== (epoch === noEpoch)) return refused(errorCodes.INVALID_REQUEST)
    if (transactionalId === '') return refused(errorCodes.INVALID_REQUEST)
    if (transactionalId === null) {
      const given = this.#producerIds.next()
      await this.#log.sync()
      return { error: errorCodes.NONE, producerId: given, epoch: 0 }
    }
    if (timeoutMs <= 0 || timeoutMs > this.#settings.maxTimeoutMs)
      return refused(errorCodes.INVALID_TRANSACTION_TIMEOUT)
    const id = this.#ids.get(transactionalId) ?? newTransactionalId(transactionalId, this.#producerIds.next())
    this.#ids.set(transactionalId, id)
    const expected = epoch === noEpoch ? undefined : { producerId, epoch }
    if (expected !== undefined && !isOwn(id, expected)) return refused(errorCodes.PRODUCER_FENCED)
    if (isPrepared(id)) return refused(errorCodes.CONCURRENT_TRANSACTIONS)
    if (id.state === 'Ongoing') {
      await this.#fence(id)
      return refused(errorCodes.CONCURRENT_TRANSACTIONS)
    }
    if (!this.#renew(id, expected?.epoch)) return refused(errorCodes.PRODUCER_FENCED)
    id.state = 'Empty'
    id.startedMs = -1
    id.timeoutMs = timeoutMs
    const answer = { error: errorCodes.NONE, producerId: id.producerId, epoch: id.epoch }
    this.#store(id)
    await this.#log.sync()
    return answer
  }

  /** Makes partitions part of the producer's transaction; an error code. */
  addPartitions(producer: TransactionalProducer, partitions: readonly TopicPartition[]): number {
    return this.#add(producer, (id) => {
      for (const partition of partitions) id.partitions.add(partitionKey(partition))
    })
  }

  /** Makes a group's offsets part of the producer's transaction; an error code. */
  addOffsets(producer: TransactionalProducer, group: string): number {
    return this.#add(producer, (id) => id.groups.add(group))
  }

  /** Decides a transaction; an error code. The markers follow. */
  async end(producer: TransactionalProducer, isCommit: boolean): Promise<number> {
    const id = this.#ids.get(producer.transactionalId)
    if (id === undefined || id.producerId !== producer.producerId) return errorCodes.INVALID_PRODUCER_ID_MAPPING
    if (id.epoch !== producer.epoch) return errorCodes.PRODUCER_FENCED
    if (id.state === 'Ongoing') {
      await this.#decide(id, isCommit)
      return errorCodes.NONE
    }
    if (isPrepared(id))
      return (id.state === 'PrepareCommit') === isCommit
        ? errorCodes.CONCURRENT_TRANSACTIONS
        : errorCodes.INVALID_TXN_STATE
    return id.state === (isCommit ? 'CompleteCommit' : 'CompleteAbort') ? errorCodes.NONE : errorCodes.INVALID_TXN_STATE
  }

  /** What a leader asks before it takes a transaction's first batch; an error code. */
  verifyPartition(producer: TransactionalProducer, partition: TopicPartition): number {
    return this.#verify(producer, (id) => id.partitions.has(partitionKey(partition)))
  }

  /** What a group asks before it takes a transaction's offsets; an error code. */
  verifyGroup(producer: TransactionalProducer, group: string): number {
    return this.#verify(producer, (id) => id.groups.has(group))
  }

  describe(transactionalId: string): DescribedTransaction {
    const id = this.#ids.get(transactionalId)
    if (id === undefined) {
      const error = transactionalId === '' ? errorCodes.INVALID_REQUEST : errorCodes.TRANSACTIONAL_ID_NOT_FOUND
      const nothing = { producerId: 0n, epoch: 0, state: '', timeoutMs: 0, startedMs: 0 } as const
      return { ...nothing, error, transactionalId, partitions: [], groups: [] }
    }
    const { producerId, epoch, state, timeoutMs, startedMs } = id
    const partitions = [...id.partitions].map(partitionOf)
    const groups = [...id.groups]
    return {
      error: errorCodes.NONE,
      transactionalId,
      producerId,
      epoch,
      state,
      timeoutMs,
      startedMs,
      partitions,
      groups,
    }
  }

  list({ states = [], producerIds = [], longerThanMs = -1 }: TransactionFilter = {}) {
    const unknownStates = states.filter((state) => !transactionStates.includes(state as TransactionState))
    const transactions = [...this.#ids.values()]
      .filter(({ state }) => states.length === 0 || states.includes(state))
      .filter(({ producerId }) => producerIds.length === 0 || producerIds.includes(producerId))
      .filter(({ startedMs }) => longerThanMs < 0 || this.#clock.nowMs - startedMs > longerThanMs)
      .map(({ name: transactionalId, producerId, state }) => ({ transactionalId, producerId, state }))
    return { unknownStates, transactions }
  }

  /** Removes transactional ids that nobody has used for long: what brokers do from time to time. */
  maintain(): void {
    const oldestMs = this.#clock.nowMs - this.#settings.idExpirationMs
    for (const [name, id] of this.#ids) {
      if (id.state === 'Ongoing' || isPrepared(id) || id.updatedMs > oldestMs) continue
      this.#ids.delete(name)
      this.#log.put([[[idKind, name], null]])
    }
  }

  #add({ transactionalId, producerId, epoch }: TransactionalProducer, add: (id: TransactionalId) => void): number {
    const id = this.#ids.get(transactionalId)
    if (transactionalId === '') return errorCodes.INVALID_REQUEST
    if (id === undefined || id.producerId !== producerId) return errorCodes.INVALID_PRODUCER_ID_MAPPING
    if (id.epoch !== epoch) return errorCodes.PRODUCER_FENCED
    if (isPrepared(id)) return errorCodes.CONCURRENT_TRANSACTIONS
    const before = id.partitions.size + id.groups.size
    add(id)
    if (id.state === 'Ongoing') {
      if (id.partitions.size + id.groups.size > before) this.#store(id)
      return errorCodes.NONE
    }
    id.state = 'Ongoing'
    id.startedMs = this.#clock.nowMs
    this.#startTimer(id)
    this.#store(id)
    return errorCodes.NONE
  }

  #verify(
    { transactionalId, producerId, epoch }: TransactionalProducer,
    has: (id: TransactionalId) => boolean,
  ): number {
    const id = this.#ids.get(transactionalId)
    if (id === undefined || id.producerId !== producerId) return errorCodes.INVALID_PRODUCER_ID_MAPPING
    if (id.epoch !== epoch) return errorCodes.PRODUCER_FENCED
    if (isPrepared(id)) return errorCodes.CONCURRENT_TRANSACTIONS
    return has(id) ? errorCodes.NONE : errorCodes.INVALID_TXN_STATE
  }

  /** Gives the next epoch, or a new producer id; whether the producer is the one that may have it. */
  #renew(id: TransactionalId, expected: number | undefined): boolean {
    if (id.epoch >= lastUsableEpoch && (expected === undefined || expected === id.epoch)) {
      id.previousProducerId = id.producerId
      id.producerId = this.#producerIds.next()
      id.lastEpoch = expected === undefined ? noEpoch : id.epoch
      id.epoch = 0
    } else if (expected === undefined) {
      id.lastEpoch = noEpoch
      id.epoch = Math.max(id.epoch + 1, this.#settings.firstEpoch)
    } else if (id.epoch === noEpoch || expected === id.epoch) {
      id.lastEpoch = id.epoch
      id.epoch++
    } else return expected === id.lastEpoch
    return true
  }

  /** Does now what happens when a transaction times out. @returns false if none is open */
  timeOut(transactionalId: string): boolean {
    const id = this.#ids.get(transactionalId)
    if (id?.state !== 'Ongoing') return false
    void this.#fence(id)
    return true
  }

  #startTimer(id: TransactionalId): void {
    id.timer?.cancel()
    const leftMs = Math.max(0, id.startedMs + id.timeoutMs - this.#clock.nowMs)
    id.timer = this.#clock.after(leftMs, () => void this.#fence(id).catch((error) => this.#host.fail(error)))
  }

  /** Rolls back what is open and takes the epoch away from its producer. */
  #fence(id: TransactionalId): Promise<void> {
    id.lastEpoch = this.#settings.keepsLastEpoch ? id.epoch : noEpoch
    if (id.epoch <= lastUsableEpoch) id.epoch++
    return this.#decide(id, false)
  }

  /** Resolves once the decision outlives a power cut; the markers are written then. */
  async #decide(id: TransactionalId, isCommit: boolean): Promise<void> {
    id.timer?.cancel()
    id.state = isCommit ? 'PrepareCommit' : 'PrepareAbort'
    // Rows that are lost must not be committed.
    if (isCommit) await this.#host.sync([...id.partitions].map(partitionOf), [...id.groups])
    this.#store(id)
    await this.#log.sync()
    void this.#complete(id).catch((error) => this.#host.fail(error))
  }

  async #complete(id: TransactionalId): Promise<void> {
    const isCommit = id.state === 'PrepareCommit'
    const marker = { producerId: id.producerId, producerEpoch: id.epoch, isCommit }
    await Promise.all([
      ...[...id.partitions].map((key) => this.#host.markPartition(partitionOf(key), marker)),
      ...[...id.groups].map((group) => this.#host.markGroup(group, marker)),
    ])
    const state = isCommit ? 'CompleteCommit' : 'CompleteAbort'
    const completed: TransactionalId = { ...id, state, partitions: new Set(), groups: new Set() }
    this.#store(completed)
    // A start that finds the decision must find no rows of the next transaction: it would commit them.
    if (isCommit) await this.#log.sync()
    Object.assign(id, completed)
  }

  #store(id: TransactionalId): void {
    id.updatedMs = this.#clock.nowMs
    this.#log.put([[[idKind, id.name], toStored(id)]])
  }
}

/** Whether a producer may have been given what the transactional id has. */
function isOwn(id: TransactionalId, { producerId, epoch }: { readonly producerId: bigint; readonly epoch: number }) {
  if (id.epoch === noEpoch || producerId === id.producerId) return true
  return producerId === id.previousProducerId && epoch >= lastUsableEpoch
}
