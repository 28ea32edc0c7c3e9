import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { distinctBlocks, rowBlocks } from '../../src/mixture/blocks.ts'
import { columnModel } from '../../src/mixture/column-model.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import type { Mixture } from '../../src/mixture/mixture.ts'
import { Normalizer } from '../../src/mixture/normalizer.ts'
import { emptyPosterior, type Posterior, type Priors } from '../../src/mixture/posterior.ts'
import { inferPosterior, posteriorOfLabels } from '../../src/mixture/variational-inference.ts'
import { parityOptions, type ReferenceFit, type ReferencePosterior, referenceData } from './reference-data.ts'

for (const { dataset, values, variants } of referenceData) {
  for (const [variant, fit] of Object.entries(variants)) {
    suite(`recipe sklearn, like scikit-learn on ${dataset}, ${variant}`, () => {
      const x = Float64Array.from(values)
      const mixture = fitMixture(x, parityOptions(fit))

      test('the posterior after the first labels and after one iteration', () => {
        const blocks = rowBlocks(x)
        const priors = priorsOf(fit)
        const start = posteriorOfLabels(blocks, fit.init_labels, priors, emptyPosterior(fit.means.length))
        samePosterior(start, fit.after_init)
        const stop = { tolerance: 0, maxIterations: 1 }
        samePosterior(inferPosterior(distinctBlocks(x), priors, start, stop).posterior, fit.after_iter1)
      })

      test("the fit equals scikit-learn's", () => {
        equal(mixture.iterations, fit.n_iter)
        equal(mixture.converged, fit.converged)
        close(mixture.weights, fit.weights, 1e-9, 1)
        close(mixture.means, fit.means, 1e-8)
        close(mixture.covariances, fit.covariances, 1e-8)
        close(mixture.stds, fit.covariances.map(Math.sqrt), 1e-8)
        close(mixture.weightConcentrationA, fit.weight_concentration_a, 1e-8)
        close(mixture.weightConcentrationB, fit.weight_concentration_b, 1e-8)
        close(mixture.meanPrecision, fit.mean_precision, 1e-8)
        close(mixture.degreesOfFreedom, fit.degrees_of_freedom, 1e-8)
        close(mixture.lowerBounds, fit.lower_bounds, 1e-9)
        close([mixture.lowerBound], [fit.lower_bound], 1e-9)
      })

      test("the posterior of rows equals scikit-learn's", () => {
        const modes = mixture.predict(x)
        deepEqual(Array.from(modes.subarray(0, fit.predict.length)), fit.predict)
        deepEqual(countsOf(modes, fit.weights.length), fit.predict_counts)
        const rows = x.subarray(0, fit.predict_proba_50.length)
        close(mixture.responsibilities(rows), fit.predict_proba_50.flat(), 1e-9, 1)
        close(
          Array.from(rows, (row) => logSum(mixture, row)),
          fit.score_samples_50,
          1e-8,
          1,
        )
      })

      test('the normalizer', () => {
        const { valid_component_indicator, argmax_mode_50, alpha_unclipped_50, alpha_50, inverse_50 } = fit.normaliser
        const rows = x.subarray(0, alpha_50.length)
        const valid = [...valid_component_indicator.keys()].filter((k) => valid_component_indicator[k])
        const byMean = [...valid.keys()].sort((a, b) => mixture.means[valid[a]] - mixture.means[valid[b]])
        const model = columnModel(mixture)
        deepEqual(
          model.mean,
          byMean.map((k) => mixture.means[valid[k]]),
        )

        const out = new Float64Array(rows.length)
        const modes = new Uint8Array(rows.length)
        new Normalizer(model).normalize(rows, out, modes)
        deepEqual(
          Array.from(modes, (mode) => byMean[mode]),
          argmax_mode_50,
        )
        close(out, alpha_unclipped_50, 1e-8, 1)

        const clipping = new Normalizer(model, { clip: 0.99 })
        clipping.normalize(rows, out, modes)
        close(out, alpha_50, 1e-8, 1)
        clipping.restore(out, modes, out)
        close(out, inverse_50, 1e-12, Math.max(...inverse_50.map(Math.abs)))
      })
    })
  }
}

const priorsOf = ({ hyper }: ReferenceFit): Priors => ({
  concentration: hyper.weight_concentration_prior,
  mean: new Float64Array(hyper.n_components).fill(hyper.mean_prior),
  meanPrecision: 1,
  degrees: 1,
  covariance: new Float64Array(hyper.n_components).fill(hyper.covariance_prior),
  regularization: hyper.reg_covar,
})

function samePosterior(actual: Posterior, expected: ReferencePosterior): void {
  close(actual.stickA, expected.weight_concentration_a, 1e-9)
  close(actual.stickB, expected.weight_concentration_b, 1e-9)
  close(actual.meanPrecision, expected.mean_precision, 1e-9)
  close(actual.mean, expected.means, 1e-8)
  close(actual.degrees, expected.degrees_of_freedom, 1e-9)
  close(actual.covariance, expected.covariances, 1e-8)
}

/** Whether all entries agree within `tolerance` relative to the expected ones, or to `floor` if those are smaller. */
function close(actual: ArrayLike<number>, expected: readonly number[], tolerance: number, floor = 0): void {
  equal(actual.length, expected.length)
  for (let i = 0; i < expected.length; i++) {
    const allowed = tolerance * Math.max(Math.abs(expected[i]), floor)
    ok(Math.abs(actual[i] - expected[i]) <= allowed, `entry ${i} is ${actual[i]}, expected ${expected[i]}`)
  }
}

/** ln sum_k rho_k(x): scikit-learn's score_samples. */
function logSum({ terms: { offset, mean, precision } }: Mixture, x: number): number {
  const scores = Array.from(offset, (o, k) => o - 0.5 * precision[k] * (x - mean[k]) ** 2)
  const peak = Math.max(...scores)
  return peak + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - peak), 0))
}

function countsOf(modes: Uint8Array, components: number): number[] {
  const counts = new Array<number>(components).fill(0)
  for (const mode of modes) counts[mode]++
  return counts
}
