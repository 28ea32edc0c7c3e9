import type { ConnectionOptions } from '@platformatic/kafka'
import type { AuthenticationProviderArgs, KafkaConfig } from 'kafkajs'
import type { SaslSettings } from '../ports/connection-settings.ts'
import { bearerToken } from './bearer-token.ts'

/**
 * A broker answers a rejected token with a reason instead of an error, and waits for one more message (RFC 7628,
 * section 3.2.2). Both clients treat that as success, and fail at the next request without the reason.
 */
function refusal(answer: Uint8Array): Error | undefined {
  if (answer.length === 0) return undefined
  const { status } = parsed(Buffer.from(answer).toString())
  return Object.assign(new Error(`the token is refused${typeof status === 'string' ? ` (${status})` : ''}`), {
    code: 'PLT_KFK_AUTHENTICATION',
  })
}

function parsed(text: string): { status?: unknown } {
  try {
    return JSON.parse(text) as { status?: unknown }
  } catch {
    return {}
  }
}

/** How the row client's connections log in. */
export function rowClientLogin(sasl: SaslSettings): NonNullable<ConnectionOptions['sasl']> {
  if (sasl.mechanism !== 'OAUTHBEARER') return { ...sasl }
  return {
    mechanism: 'OAUTHBEARER',
    token: () => bearerToken(sasl.token),
    authBytesValidator: (answer, callback) => callback(refusal(answer) ?? null, answer),
  }
}

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
    const message = Buffer.from(`n,,\x01auth=Bearer ${await bearerToken(source)}\x01\x01`)
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
