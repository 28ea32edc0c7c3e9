import type { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  type Callback,
  Connection,
  type ConnectionOptions,
  NetworkError,
  Reader,
  type ResponseParser,
  TimeoutError,
  UnexpectedCorrelationIdError,
  Writer,
} from '@platformatic/kafka'
import { FrameAssembler, release } from '../batch/frame-assembler.ts'
import { readTo } from './socket-reads.ts'

/** The requests with which the client logs in: ApiVersions, SaslHandshake, SaslAuthenticate. */
const loginKeys: ReadonlySet<number> = new Set([17, 18, 36])
/** The client numbers its requests from 1, and we number ours from here, so a response's number shows whose it is. */
const firstId = 0x4000_0000
/** Parts of a request below this size are joined; larger parts are written without a copy. */
const joinedBytes = 16 * 1024
const sizeBytes = 4
/** No answer is larger: `socket.request.max.bytes` ends below it, and so do fetches that we ask for. */
const largestFrameBytes = 1024 * 1024 * 1024

export type BrokerConnectionOptions = ConnectionOptions & { requestTimeout: number }

interface Request {
  readonly apiKey: number
  readonly apiVersion: number
  readonly parser: ResponseParser<unknown>
  readonly hasTags: boolean
  readonly callback: Callback<unknown>
  readonly timer: NodeJS.Timeout
}

/**
 * A connection that the client opens and logs in, and on which we frame requests and responses ourselves. The client
 * would copy each outgoing batch and each response into short-lived memory, and garbage collections took a quarter of
 * the time.
 *
 * The bytes of a large response are borrowed from a pool: `recycle` returns them.
 *
 * Nothing else is sent during a re-authentication. Brokers with connections.max.reauth.ms require a new login before
 * the old one expires (KIP-368), and close the connection if another request arrives between its messages. The client
 * starts the login in time but continues to send requests.
 */
export class BrokerConnection extends Connection {
  /** the last failure: the error of rejected requests says only that the connection is closed */
  failure: Error | undefined
  readonly #head: Buffer
  readonly #requestTimeoutMs: number
  readonly #isTls: boolean
  readonly #requests = new Map<number, Request>()
  readonly #frames = new FrameAssembler((frame) => this.#answer(frame), largestFrameBytes)
  #nextId = firstId
  #login: Promise<void> | undefined
  /** the client's data listeners before we took over the socket */
  #toClient: ((data: Buffer) => void) | undefined

