/**
 * A number in [0, 1) that only (seed, partition, offset) decide: the same rows are sampled whenever and by whomever.
 * Two rounds of MurmurHash3's 32-bit finalizer (Appleby, 2011) for each half of the result.
 *
 * @param offset of the row, below 2^53
 */
export function rowHash(seed: number, partition: number, offset: number): number {
  return fullHash(firstHalf(hashStart(seed, partition), offset), offset)
}

/** What the hashes of a partition's rows have in common. */
export function hashStart(seed: number, partition: number): number {
  return mix(seed ^ Math.imul(partition + 1, 0x9e3779b1))
}

/**
 * The row's hash if it is below `limit`, else -1. For most rows its first half tells.
 *
 * @param start `hashStart` of the row's partition
 */
export function rowHashBelow(limit: number, start: number, offset: number): number {
  const first = firstHalf(start, offset)
  if (first >>> 5 >= limit * 2 ** 27) return -1
  const hash = fullHash(first, offset)
  return hash < limit ? hash : -1
}

function firstHalf(start: number, offset: number): number {
  return mix(start ^ (offset | 0))
}

function fullHash(first: number, offset: number): number {
  const high = (offset / 0x1_0000_0000) | 0
  const second = mix(first ^ Math.imul(high + 1, 0x85ebca6b) ^ 0x5bd1e995)
  return ((first >>> 5) * 2 ** 26 + (second >>> 6)) / 2 ** 53
}

function mix(value: number): number {
  let h = value ^ (value >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** A seed for rows of one thing among many, as a column of a topic: FNV-1a over the text, from the seed. */
export function seedFor(seed: number, name: string): number {
  let hash = seed ^ 0x811c9dc5
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash | 0
}
