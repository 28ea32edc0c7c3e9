import type { StageReport } from '../../ports/stage-report.ts'
import type { ScanCounts, ScanPlan, ScanProgress } from '../../stages/scan-columns.ts'
import type { VerifyResult } from '../../stages/verify.ts'
import type { ClusterSession } from '../cluster-session.ts'
import type { AuditPlan } from './audit-member.ts'
import type { NormalizeMemberOptions } from './normalize-member.ts'
import type { RestoreMemberOptions } from './restore-member.ts'

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

type Member<S extends MemberStage> = (
  cluster: ClusterSession,
  options: MemberOptions<S>,
  onProgress: (progress: MemberProgress<S>) => void,
) => Promise<MemberResult<S>>

/** A process or thread loads what its own stage needs: an audit brings the stock client. */
const members: { readonly [S in MemberStage]: () => Promise<Member<S>> } = {
  normalize: async () => (await import('./normalize-member.ts')).normalizeMember,
  restore: async () => (await import('./restore-member.ts')).restoreMember,
  scan: async () => (await import('./scan-member.ts')).scanMember,
  audit: async () => (await import('./audit-member.ts')).auditMember,
}

/** A stage and what it is told. */
export interface MemberTask<S extends MemberStage> {
  readonly stage: S
  readonly options: MemberOptions<S>
}

/** Does a task in this thread. */
export async function runMember<S extends MemberStage>(
  cluster: ClusterSession,
  { stage, options }: MemberTask<S>,
  onProgress: (progress: MemberProgress<S>) => void,
): Promise<MemberResult<S>> {
  const member: Member<S> = await members[stage]()
  return member(cluster, options, onProgress)
}
