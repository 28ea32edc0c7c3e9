import { join, resolve } from 'node:path'
import { inspect } from 'node:util'
import { PipelineError, UsageError } from '../errors.ts'
import { Broker } from './broker.ts'
import { BrokerSettings, type GivenSettings } from './broker-settings.ts'
import type { Clock } from './core/clock.ts'
import type { Faults } from './faults.ts'
import { lockFolder } from './folder-lock.ts'
import { FileStores, MemoryStores } from './log-stores.ts'
import { usualMemoryBytes } from './memory-limit.ts'
import { SingleNode } from './nodes.ts'
import { systemClock } from './system-clock.ts'
import { TcpServer } from './tcp-server.ts'

export interface EmbeddedBrokerOptions {
  /** folder for all that the broker has; without it everything is in memory, and gone when it stops */
  readonly dataDir?: string
  /** 0 for any that is free */
  readonly port?: number
  /** refused unless it is the loopback */
  readonly host?: string
  /** bytes that rows in memory may take: the smaller of 2 GiB and a quarter of the machine's memory */
  readonly memoryBytes?: number
  /** by the names of Apache Kafka's broker settings */
  readonly settings?: GivenSettings
  /** @internal */
  readonly clock?: Clock
  /** gets what a person may want to know, a line at a time */
  readonly log?: (line: string) => void
}

const knownOptions: Readonly<Record<keyof EmbeddedBrokerOptions, true>> = {
  dataDir: true,
  port: true,
  host: true,
  memoryBytes: true,
  settings: true,
  clock: true,
  log: true,
}

export interface EmbeddedBroker {
  /** host and port */
  readonly brokers: string
  /** makes things go wrong for a test */
  readonly faults: Faults
  /** Resolves with a sentence if the broker ends by itself, as when its disk is full. */
  readonly died: Promise<string>
  stop(): Promise<void>
}

/**
 * Starts a Kafka broker in this process, on the loopback.
 *
 * @throws UsageError for options that cannot be used
 * @throws FolderInUseError, DamagedLogError, StorageError for a folder that cannot be used
 *
 * @example
 *     const broker = await startEmbeddedBroker()
 *     broker.brokers // '127.0.0.1:40123'
 *     await broker.stop()
 */
export async function startEmbeddedBroker(options: EmbeddedBrokerOptions = {}): Promise<EmbeddedBroker> {
  requireKnown(options)
  const { port = 0, host, memoryBytes = usualMemoryBytes, clock = systemClock, log = () => undefined } = options
  if (options.dataDir === '') throw new UsageError('dataDir is empty', 'Give it a path, or leave it out')
  const settings = new BrokerSettings(options.settings)
  const dataDir = options.dataDir === undefined ? undefined : resolve(options.dataDir)
  const unlock = dataDir === undefined ? undefined : await lockFolder(dataDir)
  const stores = dataDir === undefined ? new MemoryStores() : new FileStores(join(dataDir, 'logs'), { log })
  let broker: Broker | undefined
  let server: TcpServer | undefined
  let stopped: Promise<void> | undefined
  const end = async () => {
    try {
      await server?.stop()
      await broker?.close()
    } finally {
      stores.close()
      await unlock?.()
    }
  }
  const stop = () => {
    stopped ??= end()
    return stopped
  }
  const { promise: died, resolve: die } = Promise.withResolvers<string>()
  // Whoever starts it again on its folder finds what was acknowledged.
  const fail = (error: unknown) => {
    if (stopped !== undefined) return
    const message = `The embedded broker ends: ${error instanceof PipelineError ? error.message : inspect(error)}`
    log(message)
    die(message)
    // What cannot be closed has been told already.
    stop().catch(() => undefined)
  }
  try {
    const node = new SingleNode()
    broker = new Broker({ stores, dataDir, settings, memoryBytes, nodes: node, clock, log, fail })
    await broker.start()
    server = await TcpServer.listen(broker, { port, ...(host !== undefined && { host }) }, log)
    node.address = server
    return { brokers: `${server.host}:${server.port}`, died, faults: faultsOf(server, broker), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** @throws UsageError for an option that would be ignored, or a number that is none */
function requireKnown(options: EmbeddedBrokerOptions): void {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(knownOptions, name))
  if (unknown !== undefined)
    throw new UsageError(
      `The embedded cluster has no option "${unknown}"`,
      `Leave it out; known are ${Object.keys(knownOptions).join(', ')}, and registryPort for the cluster`,
    )
  const { memoryBytes = 1, port = 0 } = options
  if (!(Number.isFinite(memoryBytes) && memoryBytes > 0))
    throw new UsageError(`"memoryBytes" is ${memoryBytes}`, 'Give the bytes that rows may take, more than 0')
  requirePort('port', port)
}

/** @throws UsageError for what is no port */
export function requirePort(name: string, port: number): void {
  if (!(Number.isInteger(port) && port >= 0 && port < 65_536))
    throw new UsageError(`"${name}" is ${port}`, 'Give a port up to 65535, or 0 for any that is free')
}

function faultsOf(server: TcpServer, broker: Broker): Faults {
  return {
    goAway: (ms) => server.goAway(ms),
    slowAnswers: (target) => server.faults.add(target, { kind: 'slow', delayMs: target.delayMs }),
    loseAnswers: (target) => server.faults.add(target, { kind: 'lost' }),
    abortTransaction: (transactionalId) => broker.transactions.timeOut(transactionalId),
  }
}
