import { join } from 'node:path'
import { registryJvm } from '../registry-jvm.ts'
import type { Installation } from './installation.ts'
import type { Java } from './java.ts'
import { type JavaProcess, startJava } from './java-process.ts'

export interface RegistryOptions {
  readonly java: Java
  readonly installation: Installation
  /** Temporary: its log goes here. */
  readonly folder: string
  /** Keeps the schemas beyond this run. */
  readonly dataDir?: string
  /** Maximum heap, as after -Xmx. */
  readonly heap: string
  /** The JVM's options beside these: for its class archive, say. */
  readonly jvm: readonly string[]
  readonly port: number
  readonly managementPort: number
}

/** The base of the Confluent-compatible API of a registry on this port. */
export function registryUrl(port: number): string {
  return `http://127.0.0.1:${port}/apis/ccompat/v7`
}

/** What the manifest of its runner says. */
const opened = ['--add-opens=java.base/java.lang=ALL-UNNAMED', '--enable-native-access=ALL-UNNAMED']
const mainClass = 'io.quarkus.runner.GeneratedMain'

/** Starts a registry. */
export function startRegistry(options: RegistryOptions): JavaProcess {
  const { dataDir, folder, installation, java, heap, jvm, port, managementPort } = options
  const usual = [`-Xmx${heap}`, ...registryJvm.split(' ')]
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
    // Rows contain schema ids, so stored rows need stored schemas. Otherwise H2 is in memory.
    ...(dataDir === undefined ? {} : { 'apicurio.datasource.url': `jdbc:h2:file:${join(dataDir, 'registry')}` }),
  }
  const system = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`)
  const args = [...usual, ...opened, ...jvm, ...system, '-cp', installation.registryClassPath, mainClass]
  return startJava('Apicurio Registry', java, args, join(folder, 'registry.log'))
}
