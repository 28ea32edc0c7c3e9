import { errorCodes } from './error-codes.ts'

/** Whoever asks something of a transaction. */
export interface TransactionalProducer {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly epoch: number
}

type State = 'empty' | 'ongoing' | 'preparing' | 'completed'

interface TransactionalId {
  readonly name: string
  producerId: bigint
  previousProducerId: bigint
  epoch: number
  lastEpoch: number
  state: State
  /** of `preparing` and `completed` */
  isCommit: boolean
  timeoutMs: number
  /** counts transactions, so that a time-out knows whether its own is still open */
  started: number
  readonly partitions: Set<string>
  readonly groups: Set<string>
}

/** What the coordinator needs of the rest of the cluster. */
export interface TransactionHost {
  /**
   * whether InitProducerId knows the epoch before a time-out again: Kafka 4.1 does, older ones answer PRODUCER_FENCED
   */
  readonly keepsLastEpoch: boolean
  readonly firstEpoch: number
  after(delayMs: number, work: () => void): void
  /** how long a marker takes */
  markerMs(): number
  markPartition(key: string, producerId: bigint, epoch: number, isCommit: boolean): void
  markGroup(group: string, producerId: bigint, epoch: number, isCommit: boolean): void
}

const noEpoch = -1
const lastUsableEpoch = 32_766

/**
 * The transaction coordinator, as `TransactionCoordinator` and `TransactionMetadata` of Apache Kafka have it, for
 * clients of the first protocol generation: producer ids and epochs, KIP-360, time-outs that take the epoch away.
 */
export class TransactionCoordinator {
  readonly #host: TransactionHost
  readonly #ids = new Map<string, TransactionalId>()
  #nextProducerId = 1_000n

  constructor(host: TransactionHost) {
    this.#host = host
  }

  /** Transactional ids whose transaction is neither committed nor rolled back. */
  open(): string[] {
    return [...this.#ids.values()]
      .filter(({ state }) => state === 'ongoing' || state === 'preparing')
      .map(({ name }) => name)
  }

  initProducerId(request: TransactionalProducer & { readonly timeoutMs: number }): {
    readonly error: number
    readonly producerId: bigint
    readonly epoch: number
  } {
    const refuse = (error: number) => ({ error, producerId: -1n, epoch: -1 })
    const id = this.#ids.get(request.transactionalId) ?? this.#create(request.transactionalId)
    const expected = request.epoch === noEpoch ? undefined : request
    if (
      expected !== undefined &&
      id.epoch !== noEpoch &&
      expected.producerId !== id.producerId &&
      !(expected.producerId === id.previousProducerId && expected.epoch >= lastUsableEpoch)
    )
      return refuse(errorCodes.PRODUCER_FENCED)
    if (id.state === 'preparing') return refuse(errorCodes.CONCURRENT_TRANSACTIONS)
    if (id.state === 'ongoing') {
      this.#fence(id)
      return refuse(errorCodes.CONCURRENT_TRANSACTIONS)
    }
    if (id.epoch >= lastUsableEpoch && (expected === undefined || expected.epoch === id.epoch)) {
      id.previousProducerId = id.producerId
      id.producerId = this.#nextProducerId++
      id.lastEpoch = expected === undefined ? noEpoch : id.epoch
      id.epoch = 0
    } else if (expected === undefined) {
      id.lastEpoch = noEpoch
      id.epoch = Math.max(id.epoch + 1, this.#host.firstEpoch)
    } else if (id.epoch === noEpoch || expected.epoch === id.epoch) {
      id.lastEpoch = id.epoch
      id.epoch++
    } else if (expected.epoch !== id.lastEpoch) return refuse(errorCodes.PRODUCER_FENCED)
    id.state = 'empty'
    id.timeoutMs = request.timeoutMs
    return { error: errorCodes.NONE, producerId: id.producerId, epoch: id.epoch }
  }

  addPartitions(
    request: TransactionalProducer & {
      readonly topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[]
    },
  ): number {
    return this.#add(request, (id) => {
      for (const { topic, partitions } of request.topics)
        for (const partition of partitions) id.partitions.add(`${topic}/${partition}`)
    })
  }

