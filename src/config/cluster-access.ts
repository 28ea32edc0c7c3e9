import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { UsageError } from '../errors.ts'
import type { ConnectionSettings, RegistrySettings, TlsSettings, TokenSource } from '../ports/connection-settings.ts'
import { type SecretVariable, type SecurityFlags, securityOptions } from './security-options.ts'
import { tokenEndpoint } from './value-rules.ts'

/** How to get into a cluster: the part of the clients' settings that is no address. Frozen plain data. */
export interface ClusterAccess {
  readonly kafka: Pick<ConnectionSettings, 'tls' | 'sasl'>
  readonly registry: Pick<RegistrySettings, 'tls' | 'auth' | 'apicurioIds' | 'guidSchema'>
}

/** An open cluster. */
export const noAccess: ClusterAccess = Object.freeze({ kafka: Object.freeze({}), registry: Object.freeze({}) })

type Environment = Readonly<Record<string, string | undefined>>
type Flag = keyof SecurityFlags

/**
 * The one place that decides how to get in. Reads the files that flags name, and refuses what cannot be meant: no
 * combination is repaired in silence, for a connection that is less secure than it was meant to be looks like one that
 * works.
 *
 * @param registryUrl decides whether TLS flags of the registry mean anything
 * @throws UsageError; never with a secret in it
 */
export function clusterAccess(
  given: SecurityFlags,
  registryUrl: string,
  environment: Environment = process.env,
): ClusterAccess {
  const flags = withoutEmpty(given)
  const secret = secretReader(flags, environment)
  const protocol = flags.securityProtocol ?? 'PLAINTEXT'
  const isTls = protocol.endsWith('SSL')
  if (!isTls) refuse(flags, kafkaTlsFlags, `with --security-protocol ${protocol}`, 'Use SSL or SASL_SSL, or drop it')
  const isSasl = protocol.startsWith('SASL')
  if (!isSasl) refuse(flags, saslFlags, `with --security-protocol ${protocol}`, 'Use SASL_SSL, or drop it')
  const isHttps = registryUrl.startsWith('https:')
  if (!isHttps) refuse(flags, registryTlsFlags, `for ${registryUrl}`, 'Name the registry with https:, or drop it')
  const tls = isTls ? tlsOf(flags, kafkaTls, secret) : undefined
  const sasl = isSasl ? saslOf(flags, secret) : undefined
  const registryTls = isHttps ? tlsOf(flags, registryTlsNames, secret) : undefined
  const auth = registryAuth(flags, secret)
  return freeze({
    kafka: { ...(tls && { tls }), ...(sasl && { sasl }) },
    registry: {
      ...(registryTls && Object.keys(registryTls).length > 0 && { tls: registryTls }),
      ...(auth && { auth }),
      ...(flags.registryIds !== undefined && { apicurioIds: flags.registryIds }),
      ...(flags.guidSchema !== undefined && { guidSchema: schemaId(flags.guidSchema) }),
    },
  })
}

/** The flags that are set, or that their variable sets, with what an open cluster would not be told. */
export function namedSecurityFlags(flags: SecurityFlags): readonly string[] {
  return Object.entries(withoutEmpty(flags))
    .filter(([name, value]) => optionNames.has(name as Flag) && value !== 'PLAINTEXT')
    .map(([name]) => flagText(name as Flag))
}

/** Those of all flags that say how to get in. */
export function securityFlagsOf(flags: SecurityFlags): SecurityFlags {
  return Object.fromEntries(Object.entries(flags).filter(([name]) => optionNames.has(name as Flag)))
}

/** A flag with its variable, by Commander's name. @example flagText('tlsCa') // '--tls-ca (KAFKA_TLS_CA)' */
function flagText(flag: Flag): string {
  const { flags, variable } = optionNames.get(flag)!
  return `${flags.split(' ')[0]} (${variable})`
}

const optionNames = new Map(
  securityOptions.map((option) => [
    option.flags
      .split(' ')[0]
      .slice(2)
      .replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase()) as Flag,
    option,
  ]),
)

interface TlsNames {
  readonly ca: Flag
  readonly cert: Flag
  readonly key: Flag
  readonly passphrase: SecretName
}

