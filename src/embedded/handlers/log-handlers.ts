import { batchHeaderBytes, batchLengthOverhead } from '../../batch/batch-header.ts'
import { type BrokerState, closesConnection, type HandlersOf } from '../broker-state.ts'
import type { TopicPartition } from '../core/group-offsets.ts'
import { earliestTimestamp, maxTimestamp } from '../core/partition-log.ts'
import type { Verify } from '../core/transaction-verifications.ts'
import type { TransactionalProducer } from '../core/transactions.ts'
import { errorCodes } from '../error-codes.ts'
import type { Nodes } from '../nodes.ts'
import type { Partition } from '../partition.ts'
import type { ResponseOf } from '../protocol/apis.ts'
import { StorageError } from '../storage-error.ts'
import { logName } from '../topics.ts'

type ProducedPartition = ResponseOf<'Produce'>['responses'][number]['partitionResponses'][number]

/** Times of ListOffsets that the log itself does not know. */
const earliestLocalTimestamp = -4
const latestTieredTimestamp = -5
/** The version of ListOffsets that has brought each of these times. */
const timesSince: ReadonlyMap<number, number> = new Map([
  [maxTimestamp, 7],
  [earliestLocalTimestamp, 8],
  [latestTieredTimestamp, 9],
])
/** The versions of Produce that have brought zstd, and TRANSACTION_ABORTABLE. */
const zstdSince = 7
const abortableSince = 11

/** Asks the transaction coordinator whether a producer's transaction spans a partition. */
export type VerifyTransaction = (producer: TransactionalProducer, partition: TopicPartition) => ReturnType<Verify>

/** What a client is told whose transaction does not span what it writes. @param isAbortable it knows that error */
export function notVerified(error: number, isAbortable: boolean): number {
  return error === errorCodes.INVALID_TXN_STATE && isAbortable ? errorCodes.TRANSACTION_ABORTABLE : error
}

/** What a node answers that does not lead a partition, or leads it in another epoch than the client knows. */
export function leaderError(
  nodes: Nodes,
  asked: { readonly nodeId: number; readonly leaderEpoch: number },
  topic: string,
  { index, log: { leaderEpoch } }: Partition,
): number {
  if (nodes.leaderOf(topic, index) !== asked.nodeId) return errorCodes.NOT_LEADER_OR_FOLLOWER
  if (asked.leaderEpoch < 0 || asked.leaderEpoch === leaderEpoch) return errorCodes.NONE
  return asked.leaderEpoch < leaderEpoch ? errorCodes.FENCED_LEADER_EPOCH : errorCodes.UNKNOWN_LEADER_EPOCH
}

/** What a Produce request says of all its batches. */
interface ProduceFacts {
  readonly transactionalId: string | null
  readonly acks: number
  readonly nodeId: number
  readonly version: number
  /** a batch of it is of a transaction */
  readonly isTransactional: boolean
}

const diskFull = 'the disk is full, but for what the broker keeps for offsets and transactions'

const magicAt = 16
const currentMagic = 2
const attributesAt = 21
const compressionMask = 0x07
const zstd = 4
const transactionalBit = 0x10

/** Attributes of a batch; 0 if it is not a whole one of today's format, which the log will find. */
function attributesOf(batch: Buffer): number {
  if (batch.length < batchHeaderBytes || batch[magicAt] !== currentMagic) return 0
  const sizeBytes = batchLengthOverhead + batch.readInt32BE(8)
  return sizeBytes < batchHeaderBytes || sizeBytes > batch.length ? 0 : batch.readInt16BE(attributesAt)
}

