import type { ColumnFacts } from './column-facts.ts'
import type { Mixture } from './mixture.ts'

/** Width of a mode around a constant, as a share of the constant; 0 itself gets it absolutely. */
const relativeStd = 1e-3

/**
 * The mixture of a column without variance, or of a single row: one mode at the value, its std 0.1 % of it, so that
 * normalized values of later rows stay finite.
 *
 * @param value in the unit of the column
 * @param rows  rows that hold it, above 0
 */
export function oneModeMixture(value: number, rows: number, concentration: number, facts: ColumnFacts): Mixture {
  const std = Math.abs(value) * relativeStd || relativeStd
  return {
    weights: Float64Array.of(1),
    means: Float64Array.of(value),
    stds: Float64Array.of(std),
    covariances: Float64Array.of(std * std),
    weightConcentrationA: Float64Array.of(1 + rows),
    weightConcentrationB: Float64Array.of(concentration),
    meanPrecision: Float64Array.of(1 + rows),
    degreesOfFreedom: Float64Array.of(1 + rows),
    terms: {
      offset: Float64Array.of(-Math.log(std) - 0.5 * Math.log(2 * Math.PI)),
      mean: Float64Array.of(value),
      precision: Float64Array.of(1 / std / std),
    },
    lowerBound: 0,
    lowerBounds: [0],
    iterations: 0,
    converged: true,
    facts,
    predict: (values) => new Uint8Array(values.length),
    responsibilities: (values) => new Float64Array(values.length).fill(1),
  }
}
