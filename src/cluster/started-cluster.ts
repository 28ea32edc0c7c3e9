import { InterruptedError } from '../errors.ts'
import type { Cluster, ClusterKind, Log } from './cluster.ts'
import { startCluster } from './start-cluster.ts'

export interface StartedClusterOptions {
  readonly kind: ClusterKind | 'auto'
  /** whether it goes on running until `stopLocalCluster` */
  readonly isKept: boolean
  readonly log: Log
}

/**
 * Starts a cluster, lets `work` have it, and ends it whatever happens, unless it is kept.
 *
 * @throws whatever `startCluster` and `work` throw; an InterruptedError says that the cluster is gone
 */
export async function withStartedCluster<T>(
  { kind, isKept, log }: StartedClusterOptions,
  work: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const cluster = await startCluster({ kind, detached: isKept, log })
  try {
    return await work(cluster)
  } catch (error) {
    if (error instanceof InterruptedError && !isKept)
      throw new InterruptedError('Start it again: its cluster and the data in it are gone')
    throw error
  } finally {
    if (!isKept) await cluster.stop()
  }
}
