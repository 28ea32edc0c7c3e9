import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { randomNumbers } from '../../src/mixture/random-numbers.ts'

/** Draws one value from uniform numbers in [0, 1). */
type Draw = (uniform: () => number) => number

/** A column that people meet, drawn from a seed or read from a file. */
export interface DataSet {
  readonly name: string
  /** what the values are rounded to, in the unit of the column; 0 for continuous ones */
  readonly resolution: number
  /** n values, always the same ones for a seed */
  values(n: number, seed: number): Promise<Float64Array>
}

const normal: Draw = (u) => Math.sqrt(-2 * Math.log(1 - u())) * Math.cos(2 * Math.PI * u())
const exponential: Draw = (u) => -Math.log(1 - u())
const rounded = (x: number, resolution: number) => Math.round(x / resolution) * resolution

const drawn = (name: string, resolution: number, draw: Draw): DataSet => ({
  name,
  resolution,
  async values(n, seed) {
    const uniform = randomNumbers(Math.imul(seed + 1, 0x9e3779b1))
    return Float64Array.from({ length: n }, () => draw(uniform))
  },
})

export const flightsFile = fileURLToPath(
  new URL('../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url),
)

/** A column of vega-datasets' three million flights; the rows with the lowest hashes, so that any seed takes others. */
const flight = (column: string): DataSet => ({
  name: column,
  resolution: 1,
  async values(n, seed) {
    const connection = await (await DuckDBInstance.create()).connect()
    const reader = await connection.runAndReadAll(
      `select ${column}::double from (select ${column}, row_number() over () as row from read_parquet('${flightsFile}'))
       order by hash(row, ${seed}::bigint), row limit ${n}`,
    )
    const values = Float64Array.from(reader.getColumns()[0] as number[])
    connection.closeSync()
    return values
  },
})

/** Most list prices end in 99 or 95 cents. */
const price: Draw = (u) => {
  const whole = Math.floor(Math.exp(2.5 + 1.1 * normal(u)))
  const end = u()
  return (100 * whole + (end < 0.5 ? 99 : end < 0.7 ? 95 : end < 0.8 ? 0 : Math.floor(100 * u()))) / 100
}

/** A lognormal bulk with a Pareto tail; a third of the people round to thousands. */
const income: Draw = (u) => {
  const x = u() < 0.97 ? Math.exp(10.5 + 0.7 * normal(u)) : 90_000 * (1 - u()) ** -0.6
  return rounded(x, u() < 1 / 3 ? 1000 : 1)
}

/** Seconds of a request: cache hits, misses, and time-outs after 30 s; milliseconds. */
const duration: Draw = (u) => {
  const kind = u()
  const seconds =
    kind < 0.7
      ? 0.012 * Math.exp(0.4 * normal(u))
      : kind < 0.99
        ? 0.2 * Math.exp(0.9 * normal(u))
        : 30 + 0.05 * exponential(u)
  return Math.round(1000 * seconds) / 1000
}

/** A population pyramid that thins out above 60. */
const age: Draw = (u) => {
  for (;;) {
    const years = Math.floor(105 * u())
    if (u() < (years < 60 ? 1 : Math.exp(-(((years - 60) / 18) ** 2)))) return years
  }
}

export const dataSets: readonly DataSet[] = [
  drawn('lognormal', 0, (u) => Math.exp(1.5 * normal(u))),
  drawn('exponential', 0, (u) => 50 * exponential(u)),
  drawn('uniform', 0, (u) => 2 * u() - 1),
  drawn('ten modes', 0, (u) => 10 * Math.floor(10 * u()) + normal(u)),
  drawn('rare mode', 0, (u) => (u() < 0.005 ? -20 + 0.5 * normal(u) : normal(u))),
  drawn('zero spike', 1, (u) => (u() < 0.6 ? 0 : Math.round(400 * (exponential(u) + exponential(u))))),
  drawn('student-t(2)', 0, (u) => normal(u) / Math.sqrt((normal(u) ** 2 + normal(u) ** 2) / 2)),
  drawn('incomes', 1, income),
  drawn('prices', 0.01, price),
  drawn('durations', 0.001, duration),
  drawn('ages', 1, age),
  flight('delay'),
  flight('distance'),
]
