import { deepEqual, equal, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { KernelSummary } from '../../src/kernel/kernel-summary.ts'
import { RowKernel } from '../../src/kernel/row-kernel.ts'
import { ColumnSummary } from '../../src/mixture/column-summary.ts'
import { NonFiniteValueError } from '../../src/mixture/errors.ts'

const most = 1000
const kernel = new RowKernel()
const room = kernel.memory.allocate(8 * most)

function add(summary: KernelSummary, values: readonly number[]): void {
  new Float64Array(kernel.memory.bytes.buffer, room, most).set(values)
  summary.add(room, values.length)
}

/** Of all magnitudes, with both zeros, and with some that many rows have. */
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e307, max: 1e307 }),
  fc.double({ noNaN: true, min: -100, max: 100 }),
  fc.integer({ min: -20, max: 20 }).map((units) => units / 4),
  fc.constantFrom(0, -0, 5e-324, -5e-324, 1e307, 1 / 3),
)

suite('summaries in the kernel', () => {
  test('are those that the mixture makes, bit for bit, whatever the values', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.constant(0), number),
        fc.array(fc.array(number, { maxLength: 300, size: 'max' }), { maxLength: 4 }),
        fc.nat(9),
        (centre, pieces, nulls) => {
          const [summary, expected] = [new KernelSummary(kernel, centre), new ColumnSummary(centre)]
          for (const values of pieces) {
            add(summary, values)
            expected.add(Float64Array.from(values))
          }
          summary.addNulls(nulls)
          expected.addNulls(nulls)
          deepEqual(summary.take(), expected.snapshot())
        },
      ),
      { seed: 1, numRuns: 60 },
    )
  })

  test('refuse a value without a finite distance, as the mixture does', () => {
    const centre = -1.7e308
    const values = [1, 2, 1.7e308]
    throws(() => add(new KernelSummary(kernel, centre), values), new NonFiniteValueError(1.7e308, 2))
    throws(() => new ColumnSummary(centre).add(Float64Array.from(values)), new NonFiniteValueError(1.7e308, 2))
  })

  test('give their memory back', () => {
    const bytes = () => {
      for (let i = 0; i < 50; i++) {
        const summary = new KernelSummary(kernel, 0)
        add(
          summary,
          Array.from({ length: most }, (_, k) => 1.01 ** (k - 300)),
        )
        summary.take()
      }
      return kernel.memory.bytes.length
    }
    equal(bytes(), bytes())
  })
})
