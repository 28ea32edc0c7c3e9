import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asProperties, brokerSettings } from '../broker-settings.ts'
import { ClusterStartError } from '../errors.ts'
import { freePorts } from '../free-ports.ts'
import { brokerAnswers, registryAnswers, untilReady } from '../readiness.ts'
import { registryJvm } from '../registry-jvm.ts'
import type { RunningCluster } from '../running-cluster.ts'
import { type ClassArchive, classArchive } from './class-archive.ts'
import type { Installation } from './installation.ts'
import type { Java } from './java.ts'
import { type JavaProcess, startJava } from './java-process.ts'

const startTimeoutMs = 120_000
/** How long a kept data folder may take to be closed. */
const flushMs = 20_000
/** How long the class archives may take to be written; without them a start only takes longer. */
const recordMs = 60_000
const attempts = 3

export interface JvmClusterOptions {
  readonly java: Java
  readonly installation: Installation
  /** Temporary: logs always go here, and the data too unless `dataDir` names another place. */
  readonly folder: string
  /** Keeps the rows and the schemas beyond this run. */
  readonly dataDir?: string
  /** Maximum heap, as after -Xmx. */
  readonly brokerHeap: string
  readonly registryHeap: string
  /** Called with the process ids before they are waited for. */
  readonly onStarted: (pids: readonly number[]) => void
}

/**
 * Starts one Kafka node (broker and controller) and the registry on ports of the loopback, and waits until both answer.
 *
 * @throws ClusterStartError with the end of the log of the part that failed
 */
export async function startJvmCluster(options: JvmClusterOptions): Promise<RunningCluster> {
  const archives = archivesOf(options)
  if (!archives.kafka.exists || !archives.registry.exists) await recordArchives(options)
  const { brokers, registry, kafka, apicurio } = await start(options, archives.kafka.read, archives.registry.read)
  return {
    brokers,
    registry,
    died: Promise.race(
      [kafka, apicurio].map((part) => part.exited.then(() => `${part.name} ended:\n${part.logTail()}`)),
    ),
    async stop() {
      // Data that goes with the cluster needs no tidy end.
      const graceMs = options.dataDir === undefined ? 0 : flushMs
      await Promise.all([kafka.end(graceMs), apicurio.end(graceMs)])
    },
  }
}

/** Runs a cluster once for its class archives alone: the first start with a Java pays, all later ones gain. */
async function recordArchives({ dataDir: _, ...options }: JvmClusterOptions): Promise<void> {
  const folder = join(options.folder, 'recording')
  mkdirSync(folder)
  const archives = archivesOf(options)
  const { kafka, apicurio } = await start({ ...options, folder }, archives.kafka.record, archives.registry.record)
  const ends = await Promise.all([kafka.end(recordMs), apicurio.end(recordMs)])
  archives.kafka.settle(ends[0])
  archives.registry.settle(ends[1])
}

function archivesOf({ java, installation }: JvmClusterOptions): { kafka: ClassArchive; registry: ClassArchive } {
  return {
    kafka: classArchive('kafka', java, installation),
    registry: classArchive('registry', java, installation),
  }
}

interface Parts {
  readonly brokers: string
  readonly registry: string
  readonly kafka: JavaProcess
  readonly apicurio: JavaProcess
}

async function start(
  options: JvmClusterOptions,
  kafkaArchive: readonly string[],
  registryArchive: readonly string[],
): Promise<Parts> {
  for (let attempt = 1; ; attempt++) {
    const [brokerPort, controllerPort, registryPort, managementPort] = await freePorts(4)
    const brokers = `127.0.0.1:${brokerPort}`
    const registry = `http://127.0.0.1:${registryPort}/apis/ccompat/v7`
    const kafka = startKafka(options, brokerPort, controllerPort, kafkaArchive)
    const apicurio = startRegistry(options, registryPort, managementPort, registryArchive)
    options.onStarted([kafka.pid, apicurio.pid])
    try {
      await Promise.all([
        untilAnswers(kafka, () => brokerAnswers(brokers)),
        untilAnswers(apicurio, () => registryAnswers(registry)),
      ])
      return { brokers, registry, kafka, apicurio }
    } catch (error) {
      await Promise.all([kafka.end(0), apicurio.end(0)])
      // Somebody else took a port between its choice and its use.
      const portTaken = error instanceof ClusterStartError && /already in use|BindException/.test(error.message)
      if (!portTaken || attempt === attempts) throw error
    }
  }
}

function startKafka(
  options: JvmClusterOptions,
  port: number,
  controllerPort: number,
  archive: readonly string[],
): JavaProcess {
  const { folder, installation, java } = options
  const data = join(options.dataDir ?? folder, 'kafka')
  mkdirSync(data, { recursive: true })
  if (!existsSync(join(data, 'meta.properties'))) cpSync(installation.formatted, data, { recursive: true })

  const properties = join(folder, 'server.properties')
  const addresses = {
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': data,
  }
  writeFileSync(properties, asProperties({ ...brokerSettings, ...addresses }))
  const logging = join(folder, 'log4j2.properties')
  writeFileSync(logging, log4j)

  const heapAndCollector = [
    `-Xmx${options.brokerHeap}`,
    '-XX:+UseG1GC',
    '-XX:MaxGCPauseMillis=20',
    '-Djava.awt.headless=true',
  ]
  const system = [`-Dlog4j2.configurationFile=${logging}`, '-cp', installation.kafkaClassPath]
  return startJava(
    'Kafka',
    java,
    [...heapAndCollector, ...archive, ...system, 'kafka.Kafka', properties],
    join(folder, 'kafka.log'),
  )
}

function startRegistry(
  options: JvmClusterOptions,
  port: number,
  managementPort: number,
  archive: readonly string[],
): JavaProcess {
  const { dataDir, folder, installation, java } = options
  const jvm = [`-Xmx${options.registryHeap}`, ...registryJvm.split(' ')]
  const settings = {
    'quarkus.http.host': '127.0.0.1',
    'quarkus.http.port': port,
    // Health and metrics have a listener of their own, on all addresses at 9000 unless told.
    'quarkus.management.host': '127.0.0.1',
    'quarkus.management.port': managementPort,
    'quarkus.http.access-log.enabled': false,
    'apicurio.datasource.jdbc.initial-size': 2,
    'apicurio.datasource.jdbc.min-size': 2,
    'java.util.logging.manager': 'org.jboss.logmanager.LogManager',
    // Schema ids stand in the rows: kept rows need kept schemas. Otherwise H2 lives in memory.
    ...(dataDir === undefined ? {} : { 'apicurio.datasource.url': `jdbc:h2:file:${join(dataDir, 'registry')}` }),
  }
  const system = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`)
  const args = [...jvm, ...archive, ...system, '-jar', installation.registryJar]
  return startJava('Apicurio Registry', java, args, join(folder, 'registry.log'))
}

async function untilAnswers(part: JavaProcess, answers: () => Promise<boolean>): Promise<void> {
  const ended = new AbortController()
  const exited = part.exited.then(() => {
    ended.abort()
    throw new ClusterStartError(`${part.name} ended while it started:\n${part.logTail()}`)
  })
  const ready = untilReady(answers, { timeoutMs: startTimeoutMs, signal: ended.signal }).then((inTime) => {
    if (!inTime)
      throw new ClusterStartError(`${part.name} did not answer within ${startTimeoutMs / 1000} s:\n${part.logTail()}`)
  })
  // The losing promise of the race may still reject, when the part ends long after it was ready.
  exited.catch(() => undefined)
  ready.catch(() => undefined)
  await Promise.race([ready, exited])
}

const log4j = `\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
`
