import { examplesOfEach } from '../../stages/verify/findings.ts'
import type { VerifyResult } from '../../stages/verify.ts'
import type { ClusterSession } from '../cluster-session.ts'
import type { AuditPlan } from './audit-member.ts'
import { runMember } from './member-task.ts'
import { runThreads } from './member-threads.ts'

/** Audits the partitions of a plan in up to `count` threads, each with a share of them. */
export async function auditInThreads(
  cluster: ClusterSession,
  plan: AuditPlan,
  count: number,
  onProgress: (rows: number) => void,
): Promise<VerifyResult> {
  const { ranges } = plan.raw
  const members = Math.min(count, ranges.length)
  if (members < 2) return runMember(cluster, { stage: 'audit', options: plan }, onProgress)
  const tasks = Array.from({ length: members }, (_, member) => {
    const share = ranges.filter((_, i) => i % members === member)
    return { stage: 'audit' as const, options: { ...plan, raw: { ...plan.raw, ranges: share } } }
  })
  const rows = tasks.map(() => 0)
  const results = await runThreads(cluster, tasks, (done, member) => {
    rows[member] = done
    onProgress(rows.reduce((sum, some) => sum + some))
  })
  return results.reduce(joinResults)
}

function joinResults(a: VerifyResult, b: VerifyResult): VerifyResult {
  const examples = [...a.examples, ...b.examples].sort((x, y) => x.partition - y.partition)
  const kept = new Map<string, number>()
  return {
    rows: a.rows + b.rows,
    deadLetters: a.deadLetters + b.deadLetters,
    pending: a.pending + b.pending,
    unaudited: a.unaudited + b.unaudited,
    unread: a.unread + b.unread,
    lost: a.lost + b.lost,
    doubled: a.doubled + b.doubled,
    reordered: a.reordered + b.reordered,
    wrong: a.wrong + b.wrong,
    examples: examples.filter(({ fault }) => {
      const before = kept.get(fault) ?? 0
      kept.set(fault, before + 1)
      return before < examplesOfEach
    }),
  }
}
