import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { FrameCutter, type RequestHead, requestHead } from './kafka-frames.ts'

/** A request on its way to the broker, or the answer to it on its way back. */
export interface Frame extends RequestHead {
  readonly direction: 'request' | 'answer'
  /** number of the client's connection to this proxy, from 1 up */
  readonly connection: number
  /** length and all */
  readonly bytes: Buffer
}

/**
 * What to do with a frame:
 * - drop: the other side never gets it, and the connection stays
 * - reset: neither does it get there, and both sides see the connection break
 * - delayMs: it comes later, and what is behind it no sooner
 * - answer: the request does not get to the broker; the client gets these bytes
 */
export type Action = 'drop' | 'reset' | { readonly delayMs: number } | { readonly answer: Buffer }

/** Looks at every frame; undefined lets it pass. Of several rules the first that says something decides. */
export type Rule = (frame: Frame) => Action | undefined

/** Bytes that may wait in one direction before the proxy stops reading. */
const maxWaitingBytes = 8 * 1024 * 1024
const sliceBytes = 16 * 1024

/**
 * A TCP proxy before a broker's listener, which knows Kafka's framing: it can lose, hold, slow and break what its rules
 * choose.
 *
 *     client <---> proxy (port that the broker advertises) <---> broker (DETOUR listener)
 */
export class KafkaProxy {
  readonly port: number
  readonly #server: Server
  readonly #links = new Set<Link>()
  readonly #rules: Rule[] = []
  #brokerPort = 0
  #connections = 0
  #bytesPerSecond = Infinity
  #gate: { readonly open: Promise<void>; readonly release: () => void } | undefined

