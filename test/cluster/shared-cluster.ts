import { randomUUID } from 'node:crypto'
import { after } from 'node:test'
import type { Cluster } from '../../src/cluster/cluster.ts'
import { startCluster } from '../../src/cluster/start-cluster.ts'

/** Addresses of the cluster that broker tests share. */
export interface TestCluster {
  readonly brokers: string
  readonly registry: string
}

let started: Promise<Cluster> | undefined
// At load, where it belongs to the file; called inside a test it would belong to that test.
after(async () => (await started)?.stop())

/**
 * The cluster of this test run: the one that test/run.ts has started, or else one for this process, which is stopped
 * after its last test. Tests share it with others: name everything with `uniqueName`.
 */
export async function testCluster(): Promise<TestCluster> {
  const { VGM_TEST_BROKERS: brokers, VGM_TEST_REGISTRY: registry, VGM_CLUSTER } = process.env
  if (brokers && registry) return { brokers, registry }
  started ??= startCluster({ environment: VGM_CLUSTER === 'external' ? process.env : { VGM_CLUSTER } })
  return started
}

/** A name for a topic, a group, a data set or a subject that no other test uses. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomUUID().slice(0, 8)}`
}
