import { EventEmitter } from 'node:events'
import { connect as connectPlain, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import type { Connection } from '@platformatic/kafka'
import { FrameAssembler } from '../batch/frame-assembler.ts'
import type { SaslSettings, TlsSettings } from '../ports/connection-settings.ts'
import {
  type Callback,
  NetworkError,
  Reader,
  type ResponseParser,
  type Sender,
  TimeoutError,
  UnexpectedCorrelationIdError,
  UserError,
  Writer,
} from './client-parts.ts'
import { logIn } from './sasl-login.ts'

/** The requests of a login: SaslHandshake, SaslAuthenticate. */
const loginKeys: ReadonlySet<number> = new Set([17, 36])
/** Parts of a request below this size are joined; larger parts are written without a copy. */
const joinedBytes = 16 * 1024
const sizeBytes = 4
/** No answer is larger: `socket.request.max.bytes` ends below it, and so do fetches that we ask for. */
const largestFrameBytes = 1024 * 1024 * 1024

/** The longest time that a timer of Node takes. */
const longestTimerMs = 2 ** 31 - 1
/** Of a login's lifetime, after which the next one begins. */
const shareBeforeLogin = 0.8

export interface BrokerConnectionOptions {
  /** for the login too */
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly tls?: TlsSettings
  /** that the broker's certificate must be for, if not for the address */
  readonly tlsServerName?: string
  readonly sasl?: SaslSettings
}

interface Request {
  readonly apiKey: number
  readonly apiVersion: number
  readonly parser: ResponseParser<unknown>
  readonly hasTags: boolean
  readonly callback: Callback<unknown>
  readonly timer: NodeJS.Timeout
}

/**
 * A connection to a broker: TLS, the login, and framing.
 *
 * The bytes of a large response are borrowed from a pool: `recycle` returns them.
 *
 * Nothing else is sent during a further login. Brokers with connections.max.reauth.ms require a new login before the
 * old one expires (KIP-368), and close the connection if another request arrives between its messages.
 *
 * It emits `error` and `close`.
 */
export class BrokerConnection extends EventEmitter<{ error: [Error]; close: [] }> implements Sender {
  /** the last failure: the error of rejected requests says only that the connection is closed */
  failure: Error | undefined
  readonly #head: Buffer
  readonly #options: BrokerConnectionOptions
  readonly #requests = new Map<number, Request>()
  readonly #frames = new FrameAssembler((frame) => this.#answer(frame), largestFrameBytes)
  #state: 'new' | 'logging in' | 'open' | 'closed' = 'new'
  #socket: Socket | undefined
  #nextId = 0
  #login: Promise<void> | undefined
  #nextLogin: NodeJS.Timeout | undefined

  constructor(clientId: string, options: BrokerConnectionOptions) {
    super()
    this.#head = requestHead(clientId)
    this.#options = options
    this.on('error', (error) => {
      this.failure = error
    })
  }

  /** Resolves when requests may be sent, in the order of the calls; undefined if they may be sent now. */
  get login(): Promise<void> | undefined {
    return this.#login
  }

  get socket(): Socket | undefined {
    return this.#socket
  }

  isConnected(): boolean {
    return this.#state === 'open'
  }

  /** Resolves when the broker has let it in. @throws NetworkError, TimeoutError */
  async connect(host: string, port: number): Promise<void> {
    const where = `${host}:${port}`
    const { promise: broken, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => reject(new TimeoutError(`Connection to ${where} timed out.`, { canRetry: true })),
      this.#options.connectTimeoutMs,
    )
    const onError = (error: Error) => reject(error)
    this.once('error', onError)
    try {
      await Promise.race([broken, this.#open(host, port).then(() => this.#authenticate())])
      if (this.#state === 'closed') throw new NetworkError('Connection closed')
      this.#state = 'open'
    } catch (cause) {
      this.#socket?.destroy()
      this.off('error', onError)
      if (cause === this.failure) throw cause
      const failed = { cause: cause as Error }
      const error = cause instanceof TimeoutError ? cause : new NetworkError(`Connection to ${where} failed.`, failed)
      this.emit('error', error)
      throw error
    } finally {
      clearTimeout(timer)
      this.off('error', onError)
    }
  }

  /** Ends it when what was written has left. */
  close(): Promise<void> {
    const socket = this.#socket
    if (socket === undefined || socket.closed) return Promise.resolve()
    this.#state = 'closed'
    socket.removeAllListeners('error')
    socket.on('error', () => undefined)
    return new Promise((resolve) => {
      socket.once('close', () => resolve())
      socket.destroySoon()
    })
  }

  /**
   * Called by a request. The bytes of large parts of the payload belong to the connection until the response arrives.
   */
  send<Answer>(...request: Parameters<typeof Connection.prototype.send<Answer>>): void {
    const [apiKey, apiVersion, createPayload, parser, hasRequestTags, hasTags, callback] = request
    const isOpen = this.#state === 'open' || (this.#state === 'logging in' && loginKeys.has(apiKey))
    const socket = this.#socket
    if (!isOpen || socket === undefined || socket.destroyed) {
      callback(new NetworkError('Connection closed'), undefined)
      return
    }
    const id = this.#nextId
    this.#nextId = (id + 1) & 0x7fff_ffff
    const timer = setTimeout(() => this.#late(id), this.#options.requestTimeoutMs)
    this.#requests.set(id, { apiKey, apiVersion, parser, hasTags, callback: callback as Callback<unknown>, timer })
    this.#write(socket, apiKey, apiVersion, id, hasRequestTags, createPayload() as Writer)
  }

  /** Takes back the bytes of a response for reuse. */
  recycle(bytes: Uint8Array): void {
    this.#frames.recycle(bytes)
  }

  #write(socket: Socket, apiKey: number, apiVersion: number, id: number, hasTags: boolean, payload: Writer): void {
    const head = Buffer.allocUnsafe(this.#head.length + (hasTags ? 1 : 0))
    this.#head.copy(head)
    head.writeInt32BE(head.length - sizeBytes + payload.length, 0)
    head.writeInt16BE(apiKey, 4)
    head.writeInt16BE(apiVersion, 6)
    head.writeInt32BE(id, 8)
    if (hasTags) head[head.length - 1] = 0
    // One call of the operating system for all parts.
    socket.cork()
    let small: Uint8Array[] = [head]
    for (const part of payload.buffers) {
      if (part.length < joinedBytes) {
        small.push(part)
        continue
      }
      socket.write(Buffer.concat(small))
      socket.write(part)
      small = []
    }
    socket.write(Buffer.concat(small))
    socket.uncork()
  }

  /** Also what Node refuses at once, such as a port that is none, is a rejection: nothing is emitted before. */
  async #open(host: string, port: number): Promise<void> {
    const { tls, tlsServerName } = this.#options
    const frames = this.#frames
    let isFirst = tls === undefined
    // Without memory of its own for each read: that and its collection would take half of the time of a fetch.
    const onread = {
      buffer: () => frames.room(),
      callback: (count: number, room: Uint8Array) => {
        if (isFirst && isTlsRecord(room.subarray(0, count))) socket.destroy(new Error('Broker requires TLS.'))
        isFirst = false
        if (socket.destroyed) return false
        try {
          frames.takeRoom(count)
        } catch (error) {
          socket.destroy(error as Error)
        }
        return !socket.destroyed
      },
    }
    const address = { host, port, onread }
    const socket =
      tls === undefined
        ? connectPlain(address)
        : connectTls({ ...tls, ...address, ...(tlsServerName !== undefined && { servername: tlsServerName }) })
    this.#socket = socket
    socket.setNoDelay(true)
    socket.once('close', () => this.#closed())
    return new Promise((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException) => {
        const wantsNone = tls !== undefined && error.code === 'ECONNRESET' && error.message.includes('secure TLS')
        reject(wantsNone ? new UserError(noTls, { cause: error }) : error)
      }
      socket.once('error', fail)
      socket.once('close', () => reject(new NetworkError('Connection closed')))
      socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
        socket.off('error', fail)
        socket.on('error', (cause) => this.emit('error', new NetworkError('Connection error', { cause })))
        resolve()
      })
    })
  }

  #closed(): void {
    this.#state = 'closed'
    clearTimeout(this.#nextLogin)
    this.emit('close')
    const requests = [...this.#requests.values()]
    this.#requests.clear()
    for (const { timer, callback } of requests) {
      clearTimeout(timer)
      callback(new NetworkError('Connection closed'), undefined)
    }
  }

  async #authenticate(): Promise<void> {
    const { sasl } = this.#options
    if (sasl === undefined) return
    this.#state = 'logging in'
    const lifetimeMs = await logIn(this, sasl)
    if (lifetimeMs > 0 && this.#state === 'logging in')
      this.#nextLogin = setTimeout(() => this.#logInAgain(), Math.min(shareBeforeLogin * lifetimeMs, longestTimerMs))
  }

  #logInAgain(): void {
    if (this.#state !== 'open') return
    const login = this.#authenticate().then(
      () => {
        if (this.#state === 'logging in') this.#state = 'open'
      },
      (cause) => {
        if (this.#state === 'logging in') this.emit('error', new NetworkError('The login failed.', { cause }))
        this.#socket?.destroy()
      },
    )
    this.#login = login
    // Callers of the same turn must queue behind those that already wait.
    void login
      .then(() => nextTurn())
      .then(() => {
        if (this.#login === login) this.#login = undefined
      })
  }

  #answer(frame: Buffer): void {
    const id = frame.readInt32BE(0)
    const request = this.#requests.get(id)
    if (request === undefined) {
      this.#socket?.destroy(
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
    this.#socket?.destroy()
  }
}

/** A guess: a broker that is being stopped looks the same. */
const noTls = 'TLS handshake failed. Please verify the broker supports TLS.'

/**
 * Size, key, version and number, to be filled in, and the client's name.
 * https://kafka.apache.org/protocol#protocol_messages
 */
function requestHead(clientId: string): Buffer {
  return Writer.create().appendInt32(0).appendInt16(0).appendInt16(0).appendInt32(0).appendString(clientId, false)
    .buffer
}

/** Handshake, alert or data, of SSL 3 to TLS 1.3. */
function isTlsRecord(data: Uint8Array): boolean {
  return data.length >= 3 && data[0] >= 0x14 && data[0] <= 0x17 && data[1] === 3 && data[2] <= 4
}
