import { acceleratedInference } from './accelerated-inference.ts'
import type { Blocks } from './blocks.ts'
import { type Component, componentsOf, type Priors, posteriorOf } from './posterior.ts'
import { type TruncatedNormal, truncatedNormal } from './truncated-normal.ts'

/** Normal distributions with their shares in a density that is to become one mixture; variances are those of rows. */
export type Parts = readonly Component[]

/**
 * A part is cut into slices, in its standard deviations, up to so many of them. Modes that part within a slice cost
 * some 0.0025 times the square of its width, in nats a row: the slices are so wide that this is a nat over all rows.
 */
const widestSlice = 1 / 2
const widthTimesRootRows = 20
const reach = 6

/** The rows of the density: so many that no prior counts beside them. */
const rows = 1e12

const stop = { tolerance: 1e-7 * rows, maxIterations: 100 }

/**
 * The mixture that is nearest to a density of more parts, by its Kullback-Leibler divergence, and near to where it
 * starts. Snelson & Ghahramani, Compact approximations to Bayesian predictive distributions, ICML 2005.
 *
 * @param rowsSeen of the column, by which the parts were fitted
 * @param parts any shares
 * @param start of as many components as the mixture is to have
 * @returns components with shares as rows, which sum to 1
 */
export function nearestMixture(rowsSeen: number, parts: Parts, start: Parts, priors: Priors): Component[] {
  const width = Math.min(widestSlice, widthTimesRootRows / Math.sqrt(rowsSeen))
  const from = posteriorOf(withRows(start), priors)
  const { posterior } = acceleratedInference(slices(withRows(parts), width), priors, from, stop)
  return componentsOf(posterior).map((component) => ({ ...component, rows: component.rows / rows }))
}

function withRows(parts: Parts): Component[] {
  const total = parts.reduce((sum, part) => sum + part.rows, 0)
  return parts.map((part) => ({ ...part, rows: (rows * part.rows) / total }))
}

/** The density as ascending blocks of exact mass, mean and variance. */
function slices(parts: Parts, width: number): Blocks {
  const inside: TruncatedNormal = { logMean: 0, mean: 0, square: 0 }
  const found: Component[] = []
  for (const part of parts) {
    const std = Math.sqrt(part.covariance)
    for (let z = width / 2 - reach; z < reach; z += width) {
      truncatedNormal(z, width, inside)
      found.push({
        rows: (part.rows * width * Math.exp(inside.logMean)) / rootTau,
        mean: part.mean + std * inside.mean,
        covariance: part.covariance * (inside.square - inside.mean * inside.mean),
      })
    }
  }
  found.sort((a, b) => a.mean - b.mean)
  return {
    count: Float64Array.from(found, (slice) => slice.rows),
    value: Float64Array.from(found, (slice) => slice.mean),
    spread: Float64Array.from(found, (slice) => slice.covariance),
  }
}

const rootTau = Math.sqrt(2 * Math.PI)
