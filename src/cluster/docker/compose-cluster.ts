import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Cluster, Log } from '../cluster.ts'
import { ClusterStartError, ClusterUnavailableError } from '../errors.ts'
import { freePorts } from '../free-ports.ts'
import { keepPorts, lastPorts } from '../last-ports.ts'
import { type ClusterState, claimState, clearState } from '../state-file.ts'
import { clusterServices, composeFile } from './compose-file.ts'
import { ensureImages } from './images.ts'

const run = promisify(execFile)

/**
 * Starts Kafka and the registry of docker-compose.yml, which go on until `stopCompose`, and signs them into the state
 * file.
 *
 * @throws ClusterUnavailableError without the compose plugin, ImagesMissingError, or ClusterStartError with what
 * compose says
 */
export async function startCompose(options: { brokerHeap: string; registryHeap: string; log: Log }): Promise<Cluster> {
  await run('docker', ['compose', 'version']).catch(() => {
    throw new ClusterUnavailableError(['"docker compose" is not installed'])
  })
  await ensureImages()
  const last = lastPorts()
  const [kafkaPort, registryPort] = await freePorts(2, [last.broker, last.registry])
  try {
    await compose(['up', '--detach', '--wait', ...clusterServices], {
      VGM_KAFKA_PORT: String(kafkaPort),
      VGM_REGISTRY_PORT: String(registryPort),
      VGM_KAFKA_HEAP: options.brokerHeap,
      VGM_REGISTRY_HEAP: options.registryHeap,
    })
  } catch (error) {
    await stopCompose().catch(() => undefined)
    throw new ClusterStartError(`docker compose up failed:\n${(error as { stderr?: string }).stderr ?? error}`)
  }
  const brokers = `127.0.0.1:${kafkaPort}`
  const registry = `http://127.0.0.1:${registryPort}/apis/ccompat/v7`
  const state: ClusterState = { kind: 'docker', brokers, registry, startedAtMs: Date.now() }
  claimState(state)
  keepPorts(state)
  return { brokers, registry, kind: 'docker', stop: () => stopCompose().then(() => clearState(state)) }
}

/** Removes all services, those of profiles too, which have nothing to work with any more, and their data. */
export async function stopCompose(): Promise<void> {
  await compose(['--profile', '*', 'down', '--volumes', '--timeout', '5'])
}

async function compose(args: readonly string[], settings: Record<string, string> = {}): Promise<void> {
  await run('docker', ['compose', '--file', composeFile, ...args], { env: { ...process.env, ...settings } })
}
