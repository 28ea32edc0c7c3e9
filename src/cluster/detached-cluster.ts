import type { ClusterKind, Log } from './cluster.ts'
import { clearEnd, type LastEnd, readEnd, sayEnd } from './last-end.ts'
import { lastPorts } from './last-ports.ts'
import { localClusterStatus, stopLocalCluster } from './local-cluster.ts'
import { type StartClusterOptions, startCluster } from './start-cluster.ts'

/** Where the cluster of `vgm up` is. */
export interface DetachedCluster {
  readonly kind: ClusterKind
  readonly brokers: string
  readonly registry: string
  /** Where its data stay; undefined if they go with it. */
  readonly dataDir?: string
}

/**
 * Starts a cluster that runs without this process until `stopDetached`. `log` is told how the last one has ended, if
 * nobody has stopped it, and if this one has another port.
 *
 * @throws whatever `startCluster` throws
 */
export async function startDetached(
  options: Pick<StartClusterOptions, 'kind' | 'dataDir' | 'memoryBytes'> & { readonly log: Log },
): Promise<DetachedCluster> {
  const { dataDir, log } = options
  // The end of one whose process is gone is noted when it is looked for.
  const found = await localClusterStatus()
  const end = found === undefined ? readEnd() : undefined
  if (end !== undefined) log(sayEnd(end))
  const last = lastPorts(dataDir)
  const { kind, brokers, registry } = await startCluster({ ...options, detached: true })
  clearEnd()
  const isElsewhere = last.broker !== undefined && !brokers.endsWith(`:${last.broker}`)
  if (isElsewhere) log(`The last cluster had port ${last.broker}, which is taken now: tell other programs.`)
  const status = await localClusterStatus()
  return { kind, brokers, registry, ...(status?.brokers === brokers && dataFolderOf(status)) }
}

/** What has become of the cluster of `vgm up`. */
export interface StoppedCluster {
  /** False if none was running. */
  readonly stopped: boolean
  /** Where its data have stayed. */
  readonly dataDir?: string
  /** How the last one has ended that nobody has stopped. */
  readonly lastEnd?: LastEnd
}

/** Stops the cluster of `vgm up`. @throws ClusterStartError if it does not end in time */
export async function stopDetached(): Promise<StoppedCluster> {
  const status = await localClusterStatus()
  const stopped = await stopLocalCluster()
  const end = stopped ? undefined : readEnd()
  clearEnd()
  return { stopped, ...(stopped && dataFolderOf(status)), ...(end && { lastEnd: end }) }
}

/** The cluster of `vgm up` as it is now; of none, how the last one has ended if nobody has stopped it. */
export type DetachedStatus =
  | (DetachedCluster & { readonly alive: boolean; readonly sinceMs: number })
  | { readonly alive: false; readonly kind?: undefined; readonly lastEnd?: LastEnd }

export async function detachedStatus(): Promise<DetachedStatus> {
  const status = await localClusterStatus()
  if (status === undefined) {
    const end = readEnd()
    return { alive: false, ...(end && { lastEnd: end }) }
  }
  const { alive, kind, brokers, registry, sinceMs } = status
  return { alive, kind, brokers, registry, sinceMs, ...dataFolderOf(status) }
}

/** The folder of a cluster whose data stay; nothing of another one. */
function dataFolderOf(status: { readonly dataDir?: string } | undefined): { readonly dataDir?: string } {
  return status?.dataDir === undefined ? {} : { dataDir: status.dataDir }
}
