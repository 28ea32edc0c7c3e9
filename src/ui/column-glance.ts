import { drawnRange } from '../drawing/model-plot.ts'
import { rowsInCells } from '../drawing/rows-in-cells.ts'
import { intervalMass } from '../drift/mixture-density.ts'
import { valueCells } from '../drift/value-cells.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import type { Model } from '../model/model.ts'
import type { ColumnDetail, ColumnGlance, ModelGlance } from './api.ts'

const bars = 48

/** A hundred columns take longer than the page that shows them. */
const known = new WeakMap<Model, ModelGlance>()

/** What is shown of a model before a column is chosen. */
export function modelGlance(model: Model): ModelGlance {
  const before = known.get(model)
  if (before !== undefined) return before
  const { version, createdAtMs, recipe, seed, lineage, contentSha256: content, columns } = model
  const { rowsUsed, rowsSeen, topic, softwareVersion: software } = lineage
  const lines = { version, createdAtMs, recipe, seed, rowsUsed, rowsSeen, topic, software, content }
  const glance = { ...lines, columns: columns.map(columnGlance) }
  known.set(model, glance)
  return glance
}

/** What a list shows of a column. */
function columnGlance(column: ColumnModel): ColumnGlance {
  const { name, type, rows, nulls, mean, std, weight } = column
  const range = drawnRange(column)
  const cells = range === undefined ? [] : rowsInCells(valueCells(column), range.low, range.high, bars)
  const peak = Math.max(...cells)
  return {
    name,
    type,
    rows,
    nulls,
    modes: mean.length,
    range: range && [range.low, range.high],
    // Heights are square roots of rows, so that small modes show.
    bars: cells.map((cell) => Math.round(100 * Math.sqrt(cell / peak))),
    mean: mean.map(short),
    std: std.map(short),
    weight: weight.map(short),
    misfit: short(misfit(column)),
  }
}

/** Kolmogorov and Smirnov's distance of the training rows from the model, at the edges of their histogram. */
function misfit(column: ColumnModel): number {
  const { edges, counts } = column.histogram
  const rows = counts.reduce((sum, count) => sum + count, 0)
  let [before, most] = [0, 0]
  for (const [i, count] of counts.entries()) {
    before += count
    // The distribution is continuous, and a bin of one value is not: half of it lies on each side.
    const share = (before - (edges[i + 1] > edges[i] ? 0 : count / 2)) / rows
    most = Math.max(most, Math.abs(intervalMass(column, Number.NEGATIVE_INFINITY, edges[i + 1]) - share))
  }
  return Math.min(1, most)
}

/** Five digits are enough for what is drawn. */
function short(x: number): number {
  return Number(x.toPrecision(5))
}

export function columnDetail(column: ColumnModel): ColumnDetail {
  const { lowerBound: _, iterations: __, converged: ___, baseline: ____, ...shown } = column
  const range = drawnRange(column)
  const { edges, counts } = valueCells(column)
  return { ...shown, histogram: { edges, counts }, range: range && [range.low, range.high] }
}
