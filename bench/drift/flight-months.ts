/** Flights in the order of their dates: what the rules say of each month, after a fit to January. */

import { DuckDBInstance } from '@duckdb/node-api'
import { ColumnCounts } from '../../src/drift/column-counts.ts'
import { type ColumnWindow, merged } from '../../src/drift/column-window.ts'
import { kolmogorovSmirnov, stabilityIndex, wasserstein } from '../../src/drift/distances.ts'
import { driftBins } from '../../src/drift/drift-bins.ts'
import { DriftDetector } from '../../src/drift/drift-detector.ts'
import { columnModel } from '../../src/mixture/column-model.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { flightsFile } from '../mixture/data-sets.ts'
import { kolmogorovP } from './simulation.ts'

export interface MonthResult {
  readonly month: string
  readonly windows: number
  /** of the whole month from January: in standard deviations of January, and the index */
  readonly shift: number
  readonly psi: number
  readonly ks: number
  /** windows with an alarm of the column */
  readonly alarms: number
  readonly psiWindows: number
  readonly ksWindows: number
}

/**
 * Each full month from January to June 2001, by column. The detector sees all windows in order, January's too, from
 * which it learns how windows differ.
 */
export async function flightMonths(
  columns: readonly string[],
  windowRows: number,
): Promise<{ readonly column: string; readonly months: readonly MonthResult[] }[]> {
  const months = await Promise.all(
    ['01', '02', '03', '04', '05', '06'].map((month) => rowsOf(`2001-${month}`, columns)),
  )
  const bins = columns.map((name, c) => driftBins(columnModel(fitMixture(months[0].columns[c], oneMode), { name })))
  const counts = bins.map((it) => new ColumnCounts(it))
  const detector = new DriftDetector(bins)
  const results = columns.map((column) => ({ column, months: [] as MonthResult[] }))
  let observed = 0
  for (const { month, columns: values, rows } of months) {
    const windows: ColumnWindow[][] = columns.map(() => [])
    const alarms = columns.map(() => 0)
    for (let start = 0; start + windowRows <= rows; start += windowRows) {
      const window = counts.map((count, c) => {
        count.add(values[c].subarray(start, start + windowRows), windowRows)
        return { ...count.take(), nulls: 0 }
      })
      for (const { column, isAlarm } of detector.observe(window, observed++).findings)
        alarms[columns.indexOf(column)] += Number(isAlarm)
      for (const [c, counted] of window.entries()) windows[c].push(counted)
    }
    for (const [c, { months }] of results.entries()) {
      const whole = windows[c].reduce(merged)
      months.push({
        month,
        windows: windows[c].length,
        shift: wasserstein(bins[c], whole),
        psi: stabilityIndex(bins[c], whole),
        ks: kolmogorovSmirnov(bins[c], whole),
        alarms: alarms[c],
        psiWindows: windows[c].filter((window) => stabilityIndex(bins[c], window) > 0.1).length,
        ksWindows: windows[c].filter((window) => kolmogorovP(bins[c], window) < 0.05).length,
      })
    }
  }
  return results
}

/** The bins are those of the rows: how well the mixture fits does not matter. */
const oneMode = { components: 1, maxIterations: 2 }

/** The rows of a month by date; those with a null in one of the columns are left out. */
async function rowsOf(month: string, columns: readonly string[]) {
  const connection = await (await DuckDBInstance.create()).connect()
  const reader = await connection.runAndReadAll(
    `select ${columns.map((name) => `${name}::double`).join(', ')} from read_parquet('${flightsFile}')
     where strftime(date, '%Y-%m') = '${month}' and ${columns.map((name) => `${name} is not null`).join(' and ')}
     order by date`,
  )
  const read = reader.getColumns().map((values) => Float64Array.from(values as number[]))
  connection.closeSync()
  return { month, columns: read, rows: read[0].length }
}
