/**
 * The process that holds a cluster: it starts the parts, reports once they answer, and ends them and removes their
 * folder when it is told to, when it is signalled, or when the channel to its owner closes, which the kernel does even
 * for an owner that was killed. Whatever happens to the owner, this process lives in a group of its own and outlives it
 * by that one task.
 *
 *     owner --fork--> supervisor --spawn--> Kafka, registry
 *       |    channel      |
 *       +-----------------+  closes with the owner
 *
 * A detached cluster ignores the channel after the report; `vgm down` signals it.
 */

import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { identifyProcess } from '../embedded/process-identity.ts'
import { PipelineError, UsageError } from '../errors.ts'
import type { RunningCluster } from './cluster.ts'
import { createClusterFolder, recordOccupants, removeClusterFolder, sweepClusterFolders } from './cluster-folder.ts'
import { ImagesMissingError } from './errors.ts'
import { portIfFree } from './free-ports.ts'
import { embeddedLog, noteEnd } from './last-end.ts'
import { keepPorts, lastPorts } from './last-ports.ts'
import { type ClusterState, claimState, clearState } from './state-file.ts'
import type { SupervisorReport, SupervisorRequest } from './supervisor-protocol.ts'

let folder: string | undefined
/** Fires when the cluster is to end before it has started. */
const unwanted = new AbortController()
let childPids: readonly number[] = []
let starting: Promise<RunningCluster> | undefined
let running: RunningCluster | undefined
let state: ClusterState | undefined
let ending = false
/** what the cluster has said */
const lines: string[] = []
let keepsGoing = false

process.once('message', (request) => void supervise(request as SupervisorRequest))
process.on('disconnect', () => {
  if (!keepsGoing) void end()
})
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void end())
process.on('uncaughtException', (error) => void fail(error))
// Nobody reads after a channel has closed; the last thing to do is the same as always.
process.on('exit', killChildren)

async function supervise(request: SupervisorRequest): Promise<void> {
  process.on('message', (order) => {
    if (order === 'stop') void end()
  })
  try {
    sweepClusterFolders()
    folder = createClusterFolder()
    starting = start(request, folder)
    running = await starting
    if (request.detached && !claim(request, running)) {
      await report({ type: 'superseded' })
      await end()
      return
    }
    if (request.detached) keepPorts(running, request.dataDir)
    keepsGoing = request.detached
    void running.died.then(async (message) => {
      if (ending) return
      if (request.detached) noteEnd({ kind: request.parts.kind, ...request }, message)
      await report({ type: 'died', message })
      await end()
    })
    await report({ type: 'ready', brokers: running.brokers, registry: running.registry, lines })
  } catch (error) {
    await fail(error)
  }
}

async function start({ parts, ...options }: SupervisorRequest, folder: string): Promise<RunningCluster> {
  if (parts.kind === 'docker') {
    const { startDockerCluster } = await import('./docker/docker-cluster.ts')
    return startDockerCluster({ ...options, signal: unwanted.signal })
  }
  const ports = options.detached ? lastPorts(options.dataDir) : {}
  if (parts.kind === 'embedded') {
    const { startEmbeddedCluster } = await import('../embedded/embedded-cluster.ts')
    const { dataDir } = options
    const startOn = (port: number, registryPort: number) =>
      startEmbeddedCluster({
        port,
        registryPort,
        ...(dataDir !== undefined && { dataDir: join(dataDir, 'embedded') }),
        ...(parts.memoryBytes !== undefined && { memoryBytes: parts.memoryBytes }),
        log: (line) => say(embeddedLog(dataDir ?? folder), line),
      })
    const [port, registryPort] = await Promise.all([ports.broker, ports.registry].map(portIfFree))
    return startOn(port, registryPort).catch((error) => {
      // Another start has just taken the same ports, or the next attempt tells what is wrong.
      if (error instanceof UsageError && port + registryPort > 0) return startOn(0, 0)
      throw error
    })
  }
  const { startJvmCluster } = await import('./jvm/jvm-cluster.ts')
  const onStarted = (pids: readonly number[]): void => {
    childPids = pids
    recordOccupants(folder, pids)
  }
  return startJvmCluster({ ...options, ports, java: parts.java, installation: parts.installation, folder, onStarted })
}

function claim({ parts, dataDir }: SupervisorRequest, { brokers, registry }: RunningCluster): boolean {
  const supervisor = identifyProcess(process.pid)
  const claimed: ClusterState = {
    kind: parts.kind,
    brokers,
    registry,
    startedAtMs: Date.now(),
    ...(supervisor && { supervisor }),
    ...(dataDir !== undefined && { dataDir }),
    ...(parts.kind === 'embedded' && parts.memoryBytes !== undefined && { memoryBytes: parts.memoryBytes }),
  }
  if (!claimState(claimed)) return false
  state = claimed
  return true
}

async function fail(error: unknown): Promise<void> {
  const message = error instanceof Error ? error.message : String(error)
  await report(
    error instanceof ImagesMissingError
      ? { type: 'images missing', image: error.image, reason: error.reason }
      : {
          type: 'failed',
          message,
          ...(error instanceof PipelineError && { fix: error.fix, exitCode: error.exitCode }),
        },
  )
  await end()
}

function say(file: string, line: string): void {
  lines.push(line)
  try {
    appendFileSync(file, `${line}\n`)
  } catch {
    // The disk that it wants to complain of may be full.
  }
}

/** Ends the parts, removes their traces, and then this process. */
async function end(): Promise<void> {
  if (ending) return
  ending = true
  try {
    if (!running) {
      unwanted.abort()
      killChildren()
      // Containers that are still being created can be removed only once they exist; JVMs that were killed reject at
      // once.
      running = await starting?.catch(() => undefined)
    }
    await running?.stop()
    childPids = []
  } finally {
    if (folder !== undefined) removeClusterFolder(folder)
    if (state) clearState(state)
    process.exit(0)
  }
}

function killChildren(): void {
  for (const pid of childPids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended already.
    }
  }
}

/** Resolves once the owner's end of the channel has it: the process may end right after. */
function report(message: SupervisorReport): Promise<void> {
  return new Promise((sent) => {
    if (process.connected) process.send?.(message, () => sent())
    else sent()
  })
}
