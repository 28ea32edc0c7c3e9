/** A cluster for tests, in the process that tests: a Kafka broker and a schema registry that need nothing but Node. */

export { type EmbeddedCluster, type EmbeddedClusterOptions, startEmbeddedCluster } from './embedded-cluster.ts'
export type { Faults, FaultTarget, RequestedFault } from './faults.ts'
