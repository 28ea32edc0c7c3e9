import { PipelineError } from '../../errors.ts'

/** Which of its versions a message is in, and whether that version is flexible (KIP-482: varints and tagged fields). */
export interface MessageFormat {
  readonly version: number
  readonly isFlexible: boolean
}

/** A frame that is no request of those we offer. Brokers close the connection: Kafka's InvalidRequestException. */
export class InvalidRequestError extends PipelineError {
  readonly code = 'VGM_INVALID_REQUEST'
  constructor(problem: string) {
    super(`The embedded broker cannot read a request: ${problem}`, {
      fix: 'Connect with a Kafka client, in one of the versions that ApiVersions tells',
    })
  }
}

/**
 * Reads a message's bytes in order. Every read is checked against the frame's end, and so is every length and count
 * before anything is made of it.
 *
 * All methods throw InvalidRequestError.
 */
export class FrameReader {
  readonly frame: Buffer
  readonly format: MessageFormat
  /** position of the next byte */
  at: number

  constructor(frame: Buffer, format: MessageFormat, at = 0) {
    this.frame = frame
    this.format = format
    this.at = at
  }

  int8(): number {
    return this.frame.readInt8(this.#pass(1))
  }

  int16(): number {
    return this.frame.readInt16BE(this.#pass(2))
  }

  int32(): number {
    return this.frame.readInt32BE(this.#pass(4))
  }

  /** An int64 within 2^53 in magnitude, as offsets and times are. */
  int64(): number {
    const at = this.#pass(8)
    const value = this.frame.readInt32BE(at) * 0x1_0000_0000 + this.frame.readUInt32BE(at + 4)
    if (!Number.isSafeInteger(value)) throw new InvalidRequestError(`byte ${at} has an int64 beyond 2^53`)
    return value
  }

  bigInt64(): bigint {
    return this.frame.readBigInt64BE(this.#pass(8))
  }

  /** An unsigned varint of at most 32 bits; those of src/batch/varint.ts are zigzag. */
  unsignedVarint(): number {
    const start = this.at
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.frame[this.#pass(1)]
      value += (byte & 127) * 2 ** shift
      if (byte < 128 && value <= 0xffff_ffff) return value
    }
    throw new InvalidRequestError(`byte ${start} has a varint beyond 32 bits`)
  }

  /**
   * The length of a string, of bytes or of records, or the count of an array: what follows has no fewer bytes.
   *
   * @param bytes that the length has in versions that are not flexible
   * @returns -1 for null
   */
  length(bytes: 2 | 4): number {
    const start = this.at
    const length = this.format.isFlexible ? this.unsignedVarint() - 1 : bytes === 2 ? this.int16() : this.int32()
    if (length < -1 || length > this.frame.length - this.at)
      throw new InvalidRequestError(`byte ${start} has a length of ${length}, ${this.frame.length - this.at} are left`)
    return length
  }

  /** The next bytes, as a view of the frame. */
  bytes(length: number): Buffer {
    const at = this.#pass(length)
    return this.frame.subarray(at, at + length)
  }

  /** Passes `length` bytes and returns where they begin. */
  #pass(length: number): number {
    const { at } = this
    if (length > this.frame.length - at)
      throw new InvalidRequestError(`${length} bytes are missing at byte ${at} of ${this.frame.length}`)
    this.at = at + length
    return at
  }
}
