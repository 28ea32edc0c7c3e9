import { addReports, type StageReport } from '../../ports/stage-report.ts'
import type { ClusterSession } from '../cluster-session.ts'
import { type MemberTask, runMember } from './member-task.ts'
import { runThreads } from './member-threads.ts'

/** The stages whose members form a group. */
type GroupStage = 'normalize' | 'restore'

/**
 * Runs `count` members of a stage's group in this process. Each has a membership, a transaction and connections of its
 * own, so that nothing is shared but the models topic. If one fails all stop, with its error.
 */
export async function runMembers<S extends GroupStage>(
  cluster: ClusterSession,
  { stage, options }: MemberTask<S>,
  count: number,
  onProgress: (report: StageReport) => void,
): Promise<StageReport> {
  if (count === 1) return runMember(cluster, { stage, options }, onProgress)
  const reports = new Map<number, StageReport>()
  const tasks = Array.from({ length: count }, (_, slot) => ({ stage, options: { ...options, slot } }))
  const ends = await runThreads(cluster, tasks, (report, member) => {
    reports.set(member, report)
    onProgress(addReports(reports.values()))
  })
  return addReports(ends)
}
