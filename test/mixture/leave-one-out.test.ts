import { ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { distinctBlocks } from '../../src/mixture/blocks.ts'
import { modeVariances } from '../../src/mixture/grain.ts'
import { expectedLikelihood } from '../../src/mixture/leave-one-out.ts'
import { logLikelihood } from '../../src/mixture/log-likelihood.ts'
import { emptyPosterior, stickWeights } from '../../src/mixture/posterior.ts'
import { posteriorOfLabels } from '../../src/mixture/variational-inference.ts'
import { standardPriors } from './standard-priors.ts'
import { column, shapes } from './synthetic-columns.ts'

const mean = (numbers: readonly number[]) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length

suite('the likelihood that is expected of other rows', () => {
  const draws = {
    'one normal': { draw: shapes.normal, part: () => 0, width: 0 },
    'two far apart': {
      draw: (u: () => number) => (u() < 0.3 ? 20 : 0) + shapes.normal(u),
      part: (x: number) => (x > 10 ? 1 : 0),
      width: 0,
    },
    rounded: { draw: (u: () => number) => Math.round(2 * shapes.normal(u)), part: () => 0, width: 1 },
  } as const
  for (const [name, { draw, part, width }] of Object.entries(draws))
    test(`is about what they have, and below that of the rows that were seen: ${name}`, () => {
      const rows = 60
      const grain = { width, leastVariance: 1e-6 }
      const priors = standardPriors(2, 0.5)
      const found = Array.from({ length: 100 }, (_, seed) => {
        const blocks = distinctBlocks(column(draw, rows, seed + 1))
        const posterior = posteriorOfLabels(blocks, Array.from(blocks.value, part), priors, emptyPosterior(2))
        const weights = new Float64Array(2)
        stickWeights(posterior, weights)
        const stds = modeVariances(posterior, grain, 1).map(Math.sqrt)
        const mixture = { weights, means: posterior.mean, stds }
        return {
          expected: expectedLikelihood(posterior, { blocks, grain, rowWeight: 1 }) / rows,
          seen: logLikelihood(mixture, blocks, width) / rows,
          unseen: logLikelihood(mixture, distinctBlocks(column(draw, 1000, seed + 1000)), width) / 1000,
        }
      })
      const [expected, seen, unseen] = (['expected', 'seen', 'unseen'] as const).map((of) =>
        mean(found.map((f) => f[of])),
      )
      ok(expected < seen, `${expected}, ${seen}`)
      ok(Math.abs(expected - unseen) < 0.03, `${expected}, ${unseen}`)
    })
})
