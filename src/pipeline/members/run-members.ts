import { addReports, type StageReport } from '../../ports/stage-report.ts'
import { refuseAllDead } from '../../stages/dead-letter-policy.ts'
import type { ClusterSession } from '../cluster-session.ts'
import { type MemberTask, runMember } from './member-task.ts'
import { runThreads } from './member-threads.ts'

/** The stages whose members form a group. */
type GroupStage = 'normalize' | 'restore'

/**
 * Runs `count` members of a stage's group in this process. Each has a membership, a transaction and connections of its
 * own, so that nothing is shared but the models topic. If one fails all stop, with its error.
 *
 * @throws AllRowsDeadError at the end of the topic, if no row could be processed
 */
export async function runMembers<S extends GroupStage>(
  cluster: ClusterSession,
  task: MemberTask<S>,
  count: number,
  onProgress: (report: StageReport) => void,
): Promise<StageReport> {
  const report = await reportOf(cluster, task, count, onProgress)
  const { dataset, topics, ends, deadLetters } = task.options
  if (ends !== undefined) refuseAllDead(report, deadLetters, topics.deadLetters, dataset)
  return report
}

async function reportOf<S extends GroupStage>(
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
