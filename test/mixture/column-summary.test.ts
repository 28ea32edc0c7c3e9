import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { columnBins } from '../../src/mixture/column-bins.ts'
import { ColumnSummary } from '../../src/mixture/column-summary.ts'
import { NonFiniteValueError, SummaryMismatchError } from '../../src/mixture/errors.ts'
import { fitSummary } from '../../src/mixture/fit-summary.ts'
import { pilotCentre } from '../../src/mixture/pilot-centre.ts'
import { column, shapes } from './synthetic-columns.ts'

function summaryOf(values: Float64Array, centre = 0): ColumnSummary {
  const summary = new ColumnSummary(centre)
  summary.add(values)
  return summary
}

suite('column summary', () => {
  test('any split of the rows, merged in any order, gives the same summary and the same fit, bit for bit', () => {
    const values = column(shapes.lognormal, 3000)
    const whole = summaryOf(values, 1)
    const expected = fitSummary(whole, { maxIterations: 20 })
    const split = fc.array(fc.nat(values.length), { maxLength: 5 })
    fc.assert(
      fc.property(split, fc.boolean(), (cuts, backwards) => {
        const ends = [0, ...cuts.sort((a, b) => a - b), values.length]
        const parts = ends.slice(1).map((end, i) => summaryOf(values.slice(ends[i], end), 1))
        const merged = new ColumnSummary(1)
        for (const part of backwards ? parts.reverse() : parts) merged.merge(part.snapshot())
        deepEqual(merged.snapshot(), whole.snapshot())
        deepEqual(fitSummary(merged, { maxIterations: 20 }).means, expected.means)
      }),
      { seed: 1, numRuns: 25 },
    )
  })

  test('partitions summarized apart and joined in their order give the snapshot of all rows, around any centre', () => {
    for (const draw of [shapes.timestamps, shapes.zeroSpike, shapes.normal]) {
      const values = column(draw, 2000)
      const centre = pilotCentre(values)
      const expected = summaryOf(values, centre)
      expected.addNulls(values.length)
      fc.assert(
        fc.property(fc.array(fc.nat(3), { minLength: 8, maxLength: 8 }), (partitionOf) => {
          // Every value belongs to a partition, so that the parts' rows are mixed.
          const parts = partitionOf.map(() => new ColumnSummary(centre))
          for (const [i, value] of values.entries()) {
            const part = parts[partitionOf[i % partitionOf.length]]
            part.add(Float64Array.of(value))
            part.addNulls(1)
          }
          const merged = new ColumnSummary(centre)
          for (const part of parts) merged.merge(structuredClone(part.snapshot()))
          deepEqual(merged.snapshot(), expected.snapshot())
        }),
        { seed: 1, numRuns: 10 },
      )
    }
  })

  test('which of the two zeros comes first leaves no trace', () => {
    const [a, b] = [Float64Array.of(0, -0, 2), Float64Array.of(-0, 0, 2)].map((values) => summaryOf(values))
    deepEqual(a.snapshot(), b.snapshot())
    const merged = summaryOf(Float64Array.of(-0))
    merged.merge(summaryOf(Float64Array.of(2, 0)).snapshot())
    deepEqual(merged.snapshot(), summaryOf(Float64Array.of(0, 2, -0)).snapshot())
  })

  test('its bins hold the mean and variance of all rows', () => {
    for (const [shape, draw] of Object.entries(shapes)) {
      const values = column(draw, 20_000)
      const centre = pilotCentre(values)
      const { scale, count, value, spread } = columnBins(summaryOf(values, centre).snapshot())
      const mean = values.reduce((sum, x) => sum + (x - centre), 0) / values.length
      const variance = values.reduce((sum, x) => sum + (x - centre - mean) ** 2, 0) / values.length
      const binned = count.reduce((sum, c, i) => sum + c * value[i], 0) / values.length
      const squares = count.reduce((sum, c, i) => sum + c * ((value[i] - binned) ** 2 + spread[i]), 0) / values.length
      ok(Math.abs(binned * scale - mean) <= 1e-6 * Math.sqrt(variance), shape)
      ok(Math.abs(squares * scale * scale - variance) <= 1e-6 * variance, shape)
    }
  })

  test('a snapshot restores the summary', () => {
    const summary = summaryOf(column(shapes.zeroSpike, 500))
    summary.addNulls(7)
    deepEqual(ColumnSummary.from(summary.snapshot()).snapshot(), summary.snapshot())
    equal(ColumnSummary.from(summary.snapshot()).nulls, 7)
  })

  test('it knows rows, minimum, maximum and decimals', () => {
    const summary = summaryOf(Float64Array.of(1.25, -3, 100.5, 0))
    deepEqual([summary.rows, summary.min, summary.max, summary.decimals], [4, -3, 100.5, 2])
    equal(summaryOf(Float64Array.of(1 / 3)).decimals, 15)
    equal(summaryOf(Float64Array.of(2 ** 60, 5)).decimals, 0)
  })

  test('a weight counts as that many rows', () => {
    const weighted = new ColumnSummary()
    weighted.add(Float64Array.of(1, 5), 2, Float64Array.of(2, 3))
    deepEqual(weighted.snapshot(), summaryOf(Float64Array.of(1, 5, 5, 1, 5)).snapshot())
  })

  test('the ends of the doubles and both zeros have bins', () => {
    const extremes = Float64Array.of(Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE, -Number.MIN_VALUE, 0, -0)
    const { value, spread } = columnBins(summaryOf(extremes).snapshot())
    ok(value.every(Number.isFinite) && spread.every(Number.isFinite))
    equal(summaryOf(extremes).binCount, 4)
  })

  test('it refuses NaN, infinities, and a summary around another centre', () => {
    throws(() => summaryOf(Float64Array.of(1, Number.NaN)), NonFiniteValueError)
    throws(() => summaryOf(Float64Array.of(Infinity)), NonFiniteValueError)
    throws(
      () => summaryOf(Float64Array.of(1), 1).merge(summaryOf(Float64Array.of(1), 2).snapshot()),
      SummaryMismatchError,
    )
  })
})

suite('pilot centre', () => {
  test('is 0 unless the values lie far from it', () => {
    equal(pilotCentre(column(shapes.lognormal, 1000)), 0)
    equal(pilotCentre(column(shapes.normal, 1000)), 0)
    equal(pilotCentre(new Float64Array(0)), 0)
    ok(Math.abs(pilotCentre(column(shapes.timestamps, 1000)) - 1.7e12) < 1e6)
  })
})
