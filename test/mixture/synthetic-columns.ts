import { randomNumbers } from '../../src/mixture/random-numbers.ts'

/** Draws one value from uniform numbers. */
type Draw = (uniform: () => number) => number

const normal: Draw = (u) => Math.sqrt(-2 * Math.log(1 - u())) * Math.cos(2 * Math.PI * u())

/** Shapes that columns have in practice. */
export const shapes = {
  normal,
  uniform: (u) => 2 * u() - 1,
  lognormal: (u) => Math.exp(1.5 * normal(u)),
  studentT2: (u) => normal(u) / Math.sqrt((normal(u) ** 2 + normal(u) ** 2) / 2),
  zeroSpike: (u) => (u() < 0.6 ? 0 : Math.round(-400 * Math.log(1 - u()) - 400 * Math.log(1 - u()))),
  tenModes: (u) => 3 * Math.floor(10 * u()) + 0.6 * normal(u),
  timestamps: (u) => 1.7e12 + Math.round(1e6 * normal(u)),
  twoPrices: (u) => (u() < 0.5 ? 0.99 : 4.99),
} satisfies Record<string, Draw>

/** n values of a shape, always the same ones for a seed. */
export function column(draw: Draw, n: number, seed = 1): Float64Array {
  const uniform = randomNumbers(seed)
  return Float64Array.from({ length: n }, () => draw(uniform))
}
