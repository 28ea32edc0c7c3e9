import { EventEmitter } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import { type Answer, closesConnection } from '../../../src/embedded/broker-state.ts'
import { readRequest, writeResponse } from '../../../src/embedded/protocol/frames.ts'
import { isModelRequest, type ModelRequest, type RequestName, refusal } from './refusals.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What happens to the next request of a kind. */
export type Fault =
  /** it is refused, and changes nothing */
  | { readonly kind: 'error'; readonly code: number }
  /** the connection breaks before the broker has it */
  | { readonly kind: 'lost request' }
  /** the connection breaks after the broker has done it */
  | { readonly kind: 'lost answer' }
  /** the connection breaks, and the broker does it later all the same */
  | { readonly kind: 'late request'; readonly ms: number }
  /** the broker does it, and says nothing */
  | { readonly kind: 'silence' }
  /** the answer takes its time */
  | { readonly kind: 'late answer'; readonly ms: number }

/** Of the network that is in use. To replace what modules import takes long, and is done once. */
let connect = notInUse
net.connect = ((options: ConnectOptions) => connect(options)) as unknown as typeof net.connect
syncBuiltinESMExports()

function notInUse({ port }: ConnectOptions): ModelSocket {
  throw new Error(`No network is in use to connect to port ${port}`)
}

/** As much of those of net.connect as the client uses. */
interface ConnectOptions {
  readonly port: number
  readonly onread: {
    /** gives the memory that is read into */
    buffer(): Uint8Array
    /** @returns whether to go on */
    callback(count: number, room: Uint8Array): boolean
  }
}

/** A node as the network sees it. */
export interface NetworkNode {
  readonly port: number
  isUp(): boolean
  /** @param signal aborted when the connection is closed */
  handle(request: ModelRequest, signal: AbortSignal): Promise<Answer<RequestName>>
}

/** Of a frame, in front of it. */
const sizeBytes = 4
/** Nobody reads it; without one an error is made. */
const reason = 'closed'

/**
 * Takes the place of TCP: `net.connect` gives a socket to a model broker. The client's own connections run
 * above it, so that requests are encoded, answers parsed and time-outs kept as they are in use.
 */
export class ModelNetwork {
  readonly #time: VirtualTime
  readonly #random: () => number
  readonly #nodes = new Map<number, NetworkNode>()
  readonly #sockets = new Set<ModelSocket>()
  readonly #faults = new Map<RequestName, Fault[]>()
  /** told of each request when it is sent */
  onSend: (request: ModelRequest) => void = () => undefined

  constructor(time: VirtualTime, random: () => number) {
    this.#time = time
    this.#random = random
  }

  addNode(node: NetworkNode): void {
    this.#nodes.set(node.port, node)
  }

  /** The next request of this name meets `fault`; several wait for one each. */
  addFault(name: RequestName, fault: Fault): void {
    this.#faults.set(name, [...(this.#faults.get(name) ?? []), fault])
  }

  heal(): void {
    this.#faults.clear()
  }

