import { countText } from '../count-text.ts'
import { printableLine } from '../observe/printable-text.ts'
import { counted } from '../observe/report-text.ts'
import type { RetryReport } from '../stages/retry-dead-letters.ts'
import type { DeadLetterRow } from '../stages/verify/dead-letter-rows.ts'
import type { DeadLetter, DeadLetterSummary } from '../stages/verify/read-dead-letters.ts'
import { screenTable } from './text-parts.ts'

/**
 * @param groups the causes that are listed
 * @param all how many there are
 */
export function causesText(groups: DeadLetterSummary['groups'], all: number): string {
  const table = screenTable(
    ['code', 'stage', 'source', 'schema', 'rows', 'first', 'last'],
    groups.map((group) => [
      group.code,
      group.stage,
      `${group.sourceTopic}/${group.sourcePartition}`,
      String(group.schemaId ?? '-'),
      group.count,
      `${group.sourcePartition}/${group.firstOffset}`,
      `${group.sourcePartition}/${group.lastOffset}`,
    ]),
  )
  const more = all - groups.length
  return more === 0 ? table : `${table}\nand ${more} more causes with fewer rows: --limit ${all} lists all.`
}

/** @param limit the most that are listed */
export function lettersText(letters: readonly DeadLetterRow[], limit: number): string {
  const table = screenTable(
    ['position', 'key', 'source', 'column', 'attempts', 'code and reason'],
    letters.map((letter) => [
      `${letter.partition}/${letter.offset}`,
      letter.key === null ? '-' : shortText(letter.key),
      `${letter.sourceTopic}/${letter.sourcePartition} ${letter.sourceOffset}`,
      letter.column ?? '-',
      String(letter.attempts),
      `${letter.code}: ${letter.reason}`,
    ]),
    { lastBelow: true },
  )
  if (letters.length < limit) return table
  return `${table}\nThese are the first ${limit}: --limit lists more, export writes all.`
}

/**
 * That a topic has no dead letters.
 *
 * @param isFiltered whether those of some codes were asked for
 * @param others topic that has dead letters of generated rows
 */
export function noLettersText(topic: string, isFiltered: boolean, others: string | undefined): string {
  const none = `No ${isFiltered ? 'such ' : ''}dead letters in ${topic}.`
  return others === undefined ? none : `${none} Those of generated rows are in ${others}: --topic ${others} lists them.`
}

const mostShown = 40

function shortText(text: string): string {
  return text.length > mostShown ? `${text.slice(0, mostShown)}...` : text
}

/** One dead letter: a line for each field and header. */
export function letterText(letter: DeadLetter): string {
  const known = Object.entries(letter).filter(([, value]) => value !== undefined)
  const lines = known.flatMap(([name, value]) =>
    value !== null && typeof value === 'object'
      ? Object.entries(value as Record<string, unknown>).map(([key, text]) => [key, String(text)])
      : [[name, String(value)]],
  )
  // Keys and headers are others' texts: a line's end in one would look like a line of ours.
  const shown = lines.map(([name, value]) => [printableLine(name), printableLine(value)])
  const width = Math.max(...shown.map(([name]) => name.length))
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')
}

/** @param raw topic that dead letters were sent to */
export function retryText(
  { rowsIn, rowsOut, retriedBefore, otherCodes, notRetriable }: RetryReport,
  raw: string,
): string {
  const left = [
    ...(retriedBefore > 0 ? [`${countText(retriedBefore)} had been sent before`] : []),
    ...(otherCodes > 0 ? [`${countText(otherCodes)} have another code`] : []),
    ...(notRetriable > 0
      ? [`${countText(notRetriable)} cannot be retried (whole batches, or rows of another topic)`]
      : []),
  ]
  const rest = left.length === 0 ? '' : `; ${left.join(', ')}`
  return `${counted(rowsIn, 'dead letter')} read, ${countText(rowsOut)} sent to ${raw} again${rest}.`
}
