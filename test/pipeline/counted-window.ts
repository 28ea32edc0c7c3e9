import { ColumnCounts } from '../../src/drift/column-counts.ts'
import { driftBins } from '../../src/drift/drift-bins.ts'
import type { StatsRecord } from '../../src/drift/stats-record.ts'
import type { Model } from '../../src/model/model.ts'
import { randomFrom } from '../seeded-random.ts'

/** What a member would have counted of 5,000 rows around a mean. */
export function countedWindow(model: Model, windowStartMs: number, mean: number, seed: number): StatsRecord {
  const [column] = model.columns
  const uniform = randomFrom(seed)
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
  const counts = new ColumnCounts(driftBins(column))
  counts.add(
    Float64Array.from({ length: 5_000 }, () => Math.round(mean + 12 * normal())),
    5_000,
  )
  const { slots } = counts.take()
  const modes = [5_000, ...new Array<number>(column.mean.length - 1).fill(0)]
  return {
    ...{ dataset: model.dataset, version: model.version, content: model.contentSha256 },
    ...{ windowStartMs, intervalMs: 30_000, run: 'test', rows: 5_000 },
    columns: [{ name: column.name, slots, modes, nulls: 0 }],
  }
}
