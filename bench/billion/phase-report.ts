import { formatSpeed, mebibytes, textTable } from '../../src/observe/report-text.ts'
import type { UsageReport } from '../usage/usage-samples.ts'

/** What one phase of a run took. */
export interface PhaseReport extends UsageReport {
  readonly rows: number
  /** of the stage itself; of what came after an interruption only */
  readonly seconds: number
  readonly rowsPerSecond: number
  /** that the logs take when it ends; null if the cluster is somebody else's */
  readonly diskBytes: number | null
}

export function phasesText(phases: Readonly<Record<string, PhaseReport>>): string {
  const reports = Object.entries(phases)
  const table = textTable(
    [
      'phase',
      'rows',
      'seconds',
      'speed',
      'stage CPUs',
      'broker CPUs',
      'read',
      'written',
      'RSS early',
      'late',
      'most',
      'on disk',
    ],
    reports.map(([name, report]) => [
      name,
      report.rows,
      report.seconds.toFixed(1),
      formatSpeed(report.rowsPerSecond),
      report.stageProcessors?.toFixed(2) ?? '',
      report.brokerProcessors?.toFixed(2) ?? '',
      megabytesPerSecond(report.diskReadBytesPerSecond),
      megabytesPerSecond(report.diskWriteBytesPerSecond),
      ...[report.rssBytes?.early, report.rssBytes?.late, report.rssBytes?.most].map(mebibytes),
      report.diskBytes === null ? '' : `${(report.diskBytes / 1e9).toFixed(2)} GB`,
    ]),
  )
  const overTime = reports
    .filter(([, { rowsPerSecondOverTime }]) => rowsPerSecondOverTime.length > 1)
    .map(
      ([name, { rowsPerSecondOverTime: speeds }]) =>
        `${name}, million rows/s over time: ${speeds.map(millions).join(' ')}`,
    )
  const memory = reports.map(
    ([name, { rssBytesOverTime }]) =>
      `${name}, resident MiB over time: ${rssBytesOverTime.map(mebibytesAlone).join(' ')}`,
  )
  return [table, ...overTime, ...memory].join('\n')
}

const mebibytesAlone = (bytes: number) => Math.round(bytes / 2 ** 20)
const millions = (rows: number) => (rows / 1e6).toFixed(1)
const megabytesPerSecond = (rate: number | null) => (rate === null ? '' : `${Math.round(rate / 1e6)} MB/s`)
