import { countText } from '../count-text.ts'
import type { StageReport } from '../ports/stage-report.ts'
import { printableLine } from './printable-text.ts'

/** @example counted(1, 'row') // '1 row' */
export function counted(count: number, one: string, more = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : more}`
}

/** @example secondText(1_795_435_200_000) // '2026-11-23T12:00:00Z' */
export function secondText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
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
    `${counted(rowsIn, 'row')} in, ${countText(rowsOut)} out to ${topic}, ` +
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

export interface TextTableOptions {
  /** whether columns of numbers stand to the right [true] */
  readonly numbersRight?: boolean | undefined
  /** texts are wrapped within their columns where lines would be longer [each row is one line] */
  readonly width?: number | undefined
  /** whether the last column stands below its row where lines would be longer [false: beside the others] */
  readonly lastBelow?: boolean | undefined
}

/** Columns of text, numbers to the right, a line for each row. */
export function textTable(
  header: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  { numbersRight = true, width = Number.POSITIVE_INFINITY, lastBelow = false }: TextTableOptions = {},
): string {
  const cells = [
    header,
    ...rows.map((row) => row.map((cell) => (typeof cell === 'number' ? countText(cell) : printableLine(cell)))),
  ]
  const isNumber = header.map(
    (_, c) => numbersRight && rows.every((row) => typeof row[c] === 'number' || /^[-\d]/.test(String(row[c]))),
  )
  const natural = header.map((_, c) => longest(cells.map((row) => row[c])))
  const isBelow = lastBelow && sum(natural) + 2 * (header.length - 1) > width
  const columns = (isBelow ? header.slice(0, -1) : header).map((_, c) => cells.map((row) => row[c]))
  const widths = fittedWidths(columns, isNumber, width)
  const padded = (cell: string, c: number) =>
    isNumber[c] && rows.length > 0 ? cell.padStart(widths[c]) : cell.padEnd(widths[c])
  return cells
    .flatMap((row) => {
      const wrapped = widths.map((width, c) => wrappedText(row[c], width))
      const lines = Math.max(...wrapped.map(({ length }) => length))
      const below = isBelow ? wrappedText(row[row.length - 1], width - 2).map((line) => `  ${line}`) : []
      const beside = Array.from({ length: lines }, (_, line) => wrapped.map((cell, c) => padded(cell[line] ?? '', c)))
      return [...beside.map((texts) => texts.join('  ').trimEnd()), ...below]
    })
    .join('\n')
}

const sum = (widths: readonly number[]) => widths.reduce((all, each) => all + each, 0)
const longest = (texts: readonly string[]) => Math.max(...texts.map(({ length }) => length))

/** Narrower than this no text is wrapped. */
const leastTextWidth = 8

/** Widths of the columns: the widest texts give way, first to the length of their longest word. */
function fittedWidths(
  columns: readonly (readonly string[])[],
  isNumber: readonly boolean[],
  width: number,
): readonly number[] {
  const widths = columns.map(longest)
  const gaps = 2 * (columns.length - 1)
  const words = columns.map((texts) => longest(texts.flatMap((text) => text.split(wordGap))))
  for (const least of [words, words.map((word) => Math.min(word, leastTextWidth))])
    for (;;) {
      const over = sum(widths) + gaps - width
      const candidates = widths.flatMap((each, c) => (!isNumber[c] && each > least[c] ? [each] : []))
      if (over <= 0 || candidates.length === 0) break
      const [widest, next = 0] = [...new Set(candidates)].sort((x, y) => y - x)
      const c = widths.findIndex((each, i) => each === widest && !isNumber[i] && each > least[i])
      widths[c] = Math.max(least[c], widest - over, Math.min(next, widest - 1))
    }
  return widths
}

/** Before an opening parenthesis no line ends: 'fare (10)' stays together. */
const wordGap = / +(?!\()/

/** Lines of a text, broken between words; in them only where one is longer. @param width [all in one line] */
export function wrappedText(text: string, width = Number.POSITIVE_INFINITY): string[] {
  if (text.length <= width) return [text]
  const lines: string[] = []
  let line = ''
  const words = text.split(wordGap).flatMap((word) => (word.length > width ? word.split(' ') : [word]))
  for (const word of words) {
    const longer = line === '' ? word : `${line} ${word}`
    if (longer.length <= width) {
      line = longer
      continue
    }
    if (line !== '') lines.push(line)
    for (line = word; line.length > width; line = line.slice(width)) lines.push(line.slice(0, width))
  }
  return [...lines, line]
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
