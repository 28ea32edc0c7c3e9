import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { RunningCluster } from '../cluster.ts'
import { ClusterStartError } from '../errors.ts'
import { freePorts } from '../free-ports.ts'
import type { LastPorts } from '../last-ports.ts'
import { brokerAnswers, registryAnswers } from '../readiness.ts'
import { type ClassArchive, classArchive } from './class-archive.ts'
import type { Installation } from './installation.ts'
import type { Java } from './java.ts'
import type { JavaProcess } from './java-process.ts'
import { startKafkaNode } from './kafka-node.ts'
import { registryUrl, startRegistry } from './registry-process.ts'
import { untilAnswers } from './until-answers.ts'

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
  /** To be taken again if they are free. */
  readonly ports?: LastPorts
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
async function recordArchives({ dataDir: _, ports: __, ...options }: JvmClusterOptions): Promise<void> {
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
    registry: classArchive('apicurio', java, installation),
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
  const { ports = {} } = options
  for (let attempt = 1; ; attempt++) {
    const [brokerPort, registryPort, controllerPort, managementPort] = await freePorts(4, [
      ports.broker,
      ports.registry,
    ])
    const brokers = `127.0.0.1:${brokerPort}`
    const registry = registryUrl(registryPort)
    const kafka = startKafkaNode({
      ...options,
      dataFolder: join(options.dataDir ?? options.folder, 'kafka'),
      heap: options.brokerHeap,
      jvm: kafkaArchive,
      id: 1,
      nodes: new Map([[1, { broker: brokerPort, controller: controllerPort }]]),
    })
    const apicurio = startRegistry({
      ...options,
      heap: options.registryHeap,
      jvm: registryArchive,
      port: registryPort,
      managementPort,
    })
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
