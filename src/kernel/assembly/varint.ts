/**
 * Where the varint that `readVarint` has read ends; 0 if it has no end before its limit, or more bits than its type.
 */
export let varintEnd: usize = 0

/** Reads a zigzag varint of up to `most` bytes, 5 or 10. */
export function readVarint(at: usize, limit: usize, most: usize): i64 {
  // Nearly all have a byte or two.
  if (limit - at >= 2) {
    const first = <u64>load<u8>(at)
    const second = <u64>load<u8>(at, 1)
    if (first < 128) {
      varintEnd = at + 1
      return unzigzag(first)
    }
    if (second < 128) {
      varintEnd = at + 2
      return unzigzag((first & 127) | (second << 7))
    }
  }
  const last = limit - at < most ? limit : at + most
  let bits: u64 = 0
  let shift: u64 = 0
  for (let i = at; i < last; i++) {
    const byte = <u64>load<u8>(i)
    bits |= (byte & 127) << shift
    if (byte < 128) {
      // The last byte of the longest encoding holds the upper 4 bits of 32, or the upper one of 64.
      varintEnd = i - at + 1 < most || byte <= (most === 5 ? 15 : 1) ? i + 1 : 0
      return unzigzag(bits)
    }
    shift += 7
  }
  varintEnd = 0
  return 0
}

@inline
export function unzigzag(bits: u64): i64 {
  return <i64>(bits >> 1) ^ -(<i64>(bits & 1))
}

@inline
export function zigzag(value: i64): u64 {
  return (<u64>value << 1) ^ <u64>(value >> 63)
}

/** Writes zigzag bits; returns the position after them. */
@inline
export function writeBits(at: usize, bits: u64): usize {
  if (bits < 128) {
    store<u8>(at, <u8>bits)
    return at + 1
  }
  if (bits < 16384) {
    store<u16>(at, <u16>((bits & 127) | 128 | ((bits >> 7) << 8)))
    return at + 2
  }
  if (bits < 2097152) {
    store<u16>(at, <u16>((bits & 127) | 0x8080 | (((bits >> 7) & 127) << 8)))
    store<u8>(at, <u8>(bits >> 14), 2)
    return at + 3
  }
  return writeLongBits(at, bits)
}

function writeLongBits(at: usize, bits: u64): usize {
  while (bits > 127) {
    store<u8>(at++, <u8>(bits | 128))
    bits >>= 7
  }
  store<u8>(at, <u8>bits)
  return at + 1
}

/** Bytes that `writeBits` needs for a length. */
@inline
export function lengthBytes(length: usize): usize {
  if (length < 64) return 1
  if (length < 8192) return 2
  if (length < 1048576) return 3
  return length < 134217728 ? 4 : 5
}
