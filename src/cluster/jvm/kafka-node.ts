import { randomBytes } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asProperties, brokerSettings } from '../broker-settings.ts'
import type { Installation } from './installation.ts'
import type { Java } from './java.ts'
import { type JavaProcess, startJava } from './java-process.ts'

/** Ports of the loopback. */
export interface KafkaPorts {
  readonly broker: number
  readonly controller: number
  /** A second listener that advertises another port, for a proxy between clients and the broker. */
  readonly detour?: { readonly listen: number; readonly advertised: number }
}

export interface KafkaNodeOptions {
  readonly java: Java
  readonly installation: Installation
  /** Temporary: settings and logs go here. */
  readonly folder: string
  readonly dataFolder: string
  /** Maximum heap, as after -Xmx. */
  readonly heap: string
  /** The JVM's options beside these: for its class archive, say. */
  readonly jvm: readonly string[]
  /** From 1 up. */
  readonly id: number
  /** Of all nodes, this one included. */
  readonly nodes: ReadonlyMap<number, KafkaPorts>
  /** Settings in addition to those of every local broker, or instead of them. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
}

/** Starts one node, broker and controller; a data folder that does not exist is made. */
export function startKafkaNode(options: KafkaNodeOptions): JavaProcess {
  const { java, installation, folder, dataFolder, heap, jvm, id, nodes, settings } = options
  mkdirSync(folder, { recursive: true })
  if (!existsSync(join(dataFolder, 'meta.properties'))) format(installation, dataFolder, id)

  const properties = join(folder, 'server.properties')
  writeFileSync(
    properties,
    asProperties({ ...brokerSettings, ...addresses(id, nodes), ...settings, 'log.dirs': dataFolder }),
  )
  const logging = join(folder, 'log4j2.properties')
  writeFileSync(logging, log4j)

  const heapAndCollector = [`-Xmx${heap}`, '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-Djava.awt.headless=true']
  const system = [`-Dlog4j2.configurationFile=${logging}`, '-cp', installation.kafkaClassPath]
  return startJava(
    nodes.size === 1 ? 'Kafka' : `Kafka node ${id}`,
    java,
    [...heapAndCollector, ...jvm, ...system, 'kafka.Kafka', properties],
    join(folder, 'kafka.log'),
  )
}

function addresses(id: number, nodes: ReadonlyMap<number, KafkaPorts>): Record<string, string | number> {
  const { broker, controller, detour } = nodes.get(id)!
  const at = (listener: string, port: number) => `${listener}://127.0.0.1:${port}`
  const clients = [at('PLAINTEXT', broker)]
  return {
    'node.id': id,
    'controller.quorum.voters': [...nodes].map(([voter, ports]) => `${voter}@127.0.0.1:${ports.controller}`).join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    listeners: [...clients, ...(detour ? [at('DETOUR', detour.listen)] : []), at('CONTROLLER', controller)].join(','),
    'advertised.listeners': [...clients, ...(detour ? [at('DETOUR', detour.advertised)] : [])].join(','),
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,DETOUR:PLAINTEXT,CONTROLLER:PLAINTEXT',
  }
}

function format({ formatted }: Installation, dataFolder: string, id: number): void {
  cpSync(formatted, dataFolder, { recursive: true })
  const file = join(dataFolder, 'meta.properties')
  const properties = readFileSync(file, 'utf8')
  // Nodes of one cluster refuse a data folder that has the name of another's.
  const folderId = randomBytes(16).toString('base64url').replace(/^-/, 'a')
  writeFileSync(
    file,
    properties.replace(/^node\.id=.*$/m, `node.id=${id}`).replace(/^directory\.id=.*$/m, `directory.id=${folderId}`),
  )
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
