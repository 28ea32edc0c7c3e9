import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import {
  longBytes,
  maxIntBytes,
  maxLongBytes,
  unsignedVarint,
  varintEnd,
  writeLong,
  writeUnsigned,
  zigzag,
} from '../../src/batch/varint.ts'

/** Zigzag varint by the book, in BigInt. */
function reference(x: number): number[] {
  let rest = BigInt.asUintN(64, (BigInt(x) << 1n) ^ (BigInt(x) >> 63n))
  const bytes: number[] = []
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return [...bytes, Number(rest)]
}

function encoded(x: number): number[] {
  const out = new Uint8Array(16)
  return Array.from(out.subarray(0, writeLong(out, 0, x)))
}

suite('varints', () => {
  const edges = Array.from({ length: 53 }, (_, bit) => [2 ** bit, 2 ** bit - 1, -(2 ** bit), 1 - 2 ** bit]).flat()

  test('integers up to 2^53 are written as BigInt would write them, in as many bytes as announced', () => {
    const check = (x: number) => {
      deepEqual(encoded(x), reference(x))
      equal(longBytes(x), reference(x).length)
    }
    edges.forEach(check)
    fc.assert(fc.property(fc.maxSafeInteger(), check), { seed: 4, numRuns: 2000 })
  })

  test('reading a varint undoes writing it', () => {
    const check = (x: number) => {
      const bytes = Uint8Array.from(encoded(x))
      equal(varintEnd(bytes, 0, bytes.length, maxLongBytes), bytes.length)
      equal(zigzag(bytes, 0, bytes.length) + 0, x + 0)
    }
    edges.forEach(check)
    fc.assert(fc.property(fc.maxSafeInteger(), check), { seed: 5, numRuns: 2000 })
  })

  test('numbers without a sign are read as they were written', () => {
    const out = new Uint8Array(maxIntBytes)
    for (const x of [0, 1, 127, 128, 16_383, 16_384, 2 ** 31 - 1]) {
      const end = writeUnsigned(out, 0, x)
      equal(varintEnd(out, 0, end, maxIntBytes), end)
      equal(unsignedVarint(out, 0, end), x)
    }
  })

  test('a longer encoding than needed reads the same', () => {
    equal(zigzag(Uint8Array.of(0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0), 0, 7), -3)
    equal(zigzag(Uint8Array.of(0x86, 0x80, 0), 0, 3), 3)
  })

  test('the extremes of 64 bits are beyond 2^53, and have their sign', () => {
    const nines = Array(9).fill(0xff)
    ok(zigzag(Uint8Array.of(...nines, 1), 0, 10) <= -(2 ** 53))
    ok(zigzag(Uint8Array.of(0xfe, ...nines.slice(1), 1), 0, 10) >= 2 ** 53)
  })

  test('a number beyond the 32 bits of an int, or the 64 of a long, has no end', () => {
    for (const [x, end] of [
      [2 ** 31 - 1, 5],
      [-(2 ** 31), 5],
      [2 ** 31, -1],
      [-(2 ** 31) - 1, -1],
      [2 ** 33, -1],
    ])
      equal(varintEnd(Uint8Array.from(encoded(x)), 0, 5, maxIntBytes), end, String(x))
    const nines = Array(9).fill(0xff)
    equal(varintEnd(Uint8Array.of(...nines, 1), 0, 10, maxLongBytes), 10)
    for (const last of [2, 3, 0x7f]) equal(varintEnd(Uint8Array.of(...nines, last), 0, 10, maxLongBytes), -1)
  })

  test('a varint has an end before the limit and within the longest encoding, or none', () => {
    const bytes = Uint8Array.of(0x80, 0x80, 0x01, 0x05)
    equal(varintEnd(bytes, 0, 4, 10), 3)
    equal(varintEnd(bytes, 0, 2, 10), -1)
    equal(varintEnd(bytes, 0, 4, 2), -1)
    equal(varintEnd(bytes, 4, 4, 10), -1)
    equal(varintEnd(bytes, 0x7fffffff, 4, 10), -1)
  })
})
