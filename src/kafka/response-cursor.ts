import type { Reader } from './client-parts.ts'

/**
 * Reads the fields of an answer in order. The client's own reader looks a buffer up for each scalar that it reads, so
 * we take the bytes once, in one piece, and read them ourselves.
 */
export class ResponseCursor {
  readonly bytes: Uint8Array
  readonly view: DataView
  at = 0
  constructor(reader: Reader) {
    const bytes = reader.buffer.buffer.subarray(reader.position)
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
  int16(): number {
    this.at += 2
    return this.view.getInt16(this.at - 2)
  }
  int32(): number {
    this.at += 4
    return this.view.getInt32(this.at - 4)
  }
  int64(): bigint {
    this.at += 8
    return this.view.getBigInt64(this.at - 8)
  }
  unsignedVarint(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.view.getUint8(this.at++)
      value |= (byte & 127) << shift
      if (byte < 128) return value >>> 0
    }
  }
  /** Compact arrays and strings store their length plus one, 0 for null; null counts as empty here. */
  compactLength(): number {
    return Math.max(this.unsignedVarint() - 1, 0)
  }
  take(length: number): Uint8Array {
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }
  skipTaggedFields(): void {
    this.taggedFields(() => undefined)
  }
  /** @param read may read the field that begins here, or not; it is passed in any case */
  taggedFields(read: (tag: number) => void): void {
    for (let count = this.unsignedVarint(); count > 0; count--) {
      const tag = this.unsignedVarint()
      const size = this.unsignedVarint()
      const end = this.at + size
      read(tag)
      this.at = end
    }
  }
}
