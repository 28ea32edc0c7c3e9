import { connect, type Socket } from 'node:net'
import { type ApiName, apis } from '../../../src/embedded/protocol/apis.ts'
import { FrameReader, type MessageFormat } from '../../../src/embedded/protocol/frame-reader.ts'
import { FrameWriter } from '../../../src/embedded/protocol/frame-writer.ts'
import { type ReadOf, readTagged, type WrittenOf, writeTagged } from '../../../src/embedded/protocol/message.ts'
import type { Codec } from '../../../src/embedded/protocol/primitives.ts'

/** A request as a client writes it; an answer as it reads it. */
export type RequestBody<N extends ApiName> = WrittenOf<(typeof apis)[N]['request']>
export type AnswerBody<N extends ApiName> = ReadOf<(typeof apis)[N]['response']>

/** The broker has closed the connection instead of an answer, or gives none in time. */
export class NoAnswerError extends Error {
  readonly kind: 'closed' | 'late'
  constructor(kind: 'closed' | 'late') {
    super(kind === 'closed' ? 'The connection was closed' : 'No answer came in time')
    this.kind = kind
  }
}

interface Pending {
  answer(frame: Buffer): void
  fail(error: Error): void
}

export const clientId = 'conformance'

/** The client id as requests carry it; the header's string is not compact in any version. */
function writeHeader(to: FrameWriter, key: number, version: number, correlationId: number): void {
  to.int16(key)
  to.int16(version)
  to.int32(correlationId)
  to.int16(clientId.length)
  to.text(clientId, clientId.length)
  if (to.format.isFlexible) writeTagged(to, [])
}

/**
 * One connection that writes requests and reads answers by the declarations of src/embedded/protocol. It chooses no
 * version, repeats nothing and checks nothing: tests send what they want to see answered.
 */
export class RawClient {
  readonly #socket: Socket
  readonly #pending = new Map<number, Pending>()
  #correlationId = 0
  #received: Buffer = Buffer.alloc(0)
  #isClosed = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (bytes) => this.#receive(bytes))
    socket.on('error', () => {})
    socket.on('close', () => this.#fail())
  }

  static connect(address: string): Promise<RawClient> {
    const colon = address.lastIndexOf(':')
    const socket = connect(Number(address.slice(colon + 1)), address.slice(0, colon))
    return new Promise((resolve, reject) => {
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new RawClient(socket))
      })
    })
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /**
   * Sends a request and reads its answer.
   *
   * @throws NoAnswerError if the connection ends before, or nothing comes in `timeoutMs`
   */
  async ask<N extends ApiName>(
    name: N,
    version: number,
    body: RequestBody<N>,
    timeoutMs = 10_000,
  ): Promise<AnswerBody<N>> {
    const { key, flexibleFrom, request, response } = apis[name]
    const format: MessageFormat = { version, isFlexible: version >= flexibleFrom }
    const to = new FrameWriter(format)
    const correlationId = ++this.#correlationId
    writeHeader(to, key, version, correlationId)
    ;(request as Codec<unknown, RequestBody<N>>).write(to, body)
    const frame = await this.#send(Buffer.concat(to.pieces()), correlationId, timeoutMs)
    const from = new FrameReader(frame, format, 4)
    if (format.isFlexible && name !== 'ApiVersions') readTagged(from, () => false)
    return (response as Codec<AnswerBody<N>>).read(from)
  }

  /** Sends a request that gets no answer: Produce with acks 0. */
  tell<N extends ApiName>(name: N, version: number, body: RequestBody<N>): void {
    const { key, flexibleFrom, request } = apis[name]
    const to = new FrameWriter({ version, isFlexible: version >= flexibleFrom })
    writeHeader(to, key, version, ++this.#correlationId)
    ;(request as Codec<unknown, RequestBody<N>>).write(to, body)
    this.#write(Buffer.concat(to.pieces()))
  }

  /** Asks for what is offered in a version that nobody has: the answer is in version 0. */
  async askUnknownApiVersions(version: number): Promise<AnswerBody<'ApiVersions'>> {
    const to = new FrameWriter({ version, isFlexible: true })
    const correlationId = ++this.#correlationId
    writeHeader(to, apis.ApiVersions.key, version, correlationId)
    const frame = await this.#send(Buffer.concat(to.pieces()), correlationId, 10_000)
    return apis.ApiVersions.response.read(new FrameReader(frame, { version: 0, isFlexible: false }, 4))
  }

  close(): void {
    this.#isClosed = true
    this.#socket.destroy()
  }

  #send(request: Buffer, correlationId: number, timeoutMs: number): Promise<Buffer> {
    if (this.#isClosed) return Promise.reject(new NoAnswerError('closed'))
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer)
        this.#pending.delete(correlationId)
      }
      const pending: Pending = {
        answer: (frame) => {
          settle()
          resolve(frame)
        },
        fail: (error) => {
          settle()
          reject(error)
        },
      }
      const timer = setTimeout(() => {
        pending.fail(new NoAnswerError('late'))
        // Later answers would come behind the one that does not come.
        this.close()
      }, timeoutMs)
      this.#pending.set(correlationId, pending)
      this.#write(request)
    })
  }

  #write(request: Buffer): void {
    const size = Buffer.alloc(4)
    size.writeInt32BE(request.length)
    this.#socket.write(Buffer.concat([size, request]))
  }

  #receive(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes])
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readInt32BE(0)
      if (this.#received.length < end) return
      const frame = this.#received.subarray(4, end)
      this.#received = this.#received.subarray(end)
      this.#pending.get(frame.readInt32BE(0))?.answer(frame)
    }
  }

  #fail(): void {
    this.#isClosed = true
    for (const pending of [...this.#pending.values()]) pending.fail(new NoAnswerError('closed'))
  }
}
