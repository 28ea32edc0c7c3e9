import { accessSync, constants } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import type { Cluster, ClusterKind, Log } from './cluster.ts'
import { ClusterStartError, ClusterUnavailableError, ImagesMissingError } from './errors.ts'
import { type Installation, install, installationIn, isInstalled } from './jvm/installation.ts'
import { type Java, neededJava, newestJava } from './jvm/java.ts'
import { findLocalCluster, localClusterStatus } from './local-cluster.ts'
import { startSupervised } from './supervised-cluster.ts'
import type { SupervisorRequest } from './supervisor-protocol.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface StartClusterOptions {
  /** `auto` (the default) takes the first that can be had: external, docker, jvm. */
  readonly kind?: ClusterKind | 'auto'
  /**
   * What may choose for `auto`: VGM_CLUSTER, and KAFKA_BROKERS with SCHEMA_REGISTRY_URL. The process environment is not
   * read by itself, so that a demo cannot write into production brokers. Default: empty.
   */
  readonly environment?: Environment
  /** Told what takes long and which way was taken. Default: silent. */
  readonly log?: Log
  /**
   * Where the rows and schemas stay beyond this run; `auto` then means the JVM. Default: a temporary folder that goes
   * with the cluster.
   */
  readonly dataDir?: string
  /** True: the cluster runs without this process until `stopLocalCluster`; a running one of the user is returned. */
  readonly detached?: boolean
  /** Maximum heap of the broker, as after -Xmx. Default: `1g`. */
  readonly brokerHeap?: string
  /** Maximum heap of the registry, as after -Xmx. Default: `384m`. */
  readonly registryHeap?: string
}

type StartOptions = Omit<SupervisorRequest, 'parts'> & { readonly log: Log }

/**
 * Returns a cluster that answers: an external one, or one that is started here.
 *
 * @throws UsageError if the choice is not possible as it is written
 * @throws ClusterUnavailableError if this machine has nothing to run one on
 * @throws ClusterInstallError, ImagesMissingError or ClusterStartError if the chosen way fails
 *
 * @example
 * const cluster = await startCluster({ kind: 'jvm', log: console.error })
 * cluster.brokers   // '127.0.0.1:38211'
 * cluster.registry  // 'http://127.0.0.1:41733/apis/ccompat/v7'
 * await cluster.stop()
 */
export async function startCluster({
  environment = {},
  kind = 'auto',
  log = () => undefined,
  dataDir,
  detached = false,
  brokerHeap = '1g',
  registryHeap = '384m',
}: StartClusterOptions = {}): Promise<Cluster> {
  const chosen = kind === 'auto' ? kindFrom(environment) : kind
  const external = chosen === 'external' || chosen === 'auto' ? externalCluster(environment, chosen) : undefined
  if (external) return external

  if (detached) {
    const present = await presentCluster()
    if (present) return present
  }
  const options = {
    log,
    detached,
    brokerHeap,
    registryHeap,
    ...(dataDir !== undefined && { dataDir: resolve(dataDir) }),
  }
  if (dataDir !== undefined && chosen === 'docker') {
    throw new UsageError(
      'A data folder needs the JVM cluster: containers keep their rows inside',
      'Remove one of the two flags',
    )
  }
  const onJvm = chosen === 'jvm' || dataDir !== undefined
  return onJvm ? startOnJvm(options, []) : startOnDocker(options, chosen === 'auto')
}

function kindFrom({ VGM_CLUSTER: kind = 'auto' }: Environment): ClusterKind | 'auto' {
  if (kind === 'auto' || kind === 'external' || kind === 'docker' || kind === 'jvm') return kind
  throw new UsageError(`VGM_CLUSTER is "${kind}"`, 'Set it to auto, external, docker or jvm')
}

function externalCluster(environment: Environment, chosen: 'auto' | 'external'): Cluster | undefined {
  const { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry } = environment
  if (brokers && registry)
    return { brokers, registry: registry.replace(/\/+$/, ''), kind: 'external', stop: async () => undefined }
  if (chosen === 'auto' && !brokers && !registry) return undefined
  const missing = [brokers ? '' : 'KAFKA_BROKERS', registry ? '' : 'SCHEMA_REGISTRY_URL'].filter(Boolean).join(' and ')
  throw new UsageError(
    `An external cluster needs ${missing}`,
    `Set ${missing}, or VGM_CLUSTER=docker or jvm to start a local cluster`,
  )
}

async function startOnDocker(options: StartOptions, mayFallBack: boolean): Promise<Cluster> {
  const { dockerEngine } = await import('./docker/docker-engine.ts')
  const engine = await dockerEngine()
  if (!engine.answers) {
    if (mayFallBack) return startOnJvm(options, [engine.reason])
    throw new ClusterUnavailableError([engine.reason])
  }
  try {
    if (!options.detached) return await supervised({ kind: 'docker' }, options)
    const { startCompose } = await import('./docker/compose-cluster.ts')
    return await startCompose(options)
  } catch (error) {
    const notUsable = error instanceof ImagesMissingError || error instanceof ClusterUnavailableError
    if (!(mayFallBack && notUsable)) throw error
    const reason = error instanceof ImagesMissingError ? `Docker has no image ${error.image}` : error.message
    options.log(`${reason}; continuing without it`)
    return startOnJvm(options, [reason])
  }
}

/** @param before why the ways that come first were not taken */
async function startOnJvm(options: StartOptions, before: readonly string[]): Promise<Cluster> {
  return supervised({ kind: 'jvm', ...(await jvmParts(options.log, before)) }, options)
}

/**
 * What a cluster on the JVM needs, fetched if need be.
 *
 * @param before why the ways that come first were not taken
 * @throws ClusterUnavailableError or ClusterInstallError
 */
export async function jvmParts(
  log: Log,
  before: readonly string[] = [],
): Promise<{ readonly java: Java; readonly installation: Installation }> {
  const java = newestJava()
  if (java === undefined || java.feature < neededJava) {
    const found = java === undefined ? 'no Java was found' : `the newest Java found is ${java.version} in ${java.home}`
    throw new ClusterUnavailableError([...before, `${found} (${neededJava} or newer is needed)`])
  }
  return { java, installation: await installed(java, log, before) }
}

async function installed(java: Java, log: Log, before: readonly string[]): Promise<Installation> {
  const present = installationIn()
  if (isInstalled(present)) return present
  const maven = onPath('mvn')
  if (maven === undefined) {
    throw new ClusterUnavailableError([
      ...before,
      'Kafka is not in the cache yet and there is no mvn on the PATH to fetch it',
    ])
  }
  return install(java, maven, log)
}

async function supervised(parts: SupervisorRequest['parts'], { log, ...options }: StartOptions): Promise<Cluster> {
  const cluster = await startSupervised({ ...options, parts }, log)
  if (cluster) return cluster
  // Superseded: another start signed itself into the state file first.
  const other = await presentCluster()
  if (other) return other
  throw new ClusterStartError('Another local cluster was started and stopped meanwhile', 'Start again')
}

async function presentCluster(): Promise<Cluster | undefined> {
  const status = await localClusterStatus()
  if (status && !status.alive) {
    throw new ClusterStartError(
      `The local cluster that was started before does not answer at ${status.brokers} or ${status.registry}`,
      'Run "vgm down", then start again',
    )
  }
  return status && findLocalCluster()
}

function onPath(command: string): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    try {
      const file = join(folder, command)
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // Not in this folder.
    }
  }
  return undefined
}
