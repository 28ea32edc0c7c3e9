import { FaultCluster } from './fault-cluster.ts'

/**
 * One cluster starts at a time: a first start may have to fetch what it runs, and ports are chosen before they are
 * taken.
 */
let starting: Promise<unknown> = Promise.resolve()

/**
 * The cluster of cases that run one after another: one at a time, healed before every further case, and another one if
 * a case needs another number of nodes or has broken it for good.
 */
export class FaultClusters {
  #cluster: FaultCluster | undefined

  /** A cluster of so many nodes, whole and without a fault. */
  async of(nodes: 1 | 3): Promise<FaultCluster> {
    if (this.#cluster?.nodes.length === nodes)
      try {
        await this.#cluster.heal()
        return this.#cluster
      } catch (error) {
        process.stderr.write(`The cluster does not heal, and another one takes its place: ${error}\n`)
      }
    await this.stop()
    const started = starting.then(() => FaultCluster.start(nodes))
    starting = started.catch(() => undefined)
    this.#cluster = await started
    return this.#cluster
  }

  async stop(): Promise<void> {
    const cluster = this.#cluster
    this.#cluster = undefined
    await cluster?.stop()
  }
}
