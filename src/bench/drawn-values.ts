import { rowHash } from '../stages/row-hash.ts'

/** Values of rows, the same on each machine: a function of a column's number and a row's. */

/** In [0, 1). */
export function uniform(column: number, row: number): number {
  return rowHash(column, 0, row)
}

/** Whole, from 0 and below `count`. */
export function below(count: number, column: number, row: number): number {
  return Math.floor(count * uniform(column, row))
}

/** Of mean 0 and standard deviation 1 (Box and Muller, 1958). */
export function normal(column: number, row: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - rowHash(column, 1, row)))
  return radius * Math.cos(2 * Math.PI * rowHash(column, 2, row))
}

/** A share of the rows, and the normal that their values come from. */
export type NormalPart = readonly [share: number, mean: number, std: number]

/** @param parts whose shares sum to 1 */
export function mixed(parts: readonly NormalPart[], column: number, row: number): number {
  let rest = uniform(column, row)
  const part = parts.find(([share]) => {
    rest -= share
    return rest < 0
  })
  const [, mean, std] = part ?? parts[parts.length - 1]
  return mean + std * normal(column, row)
}
