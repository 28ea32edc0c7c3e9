import type { StageReport } from '../ports/stage-report.ts'
import { printableLine } from './printable-text.ts'

/** @example counted(1, 'row') // '1 row' */
export function counted(count: number, one: string, more = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : more}`
}

/**
 * @param deadLetterTopic where dead letters are, for stages that may have some
 *
 * @example
 * stageText(report, 'trips.normalized')
 * // '3,000,000 rows in, 3,000,000 out to trips.normalized, 0 dead letters; 1.2 s, 2.5M/s'
 */
export function stageText(
  { rowsIn, rowsOut, deadLetters, seconds, rowsPerSecond }: StageReport,
  topic: string,
  deadLetterTopic?: string,
): string {
  const where = deadLetters > 0 && deadLetterTopic !== undefined ? ` in ${deadLetterTopic}` : ''
  return (
    `${counted(rowsIn, 'row')} in, ${rowsOut.toLocaleString('en')} out to ${topic}, ` +
    `${counted(deadLetters, 'dead letter')}${where}; ` +
    `${seconds.toFixed(1)} s, ${formatSpeed(rowsPerSecond)}`
  )
}

/** @example formatSpeed(2_340_000) // '2.3M/s' */
export function formatSpeed(rowsPerSecond: number): string {
  if (rowsPerSecond >= 999_500) return `${(rowsPerSecond / 1e6).toFixed(1)}M/s`
  if (rowsPerSecond >= 1_000) return `${Math.round(rowsPerSecond / 1e3)}k/s`
  return `${Math.round(rowsPerSecond)}/s`
}

/** Columns of text, numbers to the right, a line for each row. */
export function textTable(
  header: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  numbersRight = true,
): string {
  const cells = [
    header,
    ...rows.map((row) =>
      row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : printableLine(cell))),
    ),
  ]
  const widths = header.map((_, c) => Math.max(...cells.map((row) => row[c].length)))
  const isNumber = header.map(
    (_, c) => numbersRight && rows.every((row) => typeof row[c] === 'number' || /^[-\d]/.test(String(row[c]))),
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

/** @example sizeText(1_500_000) // '1.4 MiB' */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`
  const [size, unit] = bytes < 2 ** 20 ? [2 ** 10, 'KiB'] : bytes < 2 ** 30 ? [2 ** 20, 'MiB'] : [2 ** 30, 'GiB']
  return `${(bytes / size).toFixed(1)} ${unit}`
}

/** @example durationText(3_720) // '1 h 2 min' */
export function durationText(seconds: number): string {
  if (seconds === 0) return '0 s'
  if (seconds < 1) return `${(Math.ceil(seconds * 10) / 10).toFixed(1)} s`
  if (seconds < 60) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.round(minutes / 1_440)} days`
}

/** @example mebibytes(300 * 2 ** 20) // '300 MiB' */
export function mebibytes(bytes: number | null | undefined): string {
  return bytes === undefined || bytes === null ? '' : `${Math.round(bytes / 2 ** 20)} MiB`
}
