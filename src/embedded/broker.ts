import type { BrokerSettings } from './broker-settings.ts'
import type { Answer, BrokerState, HandlersOf, RequestFacts } from './broker-state.ts'
import { coordinatorTopics, openGroups, openTransactions, rollBackUnknown } from './coordinators.ts'
import type { Clock } from './core/clock.ts'
import type { GroupCoordinator } from './core/group-coordinator.ts'
import type { PartitionLog } from './core/partition-log.ts'
import type { TransactionCoordinator, TransactionSettings } from './core/transactions.ts'
import { guardedClock } from './guarded-clock.ts'
import { clusterHandlers } from './handlers/cluster-handlers.ts'
import { configHandlers } from './handlers/config-handlers.ts'
import { fetchHandlers } from './handlers/fetch-handler.ts'
import { groupHandlers } from './handlers/group-handlers.ts'
import { logHandlers, type VerifyTransaction } from './handlers/log-handlers.ts'
import { topicHandlers } from './handlers/topic-handlers.ts'
import { transactionHandlers } from './handlers/transaction-handlers.ts'
import { startHousekeeping } from './housekeeping.ts'
import type { LogStores } from './log-stores.ts'
import { LogUpkeep } from './log-upkeep.ts'
import { MemoryLimit } from './memory-limit.ts'
import { MetadataLog } from './metadata-log.ts'
import type { Nodes } from './nodes.ts'
import type { ApiName } from './protocol/apis.ts'
import type { Request } from './protocol/frames.ts'
import { StorageError } from './storage-error.ts'
import { TopicAdmin } from './topic-admin.ts'
import { logName, newId, Topics } from './topics.ts'

export interface BrokerOptions {
  readonly stores: LogStores
  /** folder of the stores, if they are in files */
  readonly dataDir: string | undefined
  readonly settings: BrokerSettings
  readonly memoryBytes: number
  readonly nodes: Nodes
  readonly clock: Clock
  /** what Apache Kafka has no setting for */
  readonly transactions?: Partial<TransactionSettings>
  /** says what a person may want to know */
  readonly log: (line: string) => void
  /** Gets what makes the broker useless: it cannot keep what it has decided. It must be closed then. */
  readonly fail: (error: unknown) => void
}

/** No topic's log has this name: they end with a number. */
const metadataLog = 'metadata'

/**
 * The broker: a request goes in, an answer comes out. It knows neither sockets nor the system's time. Its nodes, one or
 * several, share all that it has.
 *
 * State is where Kafka has it, in logs: topics in the metadata log, offsets in `__consumer_offsets`, transactions in
 * `__transaction_state`.
 */
export class Broker {
  readonly settings: BrokerSettings
  readonly topics: Topics
  readonly groups: GroupCoordinator
  readonly transactions: TransactionCoordinator
  readonly #metadata: MetadataLog
  readonly #handlers: HandlersOf<ApiName>
  readonly #upkeep: LogUpkeep
  readonly #housekeeping: { stop(): void }
  readonly #fail: (error: unknown) => void

  constructor(options: BrokerOptions) {
    const { stores, dataDir, settings, memoryBytes, nodes, log, fail } = options
    const clock = guardedClock(options.clock, fail)
    this.settings = settings
    this.#fail = fail
    const metadata = new MetadataLog(stores.open(metadataLog), clock)
    this.#metadata = metadata
    const { clusterId, starts } = metadata.cluster ?? { clusterId: newId(), starts: 0 }
    const onCut = (name: string, bytes: number) =>
      log(`${bytes} bytes at the end of ${name} were torn, and have been cut off`)
    if (metadata.log.cutBytes > 0) onCut(metadataLog, metadata.log.cutBytes)
    for (const [name, { id, partitions }] of metadata.deleted) {
      for (let index = 0; index < partitions; index++) stores.remove(logName(name, index), id)
      metadata.forgetTopic(name)
    }
    stores.review(logNamesIn(metadata), ownersIn(metadata))
    const topics = new Topics({ stores, metadata, settings, clock, leaderEpoch: starts, onCut })
    const owner = { id: clusterId, isNew: metadata.cluster === undefined }
    const host = { owner, stores, clock, settings, topics, nodes, onCut, fail }
    const groups = openGroups(host)
    const transactions = openTransactions(host, groups, options.transactions)
    this.topics = topics
    this.groups = groups
    this.transactions = transactions
    // What was cut off at this start has been seen under the epoch before.
    metadata.putCluster({ clusterId, starts: starts + 1 })
    this.#upkeep = new LogUpkeep(
      () => this.#logs(),
      (bytes) => stores.hasDiskFor(bytes),
    )
    const maintain = () => {
      groups.maintain()
      transactions.maintain()
      return this.#upkeep.run()
    }
    const memory = new MemoryLimit(memoryBytes, stores, clock, () => this.#upkeep.runAnew(), log)
    const state: BrokerState = { clusterId, clock, settings, metadata, topics, stores, memory, dataDir, nodes }
    const verify: VerifyTransaction = async (producer, partition) => {
      const error = transactions.verifyPartition(producer, partition)
      await nodes.transit('verification')
      return error
    }
    const admin = new TopicAdmin(state)
    this.#handlers = {
      ...clusterHandlers(state, admin),
      ...topicHandlers(state, admin, ({ name }) => groups.forgetTopic(name)),
      ...configHandlers(state),
      ...logHandlers(state, verify),
      ...fetchHandlers(state),
      ...groupHandlers(topics, groups),
      ...transactionHandlers(topics, groups, transactions),
    }
    this.#housekeeping = startHousekeeping(clock, settings.number('log.retention.check.interval.ms'), () =>
      maintain().catch(fail),
    )
  }

  /** Completes the transactions that were decided before. */
  async start(): Promise<void> {
    // A leader epoch is not given twice.
    await this.#metadata.sync()
    rollBackUnknown(this.topics, this.groups, this.transactions)
    await this.transactions.start()
  }

  /** @returns undefined for a request that is not answered */
  async handle({ api, body }: Request, facts: RequestFacts): Promise<Answer<ApiName>> {
    const handler = this.#handlers[api] as (body: unknown, facts: RequestFacts) => Answer<ApiName>
    try {
      return await handler(body, facts)
    } catch (error) {
      if (error instanceof StorageError) this.#fail(error)
      throw error
    }
  }

  /** Ends all waiting. What is in the logs outlives a power cut afterwards, and is not read at the next start. */
  async close(): Promise<void> {
    this.#housekeeping.stop()
    this.groups.close()
    this.transactions.close()
    this.#upkeep.stop()
    for (const log of this.#logs()) {
      await log.sync()
      await log.checkpoint()
    }
  }

  *#logs(): Generator<PartitionLog> {
    yield this.#metadata.log
    for (const { partitions } of this.topics.all()) for (const { log } of partitions) yield log
  }
}

/** Names of the logs that there must be. */
function logNamesIn({ topics, cluster }: MetadataLog): Set<string> {
  const names = new Set<string>([metadataLog])
  if (cluster !== undefined) for (const topic of coordinatorTopics) names.add(logName(topic, 0))
  for (const [name, { partitions }] of topics)
    for (let index = 0; index < partitions; index++) names.add(logName(name, index))
  return names
}

/** Ids that logs are known by. */
function ownersIn({ topics, cluster }: MetadataLog): Set<string> {
  const ids = [...topics.values()].map(({ id }) => id)
  return new Set(cluster === undefined ? ids : [...ids, cluster.clusterId])
}
