import type { ColumnWindow } from './column-window.ts'
import { type ColumnFigures, columnFigures } from './distances.ts'
import type { DriftBins } from './drift-bins.ts'
import { DriftDetector, type DriftFinding, type DriftOf, type DriftOptions, warmUpWindows } from './drift-detector.ts'
import { standingEffect } from './standing-effect.ts'
import { joinedWindows, type StatsWindow, together } from './stats-record.ts'

export interface ReportOptions extends DriftOptions {
  readonly nowMs: number
  /** figures are of the windows that ended later; undefined: of the last one that was judged */
  readonly sinceMs?: number | undefined
}

/**
 * A window is judged so long after its end: a transaction that is open then may still add rows to it, until it times
 * out; clocks differ, too.
 */
const settleMs = 15_000

/** Values or nulls that have differed from the training rows since the first window. */
export interface StandingDifference {
  readonly of: DriftOf
  /** what all judged windows together differ by at least, and the first ones together too, in standard deviations */
  readonly effect: number
}

/** A column since a time, and what is found there. */
export interface ColumnDrift extends ColumnFigures {
  readonly name: string
  /** of values and of nulls, as of the last window that was judged; the one with more evidence first */
  readonly findings: readonly DriftFinding[]
  /** no alarm: the first windows are taken for healthy, whatever they are, so that those like them are, too */
  readonly sinceStart: readonly StandingDifference[]
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
  /** rows that have been counted and not judged yet: their window is open, or has too few rows */
  readonly pendingRows: number
  /** when the last open window is judged */
  readonly pendingUntilMs: number | undefined
  /** how long the newest window is counted; undefined without any rows */
  readonly intervalMs: number | undefined
  readonly isAlarm: boolean
  /** that began since `sinceMs` or last until now, the oldest first */
  readonly alarms: readonly DriftAlarm[]
  /** what the figures are of; undefined without any rows */
  readonly fromMs: number | undefined
  readonly toMs: number | undefined
  readonly rows: number
  /** those with an alarm first, then those that differ since the start, then by evidence */
  readonly columns: readonly ColumnDrift[]
}

/** Judges the windows of a model's rows, one after the other. The same windows give the same report. */
export function driftReport(
  bins: readonly DriftBins[],
  windows: readonly StatsWindow[],
  { nowMs, sinceMs, ...options }: ReportOptions,
): DriftReport {
  const isOpen = ({ endMs }: StatsWindow) => nowMs < endMs + settleMs
  const { full, rest } = joinedWindows(
    windows.filter((window) => !isOpen(window)),
    options.windowRows,
  )
  const open = windows.filter(isOpen)
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
  const newest = windows[windows.length - 1] as StatsWindow | undefined
  const columns = bins.map((each, i): ColumnDrift => {
    const counts = all?.columns[i] ?? nothing(each)
    const own = findings.filter(({ column }) => column === each.name)
    const sinceStart = standing(
      each,
      full.map((window) => window.columns[i]),
      options.minEffect,
    )
    return { name: each.name, ...columnFigures(each, counts), findings: own, sinceStart }
  })
  const place = ({ findings: [first], sinceStart }: ColumnDrift): readonly [rank: number, size: number] => {
    if (first?.isAlarm === true) return [2, first.evidence]
    if (sinceStart.length > 0) return [1, Math.max(...sinceStart.map(({ effect }) => effect))]
    return [0, first?.evidence ?? 0]
  }
  return {
    windows: full.length,
    windowRows: options.windowRows,
    toLearn: Math.max(0, warmUpWindows - full.length),
    pendingRows: [rest, ...open].reduce((sum, window) => sum + (window?.rows ?? 0), 0),
    pendingUntilMs: open.length === 0 ? undefined : Math.max(...open.map(({ endMs }) => endMs)) + settleMs,
    intervalMs: newest && newest.endMs - newest.startMs,
    isAlarm,
    alarms: alarms.filter(
      ({ raisedMs }, i) => raisedMs > (sinceMs ?? -Infinity) || (isAlarm && i === alarms.length - 1),
    ),
    fromMs: all?.startMs,
    toMs: all?.endMs,
    rows: all?.rows ?? 0,
    columns: columns.sort((a, b) => place(b)[0] - place(a)[0] || place(b)[1] - place(a)[1]),
  }
}

/** Of the values and of the nulls: what differs in the first windows together and in all together, by `minEffect`. */
function standing(bins: DriftBins, windows: readonly ColumnWindow[], minEffect: number): StandingDifference[] {
  const parts: readonly DriftOf[] = bins.nullable ? ['values', 'nulls'] : ['values']
  return parts
    .map((of) => {
      const first = standingEffect(bins, of, windows.slice(0, warmUpWindows))
      return { of, effect: first < minEffect ? 0 : Math.min(first, standingEffect(bins, of, windows)) }
    })
    .filter(({ effect }) => effect > 0 && effect >= minEffect)
}

const nothing = ({ baseline, modes }: DriftBins) => ({
  slots: Array.from(baseline, () => 0),
  modes: new Array<number>(modes).fill(0),
  nulls: 0,
})
