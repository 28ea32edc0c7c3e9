import type { StageReport } from '../../ports/stage-report.ts'
import { type ScanCounts, type ScanPlan, type ScanProgress, scanColumns } from '../../stages/scan-columns.ts'
import type { VerifyResult } from '../../stages/verify.ts'
import type { ClusterSession } from '../cluster-session.ts'
import { type AuditPlan, auditMember } from './audit-member.ts'
import { type NormalizeMemberOptions, normalizeMember } from './normalize-member.ts'
import { type RestoreMemberOptions, restoreMember } from './restore-member.ts'

/** Tasks that several threads may do concurrently. All of it is plain data that is sent to and from threads. */
interface MemberWork {
  readonly normalize: { options: NormalizeMemberOptions; progress: StageReport; result: StageReport }
  readonly restore: { options: RestoreMemberOptions; progress: StageReport; result: StageReport }
  readonly scan: { options: ScanPlan; progress: ScanProgress; result: ScanCounts }
  readonly audit: { options: AuditPlan; progress: number; result: VerifyResult }
}

export type MemberStage = keyof MemberWork
type MemberOptions<S extends MemberStage> = MemberWork[S]['options']
export type MemberProgress<S extends MemberStage> = MemberWork[S]['progress']
export type MemberResult<S extends MemberStage> = MemberWork[S]['result']

const work: {
  readonly [S in MemberStage]: (
    cluster: ClusterSession,
    options: MemberOptions<S>,
    onProgress: (progress: MemberProgress<S>) => void,
  ) => Promise<MemberResult<S>>
} = { normalize: normalizeMember, restore: restoreMember, scan: scanTopic, audit: auditMember }

/** A stage and what it is told. */
export interface MemberTask<S extends MemberStage> {
  readonly stage: S
  readonly options: MemberOptions<S>
}

/** Does a task in this thread. */
export function runMember<S extends MemberStage>(
  cluster: ClusterSession,
  { stage, options }: MemberTask<S>,
  onProgress: (progress: MemberProgress<S>) => void,
): Promise<MemberResult<S>> {
  return work[stage](cluster, options, onProgress)
}

async function scanTopic(
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
