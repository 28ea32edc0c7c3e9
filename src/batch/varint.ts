/*
 * Zigzag varints as in Kafka's records and in Avro: seven bits a byte, least significant first.
 *
 * Values up to 2^53 in magnitude; those within 31 bits, which are nearly all, take the integer path.
 */

/** Bytes that `writeVarint` needs for `value`. */
export function varintBytes(value: number): number {
  if (value >= -64 && value < 64) return 1
  if (value >= -8192 && value < 8192) return 2
  let zigzag = value >= 0 ? 2 * value : -2 * value - 1
  let bytes = 1
  while (zigzag >= 128) {
    zigzag /= 128
    bytes++
  }
  return bytes
}

/** Writes `value` at `at` and returns the position after it. */
export function writeVarint(out: Uint8Array, at: number, value: number): number {
  if (value >= -0x4000_0000 && value < 0x4000_0000) {
    let zigzag = (value << 1) ^ (value >> 31)
    while (zigzag > 127) {
      out[at++] = (zigzag & 127) | 128
      zigzag >>>= 7
    }
    out[at] = zigzag
    return at + 1
  }
  let zigzag = value >= 0 ? 2 * value : -2 * value - 1
  while (zigzag >= 128) {
    out[at++] = (zigzag % 128) | 128
    zigzag = Math.floor(zigzag / 128)
  }
  out[at] = zigzag
  return at + 1
}
