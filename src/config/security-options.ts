/**
 * Settings for a secured cluster and its registry: flags, each with its environment variable. No flag holds a secret,
 * because everybody on the machine can read command lines; a secret comes from a file that a flag names, or from a
 * variable of `secretVariables`.
 */
export interface SecurityOption {
  /** as Commander takes it */
  readonly flags: string
  readonly variable: string
  readonly description: string
  readonly choices?: readonly string[]
}

const securityProtocols = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const
type SecurityProtocol = (typeof securityProtocols)[number]

const saslMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const
type SaslMechanism = (typeof saslMechanisms)[number]

const apicurioIds = ['content', 'global'] as const

const option = (flags: string, variable: string, description: string, choices?: readonly string[]): SecurityOption => ({
  flags,
  variable,
  description,
  ...(choices !== undefined && { choices }),
})

export const securityOptions: readonly SecurityOption[] = [
  option(
    '--security-protocol <protocol>',
    'KAFKA_SECURITY_PROTOCOL',
    "protocol of the brokers' listener",
    securityProtocols,
  ),
  option('--tls-ca <file>', 'KAFKA_TLS_CA', 'PEM file of the authorities that certify the brokers'),
  option('--tls-cert <file>', 'KAFKA_TLS_CERT', 'PEM file with the client certificate'),
  option('--tls-key <file>', 'KAFKA_TLS_KEY', 'PEM file with the private key of that certificate'),
  option('--tls-passphrase-file <file>', 'KAFKA_TLS_PASSPHRASE_FILE', 'file with the passphrase of that key'),
  option('--sasl-mechanism <mechanism>', 'KAFKA_SASL_MECHANISM', 'SASL mechanism', saslMechanisms),
  option('--sasl-username <name>', 'KAFKA_SASL_USERNAME', 'user, or OAuth client id'),
  option('--sasl-password-file <file>', 'KAFKA_SASL_PASSWORD_FILE', 'file with the password or client secret'),
  option('--sasl-token-file <file>', 'KAFKA_SASL_TOKEN_FILE', 'file with a bearer token, read at each login'),
  option('--sasl-token-endpoint <url>', 'KAFKA_SASL_TOKEN_ENDPOINT', 'OAuth 2: token endpoint'),
  option('--sasl-scope <scope>', 'KAFKA_SASL_SCOPE', 'OAuth 2: scope of the tokens'),
  option('--registry-username <name>', 'SCHEMA_REGISTRY_USERNAME', 'user of the registry'),
  option('--registry-password-file <file>', 'SCHEMA_REGISTRY_PASSWORD_FILE', 'file with the password'),
  option(
    '--registry-token-file <file>',
    'SCHEMA_REGISTRY_TOKEN_FILE',
    'file with a bearer token, read at each request',
  ),
  option('--registry-tls-ca <file>', 'SCHEMA_REGISTRY_TLS_CA', 'PEM file of the authorities that certify the registry'),
  option(
    '--registry-tls-cert <file>',
    'SCHEMA_REGISTRY_TLS_CERT',
    'PEM file with the client certificate for the registry',
  ),
  option('--registry-tls-key <file>', 'SCHEMA_REGISTRY_TLS_KEY', 'PEM file with the private key of that certificate'),
  option(
    '--registry-tls-passphrase-file <file>',
    'SCHEMA_REGISTRY_TLS_PASSPHRASE_FILE',
    'file with the passphrase of that key',
  ),
  option('--registry-ids <kind>', 'SCHEMA_REGISTRY_IDS', 'kind of the eight-byte ids of rows', apicurioIds),
  option(
    '--guid-schema <id>',
    'SCHEMA_REGISTRY_GUID_SCHEMA',
    'schema id for rows with a GUID that the registry does not know',
  ),
]

/**
 * Variables that hold a secret itself. Nothing may print their values: not logs, errors, `--json` or `vgm config show`.
 */
export const secretVariables = [
  'KAFKA_TLS_PASSPHRASE',
  'KAFKA_SASL_PASSWORD',
  'KAFKA_SASL_TOKEN',
  'SCHEMA_REGISTRY_PASSWORD',
  'SCHEMA_REGISTRY_TOKEN',
  'SCHEMA_REGISTRY_TLS_PASSPHRASE',
] as const
export type SecretVariable = (typeof secretVariables)[number]

/** What flags, their variables and the configuration file say; the names are Commander's. */
export interface SecurityFlags {
  readonly securityProtocol?: SecurityProtocol
  readonly tlsCa?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly tlsPassphraseFile?: string
  readonly saslMechanism?: SaslMechanism
  readonly saslUsername?: string
  readonly saslPasswordFile?: string
  readonly saslTokenFile?: string
  readonly saslTokenEndpoint?: string
  readonly saslScope?: string
  readonly registryUsername?: string
  readonly registryPasswordFile?: string
  readonly registryTokenFile?: string
  readonly registryTlsCa?: string
  readonly registryTlsCert?: string
  readonly registryTlsKey?: string
  readonly registryTlsPassphraseFile?: string
  readonly registryIds?: (typeof apicurioIds)[number]
  readonly guidSchema?: string
}
