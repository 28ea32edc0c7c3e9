import { countText } from '../count-text.ts'
import type { ColumnDrift } from '../drift/drift-report.ts'
import { counted, durationText, secondText, textTable } from '../observe/report-text.ts'
import type { MeasuredDrift } from '../pipeline/measure-drift.ts'
import { listed, percentText } from './text-parts.ts'

/** Within 80 columns where names have up to 14 characters. */
export function driftText(drift: MeasuredDrift, sinceMs?: number): string {
  const { dataset, version, windows, windowRows, toLearn, rows, fromMs, toMs, columns, alarms, intervalMs } = drift
  if (intervalMs === undefined)
    return (
      `No rows of version ${version} have been counted: run "vgm normalize --dataset ${dataset}", ` +
      'and wait for the first transaction.'
    )
  const table = textTable(
    ['column', 'shift', 'PSI', 'outside', 'nulls', 'nats', 'evidence', 'effect', ''],
    columns.map((column) => [
      column.name,
      figure(column.wasserstein),
      figure(column.psi),
      percent(column.outside),
      percent(column.nullShare),
      figure(column.nats - column.trainedNats),
      evidence(column),
      (column.findings[0]?.effect ?? 0).toFixed(3),
      mark(column),
    ]),
  )
  const seen =
    fromMs === undefined || toMs === undefined
      ? `No rows of version ${version} since ${secondText(sinceMs ?? 0)}. Verdicts are of the windows before.`
      : `${countText(rows)} rows of version ${version}, ${secondText(fromMs)} to ${secondText(toMs)}.`
  const more = toLearn === 0 ? '' : `; ${toLearn} more before the first verdict`
  const judged = `${counted(windows, 'window')} of ${countText(windowRows)} rows or more judged${more}.`
  const interval = `A window lasts ${durationText(intervalMs / 1_000)} or longer, however fast rows come`
  const learning = toLearn === 0 ? [] : [`${interval} (normalize --interval).`]
  const raised = alarms.map(
    ({ fromMs: since, columns: names }) =>
      `Alarm: ${listed(names, listedColumns)} ${names.length === 1 ? 'differs' : 'differ'} ` +
      `since about ${secondText(since)}.`,
  )
  const lines = [seen, judged, ...learning, ...pendingText(drift), ...raised, ...standingText(drift)]
  return `${table}\n\n${lines.join('\n')}`
}

function pendingText({ pendingRows, pendingUntilMs, windowRows }: MeasuredDrift): string[] {
  if (pendingRows === 0) return []
  const isOpen = pendingUntilMs !== undefined && pendingRows >= windowRows
  const until = isOpen ? `until ${secondText(pendingUntilMs)}` : `for a window takes ${countText(windowRows)}`
  return [`Not judged yet: ${counted(pendingRows, 'newer row')}, ${until}.`]
}

/** What no alarm says, because the first windows pass for healthy. */
function standingText({ columns }: MeasuredDrift): string[] {
  const parts = columns.flatMap(({ name, sinceStart }) =>
    sinceStart.map(({ of, effect }) => `${name}${of === 'nulls' ? ' (nulls)' : ''} ${effect.toFixed(3)}`),
  )
  if (parts.length === 0) return []
  return [
    'Since the beginning, these differ from the training rows, in std at least:',
    `  ${listed(parts, listedColumns)}`,
    'That raises no alarm: the first windows pass for healthy. Fit a new model.',
  ]
}

/** Columns that are named one by one. */
const listedColumns = 10

/** Of certainty, in powers of ten: an alarm comes at 1. */
function evidence({ findings: [first] }: ColumnDrift): string {
  return first === undefined || first.p === undefined ? '-' : first.evidence.toPrecision(2)
}

function mark({ findings, sinceStart }: ColumnDrift): string {
  if (findings.some(({ isAlarm }) => isAlarm)) return 'ALARM'
  if (sinceStart.length > 0) return 'differs'
  return findings.some(({ isCertain }) => isCertain) ? 'small' : ''
}

const figure = (x: number) => (Number.isNaN(x) ? '-' : x.toFixed(3))
const percent = (share: number) => (Number.isNaN(share) ? '-' : percentText(share, share < 0.1 ? 2 : 1))
