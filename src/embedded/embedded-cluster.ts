import { join } from 'node:path'
import { requireKeys } from '../require-keys.ts'
import { type EmbeddedBrokerOptions, requirePort, startEmbeddedBroker } from './embedded-broker.ts'
import type { Faults } from './faults.ts'
import { FileJournal } from './registry/file-journal.ts'
import { startRegistryServer } from './registry/registry-server.ts'
import { RegistryState } from './registry/registry-state.ts'

export interface EmbeddedClusterOptions extends EmbeddedBrokerOptions {
  /** port of the registry [any that is free] */
  readonly registryPort?: number
}

/** A Kafka broker and a schema registry in this process. */
export interface EmbeddedCluster {
  /** bootstrap server, as `127.0.0.1:40123` */
  readonly brokers: string
  /** base URL of the registry, which has Confluent's API */
  readonly registry: string
  /** makes things go wrong on the broker, for a test */
  readonly faults: Faults
  /** Resolves with a sentence if the broker ends by itself, as when its disk is full. */
  readonly died: Promise<string>
  /** Ends both; what was kept in memory is gone. */
  stop(): Promise<void>
}

/**
 * Starts a Kafka broker and a schema registry in this process, on the loopback. It is for trying, developing and
 * testing: one node, no replication, no security.
 *
 * @throws UsageError for an option that there is not, a port that is taken, or a host that is not the loopback
 * @throws FolderInUseError, DamagedLogError, StorageError or RegistryJournalError for a folder that cannot be used
 *
 * @example
 * const cluster = await startEmbeddedCluster()
 * cluster.brokers  // '127.0.0.1:40123'
 * cluster.registry // 'http://127.0.0.1:40124'
 * await cluster.stop()
 */
export async function startEmbeddedCluster(given: EmbeddedClusterOptions = {}): Promise<EmbeddedCluster> {
  requireKeys('startEmbeddedCluster', 'its argument', given, [], 'an object of options, or none')
  const { registryPort = 0, ...options } = given
  requirePort('registryPort', registryPort)
  const broker = await startEmbeddedBroker(options)
  try {
    const registry = await startRegistryServer(registryState(options.dataDir), registryPort)
    return {
      brokers: broker.brokers,
      faults: broker.faults,
      died: broker.died,
      registry: registry.url,
      stop: async () => {
        await registry.stop()
        await broker.stop()
      },
    }
  } catch (error) {
    await broker.stop()
    throw error
  }
}

/** The broker's lock guards the folder. */
function registryState(dataDir: string | undefined): RegistryState {
  if (dataDir === undefined) return new RegistryState()
  const journal = new FileJournal(join(dataDir, 'schemas.jsonl'))
  return new RegistryState(journal, journal.entries)
}
