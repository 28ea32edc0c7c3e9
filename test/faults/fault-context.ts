import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { noAccess } from '../../src/config/cluster-access.ts'
import { defaultPositionsTopic } from '../../src/config/names.ts'
import { exitCodes } from '../../src/errors.ts'
import { ClusterAdmin } from '../../src/kafka/admin.ts'
import { SchemaRegistry } from '../../src/kafka/registry.ts'
import { RowClient } from '../../src/kafka/row-client.ts'
import { randomNumbers } from '../../src/mixture/random-numbers.ts'
import { createLogger } from '../../src/observe/logger.ts'
import { type ClusterSession, plainUse } from '../../src/pipeline/cluster-session.ts'
import { SessionLife } from '../../src/pipeline/session-life.ts'
import type { AuditResult } from '../../src/pipeline/verify-dataset.ts'
import { audit, finalAudit } from './audit.ts'
import type { FaultCluster } from './fault-cluster.ts'
import { FaultDataset } from './fault-dataset.ts'
import { ProgressWatch } from './progress-watch.ts'
import { VgmProcess } from './vgm-process.ts'

/** What a stage may take to end in order. */
const drainMs = 10_000

export interface WorkerOptions {
  readonly stage?: 'normalize' | 'restore'
  /** makes it a static member, whose name and transactional id survive a restart */
  readonly instance?: string
  /** through the proxies: the faults of the network reach it */
  readonly proxied?: boolean
  readonly flags?: readonly string[]
  /** as in NODE_OPTIONS */
  readonly nodeOptions?: string
}

/** A member of a stage's group, in a process. */
export class Worker extends VgmProcess {
  readonly stage: 'normalize' | 'restore'

  constructor(stage: 'normalize' | 'restore', flags: readonly string[], logFile: string, nodeOptions?: string) {
    super([stage, '--log-level', 'debug', ...flags], logFile, nodeOptions)
    this.stage = stage
  }

  /** The name of its transactions; known once it has opened its session. */
  async transactionalId(): Promise<string> {
    const { transactionalId } = await this.saying((line) => line.transactionalId !== undefined)
    return transactionalId as string
  }

  /** Resolves at the next slice that it commits. */
  async committed(withinMs = 60_000): Promise<void> {
    await this.saying((line) => line.msg === 'a slice was committed', { since: this.log.length, withinMs })
  }
}

/** What a case works with. All that it opens is closed after the case, whatever happened. */
export class FaultContext {
  readonly cluster: FaultCluster
  /** Uniform numbers in [0, 1) from the seed: what is random in a case comes from here. */
  readonly random: () => number
  /** The same cluster as stages see it, past the proxies. */
  readonly open: ClusterSession
  readonly #seed: number
  readonly #folder: string
  readonly #stop = new AbortController()
  readonly #closing: (() => Promise<void>)[] = []
  readonly #workers = new Set<Worker>()

