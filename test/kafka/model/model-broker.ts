import { equal } from 'node:assert/strict'
import type { Clock } from '../../../src/embedded/core/clock.ts'
import { GroupCoordinator } from '../../../src/embedded/core/group-coordinator.ts'
import { MemoryStorage } from '../../../src/embedded/core/memory-storage.ts'
import { PartitionLog } from '../../../src/embedded/core/partition-log.ts'
import { StateLog } from '../../../src/embedded/core/state-log.ts'
import {
  TransactionCoordinator,
  type TransactionHost,
  type TransactionSettings,
} from '../../../src/embedded/core/transactions.ts'
import { errorCodes } from '../../../src/embedded/error-codes.ts'
import { type Fault, ModelNetwork } from './model-network.ts'
import { type AnswerOf, type ModelRequest, type RequestName, type RequestOf, refusal } from './model-requests.ts'
import { randomFrom } from './random.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface ModelOptions {
  readonly seed: number
  readonly nodes: number
  /**
   * whether InitProducerId knows the epoch before a time-out again: Kafka 4.1 does, older ones answer PRODUCER_FENCED
   */
  readonly keepsLastEpoch: boolean
  /** of new transactional ids: near 32,767 the coordinator gives a new producer id soon */
  readonly firstEpoch: number
}

type Handlers = {
  readonly [N in RequestName]: (request: RequestOf<N>, node: number) => AnswerOf<N> | Promise<AnswerOf<N>>
}

const basePort = 9_000
const transactionKind = 1
/** Our members' sessions are as short as tests of a client want them. */
const groupSettings = { initialRebalanceDelayMs: 30, minSessionTimeoutMs: 1 }

/**
 * A cluster in memory, with the semantics that exactly-once rests on; see the parts for what each is a model of. Where
 * a leader or a coordinator is matters, what is stored does not: a broker that goes down loses nothing.
 */
export class ModelBroker {
  readonly network: ModelNetwork
  readonly #time: VirtualTime
  readonly #random: () => number
  readonly #clock: Clock
  readonly #nodes: number
  readonly #downUntilMs: number[]
  readonly #topics = new Map<string, PartitionLog[]>()
  readonly #leaders = new Map<string, number>()
  readonly #coordinators = new Map<string, { node: number; readyMs: number }>()
  /** what outlives a restart, by topic and partition or by coordinator */
  readonly #storages = new Map<string, MemoryStorage>()
  readonly #settings: Partial<TransactionSettings>
  #transactions: TransactionCoordinator
  #groups: GroupCoordinator

  constructor(time: VirtualTime, { seed, nodes, ...settings }: ModelOptions) {
    this.#time = time
    this.#nodes = nodes
    this.#settings = settings
    this.#random = randomFrom(seed)
    const random = this.#random
    this.#clock = {
      get nowMs() {
        return time.nowMs
      },
      after: (delayMs, work) => {
        const event = time.schedule(delayMs, work, null)
        return {
          cancel: () => {
            event.isCancelled = true
          },
        }
      },
      random,
    }
    this.#downUntilMs = Array.from({ length: nodes }, () => 0)
    this.network = new ModelNetwork(time, this.#random)
    for (let node = 0; node < nodes; node++)
      this.network.addNode({
        node,
        port: basePort + node,
        isUp: () => this.#isUp(node),
        handle: (request) => this.#handle(request, node),
      })
    this.#groups = this.#openGroups()
    this.#transactions = this.#openTransactions()
  }

  get brokers(): string[] {
    return this.#downUntilMs.map((_, node) => `model:${basePort + node}`)
  }

  createTopic(topic: string, partitions: number): void {
    this.#topics.set(
      topic,
      Array.from({ length: partitions }, (_, partition) => this.#openLog(`${topic}/${partition}`, 0)),
    )
    for (let partition = 0; partition < partitions; partition++)
      this.#leaders.set(`${topic}/${partition}`, this.#anyNode())
  }

  log(topic: string, partition: number): PartitionLog {
    return this.#log(`${topic}/${partition}`)
  }

