/*
 * Zigzag varints as in Kafka's records and in Avro: seven bits a byte, least significant first.
 *
 * Lengths and counts are within 2^30 and take integer arithmetic all the way: in the general form below, whose values
 * are doubles, writing a record's frame takes four times as long (measured: 54 and 13 ns).
 */

/** Bytes that `writeInt` needs. @param value within 2^30 in magnitude */
export function intBytes(value: number): number {
  const bits = (value << 1) ^ (value >> 31)
  if (bits < 128) return 1
  if (bits < 16_384) return 2
  if (bits < 2_097_152) return 3
  return bits < 268_435_456 ? 4 : 5
}

/** Writes `value`, within 2^30 in magnitude, at `at` and returns the position after it. */
export function writeInt(out: Uint8Array, at: number, value: number): number {
  return writeUnsigned(out, at, (value << 1) ^ (value >> 31))
}

/** The same without a sign. @param value within 2^31 */
export function writeUnsigned(out: Uint8Array, at: number, value: number): number {
  let rest = value
  while (rest > 127) {
    out[at++] = (rest & 127) | 128
    rest >>>= 7
  }
  out[at] = rest
  return at + 1
}

/** Whether `value` may be given to `intBytes` and `writeInt`. */
export function isInt(value: number): boolean {
  return value >= -0x4000_0000 && value < 0x4000_0000
}

/** Bytes that `writeLong` needs. @param value whole, within 2^53 in magnitude */
export function longBytes(value: number): number {
  const rest = value < 0 ? -2 * value - 1 : 2 * value
  if (rest < 128) return 1
  if (rest < 16_384) return 2
  if (rest < 2_097_152) return 3
  if (rest < 268_435_456) return 4
  return 4 + sevenths[Math.clz32(rest / 268_435_456)]
}

/** shape (leading zeros of a word), how many times seven bits the others are */
const sevenths = Uint8Array.from({ length: 33 }, (_, zeros) => Math.ceil((32 - zeros) / 7))

/** Writes `value`, whole and within 2^53 in magnitude, at `at` and returns the position after it. */
export function writeLong(out: Uint8Array, at: number, value: number): number {
  if (isInt(value)) return writeInt(out, at, value)
  // The sign and 27 bits in four bytes, then at most 26 bits: integers again, a division each being what takes time.
  const sign = value < 0 ? 1 : 0
  const half = value < 0 ? -value - 1 : value
  let rest = Math.floor(half / 0x800_0000)
  const low = ((half - rest * 0x800_0000) << 1) | sign
  out[at] = (low & 127) | 128
  out[at + 1] = ((low >>> 7) & 127) | 128
  out[at + 2] = ((low >>> 14) & 127) | 128
  out[at + 3] = (low >>> 21) | 128
  for (at += 4; rest > 127; rest >>>= 7) out[at++] = (rest & 127) | 128
  out[at] = rest
  return at + 1
}

/** Longest encodings that Avro allows, in bytes. */
export const maxIntBytes = 5
export const maxLongBytes = 10

/** What the last byte of the longest encoding may hold: the upper 4 bits of 32, and the upper one of 64. */
const lastOfInt = 0x0f
const lastOfLong = 0x01

/**
 * Position after the varint that begins at `at`, or -1 if it has no end before `limit` and within `maxBytes`, or more
 * bits than its type. https://avro.apache.org/docs/1.11.1/specification/#primitive-types-1
 */
export function varintEnd(bytes: Uint8Array, at: number, limit: number, maxBytes: number): number {
  // Most are of one byte: without this case the loops here and below make decoding half as fast.
  if (at < limit && bytes[at] < 0x80) return at + 1
  const last = limit - at < maxBytes ? limit : at + maxBytes
  for (let i = at; i < last; i++)
    if (bytes[i] < 0x80) return i - at + 1 < maxBytes || bytes[i] <= lastByteOf(maxBytes) ? i + 1 : -1
  return -1
}

function lastByteOf(maxBytes: number): number {
  return maxBytes === maxIntBytes ? lastOfInt : lastOfLong
}

/**
 * The zigzag varint in [at, end), as `varintEnd` has found it. Exact below 2^53; beyond that the nearest double, and
 * at least 2^53 in magnitude.
 */
export function zigzag(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]
  if (end - at === 1) return (first >>> 1) ^ -(first & 1)
  if (end - at === 2) {
    const bits = (first & 0x7f) | (bytes[at + 1] << 7)
    return (bits >>> 1) ^ -(bits & 1)
  }
  if (end - at <= 4) {
    let bits = first & 0x7f
    for (let i = at + 1, shift = 7; i < end; i++, shift += 7) bits |= (bytes[i] & 0x7f) << shift
    return (bits >>> 1) ^ -(bits & 1)
  }
  // Half of the number: zigzag's sign bit is the lowest one, and without it a double holds one bit more exactly.
  let half = 0
  for (let i = end - 1; i > at; i--) half = half * 128 + (bytes[i] & 0x7f)
  half = half * 64 + ((first & 0x7f) >> 1)
  return (first & 1) === 0 ? half : -half - 1
}

/** The varint in [at, end) without a sign, as `varintEnd` has found it; exact below 2^53. */
export function unsignedVarint(bytes: Uint8Array, at: number, end: number): number {
  let value = 0
  for (let i = end - 1; i >= at; i--) value = value * 128 + (bytes[i] & 0x7f)
  return value
}

/** Position after a length and as many bytes, or -1 if the length is malformed, negative or reaches beyond `limit`. */
export function lengthPrefixedEnd(bytes: Uint8Array, at: number, limit: number): number {
  const first = at < limit ? bytes[at] : 0x80
  if (first < 0x80) {
    const end = at + 1 + (first >> 1)
    return (first & 1) === 0 && end <= limit ? end : -1
  }
  const begin = varintEnd(bytes, at, limit, maxLongBytes)
  if (begin < 0) return -1
  const length = zigzag(bytes, at, begin)
  return length < 0 || length > limit - begin ? -1 : begin + (length | 0)
}
