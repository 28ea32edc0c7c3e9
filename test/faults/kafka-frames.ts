import { protocolAPIsById } from '@platformatic/kafka'

/** The head of a request: https://kafka.apache.org/protocol#protocol_messages */
export interface RequestHead {
  /** Kafka's name of the api: Produce, EndTxn */
  readonly api: string
  readonly version: number
  readonly correlationId: number
  readonly clientId: string
}

/** @param frame a request, its four bytes of length included */
export function requestHead(frame: Buffer): RequestHead {
  const idLength = frame.readInt16BE(12)
  return {
    api: protocolAPIsById[frame.readInt16BE(4)] ?? String(frame.readInt16BE(4)),
    version: frame.readInt16BE(6),
    correlationId: frame.readInt32BE(8),
    clientId: idLength < 0 ? '' : frame.toString('utf8', 14, 14 + idLength),
  }
}

/**
 * A whole answer of a flexible version without anything but a throttle time of 0 and an error code, as AddOffsetsToTxn
 * and EndTxn from version 3 have.
 */
export function errorAnswer(correlationId: number, errorCode: number): Buffer {
  const frame = Buffer.alloc(4 + 4 + 1 + 4 + 2 + 1)
  frame.writeInt32BE(frame.length - 4, 0)
  frame.writeInt32BE(correlationId, 4)
  // No tagged fields in the header, then: throttle time, error code, no tagged fields.
  frame.writeInt16BE(errorCode, 13)
  return frame
}

/** Cuts a stream of bytes into frames: four bytes of length and what they announce. */
export class FrameCutter {
  #chunks: Buffer[] = []
  #length = 0

  /** The frames that are complete with these bytes. */
  take(bytes: Buffer): Buffer[] {
    this.#chunks.push(bytes)
    this.#length += bytes.length
    const frames: Buffer[] = []
    for (let size = this.#nextSize(); size !== undefined && this.#length >= size; size = this.#nextSize()) {
      const all = this.#joined()
      frames.push(all.subarray(0, size))
      this.#chunks = [all.subarray(size)]
      this.#length -= size
    }
    return frames
  }

  #nextSize(): number | undefined {
    if (this.#length < 4) return undefined
    // Only the first four bytes are looked at: a frame of megabytes comes in many pieces.
    if (this.#chunks[0].length < 4) this.#joined()
    return 4 + this.#chunks[0].readInt32BE(0)
  }

  #joined(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0]
  }
}