  committedOffset(group: string, topic: string, partition: number): number | undefined {
    return this.#groups.offsets.get(group, { topic, partition })?.offset
  }

  openTransactions(): string[] {
    return this.#transactions.open()
  }

  addFault(name: RequestName, fault: Fault): void {
    this.network.addFault(name, fault)
  }

  moveLeader(topic: string, partition: number): void {
    this.#elect(`${topic}/${partition}`)
  }

  /** Brokers remove what groups have committed, at the worst of times: also of groups that have members. */
  expireOffsets(): void {
    for (const { group } of this.#groups.list()) this.#groups.offsets.expire(group, () => true)
  }

  /** Another broker coordinates all groups and transactions, after it has loaded their state. */
  moveCoordinators(loadMs: number): void {
    for (const coordinator of this.#coordinators.values())
      Object.assign(coordinator, { node: this.#anyNode(), readyMs: this.#time.nowMs + loadMs })
    this.#groups.move()
  }

  /** A broker goes down, and what it led and coordinated goes to the others. */
  crash(node: number, forMs: number): void {
    if (this.#nodes === 1) {
      this.network.breakConnections(basePort)
      return
    }
    this.#downUntilMs[node] = this.#time.nowMs + forMs
    this.network.breakConnections(basePort + node)
    for (const [key, leader] of this.#leaders) if (leader === node) this.#elect(key)
    for (const coordinator of this.#coordinators.values())
      if (coordinator.node === node)
        Object.assign(coordinator, { node: this.#anyNode(), readyMs: this.#time.nowMs + 20 })
  }

  /** All brokers are killed, and start again with what they have stored. */
  restart(): void {
    for (const node of this.#downUntilMs.keys()) this.network.breakConnections(basePort + node)
    this.#groups.close()
    this.#transactions.close()
    // What was under way when they were killed goes on with what they had: nobody sees it.
    for (const [name, storage] of this.#storages) this.#storages.set(name, copyOf(storage))
    for (const [topic, logs] of this.#topics)
      this.#topics.set(
        topic,
        logs.map(({ leaderEpoch }, partition) => this.#openLog(`${topic}/${partition}`, leaderEpoch + 1)),
      )
    this.#groups = this.#openGroups()
    this.#transactions = this.#openTransactions()
    void this.#transactions.start()
  }

  heal(): void {
    this.network.heal()
    this.#downUntilMs.fill(0)
  }

  readonly #handlers: Handlers = {
    // Each begins at once, in order: what waits for the coordinator holds no other back.
    Produce: ({ transactionalId, batches }, node) =>
      Promise.all(
        batches.map(async ({ topic, partition, bytes }) => {
          const key = `${topic}/${partition}`
          const answer = (error: number) => ({ topic, partition, error })
          if (!this.#leaders.has(key)) return answer(errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
          if (this.#leaders.get(key) !== node) return answer(errorCodes.NOT_LEADER_OR_FOLLOWER)
          const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
          const [producerId, epoch] = [view.getBigInt64(43), view.getInt16(51)]
          const { error } = await this.#log(key).append(bytes, async () => {
            const producer = { transactionalId: transactionalId ?? '', producerId, epoch }
            const verified = this.#transactions.verifyPartition(producer, { topic, partition })
            await this.#pause(0.3 + 2 * this.#random())
            return verified
          })
          return answer(error)
        }),
      ),
    Fetch: async ({ targets, maxWaitMs }, node) => {
      const read = () =>
        targets.map(({ topic, partition, leaderEpoch, offset, lastFetchedEpoch, maxBytes }) => {
          const log = this.#log(`${topic}/${partition}`)
          const found = {
            topic,
            partition,
            highWatermark: log.endOffset,
            lastStableOffset: log.lastStableOffset,
            logStartOffset: 0,
          }
          const nothing = { aborted: [], bytes: Buffer.alloc(0) }
          if (this.#leaders.get(`${topic}/${partition}`) !== node)
            return { ...found, ...nothing, error: errorCodes.NOT_LEADER_OR_FOLLOWER }
          const error = epochError(leaderEpoch, log)
          if (error !== errorCodes.NONE) return { ...found, ...nothing, error }
          // Nothing is ever cut off here, so that only a wrong epoch could diverge.
          equal(
            [-1, log.epochAt(offset - 1)].includes(lastFetchedEpoch),
            true,
            'the epoch of the row before the position',
          )
          const { error: fetchError, buffers, aborted } = log.fetch(offset, maxBytes, 'read_committed')
          return { ...found, aborted, bytes: Buffer.concat(buffers), error: fetchError }
        })
      const found = read()
      if (found.some(({ bytes, error }) => bytes.length > 0 || error !== errorCodes.NONE)) return found
      await this.#pause(maxWaitMs)
      return read()
    },
    ListOffsets: ({ targets }, node) =>
      targets.map(({ topic, partition, leaderEpoch, timestamp }) => {
        const isLeader = this.#leaders.get(`${topic}/${partition}`) === node
        const epoch = epochError(leaderEpoch, this.log(topic, partition))
        if (isLeader && epoch !== errorCodes.NONE) return { topic, partition, error: epoch, offset: -1 }
        const offset = timestamp === -2 ? 0 : this.log(topic, partition).endOffset
        return {
          topic,
          partition,
          error: isLeader ? errorCodes.NONE : errorCodes.NOT_LEADER_OR_FOLLOWER,
          offset: isLeader ? offset : -1,
        }
      }),
    Metadata: ({ topics }) => ({
      nodes: this.#downUntilMs.map((_, node) => ({ node, host: 'model', port: basePort + node })),
      topics: topics.map((topic) => {
        const logs = this.#topics.get(topic)
        const leaders = (logs ?? []).map(({ leaderEpoch: epoch }, partition) => ({
          node: this.#leaders.get(`${topic}/${partition}`) as number,
          epoch,
        }))
        return { topic, error: logs === undefined ? errorCodes.UNKNOWN_TOPIC_OR_PARTITION : errorCodes.NONE, leaders }
      }),
    }),
    FindCoordinator: ({ kind, key }) => {
      const { node } = this.#coordinator(kind === transactionKind ? 'transaction' : 'group', key)
      return { key, node, host: 'model', port: basePort + node, error: errorCodes.NONE }
    },
    OffsetFetch: ({ group, topics, isStable }) => {
      const partitions = topics.flatMap(({ topic, partitions: of }) => of.map((partition) => ({ topic, partition })))
      return { group, error: errorCodes.NONE, offsets: this.#groups.fetchOffsets(group, partitions, isStable) }
    },
    JoinGroup: (request) => this.#groups.join(request.group, request),
    SyncGroup: (request) => this.#groups.sync(request.group, request),
    Heartbeat: (request) => this.#groups.heartbeat(request.group, request),
    LeaveGroup: ({ group, members }) => this.#groups.leave(group, members).find((error) => error !== 0) ?? 0,
    InitProducerId: (request) => this.#transactions.initProducerId(request),
    AddPartitionsToTxn: (request) => {
      const partitions = request.topics.flatMap(({ topic, partitions: of }) =>
        of.map((partition) => ({ topic, partition })),
      )
      const error = this.#transactions.addPartitions(request, partitions)
      return partitions.map((partition) => ({ ...partition, error }))
    },
    AddOffsetsToTxn: (request) => this.#transactions.addOffsets(request, request.group),
    EndTxn: (request) => this.#transactions.end(request, request.isCommit),
    TxnOffsetCommit: async (request) => {
      const { transactionalId, producerId, epoch, group, offsets } = request
      const verify = () => this.#transactions.verifyGroup({ transactionalId, producerId, epoch }, group)
      const producer = { producerId, producerEpoch: epoch }
      const errors = await this.#groups.commitInTransaction(group, request, producer, offsets, verify)
      return offsets.map(({ topic, partition }, i) => ({ topic, partition, error: errors[i] }))
    },
  }

  async #handle(request: ModelRequest, node: number): Promise<unknown> {
    const error = this.#coordinatorError(request, node)
    if (error !== errorCodes.NONE) return refusal(request, error)
    const handler = this.#handlers[request.name] as (body: unknown, node: number) => unknown
    return handler(request.body, node)
  }

  /** Whether this broker is the one to ask. */
  #coordinatorError({ name, body }: ModelRequest, node: number): number {
    const { group, transactionalId } = body as { group?: string; transactionalId?: string }
    let coordinator: { node: number; readyMs: number }
    if (name === 'Produce' || name === 'Fetch') return errorCodes.NONE
    if (transactionalId !== undefined && name !== 'TxnOffsetCommit')
      coordinator = this.#coordinator('transaction', transactionalId)
    else if (group !== undefined) coordinator = this.#coordinator('group', group)
    else return errorCodes.NONE
    if (coordinator.node !== node) return errorCodes.NOT_COORDINATOR
    return coordinator.readyMs > this.#time.nowMs ? errorCodes.COORDINATOR_LOAD_IN_PROGRESS : errorCodes.NONE
  }

  #coordinator(kind: 'group' | 'transaction', key: string): { node: number; readyMs: number } {
    const name = `${kind}/${key}`
    const known = this.#coordinators.get(name) ?? { node: this.#anyNode(), readyMs: 0 }
    this.#coordinators.set(name, known)
    return known
  }

  #storage(name: string): MemoryStorage {
    const storage = this.#storages.get(name) ?? new MemoryStorage()
    this.#storages.set(name, storage)
    return storage
  }

  #openLog(key: string, leaderEpoch: number): PartitionLog {
    return new PartitionLog({ storage: this.#storage(key), clock: this.#clock, leaderEpoch })
  }

  #openGroups(): GroupCoordinator {
    const log = new StateLog(this.#storage('groups'), this.#clock)
    return new GroupCoordinator(log, this.#clock, groupSettings)
  }

  #openTransactions(): TransactionCoordinator {
    const mark = async (write: () => number) => {
      await this.#pause(0.5 + 150 * this.#random() ** 8)
      if (this.#transactions === coordinator) equal(write(), errorCodes.NONE)
    }
    const host: TransactionHost = {
      sync: async () => undefined,
      markPartition: ({ topic, partition }, marker) => mark(() => this.log(topic, partition).mark(marker)),
      markGroup: (_group, marker) => mark(() => this.#groups.mark(marker)),
      fail: (error) => {
        throw error
      },
    }
    const log = new StateLog(this.#storage('transactions'), this.#clock)
    const coordinator = new TransactionCoordinator(log, this.#clock, host, this.#settings)
    return coordinator
  }

  #log(key: string): PartitionLog {
    const slash = key.lastIndexOf('/')
    return (this.#topics.get(key.slice(0, slash)) as PartitionLog[])[Number(key.slice(slash + 1))]
  }

  #elect(key: string): void {
    this.#leaders.set(key, this.#anyNode())
    this.#log(key).leaderEpoch++
  }

  #isUp(node: number): boolean {
    return this.#downUntilMs[node] <= this.#time.nowMs
  }

  /** A broker that is up, if one is. */
  #anyNode(): number {
    const up = this.#downUntilMs.flatMap((_, node) => (this.#isUp(node) ? [node] : []))
    return up[Math.floor(this.#random() * up.length)] ?? 0
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#time.schedule(ms, resolve, null)
    })
  }
}

/** What a leader answers to a client that knows another one, of before or after it. */
function epochError(asked: number, { leaderEpoch }: PartitionLog): number {
  if (asked === -1 || asked === leaderEpoch) return errorCodes.NONE
  return asked < leaderEpoch ? errorCodes.FENCED_LEADER_EPOCH : errorCodes.UNKNOWN_LEADER_EPOCH
}

function copyOf(storage: MemoryStorage): MemoryStorage {
  const copy = new MemoryStorage()
  copy.append(storage.read(storage.start, storage.end))
  copy.cutFront(copy.start, storage.startOffset)
  return copy
}
