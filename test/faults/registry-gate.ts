import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { lastingPorts } from './lasting-ports.ts'

/**
 * What becomes of whoever asks a registry that is away: no connection, a connection without an answer, or a gateway's
 * answer.
 */
export type Outage = 'refused' | 'silent' | 'unavailable'

const unavailable = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'

/** A TCP gate before the registry: closed, the registry is away for those who come through it, and for nobody else. */
export class RegistryGate {
  /** what clients are told as --registry */
  readonly url: string
  readonly #port: number
  readonly #registry: URL
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #outage: Outage | undefined

  /** @param registry base of its API */
  static async open(registry: string): Promise<RegistryGate> {
    const [port] = await lastingPorts(1)
    const gate = new RegistryGate(new URL(registry), port)
    await gate.#listen()
    return gate
  }

  private constructor(registry: URL, port: number) {
    this.#registry = registry
    this.#port = port
    const url = new URL(registry)
    url.port = String(port)
    this.url = url.href
  }

  /** Begins an outage; connections that are open break. */
  async shut(outage: Outage): Promise<void> {
    this.#outage = outage
    if (outage === 'refused') await this.close()
    else this.#break()
  }

  /** Ends it. */
  async reopen(): Promise<void> {
    this.#outage = undefined
    this.#break()
    if (this.#server === undefined) await this.#listen()
  }

  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    server?.close()
    this.#break()
    if (server?.listening === true) await once(server, 'close')
  }

  async #listen(): Promise<void> {
    const server = createServer((client) => this.#accept(client))
    this.#server = server
    await once(server.listen(this.#port, '127.0.0.1'), 'listening')
  }

  #accept(client: Socket): void {
    this.#keep(client)
    if (this.#outage === 'silent') return
    if (this.#outage === 'unavailable') {
      // Nothing of the request is read before the answer goes out: fetch takes it all the same.
      client.end(unavailable)
      return
    }
    const registry = this.#keep(connect(Number(this.#registry.port), this.#registry.hostname))
    client.pipe(registry).pipe(client)
    client.on('close', () => registry.destroy())
    registry.on('close', () => client.destroy())
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket)
    // Whoever is on the other side sees the close that follows.
    socket.on('error', () => undefined)
    socket.on('close', () => this.#sockets.delete(socket))
    return socket
  }

  #break(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }
}
