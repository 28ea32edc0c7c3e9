import { Broker } from '../../../src/embedded/broker.ts'
import { BrokerSettings } from '../../../src/embedded/broker-settings.ts'
import type { Answer } from '../../../src/embedded/broker-state.ts'
import type { Clock } from '../../../src/embedded/core/clock.ts'
import type { PartitionLog } from '../../../src/embedded/core/partition-log.ts'
import { errorCodes } from '../../../src/embedded/error-codes.ts'
import { groupKey, type Nodes, transactionKey } from '../../../src/embedded/nodes.ts'
import type { Partition } from '../../../src/embedded/partition.ts'
import { randomFrom } from '../../seeded-random.ts'
import { KeptStores } from './kept-stores.ts'
import { type Fault, ModelNetwork } from './model-network.ts'
import { type ModelRequest, type RequestName, refusal } from './refusals.ts'
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

interface Coordinator {
  nodeId: number
  /** when it has loaded its state */
  readyMs: number
}

const host = 'model'
const basePort = 9_000
/** Our members' sessions are as short as tests of a client want them. */
const settings = new BrokerSettings({ 'group.initial.rebalance.delay.ms': 30, 'group.min.session.timeout.ms': 1 })

/**
 * The embedded broker in virtual time, as a cluster of several nodes: leaders and coordinators move, nodes go down and
 * come back. Where a leader or a coordinator is matters, what is stored does not: a node that goes down loses nothing.
 */
export class ModelBroker implements Nodes {
  readonly network: ModelNetwork
  readonly #time: VirtualTime
  readonly #random: () => number
  readonly #clock: Clock
  readonly #options: ModelOptions
  readonly #downUntilMs: number[]
  /** node ids by topic and partition */
  readonly #leaders = new Map<string, number>()
  /** by type and key */
  readonly #coordinators = new Map<string, Coordinator>()
  readonly #stores = new KeptStores()
  #broker: Broker

  constructor(time: VirtualTime, options: ModelOptions) {
    this.#time = time
    this.#options = options
    this.#random = randomFrom(options.seed)
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
      random: this.#random,
    }
    this.#downUntilMs = Array.from({ length: options.nodes }, () => 0)
    this.network = new ModelNetwork(time, this.#random)
    for (const { nodeId, port } of this.all())
      this.network.addNode({
        port,
        isUp: () => this.#isUp(nodeId),
        handle: (request, signal) => this.#handle(request, nodeId, signal),
      })
    this.#broker = this.#open()
  }

  get brokers(): string[] {
    return this.all().map(({ port }) => `${host}:${port}`)
  }

  all() {
    return this.#downUntilMs.map((_, nodeId) => ({ nodeId, host, port: basePort + nodeId }))
  }

  leaderOf(topic: string, partition: number): number {
    const key = `${topic}/${partition}`
    const leader = this.#leaders.get(key) ?? this.#anyNode()
    this.#leaders.set(key, leader)
    return leader
  }

