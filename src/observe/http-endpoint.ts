import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { UsageError } from '../errors.ts'
import type { EndpointAddress } from './endpoint-address.ts'

/** What is served at a path; the query is ignored. */
export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

export interface Endpoint {
  /** as http://127.0.0.1:9464 */
  readonly url: string
  close(): Promise<void>
}

/** A scraper and the probes of a pod need a few. */
const maxConnections = 32
const maxHeaderBytes = 8 * 1024
/** What a request may take to arrive, and a connection may wait for the next one or for its peer to read. */
const patienceMs = 5_000
/** How often connections are looked at for that. */
const checkMs = 1_000

/** It is text for programs: no browser is to make anything else of it. */
const headers = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
} as const

/** Answers a request by itself. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void

/**
 * Serves some paths read-only: GET and HEAD, and nothing that a request says is looked at but its method and path.
 *
 * @param others answers all other paths [404]
 * @throws UsageError if the address cannot be had
 */
export async function openEndpoint(
  { host, port }: EndpointAddress,
  paths: ReadonlyMap<string, () => Answer | Promise<Answer>>,
  others?: RequestHandler,
): Promise<Endpoint> {
  const server = createServer(
    {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: patienceMs,
      requestTimeout: patienceMs,
      keepAliveTimeout: patienceMs,
      connectionsCheckingInterval: checkMs,
    },
    (request, response) => {
      connections.answering(request.socket, response)
      if (others !== undefined && !paths.has(pathOf(request))) others(request, response)
      else void serve(request, response, paths)
    },
  )
  const connections = new BoundedConnections(maxConnections)
  server.on('connection', (socket) => connections.add(socket))
  // Also for a connection that has never sent a byte.
  server.setTimeout(patienceMs)
  await new Promise<void>((resolve, reject) => {
    // Also of what comes later, as a process without file descriptors: a stage does not end for its endpoint.
    server.on('error', (cause: NodeJS.ErrnoException) => reject(refusal(host, port, cause)))
    server.listen(port, host, resolve)
  })
  const { address, family, port: taken } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/**
 * Limits the number of connections. A further one replaces the one that has been idle for longest: a client that opens
 * many without requests must not lock out a probe, whose failure would restart the pod.
 */
class BoundedConnections {
  readonly #limit: number
  /** the one that has been idle for longest first; with the number of requests that are being answered */
  readonly #open = new Map<Socket, number>()

  constructor(limit: number) {
    this.#limit = limit
  }

  add(socket: Socket): void {
    this.#open.set(socket, 0)
    socket.once('close', () => this.#open.delete(socket))
    if (this.#open.size <= this.#limit) return
    const [[oldest]] = this.#open
    const idle = [...this.#open].find(([, requests]) => requests === 0)?.[0]
    const dropped = idle === undefined || idle === socket ? oldest : idle
    this.#open.delete(dropped)
    dropped.destroy()
  }

  answering(socket: Socket, response: ServerResponse): void {
    this.#count(socket, 1)
    response.once('close', () => this.#count(socket, -1))
  }

  #count(socket: Socket, change: number): void {
    const requests = this.#open.get(socket)
    if (requests === undefined) return
    this.#open.delete(socket)
    this.#open.set(socket, requests + change)
  }
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0]
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  paths: ReadonlyMap<string, () => Answer | Promise<Answer>>,
): Promise<void> {
  const { method } = request
  const answer = paths.get(pathOf(request))
  const say = (status: number, contentType: string, body: string, more: Readonly<Record<string, string>> = {}) => {
    response.writeHead(status, {
      ...headers,
      ...more,
      'content-type': contentType,
      'content-length': Buffer.byteLength(body),
    })
    response.end(method === 'HEAD' ? undefined : body)
  }
  // A body is never read: the connection ends with the answer.
  if (method !== 'GET' && method !== 'HEAD')
    return say(405, plainText, 'Only GET and HEAD\n', { allow: 'GET, HEAD', connection: 'close' })
  if (answer === undefined) return say(404, plainText, `Known paths: ${[...paths.keys()].join(', ')}\n`)
  try {
    const { status, contentType, body } = await answer()
    say(status, contentType, body)
  } catch {
    // A defect of ours, about which the caller needs to know no more.
    say(500, plainText, 'The answer is not available at the moment\n')
  }
}

export const plainText = 'text/plain; charset=utf-8'

function refusal(host: string, port: number, cause: NodeJS.ErrnoException): Error {
  const where = `${host}:${port}`
  switch (cause.code) {
    case 'EADDRINUSE':
      return new UsageError(
        `--http ${where}: another process listens there`,
        'Choose another port, or stop that process',
      )
    case 'EACCES':
      return new UsageError(`--http ${where}: this user may not listen there`, 'Choose a port from 1024 up')
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new UsageError(
        `--http ${where}: this machine has no such address`,
        'Name an address of this machine, or 0.0.0.0',
      )
    default:
      return cause
  }
}
