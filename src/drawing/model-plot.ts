import { valueCells } from '../drift/value-cells.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import type { ModelOptions } from '../model/model.ts'
import { counted, textTable } from '../observe/report-text.ts'
import { requireKeys } from '../require-keys.ts'
import { rowsInCells } from './rows-in-cells.ts'

const plotColumns = 72
const plotRows = 5
const blocks = ' ▁▂▃▄▅▆▇█'
/**
 * What lies outside these quantiles, a bin of the histogram on each side, is not drawn: far values would squeeze all
 * others.
 */
const drawnQuantiles = [1 / 64, 63 / 64] as const
/** Modes that are no farther from them, as a share of what lies between, are drawn as well. */
const nearShare = 0.3
/** What is drawn beyond them, as a share of what lies between: a frequent value at an end is not on the edge. */
const besides = 0.02

/** Density and modes of a column, for a terminal of 80 columns. Heights are square roots, so that small modes show. */
export function modelPlot(column: ColumnModel): string {
  requireKeys('modelPlot', 'its argument', column, ['name', 'weight', 'mean', 'std'], 'a column of a model')
  const { weight, mean, std } = column
  const table = textTable(
    ['mode', 'weight', 'mean', 'std'],
    mean.map((m, k) => [String(k), `${(100 * weight[k]).toFixed(1)}%`, formatNumber(m), formatNumber(std[k])]),
  )
  return [titleOf(column), ...roundingText(column), ...plot(column, plotRows), table].join('\n')
}

/** The same without the table, and lower: lines for a summary. */
export function smallPlot(column: ColumnModel, rows: number): string[] {
  return [titleOf(column), ...plot(column, rows)]
}

function titleOf({ name, type, mean, rows, nulls }: ColumnModel): string {
  const absent = nulls > 0 ? ` and ${counted(nulls, 'null')}` : ''
  return `${name} (${type}): ${counted(mean.length, 'mode')} from ${counted(rows, 'value')}${absent}`
}

function roundingText({ roundTo }: ColumnModel): string[] {
  if (roundTo === undefined) return []
  return [`restored to ${roundTo === 0 ? 'whole numbers' : roundTo === 1 ? '1 decimal' : `${roundTo} decimals`}`]
}

/** The values that are drawn, in the unit of the column; undefined if they are all the same. */
export function drawnRange(column: ColumnModel): { low: number; high: number } | undefined {
  if (column.min === column.max) return undefined
  const { edges, counts } = valueCells(column)
  const [from, to] = drawnQuantiles.map((q) => quantile(edges, counts, q))
  const span = to - from
  if (!(span > 0)) return undefined
  const near = column.mean.filter((m) => m > from - nearShare * span && m < to + nearShare * span)
  const beside = besides * span
  return {
    low: Math.max(edges[0], Math.min(from, ...near) - beside),
    high: Math.min(edges[edges.length - 1], Math.max(to, ...near) + beside),
  }
}

function plot(column: ColumnModel, height: number): string[] {
  const range = drawnRange(column)
  if (range === undefined) return []
  const { mean } = column
  const { low, high } = range
  const density = rowsInCells(valueCells(column), low, high, plotColumns).map(Math.sqrt)
  const peak = Math.max(...density)
  const eighths = density.map((d) => (d === 0 ? 0 : Math.max(1, Math.round((d / peak) * height * 8))))
  const lines = Array.from({ length: height }, (_, line) => {
    const below = (height - 1 - line) * 8
    return eighths.map((cell) => blocks[Math.min(8, Math.max(0, cell - below))]).join('')
  })
  const markers = Array.from({ length: plotColumns }, () => ' ')
  for (const [k, m] of mean.entries()) {
    const cell = Math.floor(((m - low) / (high - low)) * plotColumns)
    if (cell >= 0 && cell < plotColumns) markers[cell] = markers[cell] === ' ' ? String(k % 10) : '+'
  }
  const [left, right] = [formatNumber(low), formatNumber(high)]
  return [...lines, markers.join('').trimEnd(), left + right.padStart(plotColumns - left.length)].map(
    (line) => `  ${line}`,
  )
}

function quantile(edges: readonly number[], counts: readonly number[], q: number): number {
  const rows = counts.reduce((sum, count) => sum + count, 0)
  let before = 0
  for (const [i, count] of counts.entries()) {
    if (before + count >= q * rows && count > 0)
      return edges[i] + (edges[i + 1] - edges[i]) * Math.min(1, Math.max(0, (q * rows - before) / count))
    before += count
  }
  return edges[edges.length - 1]
}

/** Four significant digits, without an exponent where people expect none. */
export function formatNumber(x: number): string {
  const size = Math.abs(x)
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return x.toPrecision(4)
  return x.toLocaleString('en', { maximumSignificantDigits: size >= 1_000 ? 6 : 4 })
}

/** Whether alike modes were joined, and for how much. */
export const joiningText = ({ join = 0 }: ModelOptions): string =>
  join === 0 ? 'none' : `at ${formatNumber(join)} nats a row at most`