  /** @param folder where the logs of its processes go */
  constructor(cluster: FaultCluster, seed: number, folder: string) {
    this.cluster = cluster
    this.random = randomNumbers(seed)
    this.#seed = seed
    this.#folder = folder
    const settings = { brokers: cluster.brokers.split(','), clientId: 'faults' }
    this.open = {
      address: { brokers: settings.brokers, registry: cluster.registry, access: noAccess },
      settings,
      admin: new ClusterAdmin(settings),
      rows: new RowClient(settings, undefined, {}, defaultPositionsTopic),
      registry: new SchemaRegistry({ url: cluster.registry }),
      ...plainUse(createLogger('silent'), this.#stop.signal),
      life: new SessionLife(),
      close: () => this.open.admin.close(),
    }
    this.defer(() => this.open.close())
  }

  /** Something to be done after the case; the last one comes first. */
  defer(work: () => Promise<void>): void {
    this.#closing.unshift(work)
  }

  /** A whole number in [0, below). */
  pick(below: number): number {
    return Math.floor(this.random() * below)
  }

  async dataset(partitions: number): Promise<FaultDataset> {
    const dataset = await FaultDataset.create(this.open, 'faults', partitions, this.#seed)
    this.defer(() => dataset.remove())
    return dataset
  }

  /** Runs `vgm` with these arguments on the cluster, in a process that does not outlive the case. */
  vgm(args: readonly string[], { proxied = false, registry = this.cluster.registry } = {}): VgmProcess {
    const spawned = new VgmProcess([...args, ...this.#address(proxied, registry)], this.#logOf('vgm'))
    this.defer(async () => {
      spawned.signal('SIGKILL')
      await spawned.ended
    })
    return spawned
  }

  /** Starts a member of a stage's group, normalize unless told. */
  worker(dataset: FaultDataset, options: WorkerOptions = {}): Worker {
    const { stage = 'normalize', instance, proxied = false, flags = [] } = options
    const named = instance === undefined ? [] : ['--instance', instance]
    const worker = new Worker(
      stage,
      [...dataset.flags, ...named, ...this.#address(proxied), ...flags],
      this.#logOf(dataset.name),
      options.nodeOptions,
    )
    this.#workers.add(worker)
    void worker.ended.then(() => this.#workers.delete(worker))
    return worker
  }

  /** Watches what a stage's group commits. */
  watch(dataset: FaultDataset, stage: 'normalize' | 'restore' = 'normalize'): ProgressWatch {
    const group = stage === 'normalize' ? dataset.normalizeGroup : dataset.restoreGroup
    const topic = stage === 'normalize' ? dataset.topics.raw : dataset.topics.normalized
    const watch = new ProgressWatch(this.open.admin, group, topic, dataset.partitions)
    this.defer(() => watch.close())
    return watch
  }

  /**
   * Resolves at a moment when the worker has a transaction open.
   *
   * @throws Error if it ends, or opens none within `withinMs`
   */
  async insideTransaction(worker: Worker, withinMs = 60_000): Promise<void> {
    const deadline = Date.now() + withinMs
    const id = await worker.transactionalId()
    while (!(await this.isInTransaction(id))) {
      if (worker.hasEnded) throw new Error(`Worker ${worker.pid} has ended`)
      if (Date.now() > deadline) throw new Error(`Worker ${worker.pid} has opened no transaction within ${withinMs} ms`)
      await sleep(20)
    }
  }

  /** Whether the coordinator holds a transaction of this id that nobody has asked to commit or abort yet. */
  async isInTransaction(transactionalId: string): Promise<boolean> {
    const unfinished = await this.cluster.facts.unfinishedTransactions(transactionalId)
    return unfinished.some((it) => it.transactionalId === transactionalId && it.state === 'Ongoing')
  }

  /**
   * Waits until the stage's group has committed all that its input holds now.
   *
   * @throws Error if its workers have all ended, or it takes longer
   */
  async untilDone(
    dataset: FaultDataset,
    stage: 'normalize' | 'restore' = 'normalize',
    withinMs = 300_000,
  ): Promise<void> {
    const group = stage === 'normalize' ? dataset.normalizeGroup : dataset.restoreGroup
    const topic = stage === 'normalize' ? dataset.topics.raw : dataset.topics.normalized
    const { admin } = this.open
    const ends = await admin.offsets.watermarks(topic)
    for (const deadline = Date.now() + withinMs; ; await sleep(50)) {
      // A coordinator that is away, or not chosen yet: what it would say is seen at the next look.
      const offsets = await admin.groups.committedOffsets(group, topic).catch(() => [])
      const committed = new Map(offsets.map((at) => [at.partition, at.offset]))
      const behind = ends.filter(({ partition, high }) => (committed.get(partition) ?? 0) < high)
      if (behind.length === 0) return
      if (![...this.#workers].some((worker) => worker.stage === stage))
        throw new Error(`No worker of ${stage} is left, and group ${group} is not done`)
      if (Date.now() > deadline)
        throw new Error(
          `Group ${group} is not done after ${withinMs} ms: ${behind
            .map(({ partition, high }) => `${partition} at ${committed.get(partition) ?? '-'} of ${high}`)
            .join(', ')}`,
        )
    }
  }

  /** An audit beside the stages. @throws AuditError */
  audit(dataset: FaultDataset): Promise<AuditResult> {
    return audit(this.cluster, dataset, this.#logOf(dataset.name))
  }

  /** Ends the workers that still run, and audits that every row that was written is processed. @throws AuditError */
  async finalAudit(dataset: FaultDataset): Promise<AuditResult> {
    await this.drain([...this.#workers])
    return finalAudit(this.cluster, dataset, this.#logOf(dataset.name))
  }

  /**
   * Asks workers to end, and waits until they have.
   *
   * @returns how long the slowest took, in ms
   * @throws Error if one takes longer than `withinMs`, or does not end as an interrupted command does
   */
  async drain(workers: readonly Worker[], withinMs = drainMs): Promise<number> {
    const drained = workers.map(async (worker) => {
      // Before it has come so far a signal ends it at once.
      await worker.transactionalId()
      const askedMs = Date.now()
      worker.signal('SIGTERM')
      const { code, signal, err, atMs } = await worker.end(withinMs)
      if (code !== exitCodes.interrupted) throw new Error(`Worker ${worker.pid} ended with ${signal ?? code}: ${err}`)
      return atMs - askedMs
    })
    return Math.max(0, ...(await Promise.all(drained)))
  }

  async close(): Promise<void> {
    this.#stop.abort()
    for (const worker of this.#workers) worker.signal('SIGKILL')
    await Promise.all([...this.#workers].map((worker) => worker.ended))
    for (const work of this.#closing) await work().catch(() => undefined)
  }

  #address(proxied: boolean, registry = this.cluster.registry): string[] {
    const { brokers, proxied: throughProxies } = this.cluster
    return ['--brokers', proxied ? throughProxies : brokers, '--registry', registry]
  }

  #logOf(name: string): string {
    return join(this.#folder, `${name}.log`)
  }
}
