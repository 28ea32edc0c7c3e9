import { addShadow, addTimeCounts, noTimeCounts, type StageReport, stageReport } from '../../ports/stage-report.ts'
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
    onProgress(total(reports.values()))
  })
  return total(ends)
}

function total(reports: Iterable<StageReport>): StageReport {
  const all = [...reports]
  const sum = (of: (report: StageReport) => number) => all.reduce((rows, report) => rows + of(report), 0)
  const times = all.flatMap(({ times }) => times ?? [])
  const shadows = all.flatMap(({ shadow }) => shadow ?? [])
  return {
    ...stageReport(
      sum(({ rowsIn }) => rowsIn),
      sum(({ rowsOut }) => rowsOut),
      sum(({ deadLetters }) => deadLetters),
      Math.max(...all.map(({ seconds }) => seconds)),
    ),
    ...(times.length > 0 && { times: times.reduce(addTimeCounts, noTimeCounts) }),
    ...(shadows.length > 0 && { shadow: shadows.reduce(addShadow) }),
  }
}
