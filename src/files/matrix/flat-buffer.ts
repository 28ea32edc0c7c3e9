/*
 * FlatBuffers, as little as Arrow's metadata need: https://flatbuffers.dev/internals/
 * Everything is written from the end to the beginning, so that what an offset names stands there already.
 */

/** A field of a table: how wide it is, and how it is written. */
export type FlatField =
  | { readonly int8: number }
  | { readonly int16: number }
  | { readonly int32: number }
  | { readonly int64: number }
  | { readonly offset: number }
  | undefined

const widths = { int8: 1, int16: 2, int32: 4, int64: 8, offset: 4 } as const

/** Builds one buffer. Positions are counted from its end. */
export class FlatBuilder {
  #bytes = Buffer.alloc(1024)
  #size = 0
  #largestAlign = 4

  text(value: string): number {
    const bytes = Buffer.from(value)
    this.#pad(4, bytes.length + 1 + 4)
    this.#put(Buffer.from([0]))
    this.#put(bytes)
    return this.#putInt32(bytes.length)
  }

  /** A list of positions. */
  offsets(positions: readonly number[]): number {
    this.#pad(4, 4 * positions.length + 4)
    for (const position of positions.toReversed()) this.#putInt32(this.#size + 4 - position)
    return this.#putInt32(positions.length)
  }

  /** A list of structs whose fields are all of eight bytes. @param values shape (structs, fields) */
  longStructs(values: readonly number[], fieldsEach: number): number {
    // The length stands before the first struct, which is at a multiple of eight.
    this.#pad(8, 8 * values.length)
    for (const value of values.toReversed()) this.#putInt64(value)
    return this.#putInt32(values.length / fieldsEach)
  }

  /** A table; fields that are undefined have their defaults. */
  table(fields: readonly FlatField[]): number {
    const end = this.#size
    const places = new Map<number, number>()
    const byWidth = [...fields.entries()].sort(([, a], [, b]) => widthOf(b) - widthOf(a))
    for (const [i, field] of byWidth) {
      if (field === undefined) continue
      const width = widthOf(field)
      this.#pad(width, width)
      if ('offset' in field) this.#putInt32(this.#size + 4 - field.offset)
      else if ('int64' in field) this.#putInt64(field.int64)
      else if ('int32' in field) this.#putInt32(field.int32)
      else this.#put('int16' in field ? int16(field.int16) : Buffer.from([field.int8]))
      places.set(i, this.#size)
    }
    this.#pad(4, 4)
    const start = this.#putInt32(0)
    for (let i = fields.length - 1; i >= 0; i--) {
      const place = places.get(i)
      this.#put(int16(place === undefined ? 0 : start - place))
    }
    this.#put(int16(start - end))
    this.#put(int16(4 + 2 * fields.length))
    // The table begins with the distance to its field list, which is before it.
    this.#bytes.writeInt32LE(this.#size - start, this.#bytes.length - start)
    return start
  }

  /** The buffer, whose root is a table. */
  finish(root: number): Buffer {
    this.#pad(this.#largestAlign, 4)
    this.#putInt32(this.#size + 4 - root)
    return Buffer.from(this.#bytes.subarray(this.#bytes.length - this.#size))
  }

  /** Has what is put next, of so many bytes, begin at a multiple of `align`. */
  #pad(align: number, bytes: number): void {
    this.#largestAlign = Math.max(this.#largestAlign, align)
    const over = (this.#size + bytes) % align
    if (over > 0) this.#put(Buffer.alloc(align - over))
  }

  #put(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#size += bytes.length
    this.#bytes.set(bytes, this.#bytes.length - this.#size)
  }

  #putInt32(value: number): number {
    this.#reserve(4)
    this.#size += 4
    this.#bytes.writeInt32LE(value, this.#bytes.length - this.#size)
    return this.#size
  }

  #putInt64(value: number): void {
    this.#reserve(8)
    this.#size += 8
    this.#bytes.writeBigInt64LE(BigInt(value), this.#bytes.length - this.#size)
  }

  #reserve(bytes: number): void {
    if (this.#size + bytes <= this.#bytes.length) return
    const larger = Buffer.alloc(2 * (this.#bytes.length + bytes))
    this.#bytes.copy(larger, larger.length - this.#bytes.length)
    this.#bytes = larger
  }
}

function widthOf(field: FlatField): number {
  return field === undefined ? 0 : widths[Object.keys(field)[0] as keyof typeof widths]
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}
