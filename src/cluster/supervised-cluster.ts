import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { extname } from 'node:path'
import type { Cluster, Log } from './cluster.ts'
import { ClusterStartError, ImagesMissingError } from './errors.ts'
import type { SupervisorOrder, SupervisorReport, SupervisorRequest } from './supervisor-protocol.ts'

/**
 * Starts a cluster under a supervisor and waits until it answers.
 *
 * An owned cluster ends with `stop`, or with this process, however that ends. It does not keep the event loop alive. A
 * detached one goes on; only its state file leads back to it.
 *
 * @returns undefined if a detached cluster of another start was quicker
 * @throws ClusterStartError or ImagesMissingError
 */
export async function startSupervised(request: SupervisorRequest, log: Log): Promise<Cluster | undefined> {
  const supervisor = forkSupervisor()
  supervisor.send(request)
  const report = await firstReport(supervisor)
  if (report.type === 'superseded') {
    await ended(supervisor)
    return undefined
  }
  if (report.type !== 'ready') {
    await ended(supervisor)
    if (report.type === 'images missing') throw new ImagesMissingError(report.image, report.reason)
    if (report.type === 'failed') throw new ClusterStartError(report.message, report.fix, report.exitCode)
    throw new ClusterStartError(report.message)
  }
  supervisor.on('message', (later: SupervisorReport) => {
    if (later.type === 'died') log(`The local cluster is gone: ${later.message}`)
  })
  supervisor.unref()
  supervisor.channel?.unref()
  if (request.detached) supervisor.disconnect()

  for (const line of report.lines) log(line)
  const { brokers, registry } = report
  return { brokers, registry, kind: request.parts.kind, stop: () => stopSupervisor(supervisor) }
}

function forkSupervisor(): ChildProcess {
  // Under TypeScript this module and the supervisor are .ts, in the built package .js.
  const module = new URL(`./supervisor${extname(import.meta.url)}`, import.meta.url)
  return fork(module, {
    // Its own group: Ctrl-C reaches the owner alone, which then stops the cluster in order.
    detached: true,
    // No inherited output: a pipe that a detached process holds open would never end for who reads it.
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    cwd: tmpdir(),
    execArgv: [],
  })
}

async function firstReport(supervisor: ChildProcess): Promise<SupervisorReport> {
  const gone = new AbortController()
  const message = once(supervisor, 'message', { signal: gone.signal })
  message.catch(() => undefined)
  const exit = once(supervisor, 'exit', { signal: gone.signal })
  exit.catch(() => undefined)
  try {
    const first = await Promise.race([
      message.then(([report]) => report as SupervisorReport),
      exit.then(() => undefined),
    ])
    if (first === undefined) throw new ClusterStartError('The supervisor of the local cluster ended without a report')
    return first
  } finally {
    gone.abort()
  }
}

async function stopSupervisor(supervisor: ChildProcess): Promise<void> {
  if (hasEnded(supervisor)) return
  supervisor.ref()
  if (supervisor.connected) supervisor.send('stop' satisfies SupervisorOrder, () => undefined)
  else supervisor.kill('SIGTERM')
  await ended(supervisor)
}

async function ended(supervisor: ChildProcess): Promise<void> {
  if (!hasEnded(supervisor)) await once(supervisor, 'exit')
}

function hasEnded(supervisor: ChildProcess): boolean {
  return supervisor.exitCode !== null || supervisor.signalCode !== null
}
