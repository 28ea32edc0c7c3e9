import type { BrokerSettings } from './broker-settings.ts'
import type { Answer, BrokerState, HandlersOf, RequestFacts } from './broker-state.ts'
import { openGroups, openTransactions, rollBackUnknown } from './coordinators.ts'
import type { Clock } from './core/clock.ts'
import type { GroupCoordinator } from './core/group-coordinator.ts'
import type { PartitionLog } from './core/partition-log.ts'
import type { TransactionCoordinator } from './core/transactions.ts'
import { guardedClock } from './guarded-clock.ts'
import { clusterHandlers } from './handlers/cluster-handlers.ts'
import { configHandlers } from './handlers/config-handlers.ts'
import { fetchHandlers } from './handlers/fetch-handler.ts'
import { groupHandlers } from './handlers/group-handlers.ts'
import { logHandlers } from './handlers/log-handlers.ts'
import { topicHandlers } from './handlers/topic-handlers.ts'
import { transactionHandlers } from './handlers/transaction-handlers.ts'
import { startHousekeeping } from './housekeeping.ts'
import type { LogStores } from './log-stores.ts'
import { LogUpkeep } from './log-upkeep.ts'
import { MemoryLimit } from './memory-limit.ts'
import { MetadataLog } from './metadata-log.ts'
import type { ApiName } from './protocol/apis.ts'
import type { Request } from './protocol/frames.ts'
import { StorageError } from './storage-error.ts'
import { TopicAdmin } from './topic-admin.ts'
import { newId, Topics } from './topics.ts'

export interface BrokerOptions {
  readonly stores: LogStores
  /** folder of the stores, if they are in files */
  readonly dataDir: string | undefined
  readonly settings: BrokerSettings
  readonly memoryBytes: number
  readonly clock: Clock
  /** says what a person may want to know */
  readonly log: (line: string) => void
  /** Gets what makes the broker useless: it cannot keep what it has decided. It must be closed then. */
  readonly fail: (error: unknown) => void
}

/** No topic's log has this name: they end with a number. */
const metadataLog = 'metadata'

/**
 * A broker of one node: a request goes in, an answer comes out. It knows neither sockets nor the system's time.
 *
 * State is where Kafka has it, in logs: topics in the metadata log, offsets in `__consumer_offsets`, transactions in
 * `__transaction_state`.
 */
export class Broker {
  readonly settings: BrokerSettings
  readonly #state: BrokerState
  readonly #groups: GroupCoordinator
  readonly #transactions: TransactionCoordinator
  readonly #handlers: HandlersOf<ApiName>
  readonly #upkeep: LogUpkeep
  readonly #housekeeping: { stop(): void }
  readonly #fail: (error: unknown) => void
  #address = { host: '', port: 0 }

  constructor({ stores, dataDir, settings, memoryBytes, clock: given, log, fail }: BrokerOptions) {
    const clock = guardedClock(given, fail)
    this.settings = settings
    this.#fail = fail
    const metadata = new MetadataLog(stores.open(metadataLog), clock)
    const { clusterId, starts } = metadata.cluster ?? { clusterId: newId(), starts: 0 }
    // What was cut off at this start has been seen under the epoch before.
    metadata.putCluster({ clusterId, starts: starts + 1 })
    const onCut = (name: string, bytes: number) =>
      log(`${bytes} bytes at the end of ${name} were torn, and have been cut off`)
    const topics = new Topics({ stores, metadata, settings, clock, leaderEpoch: starts, onCut })
    const host = { stores, clock, settings, topics, onCut, fail }
    this.#groups = openGroups(host)
    this.#transactions = openTransactions(host, this.#groups)
    // Their topics were deleted, and then the process ended.
    stores.removeOthers()
    this.#upkeep = new LogUpkeep(() => this.#logs())
    const maintain = () => {
      this.#groups.maintain()
      this.#transactions.maintain()
      return this.#upkeep.run()
    }
    const memory = new MemoryLimit(memoryBytes, stores, clock, () => this.#upkeep.runAnew())
    this.#state = {
      clusterId,
      clock,
      settings,
      metadata,
      topics,
      stores,
      memory,
      dataDir,
      address: () => this.#address,
    }
    const admin = new TopicAdmin(this.#state)
    this.#handlers = {
      ...clusterHandlers(this.#state, admin),
      ...topicHandlers(this.#state, admin, ({ name }) => this.#groups.forgetTopic(name)),
      ...configHandlers(this.#state),
      ...logHandlers(this.#state, (producer, partition) => this.#transactions.verifyPartition(producer, partition)),
      ...fetchHandlers(this.#state),
      ...groupHandlers(topics, this.#groups),
      ...transactionHandlers(topics, this.#groups, this.#transactions),
    }
    this.#housekeeping = startHousekeeping(clock, settings.number('log.retention.check.interval.ms'), () =>
      maintain().catch(fail),
    )
  }

  /** Completes the transactions that were decided before. */
  async start(): Promise<void> {
    // A leader epoch is not given twice.
    await this.#state.metadata.sync()
    rollBackUnknown(this.#state.topics, this.#groups, this.#transactions)
    await this.#transactions.start()
  }

  /** Where clients reach it, from now on. */
  advertise({ host, port }: { readonly host: string; readonly port: number }): void {
    this.#address = { host, port }
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

  /** Rolls a transaction back as at its time-out. @returns false if none is open */
  timeOutTransaction(transactionalId: string): boolean {
    return this.#transactions.timeOut(transactionalId)
  }

  /** Ends all waiting. What is in the logs outlives a power cut afterwards, and is not read at the next start. */
  async close(): Promise<void> {
    this.#housekeeping.stop()
    this.#groups.close()
    this.#transactions.close()
    this.#upkeep.stop()
    for (const log of this.#logs()) {
      await log.sync()
      await log.checkpoint()
    }
  }

  *#logs(): Generator<PartitionLog> {
    const { metadata, topics } = this.#state
    yield metadata.log
    for (const { partitions } of topics.all()) for (const { log } of partitions) yield log
  }
}