/** Rows go in, and offsets are asked for. */
export function logHandlers(
  broker: BrokerState,
  verify: VerifyTransaction,
): HandlersOf<'Produce' | 'ListOffsets' | 'OffsetForLeaderEpoch' | 'DeleteRecords' | 'DescribeProducers'> {
  const { topics, nodes, memory } = broker

  async function produce(
    topic: string,
    index: number,
    records: Buffer,
    { transactionalId, acks, nodeId, version, isTransactional }: ProduceFacts,
  ): Promise<ProducedPartition> {
    const refuse = (errorCode: number, errorMessage: string | null = null): ProducedPartition => ({
      index,
      errorCode,
      baseOffset: -1,
      errorMessage,
    })
    // Nobody may write to a transaction without its id.
    if (isTransactional && transactionalId === null) return refuse(errorCodes.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    const known = topics.get(topic)
    const partition = known?.partitions[index]
    if (known === undefined || partition === undefined) return refuse(errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
    if (nodes.leaderOf(topic, index) !== nodeId) return refuse(errorCodes.NOT_LEADER_OR_FOLLOWER)
    if (known.isInternal) return refuse(errorCodes.INVALID_TOPIC_EXCEPTION, `${topic} is the broker's own`)
    if (![-1, 0, 1].includes(acks)) return refuse(errorCodes.INVALID_REQUIRED_ACKS)
    if (acks === -1 && Number(topics.valueOf(known.settings, 'min.insync.replicas')) > 1)
      return refuse(errorCodes.NOT_ENOUGH_REPLICAS)
    if (version < zstdSince && (attributesOf(records) & compressionMask) === zstd)
      return refuse(errorCodes.UNSUPPORTED_COMPRESSION_TYPE)
    const hasRoom = () => memory.hasRoomFor(logName(topic, index), records.length)
    if (!hasRoom()) await memory.makeRoom()
    if (!hasRoom()) return refuse(errorCodes.POLICY_VIOLATION, memory.refusal())
    const { log } = partition
    const verifyHere = async () => {
      if (transactionalId === null) return errorCodes.INVALID_TXN_STATE
      // The log has checked that there is a whole header.
      const producer = { transactionalId, producerId: records.readBigInt64BE(43), epoch: records.readInt16BE(51) }
      return notVerified(await verify(producer, { topic, partition: index }), version >= abortableSince)
    }
    try {
      if (!broker.stores.takesRows(records.length)) throw new StorageError('append to', broker.stores.place, diskFull)
      const { error, message, baseOffset, logAppendTimeMs } = await log.append(records, verifyHere)
      if (error !== errorCodes.NONE) return refuse(error, message)
      partition.grew(records.length)
      return { index, errorCode: error, baseOffset, logAppendTimeMs, logStartOffset: log.startOffset }
    } catch (error) {
      if (error instanceof StorageError) return refuse(errorCodes.KAFKA_STORAGE_ERROR, error.message)
      throw error
    }
  }

  /** The partition, or the error for one that is not there, or has another leader or epoch. */
  function find(topic: string, index: number, nodeId: number, leaderEpoch = -1): Partition | number {
    const partition = topics.partition(topic, index)
    if (partition === undefined) return errorCodes.UNKNOWN_TOPIC_OR_PARTITION
    const error = leaderError(nodes, { nodeId, leaderEpoch }, topic, partition)
    return error === errorCodes.NONE ? partition : error
  }

  return {
    Produce: async ({ transactionalId, acks, topicData }, { nodeId, version }) => {
      const isTransactional = topicData.some(({ partitionData }) =>
        partitionData.some(({ records }) => records !== null && (attributesOf(records) & transactionalBit) !== 0),
      )
      const facts = { transactionalId, acks, nodeId, version, isTransactional }
      // Each begins at once, in order: what of it waits for the coordinator holds no other back.
      const responses = await Promise.all(
        topicData.map(async ({ name, partitionData }) => ({
          name,
          partitionResponses: await Promise.all(
            partitionData.map(({ index, records }) => produce(name, index, records ?? Buffer.alloc(0), facts)),
          ),
        })),
      )
      if (acks !== 0) return { responses }
      const isRefused = responses.some(({ partitionResponses }) =>
        partitionResponses.some(({ errorCode }) => errorCode !== errorCodes.NONE),
      )
      return isRefused ? closesConnection : undefined
    },

    ListOffsets: ({ isolationLevel, topics: asked }, { nodeId, version }) => ({
      topics: asked.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, currentLeaderEpoch, timestamp }) => {
          if (version < (timesSince.get(timestamp) ?? 0))
            return { partitionIndex, errorCode: errorCodes.UNSUPPORTED_VERSION }
          const found = find(name, partitionIndex, nodeId, currentLeaderEpoch)
          if (typeof found === 'number') return { partitionIndex, errorCode: found }
          // Nothing is tiered.
          if (timestamp === latestTieredTimestamp) return { partitionIndex, errorCode: errorCodes.NONE }
          if (timestamp < latestTieredTimestamp) return { partitionIndex, errorCode: errorCodes.INVALID_REQUEST }
          const at = found.log.offsetOf(
            timestamp === earliestLocalTimestamp ? earliestTimestamp : timestamp,
            isolationLevel === 1 ? 'read_committed' : 'read_uncommitted',
          )
          return {
            partitionIndex,
            errorCode: errorCodes.NONE,
            timestamp: at.timestampMs,
            offset: at.offset,
            leaderEpoch: at.leaderEpoch,
          }
        }),
      })),
    }),

    OffsetForLeaderEpoch: ({ topics: asked }, { nodeId }) => ({
      topics: asked.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition, currentLeaderEpoch, leaderEpoch }) => {
          const found = find(topic, partition, nodeId, currentLeaderEpoch)
          if (typeof found === 'number') return { partition, errorCode: found }
          const { epoch, endOffset } = found.log.endOfEpoch(leaderEpoch)
          return { partition, errorCode: errorCodes.NONE, leaderEpoch: epoch, endOffset }
        }),
      })),
    }),

    DeleteRecords: ({ topics: asked }, { nodeId }) => ({
      topics: asked.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, offset }) => {
          const found = find(name, partitionIndex, nodeId)
          if (typeof found === 'number') return { partitionIndex, lowWatermark: -1, errorCode: found }
          const isInternal = topics.get(name)?.isInternal
          const errorCode = isInternal ? errorCodes.POLICY_VIOLATION : found.log.deleteRecords(offset)
          const lowWatermark = errorCode === errorCodes.NONE ? found.log.startOffset : -1
          return { partitionIndex, lowWatermark, errorCode }
        }),
      })),
    }),

    DescribeProducers: ({ topics: asked }, { nodeId }) => ({
      topics: asked.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => {
          const found = find(name, partitionIndex, nodeId)
          if (typeof found === 'number') return { partitionIndex, errorCode: found, activeProducers: [] }
          const activeProducers = found.log.producers().map((producer) => ({
            producerId: producer.producerId,
            producerEpoch: producer.epoch,
            lastSequence: producer.batches.at(-1)?.lastSequence ?? -1,
            lastTimestamp: producer.lastTimestampMs,
            coordinatorEpoch: 0,
            currentTxnStartOffset: producer.openSince ?? -1,
          }))
          return { partitionIndex, errorCode: errorCodes.NONE, activeProducers }
        }),
      })),
    }),
  }
}
