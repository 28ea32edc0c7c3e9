import type { Timer } from './clock.ts'
import type { TopicPartition } from './group-offsets.ts'

export const transactionStates = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
] as const
export type TransactionState = (typeof transactionStates)[number]

export const noProducerId = -1n
export const noEpoch = -1
/** The one beyond it is there for a producer that is fenced; a further one there is not. */
export const lastUsableEpoch = 32_766

/** What is known of a transactional id: `TransactionMetadata` of Apache Kafka. */
export interface TransactionalId {
  readonly name: string
  producerId: bigint
  previousProducerId: bigint
  epoch: number
  /** before the last InitProducerId that told its own, which may be asked again */
  lastEpoch: number
  state: TransactionState
  timeoutMs: number
  /** -1 before the first transaction */
  startedMs: number
  updatedMs: number
  /** as `topic/partition` */
  readonly partitions: Set<string>
  readonly groups: Set<string>
  /** ends a transaction that nobody ends */
  timer: Timer | undefined
}

/** As it stands in the log; producer ids are within 2^53. */
interface StoredTransactionalId {
  readonly producerId: number
  readonly previousProducerId: number
  readonly epoch: number
  readonly lastEpoch: number
  readonly state: TransactionState
  readonly timeoutMs: number
  readonly startedMs: number
  readonly updatedMs: number
  readonly partitions: readonly string[]
  readonly groups: readonly string[]
}

export function newTransactionalId(name: string, producerId: bigint): TransactionalId {
  return {
    name,
    producerId,
    previousProducerId: noProducerId,
    epoch: noEpoch,
    lastEpoch: noEpoch,
    state: 'Empty',
    timeoutMs: 0,
    startedMs: -1,
    updatedMs: 0,
    partitions: new Set(),
    groups: new Set(),
    timer: undefined,
  }
}

export function toStored({ name, timer, ...id }: TransactionalId): StoredTransactionalId {
  return {
    ...id,
    producerId: Number(id.producerId),
    previousProducerId: Number(id.previousProducerId),
    partitions: [...id.partitions],
    groups: [...id.groups],
  }
}

export function fromStored(name: string, stored: object): TransactionalId {
  const id = stored as StoredTransactionalId
  return {
    ...id,
    name,
    producerId: BigInt(id.producerId),
    previousProducerId: BigInt(id.previousProducerId),
    partitions: new Set(id.partitions),
    groups: new Set(id.groups),
    timer: undefined,
  }
}

export const isPrepared = ({ state }: TransactionalId): boolean => state === 'PrepareCommit' || state === 'PrepareAbort'

export const partitionKey = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`

export function partitionOf(key: string): TopicPartition {
  const slash = key.lastIndexOf('/')
  return { topic: key.slice(0, slash), partition: Number(key.slice(slash + 1)) }
}
