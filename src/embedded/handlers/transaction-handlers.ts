import type { HandlersOf } from '../broker-state.ts'
import { offsetsTopic } from '../coordinators.ts'
import type { GroupCoordinator } from '../core/group-coordinator.ts'
import type { TransactionCoordinator } from '../core/transactions.ts'
import { errorCodes } from '../error-codes.ts'
import type { Topics } from '../topics.ts'
import { byTopic } from './by-topic.ts'
import { committed } from './group-handlers.ts'
import { notVerified } from './log-handlers.ts'

/** Older clients do not know PRODUCER_FENCED. @param since the version whose clients do */
function told(error: number, version: number, since: number): number {
  return error === errorCodes.PRODUCER_FENCED && version < since ? errorCodes.INVALID_PRODUCER_EPOCH : error
}

/** Producers get their ids, and transactions begin and end. */
export function transactionHandlers(
  topics: Topics,
  groups: GroupCoordinator,
  transactions: TransactionCoordinator,
): HandlersOf<
  | 'InitProducerId'
  | 'AddPartitionsToTxn'
  | 'AddOffsetsToTxn'
  | 'EndTxn'
  | 'TxnOffsetCommit'
  | 'DescribeTransactions'
  | 'ListTransactions'
> {
  return {
    InitProducerId: async ({ transactionalId, transactionTimeoutMs, producerId, producerEpoch }, { version }) => {
      const given = await transactions.initProducerId({
        transactionalId,
        timeoutMs: transactionTimeoutMs,
        producerId,
        epoch: producerEpoch,
      })
      return { errorCode: told(given.error, version, 4), producerId: given.producerId, producerEpoch: given.epoch }
    },

    AddPartitionsToTxn: (request, { version }) => {
      const asked = request.v3AndBelowTopics.flatMap(({ name, partitions }) =>
        partitions.map((partition) => ({ topic: name, partition })),
      )
      const isThere = ({ topic, partition }: (typeof asked)[number]) => {
        const known = topics.get(topic)
        return known?.partitions[partition] !== undefined && !known.isInternal
      }
      const producer = {
        transactionalId: request.v3AndBelowTransactionalId,
        producerId: request.v3AndBelowProducerId,
        epoch: request.v3AndBelowProducerEpoch,
      }
      // All of them or none.
      const error = asked.every(isThere)
        ? told(transactions.addPartitions(producer, asked), version, 2)
        : errorCodes.OPERATION_NOT_ATTEMPTED
      const answers = asked.map((each) => ({
        topic: each.topic,
        partitionIndex: each.partition,
        partitionErrorCode: isThere(each) ? error : errorCodes.UNKNOWN_TOPIC_OR_PARTITION,
      }))
      return {
        resultsByTopicV3AndBelow: byTopic(answers).map(({ topic, items }) => ({
          name: topic,
          resultsByPartition: items,
        })),
      }
    },

    AddOffsetsToTxn: ({ transactionalId, producerId, producerEpoch, groupId }, { version }) => {
      if (groupId === '') return { errorCode: errorCodes.INVALID_GROUP_ID }
      const error = transactions.addOffsets({ transactionalId, producerId, epoch: producerEpoch }, groupId)
      return { errorCode: told(error, version, 2) }
    },

    EndTxn: async ({ transactionalId, producerId, producerEpoch, committed: isCommit }, { version }) => {
      const error = await transactions.end({ transactionalId, producerId, epoch: producerEpoch }, isCommit)
      return { errorCode: told(error, version, 2) }
    },

    TxnOffsetCommit: async (request, { version }) => {
      const { transactionalId, groupId, producerId, producerEpoch, memberId, groupInstanceId } = request
      const identity = { generation: request.generationIdOrMemberEpoch, memberId, instanceId: groupInstanceId }
      const producer = { transactionalId, producerId, epoch: producerEpoch }
      const verify = () => notVerified(transactions.verifyGroup(producer, groupId), version >= 4)
      return {
        topics: await committed(topics, request.topics, (offsets) =>
          groups.commitInTransaction(groupId, identity, { producerId, producerEpoch }, offsets, verify),
        ),
      }
    },

    DescribeTransactions: ({ transactionalIds }) => ({
      transactionStates: transactionalIds.map((transactionalId) => {
        const { error, state, timeoutMs, startedMs, producerId, epoch, partitions, groups } =
          transactions.describe(transactionalId)
        const offsets = groups.length > 0 ? [{ topic: offsetsTopic, partition: 0 }] : []
        return {
          errorCode: error,
          transactionalId,
          transactionState: state,
          transactionTimeoutMs: timeoutMs,
          transactionStartTimeMs: startedMs,
          producerId,
          producerEpoch: epoch,
          topics: byTopic([...partitions, ...offsets]).map(({ topic, items }) => ({
            topic,
            partitions: items.map(({ partition }) => partition),
          })),
        }
      }),
    }),

    ListTransactions: ({ stateFilters, producerIdFilters, durationFilter }) => {
      const { unknownStates, transactions: listed } = transactions.list({
        states: stateFilters,
        producerIds: producerIdFilters,
        longerThanMs: durationFilter,
      })
      return {
        errorCode: errorCodes.NONE,
        unknownStateFilters: unknownStates,
        transactionStates: listed.map(({ transactionalId, producerId, state }) => ({
          transactionalId,
          producerId,
          transactionState: state,
        })),
      }
    },
  }
}
