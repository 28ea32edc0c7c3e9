import { countText } from '../count-text.ts'
import type { StageReport } from '../ports/stage-report.ts'

/** @param target topic or file that the rows are in */
export function generateText({ rowsOut, seconds }: StageReport, target: string): string {
  return `${countText(rowsOut)} rows to ${target}; total execution time ${seconds.toFixed(2)} s`
}
