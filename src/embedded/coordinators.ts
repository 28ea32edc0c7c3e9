import type { BrokerSettings } from './broker-settings.ts'
import type { Clock } from './core/clock.ts'
import { GroupCoordinator } from './core/group-coordinator.ts'
import { StateLog } from './core/state-log.ts'
import { TransactionCoordinator, type TransactionHost, type TransactionSettings } from './core/transactions.ts'
import type { LogStores } from './log-stores.ts'
import type { Nodes } from './nodes.ts'
import type { Topics } from './topics.ts'

export interface CoordinatorsHost {
  readonly stores: LogStores
  readonly clock: Clock
  readonly settings: BrokerSettings
  readonly topics: Topics
  readonly nodes: Nodes
  /** the end of a log was torn, and has been cut off */
  readonly onCut: (name: string, bytes: number) => void
  /** what a coordinator has decided cannot be kept */
  readonly fail: (error: unknown) => void
}

/** Where the offsets of all groups are, in its one partition. */
export const offsetsTopic = '__consumer_offsets'
const transactionsTopic = '__transaction_state'
const minuteMs = 60_000

/** Opens the log of a coordinator, and shows it as a topic of one partition. */
function openStateLog(topic: string, { stores, clock, topics, onCut }: CoordinatorsHost): StateLog {
  const name = `${topic}-0`
  const log = new StateLog(stores.open(name), clock)
  if (log.cutBytes > 0) onCut(name, log.cutBytes)
  topics.addInternal(topic, log.log)
  return log
}

export function openGroups(host: CoordinatorsHost): GroupCoordinator {
  const { settings } = host
  return new GroupCoordinator(openStateLog(offsetsTopic, host), host.clock, {
    initialRebalanceDelayMs: settings.number('group.initial.rebalance.delay.ms'),
    minSessionTimeoutMs: settings.number('group.min.session.timeout.ms'),
    maxSessionTimeoutMs: settings.number('group.max.session.timeout.ms'),
    offsetsRetentionMs: settings.number('offsets.retention.minutes') * minuteMs,
    maxMetadataBytes: settings.number('offset.metadata.max.bytes'),
  })
}

export function openTransactions(
  host: CoordinatorsHost,
  groups: GroupCoordinator,
  others: Partial<TransactionSettings> = {},
): TransactionCoordinator {
  const { topics, settings, nodes } = host
  const transactionHost: TransactionHost = {
    async sync(partitions, groupNames) {
      const logs = partitions.flatMap(({ topic, partition }) => topics.partition(topic, partition)?.log ?? [])
      await Promise.all([...logs.map((log) => log.sync()), ...(groupNames.length > 0 ? [groups.flush()] : [])])
    },
    async markPartition({ topic, partition: index }, marker) {
      await nodes.transit('marker')
      const partition = topics.partition(topic, index)
      if (partition === undefined) return
      partition.log.mark(marker)
      // All that the transaction has written can be read now.
      partition.grew(Number.POSITIVE_INFINITY)
      await partition.log.sync()
    },
    async markGroup(_, marker) {
      await nodes.transit('marker')
      groups.mark(marker)
      await groups.flush()
    },
    fail: host.fail,
  }
  return new TransactionCoordinator(openStateLog(transactionsTopic, host), host.clock, transactionHost, {
    maxTimeoutMs: settings.number('transaction.max.timeout.ms'),
    idExpirationMs: settings.number('transactional.id.expiration.ms'),
    ...others,
  })
}

/** Rolls back rows and offsets whose transaction its coordinator has not heard of: a power cut may have left them. */
export function rollBackUnknown(topics: Topics, groups: GroupCoordinator, transactions: TransactionCoordinator): void {
  for (const { name, partitions } of topics.all())
    for (const { index, log } of partitions)
      for (const { producerId, epoch, openSince } of log.producers()) {
        if (openSince === undefined) continue
        const marker = { producerId, producerEpoch: epoch, isCommit: false }
        // Offsets are known to the groups beside their log.
        if (name === offsetsTopic) {
          if (!transactions.coversOffsets(producerId, epoch)) groups.mark(marker)
        } else if (!transactions.covers(producerId, epoch, { topic: name, partition: index })) log.mark(marker)
      }
}
