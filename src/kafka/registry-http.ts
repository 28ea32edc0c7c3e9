import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { bearerToken } from './bearer-token.ts'
import type { RegistrySettings } from './connection-settings.ts'

export interface HttpAnswer {
  readonly status: number
  readonly text: string
}

/**
 * HTTP to a registry, over TLS with certificates of our own where the settings have them; Node's fetch knows only the process's. Idle
 * connections do not keep the process alive.
 */
export class RegistryHttp {
  /** also for the client that registers schemas */
  readonly agent: HttpAgent
  readonly #settings: RegistrySettings

  constructor(settings: RegistrySettings) {
    this.#settings = settings
    this.agent = settings.url.startsWith('https:')
      ? new HttpsAgent({ ...settings.tls, keepAlive: true })
      : new HttpAgent({ keepAlive: true })
  }

  /** What says who we are; a token is asked for anew each time. @throws TokenError */
  async authorization(): Promise<string | undefined> {
    const { auth } = this.#settings
    if (auth === undefined) return undefined
    if ('token' in auth) return `Bearer ${await bearerToken(auth.token)}`
    return `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`
  }

  /** @throws Error of node:net, node:tls, or of a time-out, if no answer comes; TokenError */
  async get(path: string, accept: string, timeoutMs: number): Promise<HttpAnswer> {
    const authorization = await this.authorization()
    const headers = { accept, ...(authorization !== undefined && { authorization }) }
    return this.#send(new URL(this.#settings.url + path), headers, AbortSignal.timeout(timeoutMs))
  }

  #send(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpAnswer> {
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest
    return new Promise((resolve, reject) => {
      const asked = request(url, { agent: this.agent, headers, signal }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
        response.on('error', reject)
      })
      asked.on('error', (error: NodeJS.ErrnoException) => {
        // The server has given up a connection that was idle: that says nothing of the next one.
        const isStale = asked.reusedSocket && error.code === 'ECONNRESET' && !signal.aborted
        if (isStale) resolve(this.#send(url, headers, signal))
        else reject(error)
      })
      asked.end()
    })
  }
}
