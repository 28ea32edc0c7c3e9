import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { FrameAssembler, FrameSizeError, release } from '../batch/frame-assembler.ts'
import { UsageError } from '../errors.ts'
import type { Broker } from './broker.ts'
import { closesConnection } from './broker-state.ts'
import { AnswerFaults, requireMs } from './faults.ts'
import { nodeId } from './nodes.ts'
import { InvalidRequestError } from './protocol/frame-reader.ts'
import { type Request, readRequest, writeResponse } from './protocol/frames.ts'

const loopbackHost = '127.0.0.1'
const loopbacks: readonly string[] = [loopbackHost, 'localhost']
/** Of requests that wait for the one before them, beyond which nothing more is read. */
const mostWaitingBytes = 1024 * 1024

/** Serves a broker on the loopback. */
export class TcpServer {
  readonly host = loopbackHost
  readonly port: number
  readonly #server: Server
  readonly faults: AnswerFaults
  readonly #connections: Set<Connection>
  #isAway = false

  private constructor(server: Server, connections: Set<Connection>, faults: AnswerFaults) {
    this.#server = server
    this.#connections = connections
    this.faults = faults
    this.port = (server.address() as AddressInfo).port
  }

  /**
   * @param log says what went wrong with a connection
   * @throws UsageError for a host that is not the loopback, or a port that is taken
   */
  static async listen(
    broker: Broker,
    { host = loopbackHost, port = 0 }: { readonly host?: string; readonly port?: number },
    log: (line: string) => void,
  ): Promise<TcpServer> {
    if (!loopbacks.includes(host))
      throw new UsageError(
        `The embedded broker listens on ${loopbackHost} only, not on ${host}: whoever reaches it may do everything`,
        'Leave the host out; use a cluster of its own for clients on other machines',
      )
    const connections = new Set<Connection>()
    const faults = new AnswerFaults()
    const server = createServer({ noDelay: true }, (socket) => {
      if (tcp.#isAway) {
        socket.destroy()
        return
      }
      const connection = new Connection(socket, broker, faults, log)
      connections.add(connection)
      socket.once('close', () => connections.delete(connection))
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          error.code === 'EADDRINUSE'
            ? new UsageError(`Port ${port} of ${loopbackHost} is taken`, 'Name another port, or 0 for any')
            : error,
        ),
      )
      server.listen(port, loopbackHost, resolve)
    })
    const tcp = new TcpServer(server, connections, faults)
    return tcp
  }

  /** Ends all connections, and every new one for so many ms. */
  goAway(ms: number): void {
    requireMs('ms', ms)
    this.#isAway = true
    setTimeout(() => {
      this.#isAway = false
    }, ms).unref()
    for (const connection of this.#connections) connection.destroy()
  }

  /** Ends all connections. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const connection of this.#connections) connection.destroy()
    await closed
  }
}

/** One client's requests, answered in their order, one after the other. */
class Connection {
  readonly #socket: Socket
  readonly #broker: Broker
  readonly #log: (line: string) => void
  readonly #faults: AnswerFaults
  readonly #closed = new AbortController()
  readonly #frames: FrameAssembler
  readonly #waiting: Buffer[] = []
  #waitingBytes = 0
  #isBusy = false

  constructor(socket: Socket, broker: Broker, faults: AnswerFaults, log: (line: string) => void) {
    this.#socket = socket
    this.#broker = broker
    this.#faults = faults
    this.#log = log
    const largestBytes = broker.settings.number('socket.request.max.bytes')
    this.#frames = new FrameAssembler((frame) => {
      this.#waiting.push(frame)
      this.#waitingBytes += frame.length
    }, largestBytes)
    socket.on('data', (data) => this.#take(data))
    socket.once('close', () => this.#closed.abort())
    // What a client does to its connection is its own affair.
    socket.on('error', () => socket.destroy())
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #take(data: Buffer): void {
    try {
      if (this.#frames.take(data)) release(data)
    } catch (error) {
      if (!(error instanceof FrameSizeError)) throw error
      this.#refuse(error)
      return
    }
    if (this.#waitingBytes > mostWaitingBytes) this.#socket.pause()
    if (!this.#isBusy) void this.#answerAll()
  }

  async #answerAll(): Promise<void> {
    this.#isBusy = true
    try {
      for (let frame = this.#waiting.shift(); frame !== undefined; frame = this.#waiting.shift()) {
        await this.#answer(frame)
        this.#waitingBytes -= frame.length
        if (this.#socket.destroyed) return
        if (this.#socket.isPaused() && this.#waiting.length === 0) this.#socket.resume()
      }
    } catch (error) {
      this.#refuse(error)
    } finally {
      this.#isBusy = false
    }
  }

  async #answer(frame: Buffer): Promise<void> {
    const request = readRequest(frame)
    const { version, isVersionUnknown, clientId } = request
    const fault = this.#faults.take(request.api)
    const answer = await this.#broker.handle(request, {
      nodeId,
      version,
      isVersionUnknown,
      clientId: clientId ?? '',
      clientHost: `/${this.#socket.remoteAddress}`,
      signal: this.#closed.signal,
    })
    // Its rows are in the log; views of other requests may have been kept.
    if (request.api === 'Produce') this.#frames.recycle(frame)
    if (fault?.kind === 'slow')
      await sleep(fault.delayMs, undefined, { signal: this.#closed.signal }).catch(() => undefined)
    if (answer === closesConnection || fault?.kind === 'lost') this.#socket.destroy()
    if (answer === undefined || answer === closesConnection || this.#socket.destroyed) return
    await this.#write(request, answer as never)
  }

  /** Writes an answer in one call; resolves once there is room for another one. */
  async #write(request: Request, answer: never): Promise<void> {
    const pieces = writeResponse(request, answer)
    let hasRoom = true
    this.#socket.cork()
    for (const piece of pieces) hasRoom = this.#socket.write(piece)
    this.#socket.uncork()
    if (hasRoom) return
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#socket.off('drain', done)
        this.#socket.off('close', done)
        resolve()
      }
      this.#socket.on('drain', done)
      this.#socket.on('close', done)
    })
  }

  #refuse(error: unknown): void {
    const isExpected = error instanceof InvalidRequestError || error instanceof FrameSizeError
    const text = error instanceof Error ? (isExpected ? error.message : error.stack) : String(error)
    this.#log(`The embedded broker closes a connection: ${text}`)
    this.#socket.destroy()
  }
}
