import { ColumnCounts } from '../../src/drift/column-counts.ts'
import type { ColumnWindow } from '../../src/drift/column-window.ts'
import type { DriftBins } from '../../src/drift/drift-bins.ts'
import type { Baseline } from '../../src/mixture/baseline.ts'
import type { ColumnModel } from '../../src/mixture/column-model.ts'

/** A column with one standard normal mode and the given training rows. */
export function exampleColumn(baseline: Baseline, facts: Partial<ColumnModel> = {}): ColumnModel {
  return {
    name: 'x',
    type: 'double',
    nullable: false,
    rows: baseline.counts.reduce((sum, count) => sum + count, 0),
    nulls: 0,
    min: baseline.edges[0],
    max: baseline.edges[baseline.edges.length - 1],
    decimals: 15,
    weight: [1],
    mean: [0],
    std: [1],
    offset: [0],
    precision: [1],
    lowerBound: 0,
    iterations: 1,
    converged: true,
    histogram: { edges: baseline.edges, counts: baseline.counts },
    baseline,
    ...facts,
  }
}

export function countsOf(bins: DriftBins): ColumnCounts {
  return new ColumnCounts(bins)
}

/** The counts of some rows. */
export function windowOf(bins: DriftBins, values: Float64Array): ColumnWindow {
  const counts = countsOf(bins)
  counts.add(values, values.length)
  return { ...counts.take(), nulls: 0 }
}
