/** Longest encodings that Avro allows, in bytes. */
export const maxIntBytes = 5
export const maxLongBytes = 10

/** Integers of smaller magnitude survive normalization exactly; see DESIGN, "exactness". */
export const exactIntegerLimit = 2 ** 49

/**
 * Position after the varint that begins at `at`, or -1 if it has no end before `limit` and within `maxBytes`.
 * https://avro.apache.org/docs/1.11.1/specification/#primitive-types-1
 */
export function varintEnd(bytes: Uint8Array, at: number, limit: number, maxBytes: number): number {
  const last = limit - at < maxBytes ? limit : at + maxBytes
  for (let i = at; i < last; i++) if (bytes[i] < 0x80) return i + 1
  return -1
}

/**
 * The zigzag varint in [at, end), as `varintEnd` has found it. Exact below 2^53; beyond that the nearest double, and
 * at least 2^53 in magnitude.
 */
export function zigzag(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]
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

/** Bytes of the zigzag varint of an integer, |x| < 2^53; does not end for an infinity. */
export function zigzagBytes(x: number): number {
  let rest = x < 0 ? -2 * x - 1 : 2 * x
  if (rest < 0x80) return 1
  if (rest < 0x4000) return 2
  if (rest < 0x200000) return 3
  if (rest < 0x10000000) return 4
  let length = 4
  for (rest /= 0x10000000; rest >= 1; rest /= 128) length++
  return length
}

/** Writes the zigzag varint of an integer, |x| < 2^53, and returns the position after it; does not end for an infinity. */
export function writeZigzag(x: number, out: Uint8Array, at: number): number {
  if (x >= -0x40000000 && x < 0x40000000) {
    let bits = (x << 1) ^ (x >> 31)
    while (bits >= 0x80) {
      out[at++] = bits | 0x80
      bits >>>= 7
    }
    out[at++] = bits
    return at
  }
  // The magnitude's bits above the sign bit: 2x itself may not be exact in 53 bits.
  let half = x < 0 ? -x - 1 : x
  const rest = Math.floor(half / 64)
  out[at++] = ((half % 64) << 1) | (x < 0 ? 1 : 0) | 0x80
  for (half = rest; half >= 0x80; half = Math.floor(half / 128)) out[at++] = (half % 128) | 0x80
  out[at++] = half
  return at
}
