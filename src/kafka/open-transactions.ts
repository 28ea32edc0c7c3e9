import { setTimeout as sleep } from 'node:timers/promises'
import type { TopicPartition } from '../ports/log.ts'
import { onTopic } from './acl.ts'
import type { BrokerConnections } from './broker-connections.ts'
import { describeProducersV0 } from './client-parts.ts'

/** A transaction that holds back the read_committed readers of a partition. */
export interface OpenTransaction extends TopicPartition {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** of its first row */
  readonly startOffset: number
}

/**
 * What the leaders of the partitions know of open transactions; DescribeProducers of KIP-664, which needs the right to
 * read.
 */
export async function openTransactions(
  connections: BrokerConnections,
  partitions: readonly TopicPartition[],
): Promise<OpenTransaction[]> {
  const ofEach = await Promise.all(
    partitions.map(({ topic, partition }) =>
      connections.retrying(`Asking for the producers of ${topic}/${partition}`, async (what) => {
        const connection = await connections.leaderConnection({ topic, partition }, 'control')
        const response = await connections.request(
          connection,
          what,
          () => describeProducersV0.api.async(connection, [{ name: topic, partitionIndexes: [partition] }]),
          { permissions: [onTopic('Read', topic)] },
        )
        return response.topics[0].partitions[0].activeProducers
          .filter(({ currentTxnStartOffset }) => currentTxnStartOffset >= 0n)
          .map(({ producerId, producerEpoch, currentTxnStartOffset }) => ({
            topic,
            partition,
            producerId,
            producerEpoch,
            startOffset: Number(currentTxnStartOffset),
          }))
      }),
    ),
  )
  return ofEach.flat()
}

const pollMs = 250

/**
 * The transactions that are open now and still open after `graceMs`; comes back as soon as there is none of them.
 * Brokers end a transaction within its time-out and one round of their check, so one that outlasts both hangs, and its
 * readers with it.
 */
export async function hangingTransactions(
  connections: BrokerConnections,
  partitions: readonly TopicPartition[],
  { graceMs, signal }: { readonly graceMs: number; readonly signal: AbortSignal },
): Promise<readonly OpenTransaction[]> {
  const deadline = performance.now() + graceMs
  let hanging = await openTransactions(connections, partitions)
  while (hanging.length > 0 && performance.now() < deadline && !signal.aborted) {
    await sleep(pollMs)
    const open = new Set((await openTransactions(connections, partitions)).map(identity))
    hanging = hanging.filter((transaction) => open.has(identity(transaction)))
  }
  return hanging
}

const identity = ({ topic, partition, producerId, startOffset }: OpenTransaction) =>
  `${topic}/${partition} ${producerId} ${startOffset}`
