import { type ClusterAccess, noAccess } from '../config/cluster-access.ts'
import { type ClusterAddress, withoutSlash } from '../config/cluster-address.ts'
import { defaultPositionsTopic } from '../config/names.ts'
import {
  brokerAddress,
  flag,
  instanceOf,
  listener,
  listOf,
  ownTopic,
  registryUrl,
  withMethods,
} from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import { ClusterAdmin } from '../kafka/admin.ts'
import type { ControlLog } from '../kafka/kafkajs-client.ts'
import { SchemaRegistry } from '../kafka/registry.ts'
import { RowClient } from '../kafka/row-client.ts'
import { logEvent } from '../observe/event-log.ts'
import { createLogger, type Logger } from '../observe/logger.ts'
import type { ConnectionSettings } from '../ports/connection-settings.ts'
import type { MemberNumber, StageEvent, StalledPartition } from '../ports/stage-event.ts'
import { accessCheck } from './access-check.ts'
import { optionChecks } from './check-options.ts'
import { untilRegistryAnswers } from './registry-watch.ts'
import { SessionLife } from './session-life.ts'
import { whenReachable } from './when-reachable.ts'

/**
 * A cluster that is open. Programs pass it on and close it; what else is in it is for the functions of this library,
 * and not in the package's types.
 */
export interface ClusterSession {
  /** @internal as it was given, for threads and processes that open the cluster themselves */
  readonly address: ClusterAddress
  /** @internal */
  readonly settings: ConnectionSettings
  /** @internal */
  readonly rows: RowClient
  /** @internal */
  readonly admin: ClusterAdmin
  /** @internal */
  readonly registry: SchemaRegistry
  /** @internal */
  readonly log: Logger
  /** aborted when the user or a supervisor requests the shutdown, and when the session is closed */
  readonly signal: AbortSignal
  /** @internal */
  readonly life: SessionLife
  /** @internal the command line of the process, without the program; undefined if it is not ours */
  readonly commandLine?: readonly string[] | undefined
  /**
   * @internal whether work waits for missing brokers and topics, as a long-running stage does, or fails, as a one-shot
   * command does
   */
  readonly waits: boolean
  /** @internal what happens to the stage: a line in the log, and a figure for those who watch */
  readonly report: (event: StageEvent) => void
  /** @internal the same for what a member's thread has put in the log itself */
  readonly observe: (event: StageEvent, member: MemberNumber) => void
  readonly close: () => Promise<void>
}

/** @internal The settings of a command for opening a cluster. */
export type ClusterUse = Pick<ClusterSession, 'log' | 'signal' | 'waits' | 'report' | 'observe' | 'commandLine'>

const clientId = 'vgm'

/** @internal Settings for a command that reports no events, and fails if something is missing. */
export function plainUse(log: Logger, signal: AbortSignal): ClusterUse {
  return { log, signal, waits: false, report: (event) => logEvent(log, event), observe: () => undefined }
}

/** How a program reaches a cluster, and what it listens to. */
export interface ClusterOptions {
  /** Kafka brokers, each `host:port` */
  readonly brokers: readonly string[]
  /** base URL of the registry's Confluent-compatible API, as http://127.0.0.1:8080/apis/ccompat/v7 */
  readonly registry: string
  /** TLS and logins, with an object for the brokers and one for the registry [none] */
  readonly access?: ClusterAccess
  /** the topic that keeps the positions of groups [vgm.positions] */
  readonly positionsTopic?: string
  /** ends the work: what runs throws an InterruptedError [never] */
  readonly signal?: AbortSignal
  /** where events and warnings are written [nowhere] */
  readonly log?: Logger
  /** whether a stage waits for brokers and topics that are not there yet [false: that is an error] */
  readonly waits?: boolean
  /**
   * called for each event of a stage, for instance a joined group or committed rows; an error that it throws ends the
   * session
   */
  readonly onEvent?: (event: StageEvent) => void
}

