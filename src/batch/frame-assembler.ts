/** Frames from this size on use pooled memory; smaller ones are not worth the bookkeeping. */
const pooledBytes = 64 * 1024
/**
 * Granularity of pooled memory: responses of one kind have similar sizes, so that one buffer fits the next response.
 */
const stepBytes = 1024 * 1024
/** Pieces kept for reuse: what a reader has waiting, in answers of some MiB each. */
const maxSpare = 8
/** An answer has 8 MiB and a batch, or one giant batch alone, whose memory is not kept. */
const largestSpareBytes = 16 * 1024 * 1024
const sizeBytes = 4
/** Of what a socket writes before it is known whose it is. */
const headBytes = 16 * 1024

/** The bytes of a connection are not a sequence of frames. */
export class FrameSizeError extends RangeError {
  constructor(size: number) {
    super(`A frame of ${size} bytes is announced: the other side does not speak Kafka's protocol`)
    this.name = 'FrameSizeError'
  }
}

/**
 * Splits the bytes of a socket into frames: a size of four bytes, big endian, and that many bytes. Each byte is copied
 * at most once, into reused memory; none but the first of a large frame is, if the socket writes to `room`.
 */
export class FrameAssembler {
  readonly #onFrame: (frame: Buffer) => void
  readonly #largestBytes: number
  readonly #size = Buffer.alloc(sizeBytes)
  #sizeFilled = 0
  #frame: Buffer | undefined
  #filled = 0
  #isCopied = true
  #head = Buffer.alloc(0)
  readonly #spare: Buffer[] = []

  /**
   * @param onFrame      gets each frame without its size; large ones are lent, see `recycle`
   * @param largestBytes of a frame that is believed
   */
  constructor(onFrame: (frame: Buffer) => void, largestBytes: number) {
    this.#onFrame = onFrame
    this.#largestBytes = largestBytes
  }

  /**
   * Takes the next bytes.
   *
   * @returns whether all of them have been copied: none is part of a frame that was handed out
   * @throws FrameSizeError
   */
  take(data: Buffer): boolean {
    this.#isCopied = true
    for (let at = 0; at < data.length; ) {
      if (this.#frame !== undefined) at += this.#fill(this.#frame, data, at)
      else if (this.#sizeFilled < sizeBytes) {
        const copied = data.copy(this.#size, this.#sizeFilled, at)
        this.#sizeFilled += copied
        at += copied
      } else at += this.#begin(data, at)
    }
    return this.#isCopied
  }

  /** Where the next bytes may be written to. */
  room(): Buffer {
    if (this.#frame !== undefined) return this.#frame.subarray(this.#filled)
    if (this.#head.length === 0) this.#head = Buffer.allocUnsafeSlow(headBytes)
    return this.#head
  }

  /** Takes the next bytes: so many that `room` begins with. @throws FrameSizeError */
  takeRoom(count: number): void {
    if (this.#frame !== undefined) this.#advance(this.#frame, count)
    // What has become a frame is not written to again.
    else if (!this.take(this.#head.subarray(0, count))) this.#head = Buffer.alloc(0)
  }

  /** Takes back the memory of a frame; frames that are not pooled may be passed as well. */
  recycle(frame: Uint8Array): void {
    const { buffer } = frame
    const isOurs = buffer instanceof ArrayBuffer && buffer.byteLength % stepBytes === 0
    if (isOurs && buffer.byteLength <= largestSpareBytes && this.#spare.length < maxSpare)
      this.#spare.push(Buffer.from(buffer))
  }

  /** Begins a frame whose size is known; a frame that is already complete is returned without a copy. */
  #begin(data: Buffer, at: number): number {
    const size = this.#size.readInt32BE(0)
    if (size < sizeBytes || size > this.#largestBytes) throw new FrameSizeError(size)
    this.#sizeFilled = 0
    if (data.length - at >= size) {
      this.#isCopied = false
      this.#onFrame(data.subarray(at, at + size))
      return size
    }
    this.#frame = this.#memory(size)
    this.#filled = 0
    return this.#fill(this.#frame, data, at)
  }

  #fill(frame: Buffer, data: Buffer, at: number): number {
    const copied = data.copy(frame, this.#filled, at, Math.min(data.length, at + frame.length - this.#filled))
    this.#advance(frame, copied)
    return copied
  }

  #advance(frame: Buffer, count: number): void {
    this.#filled += count
    if (this.#filled < frame.length) return
    this.#frame = undefined
    this.#onFrame(frame)
  }

  #memory(size: number): Buffer {
    if (size < pooledBytes) return Buffer.allocUnsafe(size)
    const fitting = this.#spare.findIndex(({ length }) => length >= size)
    const [spare] = fitting < 0 ? [] : this.#spare.splice(fitting, 1)
    return (spare ?? Buffer.from(new ArrayBuffer(stepBytes * Math.ceil(size / stepBytes)))).subarray(0, size)
  }
}

/**
 * Frees the memory of what a socket gave, which nobody reads any more. Left to the collector, 64 MiB of it, a fraction
 * of a second, make it look through the whole heap.
 */
export function release({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
}
