import { componentsOf, type Posterior, type Priors, posteriorOf, rowsOf } from './posterior.ts'

/** A posterior, and what its components expect before they have seen a row. */
export interface Fitted {
  readonly priors: Priors
  readonly posterior: Posterior
}

/** How a fit is judged and continued while its modes are joined. */
export interface Joining<F extends Fitted> {
  /** rows of the posterior's counts that stand for one row */
  readonly rowWeight: number
  /** log-likelihood that is expected of as many other rows, in nats */
  readonly expected: (posterior: Posterior) => number
  /** climbs the bound from there */
  readonly refit: (start: Fitted) => F
  /** most that joining may cost, in nats over all rows */
  readonly most: number
}

/** What leaving out a mode may save, in nats: a mode has three parameters. */
const mostPerMode = 3

/** A fit on the way may be worse by so many times what joining may cost in the end: it has climbed for a while only. */
const unfinished = 10

/** Below one row a component is no mode, but the share of the prior. */
const fewestRows = 1

/**
 * Joins the two modes most alike, climbs on, and goes on with the next two, down to a single one or until nothing can
 * be gained any more. Of the fits on the way returns the one of fewest modes that is expected to explain other rows
 * within `most` nats of the best. Single steps may be worse: of six modes for one hump, none can be
 * left out without the others moving far.
 */
export function joinModes<F extends Fitted>(fitted: F, joining: Joining<F>): F {
  let current = fitted
  let modes = modesOf(current.posterior, joining)
  const path = [{ fitted, expected: joining.expected(current.posterior) }]
  const best = () => Math.max(...path.map((step) => step.expected))
  for (let left = modes.length; left > 1; left--) {
    // Fewer modes save their parameters, and what a fit loses that has not climbed to its end.
    const reach = path[path.length - 1].expected + mostPerMode * (modes.length - 1) + unfinished * joining.most
    if (modes.length < 2 || reach < best() - joining.most) break
    current = joining.refit(joinedPair(current, ...mostAlike(current.posterior, modes)))
    modes = modesOf(current.posterior, joining)
    path.push({ fitted: current, expected: joining.expected(current.posterior) })
  }
  const least = best() - joining.most
  return path.findLast((step) => step.expected >= least)?.fitted ?? fitted
}

function mostAlike(posterior: Posterior, modes: readonly number[]): [number, number] {
  const pairs = modes.flatMap((a, i) => modes.slice(i + 1).map((b): [number, number] => [a, b]))
  const costs = pairs.map(([a, b]) => divergence(posterior, a, b))
  return pairs[costs.indexOf(Math.min(...costs))]
}

const modesOf = (posterior: Posterior, { rowWeight }: Pick<Joining<Fitted>, 'rowWeight'>): number[] =>
  Array.from(posterior.mean.keys()).filter((k) => rowsOf(posterior, k) >= fewestRows * rowWeight)

/**
 * An upper bound of the Kullback-Leibler divergence between the mixture and the one in which two components are one of
 * the same moments. Runnalls, A Kullback-Leibler approach to Gaussian mixture reduction, IEEE Transactions on Aerospace
 * and Electronic Systems 43(3), 2007.
 */
function divergence(posterior: Posterior, a: number, b: number): number {
  const { covariance } = posterior
  const joined = moments(posterior, a, b)
  const logs = rowsOf(posterior, a) * Math.log(covariance[a]) + rowsOf(posterior, b) * Math.log(covariance[b])
  return 0.5 * (joined.rows * Math.log(joined.covariance) - logs)
}

/** Of two components together. */
function moments(posterior: Posterior, a: number, b: number) {
  const { mean, covariance } = posterior
  const rows = rowsOf(posterior, a) + rowsOf(posterior, b)
  const share = rowsOf(posterior, b) / rows
  const shift = mean[b] - mean[a]
  return {
    rows,
    mean: mean[a] + share * shift,
    covariance: (1 - share) * covariance[a] + share * covariance[b] + share * (1 - share) * shift * shift,
  }
}

/** What a component of no atom expects, in the column's standard deviation: a row anywhere. */
export const anywhere = { mean: 0, covariance: 1 }

/** Two components as one, with the prior of the larger; the other becomes empty. */
function joinedPair({ priors, posterior }: Fitted, a: number, b: number): Fitted {
  const empty = { rows: 0, ...anywhere, priorMean: anywhere.mean, priorCovariance: anywhere.covariance }
  const components = componentsOf(posterior).map((component, k) => ({
    ...component,
    priorMean: priors.mean[k],
    priorCovariance: priors.covariance[k],
  }))
  const [larger, smaller] = rowsOf(posterior, a) >= rowsOf(posterior, b) ? [a, b] : [b, a]
  components[larger] = { ...components[larger], ...moments(posterior, a, b) }
  components[smaller] = empty
  // Stick breaking expects falling weights.
  components.sort((p, q) => q.rows - p.rows)
  const prior = {
    ...priors,
    mean: Float64Array.from(components, ({ priorMean }) => priorMean),
    covariance: Float64Array.from(components, ({ priorCovariance }) => priorCovariance),
  }
  return { priors: prior, posterior: posteriorOf(components, priors) }
}
