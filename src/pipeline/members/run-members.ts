import { addReports, type StageReport } from '../../ports/stage-report.ts'
import type { ClusterSession } from '../cluster-session.ts'
import { refuseAllDead } from '../refuse-all-dead.ts'
import { type MemberTask, runMember } from './member-task.ts'
import { runThreads } from './member-threads.ts'

/** The stages whose members form a group. */
type GroupStage = 'normalize' | 'restore'

/**
 * Runs `count` members of a stage's group in this process. Each has a membership, a transaction and connections of its
 * own, so that nothing is shared but the models topic. If one fails all stop, with its error.
 *
 * @throws AllRowsDeadError at the end of the topic, if no row could be processed, now or before
 */
export async function runMembers<S extends GroupStage>(
  cluster: ClusterSession,
  task: MemberTask<S>,
  count: number,
  onProgress: (report: StageReport) => void,
): Promise<StageReport> {
  const report = await reportOf(cluster, task, count, onProgress)
  const { dataset, topics, ends, deadLetters } = task.options
  const outputTopic = 'restored' in topics ? topics.restored : topics.normalized
  const named = { outputTopic, deadLetterTopic: topics.deadLetters, dataset }
  if (ends !== undefined) await refuseAllDead(cluster, report, deadLetters, named)
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
