import { PipelineError } from '../errors.ts'
import { type ErrorFields, errorCauses } from './error-causes.ts'

/** The brokers answer but refuse the login. */
export class BrokerLoginError extends PipelineError {
  readonly code = 'VGM_BROKER_LOGIN'
  constructor(broker: string, problem: string, cause?: unknown) {
    super(`${broker} refuses the login: ${problem}`, {
      fix:
        'Check the login (--sasl-mechanism, --sasl-username, access.kafka.sasl), and the password or ' +
        'token that goes with it',
      cause,
    })
  }
}

/** No TLS connection to a server: one side does not trust the certificate of the other. */
export class TlsError extends PipelineError {
  readonly code = 'VGM_TLS'
  constructor(server: string, problem: string, fix: string, cause: unknown) {
    super(`There is no TLS connection to ${server}: ${problem}`, { fix, cause })
  }
}

/** Names of the flags that configure a TLS connection. */
export interface TlsFlags {
  readonly ca: string
  readonly cert: string
}

const brokerTlsFlags: TlsFlags = { ca: '--tls-ca', cert: '--tls-cert and --tls-key' }
export const registryTlsFlags: TlsFlags = {
  ca: '--registry-tls-ca',
  cert: '--registry-tls-cert and --registry-tls-key',
}

/** Error codes of OpenSSL and Node for a certificate that no trusted authority has signed. */
const untrusted: ReadonlySet<string> = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_UNTRUSTED',
  'CERT_SIGNATURE_FAILURE',
  'INVALID_CA',
])

const listenerFix =
  'Set the protocol of the listener at this port: with TLS or without it (--security-protocol, access.kafka.tls)'

/**
 * The row client's guess when a TLS connection ends before it has begun; a broker that is being stopped looks the same.
 */
export function wantedNoTls(error: unknown): boolean {
  return errorCauses(error).some(({ message }) => message.startsWith('TLS handshake failed.'))
}

export function noTlsError(server: string, cause: unknown): TlsError {
  return new TlsError(server, 'it closes the connection before the TLS handshake has finished', listenerFix, cause)
}

/** The TLS error among the causes of an error; undefined if certificates and ciphers are not involved. */
export function tlsError(server: string, error: unknown, flags: TlsFlags): TlsError | undefined {
  for (const { code, message, cause } of errorCauses(error)) {
    const name = String(code ?? '')
    if (untrusted.has(name))
      return new TlsError(
        server,
        `its certificate is not trusted (${name})`,
        `Name the authority that signed it with ${flags.ca}`,
        cause,
      )
    if (name === 'ERR_TLS_CERT_ALTNAME_INVALID')
      return new TlsError(server, firstLine(message), 'Use a name or address that is in the certificate', cause)
    if (name.startsWith('CERT_'))
      return new TlsError(server, `its certificate cannot be used (${name})`, "Renew the server's certificate", cause)
    if (message === 'Broker requires TLS.') return new TlsError(server, 'the listener requires TLS', listenerFix, cause)
    // An alert is the other side's complaint about this side.
    const alert = /ALERT_(.+)$/.exec(name)?.[1]
    if (alert !== undefined)
      return new TlsError(
        server,
        `it ends the handshake with "${alert.toLowerCase().replaceAll('_', ' ')}"`,
        `The listener may require a client certificate that it trusts: ${flags.cert}`,
        cause,
      )
    if (name.startsWith('ERR_SSL_') || name === 'EPROTO')
      return new TlsError(server, firstLine(message), 'Check that this port uses TLS', cause)
  }
  return undefined
}

/** kafkajs's and the row client's names of an error that says that a login was refused. */
const loginNames: ReadonlySet<string> = new Set(['KafkaJSSASLAuthenticationError'])
const loginCodes: ReadonlySet<unknown> = new Set(['PLT_KFK_AUTHENTICATION'])
/** UNSUPPORTED_SASL_MECHANISM, ILLEGAL_SASL_STATE, SASL_AUTHENTICATION_FAILED */
const loginErrorCodes: ReadonlySet<unknown> = new Set([33, 34, 58])

/**
 * What an error says that came while a connection was opened, if it is one that no repetition mends; undefined for
 * others.
 */
export function accessError(server: string, error: unknown): PipelineError | undefined {
  const chain = errorCauses(error)
  const ours = chain.find((cause) => cause instanceof PipelineError)
  if (ours !== undefined) return ours
  const isLogin = (cause: ErrorFields) =>
    loginNames.has(cause.name) || loginCodes.has(cause.code) || loginErrorCodes.has(cause.code)
  const login = chain.filter(isLogin)
  if (login.length > 0) {
    const said = chain.find(({ serverErrorMessage }) => serverErrorMessage)?.serverErrorMessage
    return new BrokerLoginError(server, said ?? firstLine(login[login.length - 1].message).replace(/\.$/, ''), error)
  }
  return tlsError(server, error, brokerTlsFlags)
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0]
}
