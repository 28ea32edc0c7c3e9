import type { ConnectionOptions as TlsOptions } from 'node:tls'

/** How to reach a cluster; the same for the row client, the control client and the group membership. */
export interface ConnectionSettings {
  /** bootstrap brokers, each `host:port` */
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly tls?: TlsOptions
  readonly sasl?: {
    readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
    readonly username: string
    readonly password: string
  }
}