  /** Breaks all connections of a broker. */
  breakConnections(port: number): void {
    for (const socket of [...this.#sockets]) if (socket.port === port) socket.lose()
  }

  async use<T>(work: () => Promise<T>): Promise<T> {
    connect = (options) => this.#connect(options)
    try {
      return await work()
    } finally {
      connect = notInUse
    }
  }

  #latencyMs(): number {
    return 0.2 + 3 * this.#random()
  }

  #connect(options: ConnectOptions): ModelSocket {
    const { port } = options
    const node = this.#nodes.get(port)
    const socket = new ModelSocket(options, this.#time, (frame) => this.#receive(socket, node as NetworkNode, frame))
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    this.#time.schedule(this.#latencyMs(), () => {
      if (socket.isClosed) return
      if (node?.isUp()) socket.emit('connect')
      else socket.lose(Object.assign(new Error(`connect ECONNREFUSED ${port}`), { code: 'ECONNREFUSED' }))
    })
    return socket
  }

  #receive(socket: ModelSocket, node: NetworkNode, frame: Buffer): void {
    const request = readRequest(frame.subarray(sizeBytes))
    if (!isModelRequest(request)) throw new Error(`The row path does not send ${request.api}`)
    this.onSend(request)
    const fault = this.#faults.get(request.api)?.shift()
    // The broker is no part of the client's process: it goes on when that has ended. A connection keeps its order.
    const arrivesMs = Math.max(this.#time.nowMs + this.#latencyMs(), socket.lastArrivalMs)
    socket.lastArrivalMs = arrivesMs
    this.#time.schedule(arrivesMs - this.#time.nowMs, () => this.#serve(socket, node, request, fault), null)
  }

  #serve(socket: ModelSocket, node: NetworkNode, request: ModelRequest, fault: Fault | undefined): void {
    switch (fault?.kind) {
      case 'lost request':
        socket.lose()
        return
      case 'late request':
        socket.lose()
        this.#time.schedule(fault.ms, () => node.isUp() && void node.handle(request, socket.end), null)
        return
      default:
    }
    // One request of a connection after another, as brokers do it.
    socket.turn = socket.turn.then(async () => {
      if (!node.isUp()) return
      const answer = fault?.kind === 'error' ? refusal(request, fault.code) : await node.handle(request, socket.end)
      if (fault?.kind === 'silence' || answer === undefined) return
      if (fault?.kind === 'lost answer' || answer === closesConnection) {
        socket.lose()
        return
      }
      const delayMs = this.#latencyMs() + (fault?.kind === 'late answer' ? fault.ms : 0)
      await new Promise<void>((resolve) => {
        this.#time.schedule(delayMs, resolve, null)
      })
      socket.deliver(Buffer.concat(writeResponse(request, answer)))
    })
  }
}

/** As much of a net.Socket as the client uses. */
class ModelSocket extends EventEmitter {
  readonly port: number
  readonly #onread
  readonly #time: VirtualTime
  readonly #send: (frame: Buffer) => void
  /** of the client: what happens to the socket happens to it */
  readonly #owner
  readonly #closed = new AbortController()
  /** parts of a frame that is being written */
  #corked: Buffer[] | undefined
  lastArrivalMs = 0
  turn: Promise<void> = Promise.resolve()

  constructor({ port, onread }: ConnectOptions, time: VirtualTime, send: (frame: Buffer) => void) {
    super()
    this.port = port
    this.#onread = onread
    this.#time = time
    this.#send = send
    this.#owner = time.current
  }

  get destroyed(): boolean {
    return this.isClosed
  }

  get isClosed(): boolean {
    return this.end.aborted
  }

  get closed(): boolean {
    return this.isClosed
  }

  /** aborted when it is closed */
  get end(): AbortSignal {
    return this.#closed.signal
  }

  cork(): void {
    this.#corked = []
  }

  uncork(): void {
    const frame = Buffer.concat(this.#corked ?? [])
    this.#corked = undefined
    this.write(frame)
  }

  write(bytes: Buffer): boolean {
    if (this.#corked !== undefined) this.#corked.push(bytes)
    else if (!this.isClosed) this.#send(bytes)
    return true
  }

  deliver(frame: Buffer): void {
    this.#time.schedule(0, () => this.#read(frame), this.#owner)
  }

  #read(frame: Buffer): void {
    const { buffer, callback } = this.#onread
    for (let from = 0; from < frame.length && !this.isClosed; ) {
      const room = buffer()
      const count = frame.copy(room, 0, from)
      from += count
      callback(count, room)
    }
  }

  /** Breaks, from the other side. */
  lose(error: Error = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })): void {
    this.#time.schedule(
      0,
      () => {
        if (this.isClosed) return
        this.#closed.abort(reason)
        this.emit('error', error)
        this.emit('close')
      },
      this.#owner,
    )
  }

  destroy(error?: Error): this {
    if (this.isClosed) return this
    this.#closed.abort(reason)
    this.#time.schedule(
      0,
      () => {
        if (error !== undefined) this.emit('error', error)
        this.emit('close')
      },
      this.#owner,
    )
    return this
  }

  destroySoon(): void {
    this.destroy()
  }

  setNoDelay(): this {
    return this
  }
}
