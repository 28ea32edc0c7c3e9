import { FaultCluster } from './fault-cluster.ts'

/** The clusters that cases share: started when they are needed first, healed before every further case. */
export class FaultClusters {
  readonly #started = new Map<1 | 3, Promise<FaultCluster>>()

  /** A cluster of so many nodes, whole and without a fault. */
  async of(nodes: 1 | 3): Promise<FaultCluster> {
    const known = this.#started.get(nodes)
    if (known === undefined) this.#started.set(nodes, FaultCluster.start(nodes))
    const cluster = await (this.#started.get(nodes) as Promise<FaultCluster>)
    if (known !== undefined) await cluster.heal()
    return cluster
  }

  async stop(): Promise<void> {
    for (const starting of this.#started.values()) await (await starting.catch(() => undefined))?.stop()
    this.#started.clear()
  }
}
