import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asProperties, brokerSettings } from '../../src/cluster/broker-settings.ts'
import {
  createClusterFolder,
  recordOccupants,
  removeClusterFolder,
  sweepClusterFolders,
} from '../../src/cluster/cluster-folder.ts'
import { freePorts } from '../../src/cluster/free-ports.ts'
import { type JavaProcess, startJava } from '../../src/cluster/jvm/java-process.ts'
import { registryUrl } from '../../src/cluster/jvm/registry-process.ts'
import { untilAnswers } from '../../src/cluster/jvm/until-answers.ts'
import { brokerAnswers, registryAnswers } from '../../src/cluster/readiness.ts'
import { run } from '../commands/run-command.ts'
import { javaFor, kafkaJars, type Releases, registryJar } from './releases.ts'

export interface ReleaseCluster {
  readonly brokers: string
  readonly registry: string
  stop(): Promise<void>
}

/** Starts one node of a Kafka release, with KRaft, and a release of the registry, on free ports of the loopback. */
export async function startReleases(releases: Releases): Promise<ReleaseCluster> {
  const jars = await kafkaJars(releases.kafka)
  const registryRunner = await registryJar(releases.registry)
  const [broker, controller, registryPort, managementPort] = await freePorts(4)
  sweepClusterFolders()
  const folder = createClusterFolder()
  const parts: JavaProcess[] = []
  const stop = async () => {
    await Promise.all(parts.map((part) => part.end(0)))
    removeClusterFolder(folder)
  }
  try {
    parts.push(
      await startKafka(releases.kafka, { jars, folder, broker, controller }),
      startRegistry(releases.registry, { runner: registryRunner, folder, port: registryPort, managementPort }),
    )
    recordOccupants(
      folder,
      parts.map(({ pid }) => pid),
    )
    const brokers = `127.0.0.1:${broker}`
    const registry = registryUrl(registryPort)
    await Promise.all([
      untilAnswers(parts[0], () => brokerAnswers(brokers)),
      untilAnswers(parts[1], () => registryAnswers(registry)),
    ])
    return { brokers, registry, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startKafka(
  version: string,
  { jars, folder, broker, controller }: { jars: string; folder: string; broker: number; controller: number },
): Promise<JavaProcess> {
  const java = javaFor('kafka', version)
  const properties = join(folder, 'server.properties')
  writeFileSync(
    properties,
    asProperties({
      ...brokerSettings,
      'controller.quorum.voters': `1@127.0.0.1:${controller}`,
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'PLAINTEXT',
      listeners: `PLAINTEXT://127.0.0.1:${broker},CONTROLLER://127.0.0.1:${controller}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${broker}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'log.dirs': join(folder, 'kafka'),
    }),
  )
  const jvm = ['-XX:+UseSerialGC', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', join(jars, '*')]
  const tool = ['kafka.tools.StorageTool', 'format', '--cluster-id', 'dmdtLXJlbGVhc2VzLS0tLQ', '--config', properties]
  const formatted = await run(join(java.home, 'bin', 'java'), ['-XX:TieredStopAtLevel=1', ...jvm, ...tool])
  if (formatted.code !== 0) throw new Error(`Kafka ${version} formats no folder:\n${formatted.out}${formatted.err}`)
  return startJava(`Kafka ${version}`, java, ['-Xmx512m', ...jvm, 'kafka.Kafka', properties], join(folder, 'kafka.log'))
}

function startRegistry(
  version: string,
  { runner, folder, port, managementPort }: { runner: string; folder: string; port: number; managementPort: number },
): JavaProcess {
  const settings = {
    'quarkus.http.host': '127.0.0.1',
    'quarkus.http.port': port,
    'quarkus.management.host': '127.0.0.1',
    'quarkus.management.port': managementPort,
    'java.util.logging.manager': 'org.jboss.logmanager.LogManager',
  }
  const system = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`)
  const jvm = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
  const name = `Apicurio Registry ${version}`
  return startJava(
    name,
    javaFor('registry', version),
    [...jvm, ...system, '-jar', runner],
    join(folder, 'registry.log'),
  )
}
