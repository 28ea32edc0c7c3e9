/** Longest encodings that Avro allows, in bytes. */
export const maxIntBytes = 5
export const maxLongBytes = 10

/** Integers of smaller magnitude survive normalization exactly. */
export const exactIntegerLimit = 2 ** 49

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
