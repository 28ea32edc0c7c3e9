import { countText } from '../count-text.ts'
import type { AuditResult, LoadedFile } from '../pipeline/verify-dataset.ts'
import type { FileAudit, FileFinding } from '../stages/verify/audit-file.ts'
import { screenTable } from './text-parts.ts'

/** @param loaded the file that the raw rows were compared with, if there is one */
export function verifyText(result: AuditResult, loaded: LoadedFile | undefined): string {
  const { rows, lost, doubled, reordered, wrong, hanging, deadLetters, pending, examples, file } = result
  const table = screenTable(
    ['rows', 'dead letters', 'pending', 'lost', 'doubled', 'reordered', 'wrong', 'hanging'],
    [[rows, deadLetters, pending, lost, doubled, reordered, wrong, hanging]],
  )
  const topicLines = [table, ...removedLines(result), ...examples.map((example) => JSON.stringify(example))]
  if (file === undefined || loaded === undefined) return topicLines.join('\n')
  const isFileAlone = rows === 0 && file.rows > 0
  const rest = isFileAlone ? ['Nothing is normalized yet: only the file was compared.'] : topicLines
  return [...fileLines(file, loaded), '', ...rest].join('\n')
}

/** What was removed from the topics, by retention or compaction. */
function removedLines({ unaudited, unread }: AuditResult): string[] {
  return [
    ...(unaudited === 0 ? [] : [`unaudited output rows: ${countText(unaudited)} (their input has been removed)`]),
    ...(unread === 0 ? [] : [`unread offsets: ${countText(unread)} (removed before a stage had read them)`]),
  ]
}

function fileLines({ rows, lost, doubled, reordered, wrong, examples }: FileAudit, { file }: LoadedFile): string[] {
  const table = screenTable(
    ['rows of the file', 'lost', 'doubled', 'reordered', 'wrong'],
    [[rows, lost, doubled, reordered, wrong]],
  )
  const isMost = 2 * (lost + reordered + wrong) > rows
  return [table, ...examples.map((example) => fileLine(example, file)), ...(isMost ? [loadsFlags] : [])]
}

const loadsFlags = 'Most rows differ: give the reading flags, --key and --bad-rows of the load.'

/** @example 'wrong: trips.csv:17, trips.raw/2 offset 15, column "fare": "1.50" became 2' */
function fileLine({ fault, row, line, topic, partition, offset, problem }: FileFinding, file: string): string {
  const inFile = row === undefined ? [] : [line === undefined ? `${file} row ${row}` : `${file}:${line}`]
  const inTopic = offset === undefined ? `${topic}/${partition}` : `${topic}/${partition} offset ${offset}`
  return `${fault}: ${[...inFile, inTopic, problem].join(', ')}`
}
