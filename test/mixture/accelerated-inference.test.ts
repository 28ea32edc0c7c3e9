import { ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { acceleratedInference } from '../../src/mixture/accelerated-inference.ts'
import { rowBlocks } from '../../src/mixture/blocks.ts'
import { ColumnSummary } from '../../src/mixture/column-summary.ts'
import { fitSummary } from '../../src/mixture/fit-summary.ts'
import { emptyPosterior } from '../../src/mixture/posterior.ts'
import { inferPosterior, posteriorOfLabels } from '../../src/mixture/variational-inference.ts'
import { standardPriors } from './standard-priors.ts'
import { column, shapes } from './synthetic-columns.ts'

const components = 6
const priors = standardPriors(components, 1 / components)

suite('accelerated inference', () => {
  for (const shape of ['normal', 'uniform', 'lognormal', 'studentT2', 'tenModes'] as const) {
    const values = column(shapes[shape], 2000).sort()
    const blocks = rowBlocks(values)
    // Equal shares of the rows: far from what plain ascent would end with.
    const labels = values.map((_, i) => Math.floor((i * components) / values.length))
    const start = () => posteriorOfLabels(blocks, labels, priors, emptyPosterior(components))
    const stop = { tolerance: 1e-4, maxIterations: 20_000 }

    test(`ends about where plain ascent does, or higher, in a third of its iterations: ${shape}`, () => {
      const plain = inferPosterior(blocks, priors, start(), stop)
      const quick = acceleratedInference(blocks, priors, start(), stop)
      const [expected, reached] = [plain, quick].map(({ lowerBounds }) => lowerBounds[lowerBounds.length - 1])
      ok(quick.converged)
      ok(reached >= expected - 1e-4 * values.length, `${reached} is below ${expected}`)
      const [most, taken] = [plain, quick].map(({ lowerBounds }) => lowerBounds.length)
      ok(taken < 30 || taken <= most / 3, `${taken} instead of ${most}`)
    })

    test(`never lets the bound fall, and takes no more iterations than it may: ${shape}`, () => {
      for (const maxIterations of [0, 1, 2, 3, 4, 5, 50]) {
        const { lowerBounds } = acceleratedInference(blocks, priors, start(), { ...stop, maxIterations })
        ok(lowerBounds.length <= maxIterations)
        ok(lowerBounds.every((bound, i) => i === 0 || bound >= lowerBounds[i - 1] - 1e-7))
      }
    })
  }
})

suite('the cost of a fit', () => {
  for (const shape of ['normal', 'uniform', 'lognormal', 'studentT2', 'zeroSpike', 'tenModes'] as const) {
    test(`is a few hundred iterations, for a hundred million rows as for a hundred thousand: ${shape}`, () => {
      const once = new ColumnSummary()
      once.add(column(shapes[shape], 100_000))
      const part = once.snapshot()
      const often = new ColumnSummary()
      for (let i = 0; i < 1000; i++) often.merge(part)
      for (const summary of [once, often]) {
        const { iterations, converged } = fitSummary(summary)
        ok(converged && iterations < 600, `${summary.rows} rows: ${iterations}`)
      }
    })
  }
})
