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
  if (limit - at >= 8) {
    const word = load<u64>(at)
    const stops = varintStops(word) & (most == 5 ? 0x80808080 : more)
    if (stops != 0) {
      varintEnd = at + varintBytes(stops)
      return unzigzag(varintBits(word, stops))
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

/** The bit of each byte of a word that says that another byte of the varint follows. */
const more: u64 = 0x8080808080808080

/** Where each varint's last byte may be among the eight of a word: 0 if none of them is. */
@inline
export function varintStops(word: u64): u64 {
  return ~word & more
}

/** Bytes of the varint that a word begins with. */
@inline
export function varintBytes(stops: u64): usize {
  return <usize>(ctz(stops) + 1) >> 3
}

/** Its bits: seven of each byte, moved together in pairs, pairs of pairs, and so on. */
@inline
export function varintBits(word: u64, stops: u64): u64 {
  let bits = word & ~more & (stops ^ (stops - 1))
  bits = (bits & 0x007f007f007f007f) | ((bits & 0x7f007f007f007f00) >> 1)
  bits = (bits & 0x00003fff00003fff) | ((bits & 0x3fff00003fff0000) >> 2)
  return (bits & 0x000000000fffffff) | ((bits & 0x0fffffff00000000) >> 4)
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

/** Writes less than 2^14, in a byte or two: which of both, no processor foresees. A second byte may be overwritten. */
@inline
export function writeShortBits(at: usize, bits: u32): usize {
  const follows = <u32>(bits > 127)
  store<u16>(at, <u16>((bits & 127) | (follows << 7) | ((bits >> 7) << 8)))
  return at + 1 + <usize>follows
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
