/** The hyper-parameters of the Dirichlet-process mixture; in brackets the letters of Bishop (2006), chapter 10. */
export interface Priors {
  /** concentration of the stick breaking (alpha0) */
  readonly concentration: number
  /** of each component, shape (K), in the unit of the values (m0; the book has one for all) */
  readonly mean: Float64Array
  /** (beta0) */
  readonly meanPrecision: number
  /** (nu0) */
  readonly degrees: number
  /** of each component, shape (K), in the unit of the values squared (S0; the book has one for all) */
  readonly covariance: Float64Array
  /** added to every component's empirical variance (reg), in the unit of the values squared */
  readonly regularization: number
  /** least covariance of a component, in the unit of the values squared [1e-280] */
  readonly leastCovariance?: number
}

/** The variational posterior of K components; every array has shape (K), in the order of the sticks. */
export interface Posterior {
  /** first parameter of the sticks' Beta distributions (a) */
  readonly stickA: Float64Array
  /** second parameter; the last stick has one too, unlike in Blei & Jordan (b) */
  readonly stickB: Float64Array
  /** (beta) */
  readonly meanPrecision: Float64Array
  /** (m), in the unit of the values */
  readonly mean: Float64Array
  /** (nu) */
  readonly degrees: Float64Array
  /** inverse of the expected precision (cov), in the unit of the values squared */
  readonly covariance: Float64Array
}

/** Rows that a component holds; as many as its first stick has seen. */
export const rowsOf = ({ stickA }: Posterior, k: number): number => stickA[k] - 1

/** A posterior of K components to write into; all zero. */
export function emptyPosterior(components: number): Posterior {
  return {
    stickA: new Float64Array(components),
    stickB: new Float64Array(components),
    meanPrecision: new Float64Array(components),
    mean: new Float64Array(components),
    degrees: new Float64Array(components),
    covariance: new Float64Array(components),
  }
}

/**
 * Expected weights under the posterior sticks: prod_{j<k} (1 - v_j) v_k with v = a / (a + b), renormalised
 * because the truncated sticks leave a remainder.
 *
 * @param out shape (K); overwritten; sums to 1
 */
export function stickWeights({ stickA, stickB }: Posterior, out: Float64Array): void {
  let rest = 1
  let total = 0
  for (let k = 0; k < out.length; k++) {
    const both = stickA[k] + stickB[k]
    total += out[k] = (stickA[k] / both) * rest
    rest *= stickB[k] / both
  }
  for (let k = 0; k < out.length; k++) out[k] /= total
}

/** What a component holds: rows, and their mean and variance. */
export interface Component {
  readonly rows: number
  readonly mean: number
  readonly covariance: number
}

/** What each component of a posterior holds. */
export function componentsOf(posterior: Posterior): Component[] {
  return Array.from(posterior.mean, (mean, k) => ({
    rows: rowsOf(posterior, k),
    mean,
    covariance: posterior.covariance[k],
  }))
}

/** The posterior of components in the order of their sticks. */
export function posteriorOf(components: readonly Component[], priors: Priors): Posterior {
  const out = emptyPosterior(components.length)
  let behind = 0
  for (let k = components.length - 1; k >= 0; k--) {
    const { rows, mean, covariance } = components[k]
    out.stickA[k] = 1 + rows
    out.stickB[k] = priors.concentration + behind
    behind += rows
    out.meanPrecision[k] = priors.meanPrecision + rows
    out.mean[k] = mean
    out.degrees[k] = priors.degrees + rows
    out.covariance[k] = covariance
  }
  return out
}

/** The same components with so many times their rows. */
export function recounted(posterior: Posterior, priors: Priors, times: number): Posterior {
  const components = componentsOf(posterior).map((component) => ({ ...component, rows: times * component.rows }))
  return posteriorOf(components, priors)
}
