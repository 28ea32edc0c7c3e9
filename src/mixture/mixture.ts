import { checkArray, checkFinite } from './check-arrays.ts'
import type { ColumnFacts } from './column-facts.ts'
import type { ComponentTerms } from './component-terms.ts'
import { stickWeights } from './posterior.ts'
import { responsibilities } from './responsibilities.ts'
import type { Inference } from './variational-inference.ts'

/** A fitted mixture of K components, in the order of their sticks, in the unit of the values. */
export interface Mixture {
  /** expected weights, shape (K); sum to 1 */
  readonly weights: Float64Array
  /** shape (K) */
  readonly means: Float64Array
  /** standard deviations, shape (K); finite and above 0 even where a variance would overflow */
  readonly stds: Float64Array
  /** variances, shape (K); Infinity for columns beyond about 1e154, 0 for those below 1e-162 */
  readonly covariances: Float64Array
  /** Beta parameters of the sticks, shape (K) */
  readonly weightConcentrationA: Float64Array
  readonly weightConcentrationB: Float64Array
  /** shape (K) */
  readonly meanPrecision: Float64Array
  /** shape (K) */
  readonly degreesOfFreedom: Float64Array
  /** the E-step's quadratics in the unit of the values: ln rho_k(x) = offset - precision / 2 (x - mean)^2 */
  readonly terms: ComponentTerms
  /** last bound, in nats over all rows, up to a constant; recipe `scaled` counts it for the standardised values */
  readonly lowerBound: number
  readonly lowerBounds: readonly number[]
  readonly iterations: number
  readonly converged: boolean
  /** what the fit saw of the column */
  readonly facts: ColumnFacts
  /**
   * The most likely component of each value, ties to the lowest.
   *
   * @param values finite, shape (n)
   * @returns shape (n), indices in the order of the sticks
   * @throws ArrayTypeError, NonFiniteValueError
   */
  predict(values: Float64Array): Uint8Array
  /**
   * The posterior probability of each component.
   *
   * @param values finite, shape (n)
   * @returns shape (n, K), row-major; rows sum to 1
   * @throws ArrayTypeError, NonFiniteValueError
   */
  responsibilities(values: Float64Array): Float64Array
}

/** From the fit's affine coordinates z to the column's unit: x = origin + unit z. */
export interface Coordinates {
  readonly origin: number
  readonly unit: number
}

/** The terms of x = origin + unit z, given those of z; a density's offset takes the Jacobian along. */
function termsInUnit(terms: ComponentTerms, { origin, unit }: Coordinates): ComponentTerms {
  return {
    offset: terms.offset.map((offset) => offset - Math.log(unit)),
    mean: terms.mean.map((mean) => origin + unit * mean),
    precision: terms.precision.map((precision) => precision / unit / unit),
  }
}

/** Responsibilities of single values, computed in z, where no square can overflow. */
export function responsibilitiesOf(
  values: Float64Array,
  terms: ComponentTerms,
  { origin, unit }: Coordinates,
): Float64Array {
  const out = new Float64Array(values.length * terms.mean.length)
  const z = origin === 0 && unit === 1 ? values : values.map((x) => (x - origin) / unit)
  responsibilities(z, terms, out)
  return out
}

/** The component with the highest score ln rho, for each value. */
export function predictModes(values: Float64Array, terms: ComponentTerms, { origin, unit }: Coordinates): Uint8Array {
  const { offset, mean, precision } = terms
  const modes = new Uint8Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const z = (values[i] - origin) / unit
    let best = -Infinity
    for (let k = 0; k < offset.length; k++) {
      const d = z - mean[k]
      const score = offset[k] - 0.5 * precision[k] * d * d
      if (score > best) {
        best = score
        modes[i] = k
      }
    }
  }
  return modes
}

/**
 * The mixture of an inference that ran in z.
 *
 * @param coordinates from z to the column's unit; { origin: 0, unit: 1 } if the inference ran on the values themselves
 */
export function mixtureOf(
  inference: Inference & Partial<Pick<Mixture, 'iterations'>>,
  coordinates: Coordinates,
  facts: ColumnFacts,
): Mixture {
  const { posterior, terms, lowerBounds, converged, iterations = lowerBounds.length } = inference
  const { unit } = coordinates
  const inUnit = termsInUnit(terms, coordinates)
  const weights = new Float64Array(posterior.mean.length)
  stickWeights(posterior, weights)
  return {
    weights,
    means: inUnit.mean,
    stds: posterior.covariance.map((covariance) => Math.max(Math.sqrt(covariance) * unit, Number.MIN_VALUE)),
    covariances: posterior.covariance.map((covariance) => covariance * unit * unit),
    weightConcentrationA: posterior.stickA,
    weightConcentrationB: posterior.stickB,
    meanPrecision: posterior.meanPrecision,
    degreesOfFreedom: posterior.degrees,
    terms: inUnit,
    lowerBound: lowerBounds[lowerBounds.length - 1],
    lowerBounds,
    iterations,
    converged,
    facts,
    predict: (values) => predictModes(checked(values), terms, coordinates),
    responsibilities: (values) => responsibilitiesOf(checked(values), terms, coordinates),
  }
}

function checked(values: Float64Array): Float64Array {
  checkArray('values', values, 'Float64Array')
  checkFinite(values)
  return values
}
