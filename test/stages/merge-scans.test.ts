import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ColumnSummary } from '../../src/mixture/column-summary.ts'
import { ScanMerge } from '../../src/stages/merge-scans.ts'
import type { PartitionScan, ScanPlan } from '../../src/stages/scan-columns.ts'

function planOf(rows: number, keepsValues: boolean): ScanPlan {
  return {
    columns: [{ name: 'x', type: 'double', nullable: false, nullFirst: false }],
    centres: [0],
    keepsValues,
    ranges: [0, 1, 2].map((partition) => ({ topic: 't', partition, offset: 5, endOffset: 5 + rows })),
  }
}

/** Two rows of a partition. */
function scanOf(partition: number, keepsValues: boolean): PartitionScan {
  const values = Float64Array.of(partition, 0.5)
  const summary = new ColumnSummary(0)
  summary.add(values)
  return { partition, summaries: [summary.snapshot()], values: keepsValues ? [values] : [] }
}

/** Rows that are merged after each arrival, and the values in the end. */
function arrivals(plan: ScanPlan): { rows: number[]; values: number[] } {
  const merge = new ScanMerge(plan)
  const rows = [2, 0, 1].map((partition) => {
    merge.add(scanOf(partition, plan.keepsValues))
    return merge.summaries.get('x')?.rows ?? 0
  })
  return { rows, values: [...(merge.values.get('x')?.take() ?? [])] }
}

suite('merging scans', () => {
  test('no partition is held while its sums are exact whole numbers', () => {
    deepEqual(arrivals(planOf(2 ** 29, false)).rows, [2, 4, 6])
  })

  test('partitions with more rows wait for the ones before them', () => {
    deepEqual(arrivals(planOf(2 ** 30, false)).rows, [0, 2, 6])
  })

  test('values stand in the order of the partitions', () => {
    const { rows, values } = arrivals(planOf(10, true))
    deepEqual(values, [0, 0.5, 1, 0.5, 2, 0.5])
    equal(rows[2], 6)
  })
})
