import { type Command, Option } from 'commander'
import type { Cluster } from '../cluster/cluster.ts'
import { securityFlagsOf } from '../config/cluster-access.ts'
import type { ClusterFlags } from '../config/cluster-address.ts'
import { parseListText } from '../config/value-parsers.ts'
import { UsageError } from '../errors.ts'
import { addSecurityOptions, plainCommand } from './command-context.ts'
import { clusterKinds, kindOption } from './local-cluster.ts'

const ownClusterKinds = [...clusterKinds, 'external'] as const

/** Where a command works that brings a cluster of its own. */
export interface OwnClusterFlags extends ClusterFlags {
  readonly cluster: (typeof ownClusterKinds)[number]
  /** leave the cluster running */
  readonly keep?: boolean
}

/**
 * A command that starts its own cluster unless its own flags name another one. Their variables contain the command's
 * name, so that it never writes into the brokers of the general variables or of the top of a file.
 */
export function ownClusterCommand(name: string, description: string, example: string): Command {
  const prefix = `VGM_${name.toUpperCase()}`
  return addSecurityOptions(plainCommand(name, description, example))
    .addOption(
      new Option('--brokers <list>', 'brokers of a running cluster (default: start a cluster)')
        .argParser(parseListText)
        .env(`${prefix}_BROKERS`),
    )
    .addOption(new Option('--registry <url>', 'schema registry of --brokers').env(`${prefix}_REGISTRY`))
    .addOption(kindOption(ownClusterKinds))
}

/** Starts a cluster, lets `work` have it, and ends it; or lets it have the one that the flags name. */
export async function withOwnCluster<T>(
  { brokers, registry, cluster: kind, keep = false, ...flags }: OwnClusterFlags,
  work: (cluster: ClusterFlags & Pick<Cluster, 'brokers' | 'registry'>) => Promise<T>,
): Promise<T> {
  if (brokers !== undefined && registry !== undefined) return work({ ...securityFlagsOf(flags), brokers, registry })
  if (brokers !== undefined || registry !== undefined || kind === 'external')
    throw new UsageError(
      'A cluster needs both brokers and a registry',
      'Give both --brokers and --registry, or neither',
    )
  const { withStartedCluster } = await import('../cluster/started-cluster.ts')
  const log = (line: string) => process.stderr.write(`${line}\n`)
  // The logins of the environment are meant for other brokers.
  return withStartedCluster({ kind, isKept: keep, log }, (cluster) =>
    work({ brokers: cluster.brokers, registry: cluster.registry }),
  )
}
