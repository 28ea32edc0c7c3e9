import { randomUUID } from 'node:crypto'
import { after } from 'node:test'
import type { Cluster, ClusterKind } from '../../src/cluster/cluster.ts'
import { startCluster } from '../../src/cluster/start-cluster.ts'

/** Addresses of the cluster that broker tests share. */
export interface TestCluster {
  readonly brokers: string
  readonly registry: string
  readonly kind: ClusterKind
}

let started: Promise<Cluster> | undefined
// At load, where it belongs to the file; called inside a test it would belong to that test.
after(async () => (await started)?.stop())

/**
 * Where the groups of this process keep their positions, and those of the commands that it starts. In a topic that all
 * tests share, each would read what all have written, and wait for transactions that others leave open.
 */
export const testPositions = uniqueName('positions')

/**
 * The cluster of this test run: the one that test/run.ts has started, or else one for this process, which is stopped
 * after its last test. Tests share it with others: name everything with `uniqueName`.
 */
export async function testCluster(): Promise<TestCluster> {
  process.env.VGM_POSITIONS_TOPIC = testPositions
  return clusterOfRun()
}

/** The registry of that cluster, for a file with brokers of its own. */
export async function testRegistry(): Promise<string> {
  return (await clusterOfRun()).registry
}

async function clusterOfRun(): Promise<TestCluster> {
  const { VGM_TEST_BROKERS: brokers, VGM_TEST_REGISTRY: registry, VGM_TEST_CLUSTER, VGM_CLUSTER } = process.env
  if (brokers && registry) return { brokers, registry, kind: VGM_TEST_CLUSTER as ClusterKind }
  started ??= startCluster({ environment: VGM_CLUSTER === 'external' ? process.env : { VGM_CLUSTER } })
  return started
}

/** A name for a topic, a group, a data set or a subject that no other test uses. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomUUID().slice(0, 8)}`
}

/**
 * Why a test cannot run on the embedded cluster, for its option `skip`; false on Apache Kafka.
 *
 * @example
 * test('a Protobuf schema makes dead letters', { skip: notEmbedded('its registry knows Avro alone') }, ...)
 */
export function notEmbedded(reason: string): string | false {
  return process.env.VGM_TEST_CLUSTER === 'embedded' && `not on the embedded cluster: ${reason}`
}
