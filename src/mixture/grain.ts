import type { SummarySnapshot } from './column-summary.ts'
import { mostDecimals } from './decimals.ts'
import { type Posterior, rowsOf } from './posterior.ts'

/** How fine a column is, in its standard deviation. */
export interface Grain {
  /** of the interval that every value was rounded from; 0 for a continuous column */
  readonly width: number
  /** least variance of a mode */
  readonly leastVariance: number
}

/** The floor of sigma, as a share of the resolution: a mode on one value then holds its rows inside of its interval. */
const floorPerResolution = 1 / 8

/**
 * Where a column has no resolution, the floor of sigma is 0.1 % of its standard deviation; where it is fine, no less
 * than 0.001 %.
 */
const continuousFloor = 1e-3
const leastFloor = 1e-5

/** @param std of the column, in its unit */
export function grainOf({ decimals, min, max }: SummarySnapshot, std: number): Grain {
  const resolution = 10 ** -decimals
  // Far from 0 the doubles themselves have few decimals: that is no resolution of the column's.
  const isContinuous = decimals === mostDecimals || resolution < 1000 * Number.EPSILON * Math.max(max, -min)
  const width = isContinuous ? 0 : resolution / std
  const floor = isContinuous ? continuousFloor : floorPerResolution * width
  return { width, leastVariance: Math.min(1, Math.max(leastFloor, floor)) ** 2 }
}

/** Variance of a value within the interval that it was rounded from: W. F. Sheppard's correction, 1897. */
export const roundingVariance = ({ width }: Grain): number => (width * width) / 12

/** With fewer rows the predictive distribution of a mode has no variance. */
const fewestRows = 2

/**
 * Variance of a mode, for rows to come and before they are rounded: that of the predictive distribution, Student's t
 * with as many degrees of freedom as there are rows (Bishop, PRML (2006), eq. 10.81 and 10.82), where few rows make
 * wide modes.
 *
 * @param covariance with that of rounding
 * @param rows       that the mode holds, each counted once
 */
export function modeVariance(covariance: number, rows: number, grain: Grain): number {
  const unrounded = Math.max(Math.min(covariance, grain.leastVariance), covariance - roundingVariance(grain))
  const degrees = 1 + Math.max(fewestRows, rows)
  return unrounded * (1 + 1 / degrees) * (degrees / (degrees - 2))
}

/** @param rowWeight rows of the posterior's counts that stand for one row */
export function modeVariances(posterior: Posterior, grain: Grain, rowWeight: number): Float64Array {
  return posterior.covariance.map((covariance, k) => modeVariance(covariance, rowsOf(posterior, k) / rowWeight, grain))
}
