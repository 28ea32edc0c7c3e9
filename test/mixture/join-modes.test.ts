import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { humps } from '../../bench/mixture/humps.ts'
import { columnModel } from '../../src/mixture/column-model.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import type { FitOptions } from '../../src/mixture/fit-options.ts'
import { logLikelihood } from '../../src/mixture/log-likelihood.ts'
import { column, shapes } from './synthetic-columns.ts'

const modesOf = (values: Float64Array, options: FitOptions = {}) => columnModel(fitMixture(values, options)).mean

suite('joining modes', () => {
  for (const [rows, draws] of [
    [20_000, 40],
    [200_000, 10],
  ]) {
    test(`leaves as many modes as there are humps: ${draws} draws of ${rows} values`, () => {
      const wrong = Array.from({ length: draws }, (_, seed) => humps(rows, seed + 1)).filter(
        ({ means, values }) => modesOf(values).length !== means.length,
      )
      ok(wrong.length <= 0.05 * draws, `${wrong.length} of ${draws} have another number of modes`)
    })

    test(`leaves one mode of a normal distribution: ${rows} values`, () => {
      for (let seed = 1; seed <= draws / 2; seed++) equal(modesOf(humps(rows, seed, 1).values).length, 1)
    })
  }

  test('of rounded values too', () => {
    for (const unit of [1, 0.1]) {
      const { means, values } = humps(20_000, 7, 3)
      equal(modesOf(values.map((x) => Math.round(x / unit) * unit)).length, means.length)
    }
  })

  for (const shape of ['uniform', 'lognormal', 'studentT2', 'zeroSpike', 'tenModes'] as const) {
    test(`costs rows that were not seen about 1e-4 nats at most: ${shape}`, () => {
      const values = column(shapes[shape], 100_000, 1)
      const unseen = column(shapes[shape], 100_000, 2)
      const blocks = { count: new Float64Array(unseen.length).fill(1), value: unseen }
      const [all, joined] = [0, 1e-4].map(
        (join) => logLikelihood(fitMixture(values, { join }), blocks, shape === 'zeroSpike' ? 1 : 0) / unseen.length,
      )
      // What it costs is estimated from rows that were seen.
      ok(joined >= all - 2e-4, `${joined} < ${all}`)
    })
  }

  test('is an option: 0 joins none, and more joins more', () => {
    const values = column(shapes.lognormal, 20_000)
    const [none, usual, many] = [0, undefined, 0.1].map(
      (join) => modesOf(values, { ...(join !== undefined && { join }) }).length,
    )
    ok(none >= usual && usual > many, `${none}, ${usual}, ${many}`)
    deepEqual(modesOf(values, { join: 1e-4 }), modesOf(values))
  })

  test('is not for recipe sklearn, whose numbers are those of scikit-learn', () => {
    const refusal = { code: 'VGM_FIT_OPTION', message: /join excludes recipe "sklearn"/ }
    throws(() => fitMixture(Float64Array.of(1, 2, 3), { recipe: 'sklearn', join: 0 }), refusal)
  })
})
