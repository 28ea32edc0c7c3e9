/** What a supervisor holds in its hands once the cluster answers. */
export interface RunningCluster {
  readonly brokers: string
  readonly registry: string
  /** Resolves with a sentence if a part ends that nobody stopped. */
  readonly died: Promise<string>
  /** Ends every part. */
  stop(): Promise<void>
}
