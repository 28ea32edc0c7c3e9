import { once } from 'node:events'
import { request as forward, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Identity } from './certificates.ts'

export interface RegistryProxyOptions {
  /** base of the registry behind it */
  readonly registry: string
  readonly identity: Identity
  /** PEM of the authority whose client certificates count; without it none is asked for */
  readonly clientCa?: string
  /** values of the Authorization header that let in */
  readonly logins: readonly string[]
}

/** A TLS end before the registry that asks who comes, as an ingress does. */
export class RegistryProxy {
  readonly url: string
  readonly #server: Server

  static async open({ registry, identity, clientCa, logins }: RegistryProxyOptions): Promise<RegistryProxy> {
    const target = new URL(registry)
    const server = createServer(
      { ...identity, ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: true }) },
      (request, response) => {
        if (logins.includes(request.headers.authorization ?? '')) pass(request, response, target)
        else
          response
            .writeHead(401, { 'content-type': 'application/json' })
            .end('{"error_code":401,"message":"Unauthorized"}')
      },
    )
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return new RegistryProxy(server, target)
  }

  private constructor(server: Server, target: URL) {
    this.#server = server
    this.url = `https://127.0.0.1:${(server.address() as AddressInfo).port}${target.pathname}`
    server.on('tlsClientError', (_error: Error, socket: TLSSocket) => socket.destroy())
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

function pass(request: IncomingMessage, response: ServerResponse, { hostname, port }: URL): void {
  const { method, url: path, headers } = request
  const { authorization: _, ...others } = headers
  const asked = forward({ hostname, port, method, path, headers: others }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  asked.on('error', () => response.writeHead(502).end())
  request.pipe(asked)
}

export function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}
