import type { Cluster } from '../cluster/cluster.ts'
import { securityFlagsOf } from '../config/cluster-access.ts'
import type { ClusterFlags } from '../config/cluster-address.ts'
import { InterruptedError, UsageError } from '../errors.ts'

/** Where a command works that brings a cluster of its own. */
export interface OwnClusterFlags extends ClusterFlags {
  /** leave the cluster running */
  readonly keep?: boolean
}

/**
 * Starts a cluster, lets `work` have it, and ends it. Only flags name another one: a demo does not write into brokers that
 * happen to stand in the environment.
 */
export async function withOwnCluster<T>(
  { brokers, registry, keep = false, ...flags }: OwnClusterFlags,
  work: (cluster: ClusterFlags & Pick<Cluster, 'brokers' | 'registry'>) => Promise<T>,
): Promise<T> {
  if (brokers !== undefined && registry !== undefined) return work({ ...securityFlagsOf(flags), brokers, registry })
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
    // What the environment says of logins is meant for other brokers.
    return await work({ brokers: cluster.brokers, registry: cluster.registry })
  } catch (error) {
    if (error instanceof InterruptedError && !keep)
      throw new InterruptedError('Start it again: its cluster and what it held are gone')
    throw error
  } finally {
    if (!keep) await cluster.stop()
  }
}
