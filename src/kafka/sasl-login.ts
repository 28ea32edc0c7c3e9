import type { AuthenticationProviderArgs, KafkaConfig } from 'kafkajs'
import type { SaslSettings } from '../ports/connection-settings.ts'
import { bearerToken } from './bearer-token.ts'
import {
  AuthenticationError,
  ResponseError,
  type Sender,
  saslAuthenticateV1,
  saslHandshakeV1,
  scram,
} from './client-parts.ts'

/**
 * A broker answers a rejected token with a reason instead of an error, and waits for one more message (RFC 7628,
 * section 3.2.2). kafkajs treats that as success, and fails at the next request without the reason.
 */
function refusal(answer: Uint8Array): Error | undefined {
  if (answer.length === 0) return undefined
  const { status } = parsed(Buffer.from(answer).toString())
  return new AuthenticationError(`the token is refused${typeof status === 'string' ? ` (${status})` : ''}`)
}

function parsed(text: string): { status?: unknown } {
  try {
    return JSON.parse(text) as { status?: unknown }
  } catch {
    return {}
  }
}

/** How the row client's connections log in. @returns how many ms the login is good for; 0 for ever */
export async function logIn(connection: Sender, sasl: SaslSettings): Promise<number> {
  try {
    await saslHandshakeV1.api.async(connection, sasl.mechanism)
    const { sessionLifetimeMs } = await authenticate(connection, sasl)
    return Number(sessionLifetimeMs)
  } catch (cause) {
    throw cause instanceof ResponseError ? new AuthenticationError('the login is refused', { cause }) : cause
  }
}

type Answer = Awaited<ReturnType<typeof saslAuthenticateV1.api.async>>

async function authenticate(connection: Sender, sasl: SaslSettings): Promise<Answer> {
  const say = (message: string) => saslAuthenticateV1.api.async(connection, Buffer.from(message))
  switch (sasl.mechanism) {
    case 'PLAIN':
      return say(`\0${sasl.username}\0${sasl.password}`)
    case 'OAUTHBEARER': {
      const answer = await say(bearerMessage(await bearerToken(sasl.token)))
      const refused = refusal(answer.authBytes)
      if (refused !== undefined) throw refused
      return answer
    }
    default:
      return scramLogin(connection, sasl)
  }
}

function scramLogin(
  connection: Sender,
  { mechanism, username, password }: Extract<SaslSettings, { readonly username: string }>,
): Promise<Answer> {
  const { authenticate, defaultCrypto } = scram()
  const hash = mechanism === 'SCRAM-SHA-256' ? 'SHA-256' : 'SHA-512'
  return authenticate(saslAuthenticateV1.api as never, connection as never, hash, username, password, defaultCrypto)
}

const bearerMessage = (token: string) => `n,,\x01auth=Bearer ${token}\x01\x01`

/** How kafkajs logs in. A new object each time: kafkajs writes into it. */
export function controlClientLogin(sasl: SaslSettings): NonNullable<KafkaConfig['sasl']> {
  switch (sasl.mechanism) {
    case 'PLAIN':
      return { mechanism: 'plain', username: sasl.username, password: sasl.password }
    case 'SCRAM-SHA-256':
      return { mechanism: 'scram-sha-256', username: sasl.username, password: sasl.password }
    case 'SCRAM-SHA-512':
      return { mechanism: 'scram-sha-512', username: sasl.username, password: sasl.password }
    case 'OAUTHBEARER':
      return { mechanism: 'oauthbearer', authenticationProvider: (login) => bearerLogin(login, sasl.token) }
  }
}

const sizeBytes = 4

function bearerLogin({ saslAuthenticate }: AuthenticationProviderArgs, source: Parameters<typeof bearerToken>[0]) {
  const authenticate = async (): Promise<void> => {
    const message = Buffer.from(bearerMessage(await bearerToken(source)))
    const size = Buffer.alloc(sizeBytes)
    size.writeInt32BE(message.length)
    await saslAuthenticate({
      request: { encode: () => Buffer.concat([size, message]) },
      response: {
        decode: (answer) => answer.subarray(sizeBytes),
        parse: (answer) => {
          const refused = refusal(answer)
          if (refused !== undefined) throw refused
        },
      },
    })
  }
  return { authenticate }
}
