import { type ScanCounts, type ScanPlan, type ScanProgress, scanColumns } from '../../stages/scan-columns.ts'
import type { ClusterSession } from '../cluster-session.ts'

/** Scans the partitions of a plan. */
export async function scanMember(
  { rows, registry, signal }: ClusterSession,
  plan: ScanPlan,
  onProgress: (progress: ScanProgress) => void,
): Promise<ScanCounts> {
  const reader = rows.openReader()
  try {
    return await scanColumns(reader, registry, plan, signal, onProgress)
  } finally {
    await reader.close()
  }
}
