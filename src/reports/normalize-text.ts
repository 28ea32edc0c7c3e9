import { countText } from '../count-text.ts'
import { stageText } from '../observe/report-text.ts'
import type { StageReport } from '../ports/stage-report.ts'
import { percentText } from './text-parts.ts'

/** What a stage has done, and what another model would have. */
export function normalizeText(report: StageReport, topic: string, deadLetterTopic: string): string {
  return [stageText(report, topic, deadLetterTopic), ...shadowText(report)].join('\n')
}

/** What another model would have done; nothing without one. */
function shadowText({ shadow }: StageReport): string[] {
  if (shadow === undefined) return []
  const { version, against, rows, gain, columns } = shadow
  if (version === against) return [`Version ${version} is in use and its own shadow: name another one (--shadow).`]
  if (rows === 0) return [`Version ${version} has seen no row as the shadow of version ${against}.`]
  const looked = `Version ${version} would gain ${gain.toFixed(4)} nats a row over version ${against}`
  const changes = columns.map(({ name, changedMode }) => `${name} ${percentText(changedMode)}`).join(', ')
  return [`${looked}, by ${countText(rows)} rows; values that would change their mode: ${changes}`]
}
