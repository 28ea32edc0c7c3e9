import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  createClusterFolder,
  recordOccupants,
  removeClusterFolder,
  sweepClusterFolders,
} from '../../src/cluster/cluster-folder.ts'
import { classArchive } from '../../src/cluster/jvm/class-archive.ts'
import type { JavaProcess } from '../../src/cluster/jvm/java-process.ts'
import { type KafkaPorts, startKafkaNode } from '../../src/cluster/jvm/kafka-node.ts'
import { untilAnswers } from '../../src/cluster/jvm/until-answers.ts'
import { brokerAnswers } from '../../src/cluster/readiness.ts'
import { jvmParts } from '../../src/cluster/start-cluster.ts'
import { shortLived } from '../cluster/short-lived.ts'
import { ClusterFacts } from './cluster-facts.ts'
import { FaultRegistry } from './fault-registry.ts'
import { KafkaProxy } from './kafka-proxy.ts'
import { lastingPorts } from './lasting-ports.ts'

const heap = '512m'
const readyWithinMs = 60_000

/**
 * What three nodes are told beyond what one is: copies, and a death that is noticed before a transaction's time is
 * over.
 */
const replicated = {
  'default.replication.factor': 3,
  'min.insync.replicas': 2,
  'offsets.topic.replication.factor': 3,
  'transaction.state.log.replication.factor': 3,
  'transaction.state.log.min.isr': 2,
  'share.coordinator.state.topic.replication.factor': 3,
  'share.coordinator.state.topic.min.isr': 2,
  'broker.session.timeout.ms': 4_000,
  'broker.heartbeat.interval.ms': 500,
}

/** As in server.properties. */
export type NodeSettings = Readonly<Record<string, string | number | boolean>>

/** One node, broker and controller: a process that can be killed and started again on the same data and ports. */
export class FaultNode {
  readonly id: number
  /** host:port, past the proxy */
  readonly address: string
  readonly proxy: KafkaProxy
  /** its log.dirs */
  readonly dataFolder: string
  readonly #launch: (settings: NodeSettings) => JavaProcess
  readonly #onChange: () => void
  #process: JavaProcess

  constructor(
    id: number,
    ports: KafkaPorts,
    proxy: KafkaProxy,
    dataFolder: string,
    launch: (settings: NodeSettings) => JavaProcess,
    onChange: () => void,
  ) {
    this.id = id
    this.address = `127.0.0.1:${ports.broker}`
    this.proxy = proxy
    this.dataFolder = dataFolder
    this.#launch = launch
    this.#onChange = onChange
    this.#process = launch({})
  }

  get process(): JavaProcess {
    return this.#process
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.#process.end(0)
  }

  /**
   * Starts it again after `kill`; resolves when the broker answers, which is before it is in sync.
   *
   * @param settings for this life of it, beyond the usual ones
   */
  async restart(settings: NodeSettings = {}): Promise<void> {
    this.#process = this.#launch(settings)
    this.#onChange()
    await untilAnswers(this.#process, () => brokerAnswers(this.address))
  }
}

/**
 * Kafka nodes of this process, each with a proxy before it, and the registry of all its clusters. What is left of them
 * if this process is killed goes with the next cluster that starts.
 */
export class FaultCluster {
  readonly nodes: readonly FaultNode[]
  readonly registry: string
  /** Who leads what. */
  readonly facts: ClusterFacts
  readonly #registry: FaultRegistry
  readonly #folder: string

  /**
   * @param count nodes; with 3, replication factor 3 and min ISR 2
   * @param jvm   options of brokers; those of a benchmark need all compilers
   */
  static async start(count: 1 | 3, jvm: readonly string[] = shortLived): Promise<FaultCluster> {
    const parts = await jvmParts((line) => process.stderr.write(`${line}\n`))
    sweepClusterFolders()
    const registry = await FaultRegistry.take(parts)
    const folder = createClusterFolder()
    const ports = await lastingPorts(3 * count)
    const proxies = await Promise.all(Array.from({ length: count }, () => KafkaProxy.listen()))
    const nodePorts = new Map(
      proxies.map((proxy, i): [number, KafkaPorts] => {
        const [broker, controller, listen] = ports.slice(3 * i, 3 * i + 3)
        proxy.target(listen)
        return [i + 1, { broker, controller, detour: { listen, advertised: proxy.port } }]
      }),
    )
    const { exists, read } = classArchive('kafka', parts.java, parts.installation)
    const dataFolder = (id: number) => join(folder, `node-${id}`, 'data')
    const launch = (id: number, settings: NodeSettings) =>
      startKafkaNode({
        ...parts,
        folder: join(folder, `node-${id}`),
        dataFolder: dataFolder(id),
        heap,
        jvm: [...(exists ? read : []), ...jvm],
        id,
        nodes: nodePorts,
        settings: { ...(count === 3 && replicated), ...settings },
      })
    const nodes: FaultNode[] = []
    const pids = () => nodes.map((node) => node.process.pid)
    const sign = () => recordOccupants(folder, pids())
    for (const [i, proxy] of proxies.entries())
      nodes.push(
        new FaultNode(
          i + 1,
          nodePorts.get(i + 1)!,
          proxy,
          dataFolder(i + 1),
          (settings) => launch(i + 1, settings),
          sign,
        ),
      )
    const cluster = new FaultCluster(nodes, registry, folder)
    process.once('exit', cluster.#killAll)
    sign()
    try {
      for (const { process: node, address } of nodes) await untilAnswers(node, () => brokerAnswers(address))
      await cluster.untilWhole()
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  private constructor(nodes: readonly FaultNode[], registry: FaultRegistry, folder: string) {
    this.nodes = nodes
    this.registry = registry.url
    this.facts = new ClusterFacts(nodes.map(({ address }) => address))
    this.#registry = registry
    this.#folder = folder
  }

  /** Bootstrap addresses past the proxies. */
  get brokers(): string {
    return this.nodes.map(({ address }) => address).join(',')
  }

  /** Bootstrap addresses through the proxies. */
  get proxied(): string {
    return this.nodes.map(({ proxy }) => `127.0.0.1:${proxy.port}`).join(',')
  }

  node(id: number): FaultNode {
    return this.nodes.find((node) => node.id === id)!
  }

  /** Waits until all nodes live and every partition has all its copies in sync. */
  async untilWhole(withinMs = readyWithinMs): Promise<void> {
    for (const deadline = Date.now() + withinMs; ; await sleep(100)) {
      if (await this.facts.isWhole().catch(() => false)) return
      if (Date.now() > deadline) throw new Error(`The cluster is not whole after ${withinMs} ms`)
    }
  }

  /** Puts an end to whatever a case has done to it: rules away, dead nodes back. */
  async heal(): Promise<void> {
    for (const { proxy } of this.nodes) proxy.clear()
    for (const node of this.nodes) if (node.process.hasEnded()) await node.restart()
    await this.untilWhole()
  }

  async stop(): Promise<void> {
    process.off('exit', this.#killAll)
    await this.facts.close()
    await Promise.all([...this.nodes.map((node) => node.kill()), this.#registry.release()])
    await Promise.all(this.nodes.map(({ proxy }) => proxy.close()))
    removeClusterFolder(this.#folder)
  }

  readonly #killAll = () => {
    for (const { process: node } of this.nodes)
      try {
        process.kill(node.pid, 'SIGKILL')
      } catch {
        // It has ended already.
      }
    removeClusterFolder(this.#folder)
  }
}
