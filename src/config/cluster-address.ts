import { ClusterStartError } from '../cluster/errors.ts'
import { type LocalClusterStatus, localClusterStatus } from '../cluster/local-cluster.ts'
import { untilReady } from '../cluster/readiness.ts'
import { UsageError } from '../errors.ts'
import { type ClusterAccess, clusterAccess, namedSecurityFlags, noAccess } from './cluster-access.ts'
import type { SecurityFlags } from './security-options.ts'
import { brokerAddress, registryUrl } from './value-rules.ts'

/** Where the brokers and the registry are, and how to get in. */
export interface ClusterAddress {
  readonly brokers: readonly string[]
  readonly registry: string
  readonly access: ClusterAccess
  /** where positions of groups are kept, vgm.positions unless given */
  readonly positionsTopic?: string | undefined
}

/** What flags and environment say about it. */
export interface ClusterFlags extends SecurityFlags {
  readonly brokers?: string | undefined
  readonly registry?: string | undefined
  readonly positionsTopic?: string | undefined
}

/**
 * The cluster to work with: the one that is named, else the one that `vgm up` left running.
 *
 * @throws UsageError if there is neither, or if an address is malformed
 */
export async function clusterAddress({
  brokers,
  registry,
  positionsTopic,
  ...flags
}: ClusterFlags): Promise<ClusterAddress> {
  if (brokers !== undefined && registry !== undefined) {
    const url = parseRegistry(registry)
    return { brokers: parseBrokers(brokers), registry: url, access: clusterAccess(flags, url), positionsTopic }
  }
  if (brokers !== undefined || registry !== undefined)
    throw new UsageError(
      `Of the cluster only ${brokers === undefined ? 'the registry is' : 'the brokers are'} named`,
      'Give both --brokers (KAFKA_BROKERS) and --registry (SCHEMA_REGISTRY_URL), or neither to use the one of "vgm up"',
    )
  const [flag] = namedSecurityFlags(flags)
  if (flag !== undefined)
    throw new UsageError(
      `${flag} needs a named cluster, and no --brokers are given`,
      'Name it with --brokers (KAFKA_BROKERS) and --registry (SCHEMA_REGISTRY_URL); the cluster of "vgm ' +
        'up" has no TLS or login',
    )
  const local = await localCluster()
  if (local === undefined)
    throw new UsageError(
      'No cluster is named, and none of "vgm up" is running',
      'Start one with "vgm up", or name one with --brokers (KAFKA_BROKERS) and --registry (SCHEMA_REGISTRY_URL)',
    )
  return { brokers: parseBrokers(local.brokers), registry: local.registry, access: noAccess, positionsTopic }
}

/** A busy machine may take seconds for an answer: only a cluster whose processes have ended is none. */
const localPatienceMs = 15_000

/** @throws ClusterStartError if it does not answer in time */
async function localCluster(): Promise<LocalClusterStatus | undefined> {
  let status: LocalClusterStatus | undefined
  const isKnown = async () => {
    status = await localClusterStatus()
    return status?.alive !== false
  }
  if (await untilReady(isKnown, { timeoutMs: localPatienceMs })) return status
  throw new ClusterStartError(
    `The cluster of "vgm up" does not answer at ${status?.brokers} or ${status?.registry}`,
    'Try again if the machine is busy; else run "vgm down", then "vgm up"',
  )
}

function parseBrokers(text: string): string[] {
  const brokers = text.split(',').map((broker) => broker.trim())
  const malformed = brokers.find((broker) => !brokerAddress.allows(broker))
  if (malformed !== undefined)
    throw new UsageError(
      `"${malformed}" is not a broker's address`,
      `Write ${brokerAddress.may}; several separated by commas`,
    )
  return brokers
}

function parseRegistry(text: string): string {
  if (registryUrl.allows(text)) return withoutSlash(text)
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && (url.username !== '' || url.password !== ''))
    throw new UsageError(
      `The registry's address contains a login, and addresses appear in logs and command lines`,
      'Use --registry-username, and --registry-password-file or SCHEMA_REGISTRY_PASSWORD',
    )
  throw new UsageError(
    `"${registryUrl.show?.(text)}" is not a registry's address`,
    'Write its URL, such as http://localhost:8081, with a port from 1 to 65535',
  )
}

/** The base of a registry's paths. */
export function withoutSlash(registry: string): string {
  return registry.replace(/\/+$/, '')
}