  addOffsets(request: TransactionalProducer & { readonly group: string }): number {
    return this.#add(request, (id) => id.groups.add(request.group))
  }

  end({
    transactionalId,
    producerId,
    epoch,
    isCommit,
  }: TransactionalProducer & { readonly isCommit: boolean }): number {
    const id = this.#ids.get(transactionalId)
    if (id === undefined || id.producerId !== producerId) return errorCodes.INVALID_PRODUCER_ID_MAPPING
    if (id.epoch !== epoch) return errorCodes.PRODUCER_FENCED
    if (id.state === 'empty') return errorCodes.INVALID_TXN_STATE
    if (id.state === 'ongoing') {
      this.#end(id, isCommit)
      return errorCodes.NONE
    }
    if (id.isCommit !== isCommit) return errorCodes.INVALID_TXN_STATE
    return id.state === 'preparing' ? errorCodes.CONCURRENT_TRANSACTIONS : errorCodes.NONE
  }

  /** What a leader asks before it takes a transaction's first batch, and a group before it takes its offsets. */
  verify(
    transactionalId: string,
    producerId: bigint,
    epoch: number,
    has: { partition?: string; group?: string },
  ): number {
    const id = this.#ids.get(transactionalId)
    if (id === undefined || id.producerId !== producerId) return errorCodes.INVALID_PRODUCER_ID_MAPPING
    if (id.epoch !== epoch) return errorCodes.PRODUCER_FENCED
    if (id.state === 'preparing') return errorCodes.CONCURRENT_TRANSACTIONS
    const isIn = has.partition === undefined ? id.groups.has(has.group ?? '') : id.partitions.has(has.partition)
    return isIn ? errorCodes.NONE : errorCodes.INVALID_TXN_STATE
  }

  #add(
    { transactionalId, producerId, epoch }: { transactionalId: string; producerId: bigint; epoch: number },
    add: (id: TransactionalId) => void,
  ): number {
    const id = this.#ids.get(transactionalId)
    if (id === undefined || id.producerId !== producerId) return errorCodes.INVALID_PRODUCER_ID_MAPPING
    if (id.epoch !== epoch) return errorCodes.PRODUCER_FENCED
    if (id.state === 'preparing') return errorCodes.CONCURRENT_TRANSACTIONS
    if (id.state !== 'ongoing') {
      id.state = 'ongoing'
      const started = ++id.started
      this.#host.after(id.timeoutMs, () => {
        if (id.state === 'ongoing' && id.started === started) this.#fence(id)
      })
    }
    add(id)
    return errorCodes.NONE
  }

  /** Rolls back what is open and takes the epoch away from its producer. */
  #fence(id: TransactionalId): void {
    id.lastEpoch = this.#host.keepsLastEpoch ? id.epoch : noEpoch
    // The one beyond the last usable epoch is there for this; a further one there is not.
    if (id.epoch <= lastUsableEpoch) id.epoch++
    this.#end(id, false)
  }

  #end(id: TransactionalId, isCommit: boolean): void {
    id.state = 'preparing'
    id.isCommit = isCommit
    const { producerId, epoch } = id
    let pending = id.partitions.size + id.groups.size
    const marked = () => {
      if (--pending > 0) return
      id.partitions.clear()
      id.groups.clear()
      id.state = 'completed'
    }
    for (const key of id.partitions)
      this.#host.after(this.#host.markerMs(), () => {
        this.#host.markPartition(key, producerId, epoch, isCommit)
        marked()
      })
    for (const group of id.groups)
      this.#host.after(this.#host.markerMs(), () => {
        this.#host.markGroup(group, producerId, epoch, isCommit)
        marked()
      })
  }

  #create(name: string): TransactionalId {
    const id: TransactionalId = {
      name,
      producerId: this.#nextProducerId++,
      previousProducerId: -1n,
      epoch: noEpoch,
      lastEpoch: noEpoch,
      state: 'empty',
      isCommit: false,
      timeoutMs: 0,
      started: 0,
      partitions: new Set(),
      groups: new Set(),
    }
    this.#ids.set(name, id)
    return id
  }
}
