import type { StageReport } from '../ports/stage-report.ts'
import { printableLine } from './printable-text.ts'
import { formatSpeed } from './progress.ts'

/**
 * @example
 * stageText(report, 'trips.normalized')
 * // '3,000,000 rows in, 3,000,000 out to trips.normalized, 0 dead letters; 1.2 s, 2.5M/s'
 */
export function stageText(
  { rowsIn, rowsOut, deadLetters, seconds, rowsPerSecond }: StageReport,
  topic: string,
): string {
  const count = (rows: number) => rows.toLocaleString('en')
  return (
    `${count(rowsIn)} rows in, ${count(rowsOut)} out to ${topic}, ${count(deadLetters)} dead letters; ` +
    `${seconds.toFixed(1)} s, ${formatSpeed(rowsPerSecond)}`
  )
}

/** Columns of text, numbers to the right, a line for each row. */
export function textTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [
    header,
    ...rows.map((row) =>
      row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : printableLine(cell))),
    ),
  ]
  const widths = header.map((_, c) => Math.max(...cells.map((row) => row[c].length)))
  const isNumber = header.map((_, c) =>
    rows.every((row) => typeof row[c] === 'number' || /^[-\d]/.test(String(row[c]))),
  )
  return cells
    .map((row) =>
      row
        .map((cell, c) => (isNumber[c] && rows.length > 0 ? cell.padStart(widths[c]) : cell.padEnd(widths[c])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** @example mebibytes(300 * 2 ** 20) // '300 MiB' */
export function mebibytes(bytes: number | null | undefined): string {
  return bytes === undefined || bytes === null ? '' : `${Math.round(bytes / 2 ** 20)} MiB`
}