  coordinatorOf(keyType: number, key: string) {
    return this.all()[this.#coordinator(keyType, key).nodeId]
  }

  transit(message: 'verification' | 'marker'): Promise<void> {
    return this.#pause(message === 'marker' ? 0.5 + 150 * this.#random() ** 8 : 0.3 + 2 * this.#random())
  }

  createTopic(topic: string, partitions: number): void {
    this.#broker.topics.create(topic, partitions, new Map())
  }

  log(topic: string, partition: number): PartitionLog {
    return this.#partition(topic, partition).log
  }

  committedOffset(group: string, topic: string, partition: number): number | undefined {
    return this.#broker.groups.offsets.get(group, { topic, partition })?.offset
  }

  openTransactions(): string[] {
    return this.#broker.transactions.open()
  }

  addFault(name: RequestName, fault: Fault): void {
    this.network.addFault(name, fault)
  }

  moveLeader(topic: string, partition: number): void {
    this.#leaders.set(`${topic}/${partition}`, this.#anyNode())
    const moved = this.#partition(topic, partition)
    moved.log.leaderEpoch++
    // Whoever waits for rows learns that they come from another node.
    moved.grew(0)
  }

  /** Brokers remove what groups have committed, at the worst of times: also of groups that have members. */
  expireOffsets(): void {
    const { groups } = this.#broker
    for (const { group } of groups.list()) groups.offsets.expire(group, () => true)
  }

  /** Another node coordinates all groups and transactions, after it has loaded their state. */
  moveCoordinators(loadMs: number): void {
    for (const coordinator of this.#coordinators.values()) this.#moveCoordinator(coordinator, loadMs)
    this.#broker.groups.move()
  }

  /** A node goes down, and what it led and coordinated goes to the others. */
  crash(nodeId: number, forMs: number): void {
    this.network.breakConnections(basePort + nodeId)
    if (this.#options.nodes === 1) return
    this.#downUntilMs[nodeId] = this.#time.nowMs + forMs
    for (const { name, partitions } of this.#broker.topics.all())
      for (const { index } of partitions) if (this.leaderOf(name, index) === nodeId) this.moveLeader(name, index)
    for (const coordinator of this.#coordinators.values())
      if (coordinator.nodeId === nodeId) this.#moveCoordinator(coordinator, 20)
  }

  /** All nodes are killed, and start again with what they have stored. */
  restart(): void {
    for (const { port } of this.all()) this.network.breakConnections(port)
    const killed = this.#broker
    this.#broker = this.#open()
    // Leaders have moved more often than the broker has started.
    for (const { name, partitions } of killed.topics.all())
      for (const { index, log } of partitions) this.log(name, index).leaderEpoch = log.leaderEpoch + 1
    void killed.close()
    void this.#broker.start()
  }

  heal(): void {
    this.network.heal()
    this.#downUntilMs.fill(0)
  }

  #open(): Broker {
    const { keepsLastEpoch, firstEpoch } = this.#options
    return new Broker({
      stores: this.#stores,
      dataDir: undefined,
      settings,
      memoryBytes: Number.POSITIVE_INFINITY,
      nodes: this,
      clock: this.#clock,
      transactions: { keepsLastEpoch, firstEpoch },
      log: () => undefined,
      fail: (error) => {
        throw error
      },
    })
  }

  async #handle(request: ModelRequest, nodeId: number, signal: AbortSignal): Promise<Answer<RequestName>> {
    const error = this.#coordinatorError(request, nodeId)
    if (error !== errorCodes.NONE) return refusal(request, error)
    const { version, isVersionUnknown, clientId } = request
    const facts = { nodeId, version, isVersionUnknown, clientId: clientId ?? '', clientHost: host, signal }
    return this.#broker.handle(request, facts) as Promise<Answer<RequestName>>
  }

  /** Whether a node is the coordinator to ask. */
  #coordinatorError(request: ModelRequest, nodeId: number): number {
    const asked = coordinatedKey(request)
    if (asked === undefined) return errorCodes.NONE
    const coordinator = this.#coordinator(...asked)
    if (coordinator.nodeId !== nodeId) return errorCodes.NOT_COORDINATOR
    return coordinator.readyMs > this.#time.nowMs ? errorCodes.COORDINATOR_LOAD_IN_PROGRESS : errorCodes.NONE
  }

  #coordinator(keyType: number, key: string): Coordinator {
    const name = `${keyType}/${key}`
    const coordinator = this.#coordinators.get(name) ?? { nodeId: this.#anyNode(), readyMs: 0 }
    this.#coordinators.set(name, coordinator)
    return coordinator
  }

  #moveCoordinator(coordinator: Coordinator, loadMs: number): void {
    Object.assign(coordinator, { nodeId: this.#anyNode(), readyMs: this.#time.nowMs + loadMs })
  }

  #partition(topic: string, partition: number): Partition {
    return this.#broker.topics.partition(topic, partition) as Partition
  }

  #isUp(nodeId: number): boolean {
    return this.#downUntilMs[nodeId] <= this.#time.nowMs
  }

  /** A node that is up, if one is. */
  #anyNode(): number {
    const up = this.#downUntilMs.flatMap((_, nodeId) => (this.#isUp(nodeId) ? [nodeId] : []))
    return up[Math.floor(this.#random() * up.length)] ?? 0
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#time.schedule(ms, resolve, null)
    })
  }
}

/** What has to be coordinated for a request. */
function coordinatedKey({ api, body }: ModelRequest): [keyType: number, key: string] | undefined {
  switch (api) {
    case 'InitProducerId':
    case 'AddOffsetsToTxn':
    case 'EndTxn':
      return [transactionKey, body.transactionalId ?? '']
    case 'AddPartitionsToTxn':
      return [transactionKey, body.v3AndBelowTransactionalId]
    case 'JoinGroup':
    case 'SyncGroup':
    case 'Heartbeat':
    case 'LeaveGroup':
    case 'TxnOffsetCommit':
      return [groupKey, body.groupId]
    case 'OffsetFetch':
      return [groupKey, body.groups[0].groupId]
    default:
      return undefined
  }
}
