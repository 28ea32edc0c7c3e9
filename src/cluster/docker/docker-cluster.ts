import { hostname } from 'node:os'
import { GenericContainer, getContainerRuntimeClient, type StartedTestContainer, Wait } from 'testcontainers'
import { identifyProcess, isRunning, type ProcessIdentity } from '../../embedded/process-identity.ts'
import type { RunningCluster } from '../cluster.ts'
import { ClusterStartError } from '../errors.ts'
import { brokerAnswers, registryAnswers, untilReady } from '../readiness.ts'
import { registryJvm } from '../registry-jvm.ts'
import { ApacheKafkaContainer, brokerAddress } from './apache-kafka-container.ts'
import { ensureImages, registryImage } from './images.ts'

const startTimeoutMs = 120_000
const registryPort = 8080
const supervisorLabel = 'io.vgmstream.supervisor'

export interface DockerClusterOptions {
  /** Maximum heaps, as after -Xmx. */
  readonly brokerHeap: string
  readonly registryHeap: string
  /** Aborted if the cluster is no longer needed: started parts are then removed. */
  readonly signal: AbortSignal
}

/**
 * Starts Kafka and the registry in containers of their own, on ports that the engine chooses. The calling process has
 * to outlive them and stop them.
 *
 * @throws ImagesMissingError, or ClusterStartError if one does not answer in time
 */
export async function startDockerCluster(options: DockerClusterOptions): Promise<RunningCluster> {
  // Ryuk removes the containers of a process that died. The supervisor does this here, without a third image.
  process.env.TESTCONTAINERS_RYUK_DISABLED = 'true'
  await ensureImages()
  await removeAbandoned()
  options.signal.throwIfAborted()
  const labels = { [supervisorLabel]: JSON.stringify({ host: hostname(), ...identifyProcess(process.pid) }) }
  const kafka = new ApacheKafkaContainer(options.brokerHeap).withLabels(labels)
  const registry = new GenericContainer(registryImage)
    .withExposedPorts(registryPort)
    .withEnvironment({ JAVA_OPTS_APPEND: `${registryJvm} -Xmx${options.registryHeap}` })
    // The default would wait for the port, deaf to the signal.
    .withWaitStrategy(Wait.forLogMessage(/./))
    .withLabels(labels)

  const starts = await Promise.allSettled([kafka.start(), registry.start()])
  const containers = starts.filter((it) => it.status === 'fulfilled').map((it) => it.value)
  try {
    for (const start of starts) if (start.status === 'rejected') throw new ClusterStartError(String(start.reason))
    const brokers = brokerAddress(containers[0])
    const url = `http://${containers[1].getHost()}:${containers[1].getMappedPort(registryPort)}/apis/ccompat/v7`
    await Promise.all([
      untilAnswers('Kafka', containers[0], options.signal, () => brokerAnswers(brokers)),
      untilAnswers('Apicurio Registry', containers[1], options.signal, () => registryAnswers(url)),
    ])
    return { brokers, registry: url, died: new Promise(() => undefined), stop: () => remove(containers) }
  } catch (error) {
    await remove(containers)
    throw error
  }
}

async function untilAnswers(
  name: string,
  container: StartedTestContainer,
  signal: AbortSignal,
  answers: () => Promise<boolean>,
): Promise<void> {
  if (await untilReady(answers, { timeoutMs: startTimeoutMs, signal })) return
  signal.throwIfAborted()
  const log = await container.logs({ tail: 12 })
  const tail = Buffer.concat(await log.take(12).toArray()).toString()
  log.destroy()
  throw new ClusterStartError(`${name} did not answer within ${startTimeoutMs / 1000} s:\n${tail}`)
}

async function remove(containers: readonly StartedTestContainer[]): Promise<void> {
  await Promise.all(containers.map((container) => container.stop({ timeout: 0 })))
}

/** Removes the containers of supervisors of this host that were killed themselves. */
async function removeAbandoned(): Promise<void> {
  const { container } = await getContainerRuntimeClient()
  for (const { Id, Labels } of await container.list()) {
    if (Labels[supervisorLabel] === undefined) continue
    const { host, ...supervisor } = JSON.parse(Labels[supervisorLabel]) as ProcessIdentity & { host: string }
    if (host === hostname() && !isRunning(supervisor)) await container.getById(Id).remove({ force: true, v: true })
  }
}
