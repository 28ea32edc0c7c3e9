import type { Agent } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { RegistrySettings } from '../ports/connection-settings.ts'
import { bearerToken } from './bearer-token.ts'

// An import would load Node's whole fetch for the WebSocket among its names, a quarter of a command's start.
const { Agent: HttpAgent, request: httpRequest } = process.getBuiltinModule('node:http')

export interface HttpAnswer {
  readonly status: number
  readonly text: string
  /** where a redirect has led, if it has; without credentials, unless it is the same host */
  readonly redirectedTo?: URL
}

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
/** Longer chains are circles. */
const mostRedirects = 5

/**
 * HTTP to a registry, over TLS with certificates of our own where the settings have them; Node's fetch knows only the
 * process's. Idle connections do not keep the process alive.
 */
export class RegistryHttp {
  readonly #settings: RegistrySettings
  readonly #agents = new Map<string, Agent>()

  constructor(settings: RegistrySettings) {
    this.#settings = settings
  }

  /**
   * For requests to a URL, also those of the client that registers schemas. Another host than the registry's is shown
   * no certificate of ours.
   */
  agentFor(url: URL): Agent {
    const key = `${url.protocol} ${this.isOwnHost(url)}`
    const known = this.#agents.get(key)
    if (known !== undefined) return known
    const { tls: { ca, ...own } = {} } = this.#settings
    const tls = { ...(ca !== undefined && { ca }), ...(this.isOwnHost(url) && own) }
    const agent =
      url.protocol === 'https:' ? new HttpsAgent({ ...tls, keepAlive: true }) : new HttpAgent({ keepAlive: true })
    this.#agents.set(key, agent)
    return agent
  }

  /** Whether a URL belongs to the host of the settings: only that host gets credentials. */
  isOwnHost(url: URL): boolean {
    return url.origin === new URL(this.#settings.url).origin
  }

  /** What says who we are; a token is asked for anew each time. @throws TokenError */
  async authorization(): Promise<string | undefined> {
    const { auth } = this.#settings
    if (auth === undefined) return undefined
    if ('token' in auth) return `Bearer ${await bearerToken(auth.token)}`
    return `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`
  }

  /**
   * Asks a URL, and where it redirects to.
   *
   * @throws Error of node:net, node:tls, or of a time-out, if no answer comes; TokenError
   */
  async get(url: string, accept: string, timeoutMs: number): Promise<HttpAnswer> {
    const authorization = await this.authorization()
    const signal = AbortSignal.timeout(timeoutMs)
    let asked = new URL(url)
    for (let left = mostRedirects; ; left--) {
      const isOwn = this.isOwnHost(asked)
      const headers = { accept, ...(isOwn && authorization !== undefined && { authorization }) }
      const { location, ...answer } = await this.#send(asked, headers, signal)
      const isRedirect = redirects.has(answer.status) && location !== undefined && URL.canParse(location, asked.href)
      const next = isRedirect ? new URL(location, asked) : undefined
      if (left === 0 || next === undefined || !/^https?:$/.test(next.protocol))
        return left === mostRedirects ? answer : { ...answer, redirectedTo: asked }
      asked = next
    }
  }

  #send(
    url: URL,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<{ status: number; text: string; location: string | undefined }> {
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest
    return new Promise((resolve, reject) => {
      const asked = request(url, { agent: this.agentFor(url), headers, signal }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            text: Buffer.concat(chunks).toString(),
            location: response.headers.location,
          }),
        )
        response.on('error', reject)
      })
      asked.on('error', (error: NodeJS.ErrnoException) => {
        // The server has closed an idle connection: a new one may still work.
        const isStale = asked.reusedSocket && error.code === 'ECONNRESET' && !signal.aborted
        if (isStale) resolve(this.#send(url, headers, signal))
        else reject(error)
      })
      asked.end()
    })
  }
}
