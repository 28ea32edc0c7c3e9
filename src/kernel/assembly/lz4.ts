/*
 * LZ4: blocks, and the frames around them.
 * https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md and lz4_Frame_format.md
 *
 * A module of its own, batch/lz4.wasm: it works in the row kernel's memory and in others.
 */

/** What `inflate` returns instead of a size. */
const malformed: i32 = -1
const tooLarge: i32 = -2

const frameMagic: u32 = 0x184d2204
/** Frames of the user's own: the magic has any value in its last four bits. */
const skippableMagic: u32 = 0x184d2a50
/** Of a block's length: its content stands there as it is. */
const storedBit: u32 = 0x80000000
/** Most expansion of a byte of a block. */
const ratio: usize = 255

const blockChecksumFlag: u32 = 0x10
const independentFlag: u32 = 0x20
const contentSizeFlag: u32 = 0x08
const contentChecksumFlag: u32 = 0x04

/** Room for the bound of `mostBytes`. */
let most: f64 = 0

/** How many bytes the frames can become, by the blocks that they have; -1 if they are no sequence of whole frames. */
export function mostBytes(from: usize, end: usize): f64 {
  return frames(from, end, 0, 0, false) < 0 ? -1 : most
}

/**
 * Inflates frames to [out, outEnd); what is left of it may be overwritten.
 *
 * @returns the size, or an error
 */
export function inflate(from: usize, end: usize, out: usize, outEnd: usize): i32 {
  return frames(from, end, out, outEnd, true)
}

function frames(from: usize, end: usize, outFrom: usize, outEnd: usize, inflates: bool): i32 {
  let at = from
  let out = outFrom
  most = 0
  while (at < end) {
    if (end - at < 8) return malformed
    const magic = load<u32>(at)
    if ((magic & ~15) == skippableMagic) {
      const size = load<usize>(at, 4)
      at += 8
      if (size > end - at) return malformed
      at += size
      continue
    }
    const header = at + 4
    if (magic != frameMagic || end - header < 3) return malformed
    const flags = <u32>load<u8>(header)
    const descriptor = <u32>load<u8>(header, 1)
    // Version 1, no dictionary, and nothing in bits that mean nothing yet.
    if ((flags & 0xc3) != 0x40 || (descriptor & 0x8f) != 0 || descriptor < 0x40) return malformed
    const hasSize = (flags & contentSizeFlag) != 0
    at = header + (hasSize ? 10 : 2)
    if (at >= end || <u8>(xxHash32(header, at) >> 8) != load<u8>(at)) return malformed
    at++
    const blockBytes = <usize>1 << (2 * (descriptor >> 4) + 8)
    const checksumBytes: usize = (flags & blockChecksumFlag) != 0 ? 4 : 0
    const frameOut = out
    while (true) {
      if (end - at < 4) return malformed
      const word = load<u32>(at)
      at += 4
      if (word == 0) break
      const size = <usize>(word & ~storedBit)
      if (size > blockBytes || end - at < size + checksumBytes) return malformed
      const isStored = (word & storedBit) != 0
      if (!inflates) most += <f64>(isStored ? size : min<usize>(blockBytes, ratio * size))
      else {
        if (checksumBytes != 0 && xxHash32(at, at + size) != load<u32>(at + size)) return malformed
        if (isStored) {
          if (size > outEnd - out) return tooLarge
          memory.copy(out, at, size)
          out += size
        } else {
          const base = (flags & independentFlag) != 0 ? out : frameOut
          const next = inflateBlock(at, at + size, out, outEnd, base)
          if (next == noBlock) return malformed
          if (next == noRoom) return tooLarge
          if (next - out > blockBytes) return malformed
          out = next
        }
      }
      at += size + checksumBytes
    }
    if ((flags & contentChecksumFlag) != 0) {
      if (end - at < 4) return malformed
      if (inflates && xxHash32(frameOut, out) != load<u32>(at)) return malformed
      at += 4
    }
    if (inflates && hasSize && load<u64>(header, 2) != <u64>(out - frameOut)) return malformed
  }
  return <i32>(out - outFrom)
}

/** What `inflateBlock` returns instead of a position. */
const noBlock: usize = 0
const noRoom: usize = 1

/** Where the length that `readLength` has read ends; 0 if it has no end. */
let lengthEnd: usize = 0