  constructor(clientId: string, options: BrokerConnectionOptions) {
    super(clientId, options)
    this.#head = requestHead(clientId)
    this.#requestTimeoutMs = options.requestTimeout
    this.#isTls = options.tls !== undefined
    this.on('error', (error: Error) => {
      this.failure = error
    })
    this.once('connect', () => this.#takeOver(this.socket))
  }

  /** Resolves when requests may be sent, in the order of the calls; undefined if they may be sent now. */
  get login(): Promise<void> | undefined {
    return this.#login
  }

  /** The client calls this after four fifths of the login's lifetime. */
  override reauthenticate(): void {
    if (!this.isConnected()) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const done = () => {
      for (const event of ends) this.off(event, done)
      resolve()
      // Callers of the same turn must queue behind those that already wait.
      void nextTurn().then(() => {
        if (this.#login === promise) this.#login = undefined
      })
    }
    this.#login = promise
    for (const event of ends) this.on(event, done)
    super.reauthenticate()
  }

  /**
   * Called by `createAPI`. The bytes of large parts of the payload belong to the connection until the response arrives.
   */
  override send<Answer>(...request: Parameters<typeof Connection.prototype.send<Answer>>): void {
    const [apiKey, apiVersion, createPayload, parser, hasRequestTags, hasTags, callback] = request
    if (loginKeys.has(apiKey)) {
      super.send(...request)
      return
    }
    if (!this.isConnected() || this.socket.destroyed) {
      callback(new NetworkError('Connection closed'), undefined)
      return
    }
    const id = this.#nextId
    this.#nextId = id === 0x7fff_ffff ? firstId : id + 1
    const timer = setTimeout(() => this.#late(id), this.#requestTimeoutMs)
    this.#requests.set(id, { apiKey, apiVersion, parser, hasTags, callback: callback as Callback<unknown>, timer })
    this.#write(apiKey, apiVersion, id, hasRequestTags, createPayload() as Writer)
  }

  /** Takes back the bytes of a response for reuse. */
  recycle(bytes: Uint8Array): void {
    this.#frames.recycle(bytes)
  }

  #write(apiKey: number, apiVersion: number, id: number, hasTags: boolean, payload: Writer): void {
    const head = Buffer.allocUnsafe(this.#head.length + (hasTags ? 1 : 0))
    this.#head.copy(head)
    head.writeInt32BE(head.length - sizeBytes + payload.length, 0)
    head.writeInt16BE(apiKey, 4)
    head.writeInt16BE(apiVersion, 6)
    head.writeInt32BE(id, 8)
    if (hasTags) head[head.length - 1] = 0
    // One call of the operating system for all parts.
    this.socket.cork()
    let small: Uint8Array[] = [head]
    for (const part of payload.buffers) {
      if (part.length < joinedBytes) {
        small.push(part)
        continue
      }
      this.socket.write(Buffer.concat(small))
      this.socket.write(part)
      small = []
    }
    this.socket.write(Buffer.concat(small))
    this.socket.uncork()
  }

  #takeOver(socket: Socket): void {
    this.#toClient = socket.listeners('data')[0] as (data: Buffer) => void
    socket.removeAllListeners('data')
    let isFirst = !this.#isTls
    const frames = this.#frames
    const take = (data: Buffer, isInRoom: boolean) => {
      // The client's message for a listener that requires TLS.
      if (isFirst && isTlsRecord(data)) socket.destroy(new Error('Broker requires TLS.'))
      isFirst = false
      if (socket.destroyed) return
      try {
        if (isInRoom) frames.takeRoom(data)
        else if (frames.take(data)) release(data)
      } catch (error) {
        socket.destroy(error as Error)
      }
    }
    const isRead = readTo(socket, { room: () => frames.room(), take: (data) => take(data, true) })
    if (!isRead) socket.on('data', (data: Buffer) => take(data, false))
    socket.once('close', () => {
      const requests = [...this.#requests.values()]
      this.#requests.clear()
      for (const { timer, callback } of requests) {
        clearTimeout(timer)
        callback(new NetworkError('Connection closed'), undefined)
      }
    })
  }

  #answer(frame: Buffer): void {
    const id = frame.readInt32BE(0)
    if (id < firstId) {
      const size = Buffer.alloc(sizeBytes)
      size.writeInt32BE(frame.length)
      this.#toClient?.(Buffer.concat([size, frame]))
      return
    }
    const request = this.#requests.get(id)
    if (request === undefined) {
      this.socket.destroy(
        new UnexpectedCorrelationIdError(`There is an answer to request ${id}, which nobody has made`),
      )
      return
    }
    this.#requests.delete(id)
    const { apiKey, apiVersion, parser, hasTags, callback, timer } = request
    clearTimeout(timer)
    let answer: unknown
    try {
      answer = parser(id, apiKey, apiVersion, Reader.from(frame.subarray(hasTags ? sizeBytes + 1 : sizeBytes)))
    } catch (error) {
      callback(error as Error, undefined)
      return
    }
    callback(null, answer)
  }

  #late(id: number): void {
    const request = this.#requests.get(id)
    this.#requests.delete(id)
    request?.callback(new TimeoutError('Request timed out', { canRetry: true }), undefined)
    this.socket.destroy()
  }
}

const ends = ['sasl:authentication:extended', 'error', 'close'] as const

/**
 * Size, key, version and number, to be filled in, and the client's name.
 * https://kafka.apache.org/protocol#protocol_messages
 */
function requestHead(clientId: string): Buffer {
  return Writer.create().appendInt32(0).appendInt16(0).appendInt16(0).appendInt32(0).appendString(clientId, false)
    .buffer
}

/** Handshake, alert or data, of SSL 3 to TLS 1.3. */
function isTlsRecord(data: Buffer): boolean {
  return data.length >= 3 && data[0] >= 0x14 && data[0] <= 0x17 && data[1] === 3 && data[2] <= 4
}
