import { addTimeCounts, noTimeCounts, type StageReport, stageReport } from '../ports/stage-report.ts'

/** Of several members that ran at the same time. */
export function addReports(reports: Iterable<StageReport>): StageReport {
  const all = [...reports]
  const sum = (of: (report: StageReport) => number) => all.reduce((rows, report) => rows + of(report), 0)
  const times = all.flatMap(({ times }) => times ?? [])
  return {
    ...stageReport(
      sum(({ rowsIn }) => rowsIn),
      sum(({ rowsOut }) => rowsOut),
      sum(({ deadLetters }) => deadLetters),
      Math.max(0, ...all.map(({ seconds }) => seconds)),
    ),
    ...(times.length > 0 && { times: times.reduce(addTimeCounts, noTimeCounts) }),
  }
}
