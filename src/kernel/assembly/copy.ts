/** Beyond this, the engine's own copy is worth its call. */
const inlineBytes: usize = 96

/**
 * Copies [from, to) to `out`, apart from each other; returns the position after the copy. No byte outside is touched.
 */
export function copy(from: usize, to: usize, out: usize): usize {
  const size = to - from
  if (size >= 16) {
    if (size > inlineBytes) {
      memory.copy(out, from, size)
      return out + size
    }
    // The last word overlaps the one before.
    const last = size - 16
    for (let i: usize = 0; i < last; i += 16) v128.store(out + i, v128.load(from + i))
    v128.store(out + last, v128.load(from + last))
  } else if (size >= 8) {
    store<u64>(out, load<u64>(from))
    store<u64>(out + size - 8, load<u64>(to - 8))
  } else if (size >= 4) {
    store<u32>(out, load<u32>(from))
    store<u32>(out + size - 4, load<u32>(to - 4))
  } else if (size > 0) {
    store<u8>(out, load<u8>(from))
    store<u8>(out + (size >> 1), load<u8>(from + (size >> 1)))
    store<u8>(out + size - 1, load<u8>(to - 1))
  }
  return out + size
}

/** The same, where 8 to 16 bytes are likely. */
@inline
export function copyField(from: usize, to: usize, out: usize): usize {
  const size = to - from
  if (size - 8 > 8) return copy(from, to, out)
  const last = load<u64>(to - 8)
  store<u64>(out, load<u64>(from))
  store<u64>(out + size - 8, last)
  return out + size
}