const clusterChecks = optionChecks<ClusterOptions>(
  'openCluster',
  { brokers: listOf(brokerAddress, brokerAddress.may), registry: registryUrl },
  {
    access: accessCheck,
    positionsTopic: ownTopic,
    signal: instanceOf<AbortSignal>(AbortSignal, 'the signal of an AbortController'),
    log: withMethods<Logger>('a pino logger', ['debug', 'info', 'warn', 'error', 'bindings']),
    waits: flag,
    onEvent: listener(),
  },
)

/**
 * Opens a cluster for the functions of this library.
 *
 * @example
 * const cluster = await openCluster({ brokers: ['127.0.0.1:9092'], registry: 'http://127.0.0.1:8081' })
 * try {
 *   await normalizeTopic(cluster, { dataset: 'trips' })
 * } finally {
 *   await cluster.close()
 * }
 *
 * @throws BrokerUnreachableError if no broker answers; UsageError for wrong options; InterruptedError if the signal has
 *   fired
 */
export async function openCluster(options: ClusterOptions): Promise<ClusterSession> {
  clusterChecks.check(options)
  const { brokers, access = noAccess, positionsTopic, onEvent = () => undefined } = options
  const { signal = new AbortController().signal, log = createLogger('silent'), waits = false } = options
  const registry = withoutSlash(options.registry)
  if (access.registry.tls !== undefined && !registry.startsWith('https:'))
    throw new UsageError(
      `openCluster: access.registry.tls means nothing for ${registry}`,
      'Give a registry with https:, or leave it out',
    )
  const life = new SessionLife()
  // It may be told from a timer or by a thread: there is nobody above it who could catch what it throws.
  const observe = (event: StageEvent) => {
    try {
      onEvent(event)
    } catch (error) {
      life.fail(error)
    }
  }
  const report = (event: StageEvent) => {
    logEvent(log, event)
    observe(event)
  }
  const cluster = clusterSession(
    { brokers, registry, access, positionsTopic },
    { log, signal, waits, report, observe },
    life,
  )
  try {
    await life.run(() => untilReachable(cluster))
    return cluster
  } catch (error) {
    await cluster.close()
    throw error
  }
}

/**
 * @internal Opens the cluster at an address, calls `work` with it, and closes it in any case.
 *
 * @param mustAnswer whether a cluster of which no broker answers is an error, before any work
 */
export async function withClusterAt<T>(
  address: ClusterAddress,
  use: ClusterUse,
  work: (cluster: ClusterSession) => Promise<T>,
  mustAnswer = true,
): Promise<T> {
  const cluster = clusterSession(address, use)
  try {
    if (mustAnswer) await untilReachable(cluster)
    return await work(cluster)
  } finally {
    await cluster.close()
  }
}

function clusterSession(address: ClusterAddress, use: ClusterUse, life = new SessionLife()): ClusterSession {
  const { brokers, registry: url, access, positionsTopic = defaultPositionsTopic } = address
  const settings: ConnectionSettings = { brokers, clientId, ...access.kafka }
  const { report, waits } = use
  const admin = new ClusterAdmin(settings)
  const onReachable = (isReachable: boolean) => {
    report({ kind: 'registry', url, isReachable })
    if (!isReachable && waits) void untilRegistryAnswers(registry, life.signal)
  }
  const registry = new SchemaRegistry({ url, ...access.registry }, { onReachable })
  const onStall = (partitions: readonly StalledPartition[]) => report({ kind: 'stalled', partitions })
  const rows = new RowClient(settings, onStall, {}, positionsTopic)
  const close = () => life.close(() => admin.close())
  const signal = AbortSignal.any([use.signal, life.signal])
  return { ...use, signal, life, address, settings, admin, rows, registry, close }
}

/** @throws BrokerUnreachableError if no broker answers, unless the session waits for them */
async function untilReachable(cluster: ClusterSession): Promise<void> {
  const { admin, report } = cluster
  await whenReachable(cluster, () => admin.connect())
  report({ kind: 'brokers-reached' })
}

/**
 * @internal kafkajs logs every failed attempt. They are not logged here: after the last attempt it throws, and that
 * error is reported.
 */
export function controlLog(log: Logger): ControlLog {
  return (_level, message, context) => log.debug(context, message)
}
