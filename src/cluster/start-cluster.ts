import { accessSync, constants } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import type { Cluster, ClusterKind, LocalClusterKind, Log } from './cluster.ts'
import { makeDataFolder } from './data-folder.ts'
import { ClusterStartError, ClusterUnavailableError } from './errors.ts'
import { type Installation, install, installationIn, isInstalled } from './jvm/installation.ts'
import { type Java, neededJava, newestJava } from './jvm/java.ts'
import { findLocalCluster, localClusterStatus } from './local-cluster.ts'
import { notePendingStart } from './pending-starts.ts'
import { startSupervised } from './supervised-cluster.ts'
import type { SupervisorRequest } from './supervisor-protocol.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface StartClusterOptions {
  /**
   * `auto` (the default) takes the first that is ready without a download: external, docker, jvm; else the embedded
   * broker, which needs nothing. It passes over kinds that have no use for `dataDir` or `memoryBytes`.
   */
  readonly kind?: ClusterKind | 'auto'
  /**
   * What may choose for `auto`: VGM_CLUSTER, and KAFKA_BROKERS with SCHEMA_REGISTRY_URL. The process environment is not
   * read by itself, so that a demo cannot write into production brokers. Default: empty.
   */
  readonly environment?: Environment
  /** Told what takes long and which way was taken. Default: silent. */
  readonly log?: Log
  /**
   * Where the rows and schemas stay beyond this run, for the kinds `jvm` and `embedded`; `auto` takes one of these
   * then. Default: a temporary folder, or memory, that goes with the cluster.
   */
  readonly dataDir?: string
  /** True: the cluster runs without this process until `stopLocalCluster`; a running one of the user is returned. */
  readonly detached?: boolean
  /** Maximum heap of the broker, as after -Xmx. Default: `1g`. */
  readonly brokerHeap?: string
  /** Maximum heap of the registry, as after -Xmx. Default: `384m`. */
  readonly registryHeap?: string
  /**
   * What the embedded broker may hold in memory. Default: a quarter of the machine's memory, at most 2 GiB. `auto`
   * takes the embedded broker if it is given. No other kind takes it, nor does a broker with `dataDir`.
   */
  readonly memoryBytes?: number
}

/** Where rows are to be, as far as it was said. */
type StorageChoice = Pick<StartClusterOptions, 'dataDir' | 'memoryBytes'>
interface StartOptions extends Omit<SupervisorRequest, 'parts'>, StorageChoice {
  readonly chosen: ClusterKind | 'auto'
  readonly log: Log
}

/**
 * Returns a cluster that answers: an external one, or one that is started here.
 *
 * @throws UsageError if the choice is not possible as it is written
 * @throws ClusterUnavailableError if this machine has nothing to run a cluster of the chosen kind on
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
  memoryBytes,
}: StartClusterOptions = {}): Promise<Cluster> {
  if (dataDir === '') throw new UsageError('--data-dir is empty', 'Give it a path, or leave it out')
  const chosen = kind === 'auto' ? kindFrom(environment) : kind
  const storage: StorageChoice = {
    ...(dataDir !== undefined && { dataDir: resolve(dataDir) }),
    ...(memoryBytes !== undefined && { memoryBytes }),
  }
  const external = chosen === 'external' || chosen === 'auto' ? externalCluster(environment, chosen) : undefined
  refuseUnusable(storage, external === undefined ? chosen : 'external')
  if (external) return external

  const options: StartOptions = { chosen, log, detached, brokerHeap, registryHeap, ...storage }
  if (!detached) return startLocal(options)
  const forget = notePendingStart()
  try {
    return (await presentCluster(options)) ?? (await startLocal(options))
  } finally {
    forget()
  }
}

async function startLocal(options: StartOptions): Promise<Cluster> {
  const { chosen, log } = options
  switch (chosen === 'auto' || chosen === 'external' ? await readyKind(options) : chosen) {
    case 'docker':
      return startOnDocker(options)
    case 'jvm':
      return startOnJvm(options)
    case 'embedded':
      if (chosen === 'auto') log(embeddedNotice)
      return startEmbedded(options)
  }
}

const embeddedNotice =
  'Starting the embedded broker, which is for trying, developing and testing: one node, no replication, no security. ' +
  'For Apache Kafka start Docker, or install Java 21 and Maven, and name it: --cluster docker or --cluster jvm'

/** @throws UsageError for a choice that a kind of cluster would ignore */
function refuseUnusable({ dataDir, memoryBytes }: StorageChoice, kind: ClusterKind | 'auto'): void {
  if (dataDir !== undefined && memoryBytes !== undefined)
    throw new UsageError(
      '--data-dir keeps the rows in a folder, and --memory in memory: they exclude each other',
      'Leave out --memory or --data-dir',
    )
  if (memoryBytes !== undefined && kind !== 'auto' && kind !== 'embedded')
    throw new UsageError(
      `--memory limits the rows of an embedded cluster, and --cluster ${kind} keeps its rows elsewhere`,
      'Leave out --memory, or choose --cluster embedded',
    )
  if (dataDir === undefined || (kind !== 'docker' && kind !== 'external')) return
  throw new UsageError(
    kind === 'docker'
      ? '--data-dir applies to --cluster jvm and embedded, and containers keep their rows inside'
      : '--data-dir applies to --cluster jvm and embedded, and a running cluster has its own place for rows',
    'Leave out --data-dir, or choose --cluster jvm or --cluster embedded',
  )
}

