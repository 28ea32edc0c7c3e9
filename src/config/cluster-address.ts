import { findLocalCluster } from '../cluster/local-cluster.ts'
import { UsageError } from '../errors.ts'

/** Where the brokers and the registry are. */
export interface ClusterAddress {
  readonly brokers: readonly string[]
  readonly registry: string
}

/** What flags and environment say about it. */
export interface ClusterFlags {
  readonly brokers?: string | undefined
  readonly registry?: string | undefined
}

const brokerPattern = /^[^\s,:]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/

/**
 * The cluster to work with: the one that is named, else the one that `vgm up` left running.
 *
 * @throws UsageError if there is neither, or if an address is malformed
 */
export async function clusterAddress({ brokers, registry }: ClusterFlags): Promise<ClusterAddress> {
  if (brokers !== undefined && registry !== undefined)
    return { brokers: parseBrokers(brokers), registry: parseRegistry(registry) }
  if (brokers !== undefined || registry !== undefined)
    throw new UsageError(
      `Only ${brokers === undefined ? 'the registry' : 'the brokers'} of the cluster are named`,
      'Give both --brokers (KAFKA_BROKERS) and --registry (SCHEMA_REGISTRY_URL), or neither to use the one of "vgm up"',
    )
  const local = await findLocalCluster()
  if (local === undefined)
    throw new UsageError(
      'There is no cluster to work with',
      'Start one with "vgm up", or name one with --brokers (KAFKA_BROKERS) and --registry (SCHEMA_REGISTRY_URL)',
    )
  return { brokers: parseBrokers(local.brokers), registry: local.registry }
}

export function parseBrokers(text: string): string[] {
  const brokers = text.split(',').map((broker) => broker.trim())
  const malformed = brokers.find((broker) => !brokerPattern.test(broker))
  if (malformed !== undefined)
    throw new UsageError(`"${malformed}" is not a broker's address`, 'Write host:port, several with commas between')
  return brokers
}

function parseRegistry(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text.replace(/\/+$/, '')
  throw new UsageError(`"${text}" is not a registry's address`, 'Write its URL, as http://localhost:8081')
}