  static async listen(): Promise<KafkaProxy> {
    const server = createServer({ noDelay: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new KafkaProxy(server)
  }

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (client) => void this.#accept(client))
  }

  /** Where the broker listens. */
  target(port: number): void {
    this.#brokerPort = port
  }

  /** Adds a rule; the function that is returned takes it away. */
  rule(rule: Rule): () => void {
    this.#rules.push(rule)
    return () => {
      const at = this.#rules.indexOf(rule)
      if (at >= 0) this.#rules.splice(at, 1)
    }
  }

  /** What each connection may carry in each direction; Infinity for all. */
  throttle(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond
  }

  /** A partition of the network: nothing gets through in either direction, closing included, until `join`. */
  part(): void {
    if (this.#gate !== undefined) return
    const { promise: open, resolve: release } = Promise.withResolvers<void>()
    this.#gate = { open, release }
  }

  /** Ends a partition: what was held is delivered, as TCP would have sent it again. */
  join(): void {
    this.#gate?.release()
    this.#gate = undefined
  }

  /** Breaks all connections; both sides see it. */
  reset(): void {
    for (const link of this.#links) link.reset()
  }

  /** Leaves all connections of now half open: the broker sees them closed, the client nothing at all. */
  abandon(): void {
    for (const link of this.#links) link.abandon()
  }

  /** Rules, throttle and partition are over. */
  clear(): void {
    this.#rules.length = 0
    this.#bytesPerSecond = Infinity
    this.join()
  }

  async close(): Promise<void> {
    this.clear()
    this.#server.close()
    this.reset()
    await once(this.#server, 'close').catch(() => undefined)
  }

  async #accept(client: Socket): Promise<void> {
    // Errors of a socket are seen where it is read.
    client.on('error', () => undefined)
    await this.#gate?.open
    const broker = connect({ port: this.#brokerPort, host: '127.0.0.1', noDelay: true })
    broker.on('error', () => undefined)
    const link = new Link(++this.#connections, client, broker, {
      decide: (frame) => {
        for (const rule of this.#rules) {
          const action = rule(frame)
          if (action !== undefined) return action
        }
        return undefined
      },
      bytesPerSecond: () => this.#bytesPerSecond,
      passage: async () => this.#gate?.open,
      end: () => this.#links.delete(link),
    })
    this.#links.add(link)
    link.run()
  }
}

interface Network {
  decide(frame: Frame): Action | undefined
  bytesPerSecond(): number
  /** resolves when there is no partition */
  passage(): Promise<void>
  end(): void
}

/** One connection of a client, and the proxy's own to the broker. */
class Link {
  readonly #number: number
  readonly #client: Socket
  readonly #broker: Socket
  readonly #network: Network
  /** requests whose answer has not come, by correlation id */
  readonly #asked = new Map<number, RequestHead>()
  #isAbandoned = false

  constructor(number: number, client: Socket, broker: Socket, network: Network) {
    this.#number = number
    this.#client = client
    this.#broker = broker
    this.#network = network
  }

  run(): void {
    void this.#pump('request', this.#client, this.#broker)
    void this.#pump('answer', this.#broker, this.#client)
  }

  reset(): void {
    this.#client.resetAndDestroy()
    this.#broker.resetAndDestroy()
    this.#network.end()
  }

  abandon(): void {
    this.#isAbandoned = true
    this.#broker.destroy()
  }

  async #pump(direction: Frame['direction'], from: Socket, to: Socket): Promise<void> {
    const cutter = new FrameCutter()
    const line = new Line(to, this.#network)
    try {
      for await (const bytes of from)
        for (const frame of cutter.take(bytes as Buffer)) {
          if (this.#isAbandoned) continue
          this.#take(direction, frame, line)
          await line.room()
        }
    } catch {
      // Reset by the other side: passed on below.
    }
    await line.drained()
    await this.#network.passage()
    if (this.#isAbandoned && direction === 'answer') return
    to.destroy()
    this.#network.end()
  }

  #take(direction: Frame['direction'], bytes: Buffer, line: Line): void {
    const head = direction === 'request' ? requestHead(bytes) : this.#asked.get(bytes.readInt32BE(4))
    if (direction === 'request') this.#asked.set(head!.correlationId, head!)
    else this.#asked.delete(bytes.readInt32BE(4))
    const action = head && this.#network.decide({ ...head, direction, connection: this.#number, bytes })
    if (action === 'drop') return
    if (action === 'reset') {
      this.reset()
      return
    }
    if (action !== undefined && 'answer' in action) {
      this.#asked.delete(head!.correlationId)
      this.#client.write(action.answer)
      return
    }
    line.send(bytes, action?.delayMs ?? 0)
  }
}

/** One direction of a connection: frames keep their order, however long each takes. */
class Line {
  readonly #to: Socket
  readonly #network: Network
  #last: Promise<void> = Promise.resolve()
  #waitingBytes = 0

  constructor(to: Socket, network: Network) {
    this.#to = to
    this.#network = network
  }

  send(frame: Buffer, delayMs: number): void {
    const dueMs = performance.now() + delayMs
    this.#waitingBytes += frame.length
    this.#last = this.#last.then(async () => {
      if (delayMs > 0) await sleep(Math.max(0, dueMs - performance.now()))
      await this.#carry(frame)
      this.#waitingBytes -= frame.length
    })
  }

  /** Resolves when more may be sent. */
  async room(): Promise<void> {
    while (this.#waitingBytes > maxWaitingBytes) await this.#last
  }

  async drained(): Promise<void> {
    await this.#last
  }

  async #carry(frame: Buffer): Promise<void> {
    for (let at = 0; at < frame.length; ) {
      await this.#network.passage()
      if (this.#to.destroyed) return
      const bytesPerSecond = this.#network.bytesPerSecond()
      const slice = frame.subarray(at, bytesPerSecond < Infinity ? at + sliceBytes : frame.length)
      at += slice.length
      if (bytesPerSecond < Infinity) await sleep((1_000 * slice.length) / bytesPerSecond)
      // A side that does not read holds the other up, as it would without a proxy.
      if (!this.#to.write(slice)) await roomIn(this.#to)
    }
  }
}

function roomIn(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      socket.off('drain', settle)
      socket.off('close', settle)
      resolve()
    }
    socket.on('drain', settle)
    socket.on('close', settle)
    if (socket.destroyed) settle()
  })
}
