/*
 * Random bits as a function of a key and a counter, without a state: row i of partition p can be made again on its
 * own, by a verifier, and any split of the work gives the same rows.
 */

const parity = 0x1bd11bda

/**
 * Threefry-2x32 with 20 rounds: two words of random bits from two of counter and two of key, all as int32. Additions,
 * rotations and xor only, which JavaScript does in one machine instruction each. Counter i is (counter0 + i, counter1):
 * a block of them in one loop, because a call and its second result take as long as the twenty rounds.
 * Salmon, Moraes, Dror and Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3".
 *
 * @param first  shape (>= count), overwritten: the first word of each counter
 * @param second shape (>= count), overwritten: the second one
 */
export function threefry(
  counter0: number,
  counter1: number,
  key0: number,
  key1: number,
  first: Int32Array,
  second: Int32Array,
  count: number,
): void {
  const key2 = parity ^ key0 ^ key1
  for (let i = 0; i < count; i++) {
    let x = (counter0 + i + key0) | 0
    let y = (counter1 + key1) | 0
    // Twenty rounds written out in fours: a table of rotations would be read for each of them.
    x = (x + y) | 0
    y = ((y << 13) | (y >>> 19)) ^ x
    x = (x + y) | 0
    y = ((y << 15) | (y >>> 17)) ^ x
    x = (x + y) | 0
    y = ((y << 26) | (y >>> 6)) ^ x
    x = (x + y) | 0
    y = ((y << 6) | (y >>> 26)) ^ x
    x = (x + key1) | 0
    y = (y + key2 + 1) | 0
    x = (x + y) | 0
    y = ((y << 17) | (y >>> 15)) ^ x
    x = (x + y) | 0
    y = ((y << 29) | (y >>> 3)) ^ x
    x = (x + y) | 0
    y = ((y << 16) | (y >>> 16)) ^ x
    x = (x + y) | 0
    y = ((y << 24) | (y >>> 8)) ^ x
    x = (x + key2) | 0
    y = (y + key0 + 2) | 0
    x = (x + y) | 0
    y = ((y << 13) | (y >>> 19)) ^ x
    x = (x + y) | 0
    y = ((y << 15) | (y >>> 17)) ^ x
    x = (x + y) | 0
    y = ((y << 26) | (y >>> 6)) ^ x
    x = (x + y) | 0
    y = ((y << 6) | (y >>> 26)) ^ x
    x = (x + key0) | 0
    y = (y + key1 + 3) | 0
    x = (x + y) | 0
    y = ((y << 17) | (y >>> 15)) ^ x
    x = (x + y) | 0
    y = ((y << 29) | (y >>> 3)) ^ x
    x = (x + y) | 0
    y = ((y << 16) | (y >>> 16)) ^ x
    x = (x + y) | 0
    y = ((y << 24) | (y >>> 8)) ^ x
    x = (x + key1) | 0
    y = (y + key2 + 4) | 0
    x = (x + y) | 0
    y = ((y << 13) | (y >>> 19)) ^ x
    x = (x + y) | 0
    y = ((y << 15) | (y >>> 17)) ^ x
    x = (x + y) | 0
    y = ((y << 26) | (y >>> 6)) ^ x
    x = (x + y) | 0
    y = ((y << 6) | (y >>> 26)) ^ x
    first[i] = x + key2
    second[i] = y + key0 + 5
  }
}

/** A uniform number in [0, 1) of 53 bits from two words. */
export function unitInterval(first: number, second: number): number {
  return ((first >>> 5) * 0x400_0000 + (second >>> 6)) / 0x20_0000_0000_0000
}
