import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning, signalProcess } from '../embedded/process-identity.ts'
import type { Cluster, LocalClusterKind } from './cluster.ts'
import { ClusterStartError } from './errors.ts'
import { noteGone } from './last-end.ts'
import { pendingStarts } from './pending-starts.ts'
import { brokerAnswers, registryAnswers } from './readiness.ts'
import { type ClusterState, clearState, readState, stateFilePath } from './state-file.ts'

const stopTimeoutMs = 45_000
const startTimeoutMs = 60_000
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
  readonly memoryBytes?: number
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
  const { kind, brokers, registry, dataDir, memoryBytes } = state
  const answers = await Promise.all([brokerAnswers(brokers), registryAnswers(registry)])
  const alive = answers.every(Boolean)
  const sinceMs = Math.max(0, Date.now() - state.startedAtMs)
  return {
    kind,
    brokers,
    registry,
    alive,
    sinceMs,
    ...(dataDir !== undefined && { dataDir }),
    ...(memoryBytes !== undefined && { memoryBytes }),
  }
}

/**
 * Stops the detached cluster and waits until its processes and its temporary data are gone. One that is being started
 * is waited for first.
 *
 * @returns false if there was none
 * @throws ClusterStartError if it does not start or end in time
 */
export async function stopLocalCluster(file = stateFilePath()): Promise<boolean> {
  await startsEnded(dirname(file))
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

async function startsEnded(folder: string): Promise<void> {
  const deadline = performance.now() + startTimeoutMs
  for (let starts = pendingStarts(folder); starts.length > 0; starts = pendingStarts(folder)) {
    if (performance.now() > deadline)
      throw new ClusterStartError(
        `Process ${starts[0].pid} starts a local cluster, and has not done so within ${startTimeoutMs / 1000} s`,
        `Run "vgm down" again later, or end the start with "kill ${starts[0].pid}"`,
      )
    await sleep(pollMs)
  }
}

function isGone({ kind, supervisor }: ClusterState): boolean {
  return kind !== 'docker' && !(supervisor && isRunning(supervisor))
}
