import { type FrameReader, InvalidRequestError } from './frame-reader.ts'
import type { FrameWriter } from './frame-writer.ts'

/** How a value is read and written. Writing takes a wider type than reading gives: fields may be left out. */
export interface Codec<T, W = T> {
  read(from: FrameReader): T
  write(to: FrameWriter, value: W): void
}

/** A codec whose bytes begin with their length or count, which says -1 for null. */
export interface SizedCodec<T, W = T> extends Codec<T, W> {
  /** of the length, in versions that are not flexible */
  readonly lengthBytes: 2 | 4
  /** Reads what follows the length. */
  readContent(from: FrameReader, length: number): T
}

export const int8: Codec<number> = { read: (from) => from.int8(), write: (to, value) => to.int8(value) }
export const int16: Codec<number> = { read: (from) => from.int16(), write: (to, value) => to.int16(value) }
export const int32: Codec<number> = { read: (from) => from.int32(), write: (to, value) => to.int32(value) }
/** An int64 within 2^53: offsets, times, sizes. */
export const int64: Codec<number> = { read: (from) => from.int64(), write: (to, value) => to.int64(value) }
/** An int64 of all 64 bits: producer ids. */
export const bigInt64: Codec<bigint> = { read: (from) => from.bigInt64(), write: (to, value) => to.bigInt64(value) }
export const bool: Codec<boolean> = {
  read: (from) => from.int8() !== 0,
  write: (to, value) => to.int8(value ? 1 : 0),
}

/** A topic's id in the text form that Kafka's tools print: base64url, 22 characters. */
export const uuid: Codec<string> = {
  read: (from) => from.bytes(16).toString('base64url'),
  write(to, value) {
    if (Buffer.byteLength(value, 'base64url') !== 16) throw new RangeError(`"${value}" is no UUID`)
    to.text(value, 16, 'base64url')
  },
}
/** In the place of a topic's id that nobody has given. */
export const zeroUuid = 'AAAAAAAAAAAAAAAAAAAAAA'

function sized<T, W = T>(
  lengthBytes: 2 | 4,
  readContent: (from: FrameReader, length: number) => T,
  write: (to: FrameWriter, value: W) => void,
): SizedCodec<T, W> {
  return {
    lengthBytes,
    readContent,
    read(from) {
      const { at } = from
      const length = from.length(lengthBytes)
      if (length < 0) throw new InvalidRequestError(`byte ${at} has null where a value must be`)
      return readContent(from, length)
    },
    write,
  }
}

export const string = sized<string>(
  2,
  (from, length) => from.bytes(length).toString('utf8'),
  (to, value) => {
    const byteLength = Buffer.byteLength(value)
    to.length(byteLength, 2)
    to.text(value, byteLength)
  },
)

/** Read as a view of the frame: whoever keeps it keeps the frame. */
export const bytes = sized<Buffer>(
  4,
  (from, length) => from.bytes(length),
  (to, value) => {
    to.length(value.length, 4)
    to.append([value])
  },
)

/** Record batches: read as a view of the frame, written from pieces that are not copied. */
export const records = sized<Buffer, Buffer | readonly Buffer[]>(
  4,
  (from, length) => from.bytes(length),
  (to, value) => {
    const pieces = Array.isArray(value) ? value : [value]
    to.length(
      pieces.reduce((sum, { length }) => sum + length, 0),
      4,
    )
    to.append(pieces)
  },
)

/** @param item of which each takes a byte at least: the frame bounds how many there can be */
export function array<T, W>(item: Codec<T, W>): SizedCodec<readonly T[], readonly W[]> {
  return sized<readonly T[], readonly W[]>(
    4,
    (from, count) => {
      const items: T[] = []
      for (let i = 0; i < count; i++) items.push(item.read(from))
      return items
    },
    (to, values) => {
      to.length(values.length, 4)
      for (const value of values) item.write(to, value)
    },
  )
}

export function nullable<T, W>(codec: SizedCodec<T, W>): Codec<T | null, W | null> {
  const { lengthBytes } = codec
  return {
    read(from) {
      const length = from.length(lengthBytes)
      return length < 0 ? null : codec.readContent(from, length)
    },
    write(to, value) {
      if (value === null) to.length(-1, lengthBytes)
      else codec.write(to, value)
    },
  }
}

/** Nullable from a version on; older ones have `standIn` for null when they are written. */
export function nullableSince<T, W>(
  version: number,
  codec: SizedCodec<T, W>,
  standIn: NoInfer<W>,
): Codec<T | null, W | null> {
  const newer = nullable(codec)
  return {
    read: (from) => (from.format.version < version ? codec : newer).read(from),
    write: (to, value) => (to.format.version < version ? codec.write(to, value ?? standIn) : newer.write(to, value)),
  }
}

/** In the place of a set of operations (KIP-430) that was not asked for. */
export const operationsUnknown = -(2 ** 31)
