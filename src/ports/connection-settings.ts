/**
 * What we show and whom we trust on TLS connections; all PEM text. Empty: the certificate authorities of Node, and no
 * certificate.
 */
export interface TlsSettings {
  /** the authorities that may vouch for the server, instead of Node's */
  readonly ca?: string
  /** our own certificate, where the server asks for one */
  readonly cert?: string
  readonly key?: string
  readonly passphrase?: string
}

/**
 * Where a bearer token comes from: as it is, from a file that somebody keeps fresh, or from an OAuth 2 endpoint (client
 * credentials).
 */
export type TokenSource =
  | { readonly value: string }
  | { readonly file: string }
  | {
      readonly endpoint: string
      readonly clientId: string
      readonly clientSecret: string
      readonly scope?: string
    }

export type SaslSettings =
  | {
      readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
      readonly username: string
      readonly password: string
    }
  | { readonly mechanism: 'OAUTHBEARER'; readonly token: TokenSource }

/**
 * How to reach a cluster; the same for the row client, the control client and the group membership. Plain data: it goes
 * to threads and child processes as a message, never on a command line.
 */
export interface ConnectionSettings {
  /** bootstrap brokers, each `host:port` */
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly tls?: TlsSettings
  readonly sasl?: SaslSettings
}

/** How to reach a registry. */
export interface RegistrySettings {
  /** whole base of the Confluent-compatible API, as http://127.0.0.1:8080/apis/ccompat/v7 */
  readonly url: string
  readonly tls?: TlsSettings
  readonly auth?: { readonly username: string; readonly password: string } | { readonly token: TokenSource }
  /** what eight-byte ids of rows are, where the registry cannot tell */
  readonly apicurioIds?: 'content' | 'global'
  /** id of the schema of rows that name theirs by a GUID which the registry does not know */
  readonly guidSchema?: number
}