/** The rest of a length that does not fit its four bits. It cannot wrap: a block has 4 MiB at most. */
function readLength(from: usize, end: usize): usize {
  let length: usize = 15
  for (let at = from; at < end; at++) {
    const byte = <usize>load<u8>(at)
    length += byte
    if (byte < 255) {
      lengthEnd = at + 1
      return length
    }
  }
  lengthEnd = 0
  return 0
}

/**
 * @param base where the bytes begin that matches may refer to
 * @returns the position after what was written
 */
function inflateBlock(from: usize, end: usize, outFrom: usize, outEnd: usize, base: usize): usize {
  let at = from
  let out = outFrom
  while (at < end) {
    const token = <usize>load<u8>(at)
    let length = token >> 4
    at++
    if (length < 15 && end - at >= 16 && outEnd - out >= 32) {
      // Copying too many bytes costs less than asking how many there are.
      v128.store(out, v128.load(at))
      at += length
      out += length
      const offset = <usize>load<u16>(at)
      if ((token & 15) < 15 && offset >= 8 && offset <= out - base) {
        const match = out - offset
        store<u64>(out, load<u64>(match))
        store<u64>(out, load<u64>(match, 8), 8)
        store<u16>(out, load<u16>(match, 16), 16)
        at += 2
        out += (token & 15) + 4
        continue
      }
    } else {
      if (length == 15) {
        length = readLength(at, end)
        at = lengthEnd
        if (at == 0) return noBlock
      }
      if (length > end - at) return noBlock
      if (length > outEnd - out) return noRoom
      if (length <= 256 && end - at - length >= 16 && outEnd - out - length >= 16) copyWords(at, out, out + length)
      else memory.copy(out, at, length)
      at += length
      out += length
      // The last sequence has no match.
      if (at == end) return out
      if (end - at < 2) return noBlock
    }
    const offset = <usize>load<u16>(at)
    at += 2
    if (offset == 0 || offset > out - base) return noBlock
    length = token & 15
    if (length == 15) {
      length = readLength(at, end)
      at = lengthEnd
      if (at == 0) return noBlock
    }
    length += 4
    if (length > outEnd - out) return noRoom
    const stop = out + length
    let match = out - offset
    if (outEnd - stop < 16) {
      for (; out < stop; out++, match++) store<u8>(out, load<u8>(match))
    } else if (offset >= 16) {
      copyWords(match, out, stop)
    } else {
      if (offset < 8) {
        // Eight bytes one by one; from there on the pattern also stands a multiple of its length before.
        for (let i: usize = 0; i < 8; i++) store<u8>(out + i, load<u8>(match + i))
        match = out + 8 - offset * ((7 + offset) / offset)
        out += 8
      }
      for (; out < stop; out += 8, match += 8) store<u64>(out, load<u64>(match))
    }
    out = stop
  }
  return noBlock
}

/** Copies to [out, stop) and up to 15 bytes beyond, from at least 16 bytes before, or from elsewhere. */
@inline
function copyWords(from: usize, out: usize, stop: usize): void {
  do {
    v128.store(out, v128.load(from))
    out += 16
    from += 16
  } while (out < stop)
}

/** Bits of a hash: the table has so many positions, of two bytes each. */
const hashBits = 13
/** A block ends with so many literals, and its last match begins so many bytes before its end: readers rely on it. */
const lastLiterals: usize = 5
const lastMatch: usize = 12
const leastMatch: usize = 4
/** So many positions are tried before the steps become longer, and then longer again: 2^6. */
const triesBits = 6

@inline
function hashAt(at: usize): usize {
  return <usize>((load<u32>(at) * 2654435761) >> (32 - hashBits)) << 1
}

/**
 * Writes a block of up to 64 KiB behind its length: as it is, if nothing is gained. The same search as the reference's
 * fast one.
 *
 * @param from  16 bytes after `to` are readable
 * @param out   has room for 4 bytes, the content, a 255th of it, and 32 more
 * @param table 16 KiB
 * @returns the position after it
 */
export function deflateBlock(from: usize, to: usize, out: usize, table: usize): usize {
  const size = to - from
  const end = size > lastMatch ? deflate(from, to, out + 4, table) : out + 4 + size
  if (end - out - 4 < size) {
    store<u32>(out, <u32>(end - out - 4))
    return end
  }
  store<u32>(out, <u32>size | storedBit)
  memory.copy(out + 4, from, size)
  return out + 4 + size
}

