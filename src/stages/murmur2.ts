const seed = 0x9747b28c
const m = 0x5bd1e995

/**
 * MurmurHash2 of a record's key, as Kafka's Java client computes it (Utils.murmur2), in 32 signed bits.
 *
 * @example
 * murmur2(new TextEncoder().encode('21')) // -973932308
 */
export function murmur2(key: Uint8Array): number {
  const { length } = key
  const wholeWords = length & ~3
  let h = seed ^ length
  for (let i = 0; i < wholeWords; i += 4) {
    let k = key[i] | (key[i + 1] << 8) | (key[i + 2] << 16) | (key[i + 3] << 24)
    k = Math.imul(k, m)
    k ^= k >>> 24
    h = Math.imul(h, m) ^ Math.imul(k, m)
  }
  const rest = length & 3
  if (rest === 3) h ^= key[wholeWords + 2] << 16
  if (rest >= 2) h ^= key[wholeWords + 1] << 8
  if (rest >= 1) h = Math.imul(h ^ key[wholeWords], m)
  h ^= h >>> 13
  h = Math.imul(h, m)
  return (h ^ (h >>> 15)) | 0
}

/** The partition that Java's default partitioner gives a record with this key. */
export function keyPartition(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}
