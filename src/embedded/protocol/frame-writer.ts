import type { MessageFormat } from './frame-reader.ts'

const firstChunkBytes = 512
const largestChunkBytes = 64 * 1024

/** Writes a message as a list of buffers: those it is given are part of the list, none is copied. */
export class FrameWriter {
  readonly format: MessageFormat
  readonly #pieces: Buffer[] = []
  /** bytes of `#pieces` */
  #pieceBytes = 0
  #chunk = Buffer.allocUnsafe(firstChunkBytes)
  /** where the part of `#chunk` that is no piece yet begins, and where it ends */
  #start = 0
  #at = 0

  constructor(format: MessageFormat) {
    this.format = format
  }

  get byteLength(): number {
    return this.#pieceBytes + this.#at - this.#start
  }

  int8(value: number): void {
    const at = this.#reserve(1)
    this.#chunk.writeInt8(value, at)
  }

  int16(value: number): void {
    const at = this.#reserve(2)
    this.#chunk.writeInt16BE(value, at)
  }

  int32(value: number): void {
    const at = this.#reserve(4)
    this.#chunk.writeInt32BE(value, at)
  }

  /** @param value whole, within 2^53 in magnitude */
  int64(value: number): void {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no int64 within 2^53`)
    const at = this.#reserve(8)
    this.#chunk.writeInt32BE(Math.floor(value / 0x1_0000_0000), at)
    this.#chunk.writeUInt32BE(value >>> 0, at + 4)
  }

  bigInt64(value: bigint): void {
    const at = this.#reserve(8)
    this.#chunk.writeBigInt64BE(value, at)
  }

  /** @param value whole, from 0 to below 2^32 */
  unsignedVarint(value: number): void {
    for (; value > 127; value = Math.floor(value / 128)) this.#byte((value % 128) | 128)
    this.#byte(value)
  }

  /** Writes the length of what follows, in as many `bytes` if the version is not flexible; -1 is null. */
  length(length: number, bytes: 2 | 4): void {
    if (this.format.isFlexible) this.unsignedVarint(length + 1)
    else if (bytes === 2) this.int16(length)
    else this.int32(length)
  }

  /** @param byteLength of `value` in the encoding */
  text(value: string, byteLength: number, encoding: BufferEncoding = 'utf8'): void {
    const at = this.#reserve(byteLength)
    this.#chunk.write(value, at, encoding)
  }

  /** Adds buffers as they are; they must not change until the frame is sent. */
  append(buffers: readonly Buffer[]): void {
    this.#closePiece()
    for (const buffer of buffers) this.#push(buffer)
  }

  /** All that was written. */
  pieces(): Buffer[] {
    this.#closePiece()
    return this.#pieces
  }

  #byte(value: number): void {
    const at = this.#reserve(1)
    this.#chunk[at] = value
  }

  /** Room for so many bytes in `#chunk`: returns where it begins. */
  #reserve(bytes: number): number {
    if (this.#at + bytes > this.#chunk.length) {
      this.#closePiece()
      this.#chunk = Buffer.allocUnsafe(Math.max(bytes, Math.min(2 * this.#chunk.length, largestChunkBytes)))
      this.#start = this.#at = 0
    }
    const at = this.#at
    this.#at += bytes
    return at
  }

  #closePiece(): void {
    if (this.#at > this.#start) this.#push(this.#chunk.subarray(this.#start, this.#at))
    this.#start = this.#at
  }

  #push(buffer: Buffer): void {
    this.#pieces.push(buffer)
    this.#pieceBytes += buffer.length
  }
}