const kafkaTls = { ca: 'tlsCa', cert: 'tlsCert', key: 'tlsKey', passphrase: 'tlsPassphraseFile' } as const
const registryTlsNames = {
  ca: 'registryTlsCa',
  cert: 'registryTlsCert',
  key: 'registryTlsKey',
  passphrase: 'registryTlsPassphraseFile',
} as const
const kafkaTlsFlags: readonly Flag[] = Object.values(kafkaTls)
const registryTlsFlags: readonly Flag[] = Object.values(registryTlsNames)
const saslFlags: readonly Flag[] = [
  'saslMechanism',
  'saslUsername',
  'saslPasswordFile',
  'saslTokenFile',
  'saslTokenEndpoint',
  'saslScope',
]

/** Flags that name a file with a secret, and the variable that may hold it instead. */
const secretNames = {
  tlsPassphraseFile: 'KAFKA_TLS_PASSPHRASE',
  saslPasswordFile: 'KAFKA_SASL_PASSWORD',
  registryPasswordFile: 'SCHEMA_REGISTRY_PASSWORD',
  registryTlsPassphraseFile: 'SCHEMA_REGISTRY_TLS_PASSPHRASE',
} as const satisfies Partial<Record<Flag, SecretVariable>>
type SecretName = keyof typeof secretNames

interface Secrets {
  /** from the file, else from the variable */
  of(name: SecretName): string | undefined
  token(variable: SecretVariable): string | undefined
}

function secretReader(flags: SecurityFlags, environment: Environment): Secrets {
  const token = (variable: SecretVariable) => environment[variable] || undefined
  return {
    token,
    of(name) {
      const file = flags[name]
      if (file === undefined) return token(secretNames[name])
      // Editors and "echo" end a file with a line's end.
      const text = readText(file, name).replace(/\r?\n$/, '')
      if (text === '') throw new UsageError(`${flagText(name)}: ${file} is empty`, 'Write the secret into it')
      return text
    },
  }
}

function tlsOf(flags: SecurityFlags, names: TlsNames, secret: Secrets): TlsSettings {
  const [ca, cert, key] = [names.ca, names.cert, names.key].map((name) => {
    const file = flags[name]
    return file === undefined ? undefined : readText(file, name)
  })
  if ((cert === undefined) !== (key === undefined))
    throw new UsageError(
      `${flagText(cert === undefined ? names.key : names.cert)} is only half of a client identity`,
      `Add ${flagText(cert === undefined ? names.cert : names.key)}`,
    )
  if (key === undefined && flags[names.passphrase] !== undefined)
    throw new UsageError(
      `${flagText(names.passphrase)} is given without a key`,
      `Add ${flagText(names.key)}, or drop it`,
    )
  const passphrase = key === undefined ? undefined : secret.of(names.passphrase)
  for (const [name, pem] of [
    [names.ca, ca],
    [names.cert, cert],
  ] as const)
    if (pem !== undefined) checkCertificate(flagText(name), pem)
  const tls: TlsSettings = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(passphrase !== undefined && { passphrase }),
  }
  const problem = tlsProblem(tls)
  if (problem !== undefined)
    throw new UsageError(
      `${flagText(names.cert)} and ${flagText(names.key)} do not match: ${problem}`,
      'Check that the key belongs to the certificate, and its passphrase',
    )
  return tls
}

/** Why no connection can be made with these; undefined if one can. */
export function tlsProblem(tls: TlsSettings): string | undefined {
  try {
    createSecureContext(tls)
    return undefined
  } catch (error) {
    return (error as Error).message.replace(/^error:[^:]*:/, '')
  }
}

function checkCertificate(flag: string, pem: string): void {
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(pem)
  } catch {
    throw new UsageError(`${flag} contains no certificate`, 'Name a PEM file: -----BEGIN CERTIFICATE-----')
  }
  if (Date.parse(certificate.validTo) < Date.now())
    throw new UsageError(`${flag}: the certificate expired at ${certificate.validTo}`, 'Renew it')
}

function saslOf(flags: SecurityFlags, secret: Secrets): NonNullable<ConnectionSettings['sasl']> {
  const { saslMechanism: mechanism, saslUsername: username } = flags
  if (mechanism === undefined)
    throw new UsageError(
      `--security-protocol ${flags.securityProtocol} needs a login, and no mechanism is given`,
      `Add ${flagText('saslMechanism')}`,
    )
  if (mechanism === 'OAUTHBEARER') return { mechanism, token: tokenOf(flags, secret) }
  const where = `with --sasl-mechanism ${mechanism}`
  refuse(flags, ['saslTokenFile', 'saslTokenEndpoint', 'saslScope'], where, 'Use OAUTHBEARER, or drop it')
  if (username === undefined) throw new UsageError(`${mechanism} needs a user name`, `Add ${flagText('saslUsername')}`)
  return { mechanism, username, password: needed(mechanism, 'saslPasswordFile', secret) }
}

