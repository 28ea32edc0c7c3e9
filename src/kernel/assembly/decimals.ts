import { toInteger } from './numbers'
import { readVarint, varintEnd } from './varint'

/** Units of the last digit: decimals of smaller magnitude survive normalization exactly: 2^48. */
export const exactUnits: i64 = 281474976710656
/** What stands for more units than can be. */
export const beyondUnits: i64 = i64.MIN_VALUE
/** Restored units lie below: 2^53. */
const mostUnits: f64 = 9007199254740992
/** Bytes of the largest number that is read, and more than 2^48 units take. */
const mostBytes: usize = 7

/** Where the decimal that `readDecimal` has read ends; 0 if it has no byte, or ends after its limit. */
export let decimalEnd: usize = 0

/**
 * Reads the units of a decimal, a big-endian number in two's complement of any length: leading bytes may be more than
 * it needs.
 *
 * @param size of a fixed in bytes; 0 for bytes, which begin with their length
 */
export function readDecimal(from: usize, limit: usize, size: usize): i64 {
  let at = from
  let left = size
  decimalEnd = 0
  if (size == 0) {
    const bytes = readVarint(at, limit, 10)
    at = varintEnd
    if (at == 0 || bytes <= 0 || bytes > <i64>(limit - at)) return 0
    left = <usize>bytes
  } else if (limit - at < size) return 0
  decimalEnd = at + left
  let units: i64 = <i64>load<i8>(at) >> 7
  for (; left > mostBytes; left--, at++) if (<i64>load<i8>(at) != units) return beyondUnits
  for (; left > 0; left--, at++) units = (units << 8) | <i64>load<u8>(at)
  return units
}

/** The units nearest to a number; `beyondUnits` if there are too many, or too many for the bytes of a fixed. */
export function unitsOf(x: f64, unitsPerOne: f64, size: usize): i64 {
  const scaled = x * unitsPerOne
  if (!(Math.abs(scaled) < mostUnits)) return beyondUnits
  const units = toInteger(scaled)
  return size == 0 || bytesOf(units) <= size ? units : beyondUnits
}

/** Writes units in as many bytes as the fixed has, or in as few as there can be; returns the position after them. */
export function writeDecimal(out: usize, units: i64, size: usize): usize {
  let at = out
  let left = size
  if (size == 0) {
    left = bytesOf(units)
    store<u8>(at, <u8>(left << 1))
    at++
  }
  for (; left > 8; left--, at++) store<u8>(at, <u8>(units >> 63))
  for (; left > 0; left--, at++) store<u8>(at, <u8>(units >> (<i64>(left - 1) << 3)))
  return at
}

/** The fewest bytes that hold units, with their sign. */
function bytesOf(units: i64): usize {
  let bytes: usize = 1
  for (let rest = units >> 7; rest != 0 && rest != -1; rest >>= 8) bytes++
  return bytes
}
