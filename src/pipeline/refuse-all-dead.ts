import type { StageReport } from '../ports/stage-report.ts'
import { AllRowsDeadError, type DeadLetterPolicy, isAllDead } from '../stages/dead-letter-policy.ts'
import type { ClusterSession } from './cluster-session.ts'

/**
 * For the report of a stage that has come to the end of its topic. Where earlier rows have been written, new ones that
 * are all bad are dead letters as others are.
 *
 * @throws AllRowsDeadError if no row could be processed, now or before, and not any number may become dead letters
 */
export async function refuseAllDead(
  { admin }: ClusterSession,
  report: StageReport,
  policy: DeadLetterPolicy | undefined,
  { outputTopic, deadLetterTopic, dataset }: Record<'outputTopic' | 'deadLetterTopic' | 'dataset', string>,
): Promise<void> {
  if (!isAllDead(report, policy)) return
  const ends = await admin.offsets.watermarks(outputTopic)
  if (ends.every(({ high }) => high === 0)) throw new AllRowsDeadError(report.rowsIn, deadLetterTopic, dataset)
}
