/** A cluster for tests, in the process that tests: a Kafka broker and a schema registry that need nothing but Node. */

export { DamagedLogError } from './damaged-log-error.ts'
export { type EmbeddedCluster, type EmbeddedClusterOptions, startEmbeddedCluster } from './embedded-cluster.ts'
export type { Faults, FaultTarget, RequestedFault } from './faults.ts'
export { FolderInUseError } from './folder-lock.ts'
export { RegistryJournalError } from './registry/file-journal.ts'
export { StorageError } from './storage-error.ts'
