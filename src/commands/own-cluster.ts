import type { Cluster } from '../cluster/cluster.ts'
import { InterruptedError, UsageError } from '../errors.ts'

/** Where a command works that brings a cluster of its own. */
export interface OwnClusterFlags {
  readonly brokers?: string
  readonly registry?: string
  /** leave the cluster running */
  readonly keep?: boolean
}

/**
 * Starts a cluster, lets `work` have it, and ends it. Only flags name another one: a demo does not write into brokers that
 * happen to stand in the environment.
 */
export async function withOwnCluster<T>(
  { brokers, registry, keep = false }: OwnClusterFlags,
  work: (cluster: Pick<Cluster, 'brokers' | 'registry' | 'kind'>) => Promise<T>,
): Promise<T> {
  if (brokers !== undefined && registry !== undefined) return work({ brokers, registry, kind: 'external' })
  if (brokers !== undefined || registry !== undefined)
    throw new UsageError('A cluster is brokers and a registry', 'Give both --brokers and --registry, or neither')
  const { startCluster } = await import('../cluster/start-cluster.ts')
  const { VGM_CLUSTER } = process.env
  const cluster = await startCluster({
    environment: { VGM_CLUSTER },
    detached: keep,
    log: (line) => process.stderr.write(`${line}\n`),
  })
  try {
    return await work(cluster)
  } catch (error) {
    if (error instanceof InterruptedError && !keep)
      throw new InterruptedError('Start it again: its cluster and what it held are gone')
    throw error
  } finally {
    if (!keep) await cluster.stop()
  }
}