/** The first kind of a cluster that starts without a download, and does with rows what was said. */
async function readyKind({ dataDir, memoryBytes }: StorageChoice): Promise<LocalClusterKind> {
  if (memoryBytes !== undefined) return 'embedded'
  if (dataDir === undefined && (await isDockerReady())) return 'docker'
  const java = newestJava()
  const isJvmReady = java !== undefined && java.feature >= neededJava && isInstalled(installationIn())
  return isJvmReady ? 'jvm' : 'embedded'
}

async function isDockerReady(): Promise<boolean> {
  const { dockerEngine } = await import('./docker/docker-engine.ts')
  if (!(await dockerEngine()).answers) return false
  const { hasImages } = await import('./docker/images.ts')
  // An engine may end between two questions.
  return hasImages().catch(() => false)
}

function kindFrom({ VGM_CLUSTER: kind = 'auto' }: Environment): ClusterKind | 'auto' {
  if (kind === 'auto' || kind === 'external' || kind === 'docker' || kind === 'jvm' || kind === 'embedded') return kind
  throw new UsageError(
    `VGM_CLUSTER=${kind} names no kind of cluster`,
    'Set it to auto, external, docker, jvm or embedded',
  )
}

function externalCluster(environment: Environment, chosen: 'auto' | 'external'): Cluster | undefined {
  const { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry } = environment
  if (brokers && registry)
    return { brokers, registry: registry.replace(/\/+$/, ''), kind: 'external', stop: async () => undefined }
  if (chosen === 'auto' && !brokers && !registry) return undefined
  const missing = [brokers ? '' : 'KAFKA_BROKERS', registry ? '' : 'SCHEMA_REGISTRY_URL'].filter(Boolean).join(' and ')
  throw new UsageError(
    `An external cluster needs ${missing}`,
    `Set ${missing}, or VGM_CLUSTER=docker, jvm or embedded to start a local cluster`,
  )
}

async function startOnDocker(options: StartOptions): Promise<Cluster> {
  const { dockerEngine } = await import('./docker/docker-engine.ts')
  const engine = await dockerEngine()
  if (!engine.answers) throw new ClusterUnavailableError([engine.reason])
  if (!options.detached) return supervised({ kind: 'docker' }, options)
  const { startCompose } = await import('./docker/compose-cluster.ts')
  return startCompose(options)
}

async function startOnJvm(options: StartOptions): Promise<Cluster> {
  if (options.dataDir !== undefined) makeDataFolder(options.dataDir)
  return supervised({ kind: 'jvm', ...(await jvmParts(options.log)) }, options)
}

async function startEmbedded({ memoryBytes, ...options }: StartOptions): Promise<Cluster> {
  if (options.dataDir !== undefined) makeDataFolder(options.dataDir)
  return supervised({ kind: 'embedded', ...(memoryBytes !== undefined && { memoryBytes }) }, options)
}

/**
 * What a cluster on the JVM needs, fetched if need be.
 *
 * @throws ClusterUnavailableError or ClusterInstallError
 */
export async function jvmParts(log: Log): Promise<{ readonly java: Java; readonly installation: Installation }> {
  const java = newestJava()
  if (java === undefined || java.feature < neededJava) {
    const found = java === undefined ? 'no Java was found' : `the newest Java found is ${java.version} in ${java.home}`
    throw new ClusterUnavailableError([`${found} (${neededJava} or newer is needed)`])
  }
  return { java, installation: await installed(java, log) }
}

async function installed(java: Java, log: Log): Promise<Installation> {
  const present = installationIn()
  if (isInstalled(present)) return present
  const maven = onPath('mvn')
  if (maven === undefined) {
    throw new ClusterUnavailableError(['Kafka is not in the cache yet and there is no mvn on the PATH to fetch it'])
  }
  return install(java, maven, log)
}

async function supervised(parts: SupervisorRequest['parts'], options: StartOptions): Promise<Cluster> {
  const { chosen: _, log, ...request } = options
  const cluster = await startSupervised({ ...request, parts }, log)
  if (cluster) return cluster
  // Superseded: another start signed itself into the state file first.
  const other = await presentCluster(options)
  if (other) return other
  throw new ClusterStartError('Another local cluster was started and stopped meanwhile', 'Start again')
}

/** The cluster that runs detached already. @throws UsageError if it is not as it was said */
async function presentCluster({ chosen, dataDir, memoryBytes }: StartOptions): Promise<Cluster | undefined> {
  const status = await localClusterStatus()
  if (status === undefined) return undefined
  if (!status.alive) {
    throw new ClusterStartError(
      `The local cluster that was started before does not answer at ${status.brokers} or ${status.registry}`,
      'Run "vgm down", then start again',
    )
  }
  const refuse = (what: string, option: string) => {
    throw new UsageError(
      `A local cluster runs already, and ${what}`,
      `Run "vgm down" first, which ends it, or leave out ${option}`,
    )
  }
  if (chosen !== 'auto' && status.kind !== chosen) refuse(`is of the kind ${status.kind}`, '--cluster (VGM_CLUSTER)')
  if (dataDir !== undefined && status.dataDir !== dataDir)
    refuse(`keeps its rows ${status.dataDir ? `in ${status.dataDir}` : 'elsewhere'}`, '--data-dir')
  if (memoryBytes !== undefined && status.memoryBytes !== memoryBytes)
    refuse(
      status.memoryBytes ? `takes ${status.memoryBytes / 2 ** 20} MiB of rows` : 'has another limit of memory',
      '--memory',
    )
  return findLocalCluster()
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
