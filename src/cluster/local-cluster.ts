import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning, signalProcess } from '../embedded/process-identity.ts'
import type { Cluster, LocalClusterKind } from './cluster.ts'
import { ClusterStartError } from './errors.ts'
import { noteGone } from './last-end.ts'
import { brokerAnswers, registryAnswers } from './readiness.ts'
import { type ClusterState, clearState, readState, stateFilePath } from './state-file.ts'

const stopTimeoutMs = 45_000
const pollMs = 50

/** What is known about the cluster that `vgm up` left running. */
export interface LocalClusterStatus {
  readonly kind: LocalClusterKind
  readonly brokers: string
  readonly registry: string
  /** Whether Kafka and the registry both answer now. */
  readonly alive: boolean
  /** How long ago it was started. */
  readonly sinceMs: number
  readonly dataDir?: string
}

/**
 * The detached cluster of this user, if Kafka and the registry answer; undefined otherwise. The state of a cluster
 * whose processes are gone is removed on the way.
 */
export async function findLocalCluster(file = stateFilePath()): Promise<Cluster | undefined> {
  const status = await localClusterStatus(file)
  if (!status?.alive) return undefined
  const { kind, brokers, registry } = status
  return { kind, brokers, registry, stop: () => stopLocalCluster(file).then(() => undefined) }
}

/**
 * Like `findLocalCluster`, and tells a cluster that is down from none: `alive: false` means it should be there and does
 * not answer.
 */
export async function localClusterStatus(file = stateFilePath()): Promise<LocalClusterStatus | undefined> {
  const state = readState(file)
  if (state === undefined) return undefined
  if (isGone(state)) {
    noteGone(state, file)
    clearState(state, file)
    return undefined
  }
  const { kind, brokers, registry, dataDir } = state
  const answers = await Promise.all([brokerAnswers(brokers), registryAnswers(registry)])
  const alive = answers.every(Boolean)
  const sinceMs = Math.max(0, Date.now() - state.startedAtMs)
  return { kind, brokers, registry, alive, sinceMs, ...(dataDir !== undefined && { dataDir }) }
}

/**
 * Stops the detached cluster and waits until its processes and its temporary data are gone.
 *
 * @returns false if there was none
 * @throws ClusterStartError if it does not end in time
 */
export async function stopLocalCluster(file = stateFilePath()): Promise<boolean> {
  const state = readState(file)
  if (state === undefined) return false
  if (isGone(state)) {
    noteGone(state, file)
    clearState(state, file)
    return false
  }
  if (state.kind === 'docker') {
    const { stopCompose } = await import('./docker/compose-cluster.ts')
    await stopCompose()
  } else if (state.supervisor && signalProcess(state.supervisor, 'SIGTERM')) {
    const { supervisor } = state
    const deadline = performance.now() + stopTimeoutMs
    while (isRunning(supervisor)) {
      if (performance.now() > deadline) {
        throw new ClusterStartError(
          `The supervisor of the local cluster, process ${supervisor.pid}, did not end within ` +
            `${stopTimeoutMs / 1000} s`,
          `End it with "kill -9 ${supervisor.pid}"; the next start removes its files`,
        )
      }
      await sleep(pollMs)
    }
  }
  clearState(state, file)
  return true
}

function isGone({ kind, supervisor }: ClusterState): boolean {
  return kind !== 'docker' && !(supervisor && isRunning(supervisor))
}