function deflate(from: usize, to: usize, outFrom: usize, table: usize): usize {
  const matchEnd = to - lastLiterals
  const searchEnd = to - lastMatch
  let out = outFrom
  let anchor = from
  let at = from + 1
  // Position 0 wherever there is none: what stands there is compared anyway.
  memory.fill(table, 0, 2 << hashBits)
  let hash = hashAt(at)
  while (true) {
    let next = at
    let step: usize = 1
    let tries: usize = 1 << triesBits
    let match: usize = 0
    do {
      at = next
      next += step
      step = tries >> triesBits
      tries++
      if (next > searchEnd + 1) return putLast(anchor, to, out)
      const place = table + hash
      match = from + <usize>load<u16>(place)
      hash = hashAt(next)
      store<u16>(place, <u16>(at - from))
    } while (load<u32>(match) != load<u32>(at))
    while (at > anchor && match > from && load<u8>(at - 1) == load<u8>(match - 1)) {
      at--
      match--
    }
    let token = out
    const literals = at - anchor
    if (literals < 15) {
      store<u8>(token, <u8>(literals << 4))
      v128.store(out + 1, v128.load(anchor))
      out += 1 + literals
    } else {
      store<u8>(token, 0xf0)
      out = putLength(out + 1, literals - 15)
      copyWords(anchor, out, out + literals)
      out += literals
    }
    while (true) {
      store<u16>(out, <u16>(at - match))
      out += 2
      const length = commonBytes(at + leastMatch, match + leastMatch, matchEnd)
      at += leastMatch + length
      if (length < 15) store<u8>(token, load<u8>(token) | <u8>length)
      else {
        store<u8>(token, load<u8>(token) | 15)
        out = putLength(out, length - 15)
      }
      anchor = at
      if (at > searchEnd) return putLast(anchor, to, out)
      store<u16>(table + hashAt(at - 2), <u16>(at - 2 - from))
      // Often one match follows another.
      const place = table + hashAt(at)
      match = from + <usize>load<u16>(place)
      store<u16>(place, <u16>(at - from))
      if (load<u32>(match) != load<u32>(at)) break
      token = out++
      store<u8>(token, 0)
    }
    at++
    hash = hashAt(at)
  }
}

/** How many bytes are equal from two positions on, the first one up to `end`. */
@inline
function commonBytes(from: usize, other: usize, end: usize): usize {
  let at = from
  while (at + 8 <= end) {
    const different = load<u64>(at) ^ load<u64>(other)
    if (different != 0) return at - from + <usize>(ctz(different) >> 3)
    at += 8
    other += 8
  }
  while (at < end && load<u8>(at) == load<u8>(other)) {
    at++
    other++
  }
  return at - from
}

/** What does not fit a length's four bits. */
function putLength(out: usize, rest: usize): usize {
  for (; rest >= 255; rest -= 255) store<u8>(out++, 255)
  store<u8>(out, <u8>rest)
  return out + 1
}

function putLast(from: usize, to: usize, out: usize): usize {
  const literals = to - from
  if (literals < 15) store<u8>(out++, <u8>(literals << 4))
  else {
    store<u8>(out, 0xf0)
    out = putLength(out + 1, literals - 15)
  }
  memory.copy(out, from, literals)
  return out + literals
}

const prime1: u32 = 0x9e3779b1
const prime2: u32 = 0x85ebca77
const prime3: u32 = 0xc2b2ae3d
const prime4: u32 = 0x27d4eb2f
const prime5: u32 = 0x165667b1

/** With seed 0. https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md */
export function xxHash32(from: usize, to: usize): u32 {
  let at = from
  let hash = prime5
  if (to - at >= 16) {
    let a = prime1 + prime2
    let b = prime2
    let c: u32 = 0
    let d: u32 = 0 - prime1
    do {
      a = lane(a, load<u32>(at))
      b = lane(b, load<u32>(at, 4))
      c = lane(c, load<u32>(at, 8))
      d = lane(d, load<u32>(at, 12))
      at += 16
    } while (to - at >= 16)
    hash = rotl<u32>(a, 1) + rotl<u32>(b, 7) + rotl<u32>(c, 12) + rotl<u32>(d, 18)
  }
  hash += <u32>(to - from)
  for (; to - at >= 4; at += 4) hash = rotl<u32>(hash + load<u32>(at) * prime3, 17) * prime4
  for (; at < to; at++) hash = rotl<u32>(hash + <u32>load<u8>(at) * prime5, 11) * prime1
  hash = (hash ^ (hash >> 15)) * prime2
  hash = (hash ^ (hash >> 13)) * prime3
  return hash ^ (hash >> 16)
}

@inline
function lane(sum: u32, word: u32): u32 {
  return rotl<u32>(sum + word * prime2, 13) * prime1
}
