import { type ColumnFigures, columnFigures } from './distances.ts'
import type { DriftBins } from './drift-bins.ts'
import { DriftDetector, type DriftFinding, type DriftOptions, warmUpWindows } from './drift-detector.ts'
import { joinedWindows, type StatsWindow, together } from './stats-record.ts'

export interface ReportOptions extends DriftOptions {
  /** only windows that ended before are judged, for rows may still be added to the others */
  readonly closedBeforeMs: number
  /** figures are of the windows that ended later; undefined: of the last one that was judged */
  readonly sinceMs?: number | undefined
}

/** A column since a time, and what is found there. */
export interface ColumnDrift extends ColumnFigures {
  readonly name: string
  /** of values and of nulls, as of the last window that was judged; the one with more evidence first */
  readonly findings: readonly DriftFinding[]
}

/** An alarm that began. */
export interface DriftAlarm {
  readonly fromMs: number
  /** of the window in which it was raised */
  readonly raisedMs: number
  readonly columns: readonly string[]
}

export interface DriftReport {
  /** that were judged, each with so many rows at least */
  readonly windows: number
  readonly windowRows: number
  /** judged windows that are still to come before there are verdicts */
  readonly toLearn: number
  readonly isAlarm: boolean
  /** that began since `sinceMs`, the oldest first */
  readonly alarms: readonly DriftAlarm[]
  /** what the figures are of; undefined without any rows */
  readonly fromMs: number | undefined
  readonly toMs: number | undefined
  readonly rows: number
  /** those with an alarm first, then by evidence */
  readonly columns: readonly ColumnDrift[]
}

/** Judges the windows of a model's rows, one after the other. The same windows give the same report. */
export function driftReport(
  bins: readonly DriftBins[],
  windows: readonly StatsWindow[],
  { closedBeforeMs, sinceMs, ...options }: ReportOptions,
): DriftReport {
  const { full } = joinedWindows(
    windows.filter(({ endMs }) => endMs <= closedBeforeMs),
    options.windowRows,
  )
  const detector = new DriftDetector(bins, options)
  const alarms: DriftAlarm[] = []
  let findings: readonly DriftFinding[] = []
  let isAlarm = false
  for (const [i, window] of full.entries()) {
    const wasAlarm = isAlarm
    const verdict = detector.observe(window.columns, window.startMs)
    ;({ findings, isAlarm } = verdict)
    if (!isAlarm || wasAlarm) continue
    const raised = findings.filter((finding) => finding.isAlarm)
    const first = Math.max(0, i + 1 - Math.max(...raised.map((finding) => finding.windows)))
    const columns = [...new Set(raised.map(({ column }) => column))]
    alarms.push({ fromMs: full[first].startMs, raisedMs: window.endMs, columns })
  }
  const shown = sinceMs === undefined ? (full.slice(-1) as readonly StatsWindow[]) : windows
  const chosen = (shown.length === 0 ? windows : shown).filter(({ endMs }) => endMs > (sinceMs ?? -Infinity))
  const all = chosen.length === 0 ? undefined : chosen.reduce(together)
  const columns = bins.map((each, i): ColumnDrift => {
    const counts = all?.columns[i] ?? nothing(each)
    const own = findings.filter(({ column }) => column === each.name)
    return { name: each.name, ...columnFigures(each, counts), findings: own }
  })
  const rank = ({ findings: [first] }: ColumnDrift) =>
    first === undefined ? 0 : first.evidence + (first.isAlarm ? 1e12 : 0)
  return {
    windows: full.length,
    windowRows: options.windowRows,
    toLearn: Math.max(0, warmUpWindows - full.length),
    isAlarm,
    alarms: alarms.filter(({ raisedMs }) => raisedMs > (sinceMs ?? -Infinity)),
    fromMs: all?.startMs,
    toMs: all?.endMs,
    rows: all?.rows ?? 0,
    columns: columns.sort((a, b) => rank(b) - rank(a)),
  }
}

const nothing = ({ baseline, modes }: DriftBins) => ({
  slots: Array.from(baseline, () => 0),
  modes: new Array<number>(modes).fill(0),
  nulls: 0,
})
