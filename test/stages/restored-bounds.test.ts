import { ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { NumericType } from '../../src/mixture/column-model.ts'
import { Normalizer } from '../../src/mixture/normalizer.ts'
import { isRestored, type RestoredTerms } from '../../src/stages/verify/column-terms.ts'
import { columnOf } from './verify-example.ts'

const type = fc.constantFrom<NumericType>('double', 'float')
const decimals = fc.integer({ min: 0, max: 6 })
const mean = fc.oneof(fc.double({ min: -1e3, max: 1e3, noNaN: true }), fc.constantFrom(0, 1e-12, 4e9, -2e15))
/** On the grid, between its points, on halves, tiny, and so large that there is nothing to round. */
const value = fc.oneof(
  fc.tuple(fc.integer(), decimals).map(([n, d]) => Number(`${n}e-${d}`)),
  fc.double({ min: -1e4, max: 1e4, noNaN: true }),
  fc.tuple(fc.integer({ min: -1e6, max: 1e6 }), fc.integer({ min: 0, max: 10 })).map(([n, bits]) => n / 2 ** bits),
  fc.tuple(fc.integer({ min: -1e6, max: 1e6 }), decimals).map(([n, d]) => Number(`${n}.5e-${d}`)),
  fc.double({ min: -1e-5, max: 1e-5, noNaN: true }),
  fc.tuple(fc.integer({ min: 20, max: 70 }), fc.double({ min: -1, max: 1, noNaN: true })).map(([e, m]) => m * 2 ** e),
)

interface Restored {
  readonly terms: RestoredTerms
  readonly values: Float64Array
  readonly restored: Float64Array
}

/** What restore makes of values under a model of one mode. */
function restoredOf(columnType: NumericType, at: number, roundTo: number, xs: readonly number[]): Restored {
  const model = { ...columnOf('x', columnType, [at], [12.5]), roundTo }
  const values = Float64Array.from(xs, columnType === 'float' ? Math.fround : (x) => x + 0)
  const restored = new Float64Array(values.length)
  const modes = new Uint8Array(values.length)
  const normalizer = new Normalizer(model)
  normalizer.normalize(values, restored, modes)
  normalizer.restore(restored, modes, restored)
  return { terms: { type: columnType, mean: at, roundTo }, values, restored }
}

suite('the bounds that an audit holds rounded values to', () => {
  test('hold for all that restore makes', () => {
    fc.assert(
      fc.property(type, mean, decimals, fc.array(value, { minLength: 50 }), (columnType, at, roundTo, xs) => {
        const { terms, values, restored } = restoredOf(columnType, at, roundTo, xs)
        values.forEach((x, i) => {
          ok(isRestored(x, restored[i], terms), `${x} came back as ${restored[i]}`)
        })
      }),
      { seed: 1, numRuns: 150 },
    )
  })

  test('do not hold for a value that is a unit off, wherever doubles tell units apart', () => {
    fc.assert(
      fc.property(decimals, fc.array(fc.integer(), { minLength: 50 }), (roundTo, ns) => {
        const { terms, values, restored } = restoredOf(
          'double',
          0.5,
          roundTo,
          ns.map((n) => Number(`${n}e-${roundTo}`)),
        )
        values.forEach((x, i) => {
          const next = Number(`${ns[i] + 1}e-${roundTo}`)
          ok(!isRestored(x, next, terms) && !isRestored(next, restored[i], terms), `${x} is not ${next}`)
        })
      }),
      { seed: 1, numRuns: 50 },
    )
  })
})
