import { readFile } from 'node:fs/promises'
import { PipelineError } from '../errors.ts'
import type { TokenSource } from '../ports/connection-settings.ts'

/** No bearer token could be obtained. */
export class TokenError extends PipelineError {
  readonly code = 'VGM_TOKEN'
  constructor(problem: string, fix: string, retriable = false, cause?: unknown) {
    super(problem, { fix, retriable, cause })
  }
}

const endpointTimeoutMs = 5_000
/** Share of a token's lifetime after which it is replaced: brokers close a connection when its token expires. */
const usedShare = 0.8
/** Assumed lifetime of a token if the endpoint does not give one. */
const unknownLifeMs = 60_000
/** RFC 6750, section 2.1. Any other character could end the line or the message that contains the token. */
const tokenPattern = /^[A-Za-z0-9._~+/-]+=*$/

/** Clients request a token at every login; all clients of a process share the token of an endpoint. */
const fromEndpoints = new WeakMap<
  TokenSource,
  { readonly token: Promise<string>; readonly freshUntilMs: () => number }
>()

/**
 * A token that is valid now. A token file is read each time.
 *
 * @throws TokenError, which never has the token in it
 */
export async function bearerToken(source: TokenSource): Promise<string> {
  if ('value' in source) return checked(source.value, 'The token')
  if ('file' in source) return checked(await readToken(source.file), `The token in ${source.file}`)
  const known = fromEndpoints.get(source)
  if (known !== undefined && Date.now() < known.freshUntilMs()) return known.token
  // All callers share this pending request.
  let untilMs = Date.now() + endpointTimeoutMs
  const token = askEndpoint(source).then(({ access_token, expires_in }) => {
    untilMs = Date.now() + usedShare * (expires_in === undefined ? unknownLifeMs : expires_in * 1_000)
    return checked(access_token, `The token of ${source.endpoint}`)
  })
  fromEndpoints.set(source, { token, freshUntilMs: () => untilMs })
  token.catch(() => fromEndpoints.delete(source))
  return token
}

async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new TokenError(`The token file ${file} cannot be read: ${code}`, 'Name a file that holds one token')
  }
}

function checked(token: unknown, what: string): string {
  if (typeof token === 'string' && tokenPattern.test(token)) return token
  throw new TokenError(`${what} is not a bearer token`, 'Give one line of letters, digits and . _ ~ + / - =')
}

interface TokenAnswer {
  readonly access_token?: unknown
  /** seconds */
  readonly expires_in?: number
}

/** RFC 6749, section 4.4: the client credentials grant. */
async function askEndpoint({
  endpoint,
  clientId,
  clientSecret,
  scope,
}: Extract<TokenSource, { endpoint: string }>): Promise<TokenAnswer> {
  const credentials = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`
  let status: number
  try {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}`, accept: 'application/json' },
      body: new URLSearchParams({ grant_type: 'client_credentials', ...(scope !== undefined && { scope }) }),
      signal: AbortSignal.timeout(endpointTimeoutMs),
      redirect: 'error',
    })
    if (response.ok) return (await response.json()) as TokenAnswer
    status = response.status
  } catch (cause) {
    const { cause: reason, message } = cause as Error & { cause?: Error & { code?: string } }
    const why = reason?.code ?? reason?.message ?? message
    throw new TokenError(`The token endpoint ${endpoint} does not answer: ${why}`, 'Check its address', true)
  }
  throw new TokenError(
    `The token endpoint ${endpoint} answered ${status}`,
    'Check the client id (--sasl-username), its secret and the scope (--sasl-scope)',
    status >= 500,
  )
}
