import { equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import {
  maxNumberBytes,
  type TextBuffer,
  writeDouble,
  writeFixed,
  writeFloat,
  writeWhole,
} from '../../../src/files/synthetic/number-text.ts'

const bytes = new Uint8Array(64)
const out: TextBuffer = { bytes, view: new DataView(bytes.buffer) }

/** What a function writes; bytes around it are not looked at. */
function text(write: (out: TextBuffer, at: number) => number): string {
  const at = 7
  bytes.fill(33)
  const end = write(out, at)
  ok(end - at <= maxNumberBytes)
  return Buffer.from(bytes.subarray(at, end)).toString('latin1')
}

const edges = [
  ...[0, 1, -1, 0.1, 0.2, 0.3, 0.1 + 0.2, 1 / 3, 2 / 3, 4.35, 12.5, 123.456, 99999.99999, 5e-324, 1.7e308],
  ...[1e-6, 9.99999999999e-7, 1e-5, 0.001, 1e14, 1e15, 999999999999999.9, 123456789012345.6, 2 ** 53, 1e21],
  // Ties between two texts of 16 digits, and 16 digits beyond 2^53.
  ...[791625298933666.2, 85704065407871.62, 9.007199254740993, 9.5, 9.999999999999998],
]
/** Of every magnitude alike: the long way must be met as well as the short ones. */
const numbers = fc
  .tuple(fc.double({ min: 1, max: 10, noNaN: true, maxExcluded: true }), fc.integer({ min: -9, max: 17 }), fc.boolean())
  .map(([digits, exponent, isNegative]) => (isNegative ? -1 : 1) * digits * 10 ** exponent)

suite('number text', () => {
  test('a double is what String makes of it', () => {
    const check = (x: number) =>
      equal(
        text((to, at) => writeDouble(to, at, x)),
        String(x),
      )
    for (const x of edges) for (const sign of [1, -1]) if (x !== 0) check(sign * x)
    fc.assert(fc.property(numbers, check), { seed: 1, numRuns: 20_000 })
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.integer({ min: 0, max: 40 }), (n, bits) => check((n | 1) / 2 ** bits)),
      {
        seed: 2,
        numRuns: 5_000,
      },
    )
  })

  test('a float reads back as the same float, and 0.1 is not 0.10000000149011612', () => {
    const check = (x: number) => {
      const float = Math.fround(x)
      equal(Math.fround(Number(text((to, at) => writeFloat(to, at, float)))), float)
    }
    for (const x of edges) check(x)
    fc.assert(fc.property(numbers, check), { seed: 3, numRuns: 20_000 })
    for (const short of [0.1, 2.5, 1234.5, 16777216, 0.000123])
      equal(
        text((to, at) => writeFloat(to, at, Math.fround(short))),
        String(short),
      )
  })

  test('a whole number is what String makes of it', () => {
    const check = (x: number) =>
      equal(
        text((to, at) => writeWhole(to, at, x)),
        String(x),
      )
    for (let power = 1; power < 2 ** 53; power *= 10) for (const x of [power, power - 1, -power]) check(x)
    fc.assert(fc.property(fc.maxSafeInteger(), check), { seed: 4, numRuns: 5_000 })
  })

  test('a fraction of so many decimals has all of them, and reads back as the same double', () => {
    fc.assert(
      fc.property(numbers, fc.integer({ min: 0, max: 15 }), (x, decimals) => {
        const power = Number(`1e${decimals}`)
        const value = Math.floor(x * power + 0.5) / power
        const written = text((to, at) => writeFixed(to, at, value, decimals))
        equal(Number(written), value)
        if (Math.abs(value) * power < 2 ** 49) equal(written.split('.')[1]?.length ?? 0, decimals)
      }),
      { seed: 5, numRuns: 20_000 },
    )
    equal(
      text((to, at) => writeFixed(to, at, 12.5, 2)),
      '12.50',
    )
  })
})