function tokenOf(flags: SecurityFlags, secret: Secrets): TokenSource {
  const { saslTokenFile: file, saslTokenEndpoint: endpoint, saslUsername, saslScope: scope } = flags
  const needs = `Give one of ${flagText('saslTokenFile')}, ${flagText('saslTokenEndpoint')} and KAFKA_SASL_TOKEN`
  if (endpoint === undefined) {
    const only = 'without --sasl-token-endpoint'
    refuse(flags, ['saslUsername', 'saslPasswordFile', 'saslScope'], only, 'The token identifies the client: drop it')
    if (file !== undefined) return tokenFile(file, 'saslTokenFile')
    const value = secret.token('KAFKA_SASL_TOKEN')
    if (value !== undefined) return { value }
    throw new UsageError('OAUTHBEARER needs a token', needs)
  }
  refuse(flags, ['saslTokenFile'], 'with --sasl-token-endpoint', needs)
  checkEndpoint(endpoint)
  if (saslUsername === undefined)
    throw new UsageError('The token endpoint needs a client id', `Add ${flagText('saslUsername')} with it`)
  const clientSecret = needed('The token endpoint', 'saslPasswordFile', secret)
  return { endpoint, clientId: saslUsername, clientSecret, ...(scope !== undefined && { scope }) }
}

function tokenFile(file: string, flag: Flag): TokenSource {
  readText(file, flag)
  return { file }
}

function checkEndpoint(endpoint: string): void {
  if (tokenEndpoint.allows(endpoint)) return
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url !== undefined && (url.username !== '' || url.password !== ''))
    throw new UsageError(`${flagText('saslTokenEndpoint')} contains a login`, `Use ${flagText('saslUsername')}`)
  throw new UsageError(
    `${flagText('saslTokenEndpoint')} is not an https: address`,
    'Use https:, because a secret is sent there',
  )
}

function registryAuth(flags: SecurityFlags, secret: Secrets): RegistrySettings['auth'] | undefined {
  const { registryUsername: username, registryTokenFile: file } = flags
  if (username === undefined) {
    refuse(flags, ['registryPasswordFile'], 'without a user', `Add ${flagText('registryUsername')}, or drop it`)
    if (file !== undefined) return { token: tokenFile(file, 'registryTokenFile') }
    const value = secret.token('SCHEMA_REGISTRY_TOKEN')
    return value === undefined ? undefined : { token: { value } }
  }
  refuse(flags, ['registryTokenFile'], 'with --registry-username', 'Give only one of the two')
  return { username, password: needed('The registry', 'registryPasswordFile', secret) }
}

function schemaId(text: string): number {
  if (/^\d{1,10}$/.test(text) && Number(text) < 2 ** 31) return Number(text)
  throw new UsageError(
    `${flagText('guidSchema')} ${text} is not a schema id`,
    'Write the number of the schema in the registry',
  )
}

function needed(what: string, name: SecretName, secret: Secrets): string {
  const value = secret.of(name)
  if (value !== undefined) return value
  throw new UsageError(
    `${what} needs a password`,
    `Add ${flagText(name)}, or set ${secretNames[name]}; no flag holds it, because other users can read command lines`,
  )
}

/** @throws UsageError if one of them is set */
function refuse(flags: SecurityFlags, names: readonly Flag[], where: string, fix: string): void {
  const set = names.find((name) => flags[name] !== undefined)
  if (set !== undefined) throw new UsageError(`${flagText(set)} means nothing ${where}`, fix)
}

function readText(file: string, flag: Flag): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UsageError(`${flagText(flag)}: ${file} cannot be read: ${code}`, 'Name a file that can be read')
  }
}

/** A variable that is set to nothing is not set. */
function withoutEmpty(flags: SecurityFlags): SecurityFlags {
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== '' && value !== undefined))
}

function freeze<T>(value: T): T {
  if (value !== null && typeof value === 'object') for (const part of Object.values(value)) freeze(part)
  return Object.freeze(value)
}
