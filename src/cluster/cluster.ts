/** Where a cluster runs: existing brokers, containers, Java processes of this machine, or Node alone. */
export type ClusterKind = 'external' | LocalClusterKind
export type LocalClusterKind = 'docker' | 'jvm' | 'embedded'

/** Kafka and a schema registry that answer. */
export interface Cluster {
  /** Bootstrap servers, `host:port` separated by commas. */
  readonly brokers: string
  /** The whole base of the Confluent-compatible API, such as `http://127.0.0.1:8080/apis/ccompat/v7`. */
  readonly registry: string
  readonly kind: ClusterKind
  /** Ends what was started for this cluster, data included; does nothing to an external one. Safe to call twice. */
  stop(): Promise<void>
}

/** Takes one line for a person to read while a cluster starts. */
export type Log = (line: string) => void

/** What a supervisor holds in its hands once the cluster answers. */
export interface RunningCluster {
  readonly brokers: string
  readonly registry: string
  /** Resolves with a sentence if a part ends unexpectedly. */
  readonly died: Promise<string>
  /** Ends every part. */
  stop(): Promise<void>
}
