import { countText } from '../count-text.ts'
import { printable } from '../observe/printable-text.ts'
import { durationText, sizeText, stageText } from '../observe/report-text.ts'
import type { ReplayEstimate } from '../pipeline/estimate-replay.ts'
import type { ReplayPlan, ReplayReport } from '../pipeline/replay-topic.ts'
import type { StageReport } from '../ports/stage-report.ts'
import { screenTable } from './text-parts.ts'

/** Partitions that are listed one by one. */
const listedPartitions = 40

/** What will be read, and what is to be known of it. */
export function planText({ version, group, topic, partitions, remarks }: ReplayPlan): string {
  const listed = partitions.slice(0, listedPartitions)
  const rows = listed.map(({ partition, from, to }) => [String(partition), String(from), String(to), to - from])
  const rest = partitions.length - listed.length
  return [
    `Version ${version} of the model, into ${topic}, as group`,
    `${group}:`,
    screenTable(['partition', 'from', 'to', 'offsets'], rows, { width: process.stderr.columns }),
    ...(rest > 0 ? [`and ${rest} more partitions`] : []),
    ...remarks.map((remark) => `${remark}.`),
  ]
    .map(printable)
    .join('\n')
}

/** What a replay has done. @param report one without a group was interrupted */
export function replayText(report: ReplayReport | StageReport, topic: string, deadLetterTopic: string): string {
  const { rowsIn, times } = report
  const lines = [stageText(report, topic, deadLetterTopic)]
  const { leftOut = 0, withoutTime = 0, cameAlong = 0, goesBack = [] } = times ?? {}
  if (leftOut > 0) lines.push(`${countText(leftOut)} rows outside the range of times were left out.`)
  if (withoutTime > 0) lines.push(`${countText(withoutTime)} rows were left out, because they have no time.`)
  if (cameAlong > 0)
    lines.push(
      `${countText(cameAlong)} rows are outside the range of times and came along, and others may be missing: ` +
        '--strict-time leaves out the ones and finds the others.',
    )
  if (goesBack.length > 0) {
    const places = goesBack.slice(0, 5).map(({ partition, offset }) => `${partition}/${offset}`)
    const more = goesBack.length > places.length ? `, and in ${goesBack.length - places.length} more partitions` : ''
    lines.push(`Times go back first at ${places.join(', ')}${more}: a row there is older than one before it.`)
  }
  if ('group' in report && rowsIn === 0 && leftOut + withoutTime === 0)
    lines.push(`Group ${report.group} has processed this range already: name another --output to process it again.`)
  return lines.join('\n')
}

/** What a replay would read, and how long it takes: the answer to `--dry-run`. */
export function estimateText(estimate: ReplayEstimate): string {
  const { rows, rowsBefore, bytesIn, bytesOut, seconds, tried } = estimate
  const before = rowsBefore === 0 ? '' : `, after ${countText(rowsBefore)} that the group has read before`
  const without = tried.withoutTime === 0 ? '' : `, ${countText(tried.withoutTime)} because they have none`
  const leftOut =
    tried.leftOut === 0 ? '' : `;\n${countText(tried.leftOut)} of them are left out by their time${without}`
  return [
    planText(estimate),
    `At most ${countText(rows)} rows are to be read${before}: about ${sizeText(bytesIn)} in, ` +
      `${sizeText(bytesOut)} out, ${durationText(seconds)}.`,
    `That follows from ${countText(tried.rows)} rows, normalized in ${tried.seconds.toFixed(1)} s by one member` +
      `${leftOut}.`,
    ...(tried.leftOut > 0 && tried.leftOut === tried.rows
      ? ['None of these rows counts: a replay without any is refused in the end.']
      : []),
    'Writing takes time too. Nothing was written.',
  ].join('\n')
}
