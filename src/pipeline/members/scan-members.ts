import type { BoundedRange } from '../../stages/read-partition.ts'
import { joinCensus, joinCounts } from '../../stages/row-census.ts'
import type { Scan, ScanCounts } from '../../stages/scan-columns.ts'
import type { ClusterSession } from '../cluster-session.ts'
import { runThreads } from './member-threads.ts'

/** A scan by up to `count` threads, each with a share of the partitions. */
export function scanInThreads(cluster: ClusterSession, count: number): Scan {
  return async (plan, onProgress) => {
    const tasks = shares(plan.ranges, count).map((ranges) => ({ stage: 'scan' as const, options: { ...plan, ranges } }))
    const rows = tasks.map(() => 0)
    const counts = await runThreads(cluster, tasks, (progress, member) => {
      rows[member] = progress.rows
      onProgress({ ...progress, rows: rows.reduce((sum, some) => sum + some) })
    })
    return counts.reduce(total)
  }
}

/** The largest range first, always to whoever has least; each share is in the order of the partitions. */
function shares(ranges: readonly BoundedRange[], count: number): BoundedRange[][] {
  const size = ({ offset, endOffset }: BoundedRange) => endOffset - offset
  const all = Array.from({ length: Math.min(count, ranges.length) }, () => ({ rows: 0, ranges: [] as BoundedRange[] }))
  for (const range of ranges.toSorted((a, b) => size(b) - size(a))) {
    const least = all.reduce((a, b) => (b.rows < a.rows ? b : a))
    least.rows += size(range)
    least.ranges.push(range)
  }
  return all.map((share) => share.ranges.sort((a, b) => a.partition - b.partition))
}

function total(a: ScanCounts, b: ScanCounts): ScanCounts {
  return {
    rows: a.rows + b.rows,
    census: joinCensus(a.census, b.census),
    notFinite: joinCounts(a.notFinite, b.notFinite),
    tooWide: new Set([...a.tooWide, ...b.tooWide]),
  }
}
