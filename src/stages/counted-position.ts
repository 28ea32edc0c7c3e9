import { decodeHeaders } from '../batch/record-headers.ts'
import type { Records } from '../batch/records.ts'
import { exitCodes, PipelineError } from '../errors.ts'
import { type GroupAddress, groupsCommand, resetTo } from '../ports/groups-tool.ts'
import type { LogReader, TopicPartition } from '../ports/log.ts'
import { type BoundedRange, readPartition } from './read-partition.ts'
import { deadLetterHeaders } from './verify/dead-letter-filter.ts'

/** A partition of a stage, from its input to its output; the ranges are all that the logs hold. */
export interface StagePartition {
  readonly stage: string
  readonly group: GroupAddress
  readonly input: BoundedRange
  readonly output: BoundedRange
  readonly deadLetters: BoundedRange
}

/** The output of a stage does not determine its position. */
export class PositionUncountableError extends PipelineError {
  readonly code = 'VGM_POSITION_UNCOUNTABLE'
  constructor(group: GroupAddress, { topic, partition }: TopicPartition, reason: string) {
    const setPosition = groupsCommand(group, topic, [partition], resetTo('offset N'))
    super(`The position in ${topic}/${partition} cannot be found by counting: ${reason}`, {
      fix:
        `Set the position with "${setPosition}", where N is the offset after the last row that is in the output, or start ` +
        'from the first row with another output topic',
      exitCode: exitCodes.usage,
    })
  }
}

/** The last row that was read of a partition. */
interface LastRow {
  readonly timestampMs: number
  readonly key: Buffer | null
}

/**
 * The position of a stage in a partition of its input, from what it has written. Each row of the input is one row of
 * the output or one dead letter, in order. So the stage has read as many rows as there are of both; the last one of
 * them must be the row that the output or the dead letters end with.
 *
 * @throws PositionUncountableError if rows were removed, or the output holds others
 */
export async function countedPosition(
  reader: LogReader,
  { stage, group, input, output, deadLetters }: StagePartition,
  signal: AbortSignal,
): Promise<number> {
  const uncountable = (reason: string) => new PositionUncountableError(group, input, reason)
  for (const { topic, partition, offset } of [input, output, deadLetters])
    if (offset > 0) throw uncountable(`retention has removed rows of ${topic}/${partition}`)
  let written = 0
  let lastWritten: LastRow | undefined
  await readPartition(reader, output, output.endOffset, signal, (records, from, to) => {
    written += to - from
    lastWritten = rowAt(records, to - 1)
  })
  let letters = 0
  let lastLetter = -1
  await readPartition(reader, deadLetters, deadLetters.endOffset, signal, (records, from, to) => {
    for (let row = from; row < to; row++) {
      const offset = sourceOffset(records, row, stage, input.topic)
      if (offset <= lastLetter) continue
      letters++
      lastLetter = offset
    }
  })
  const done = written + letters
  let read = 0
  let position = input.offset
  let lastRead: LastRow | undefined
  await readPartition(reader, input, input.endOffset, signal, (records, from, to) => {
    if (read < done && read + to - from >= done) {
      const row = from + done - read - 1
      position = records.baseOffset + records.offsetDelta[row] + 1
      lastRead = rowAt(records, row)
    }
    read += to - from
  })
  if (read < done) throw uncountable(`its outputs have ${done} rows, and it has only ${read}`)
  const isLetter = lastLetter === position - 1
  if (lastLetter >= position || (!isLetter && !isSameRow(lastRead, lastWritten)))
    throw uncountable(`the last row of ${output.topic}/${output.partition} comes from another position`)
  return position
}

function rowAt({ bytes, timestampMs, keyStart, keyEnd }: Records, row: number): LastRow {
  return {
    timestampMs: timestampMs[row],
    key: keyStart[row] < 0 ? null : Buffer.from(bytes.slice(keyStart[row], keyEnd[row])),
  }
}

function isSameRow(a: LastRow | undefined, b: LastRow | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.timestampMs === b.timestampMs && (a.key === null || b.key === null ? a.key === b.key : a.key.equals(b.key))
}

/** Offset of the row that a dead letter was made of; -1 if it is another stage's. */
function sourceOffset({ bytes, valueEnd, recordEnd }: Records, row: number, stage: string, topic: string): number {
  const headers = new Map(decodeHeaders(bytes.subarray(valueEnd[row], recordEnd[row])))
  const text = (name: string) => Buffer.from(headers.get(name) ?? []).toString()
  const isOurs = text(deadLetterHeaders.stage) === stage && text(deadLetterHeaders.topic) === topic
  return isOurs ? Number(text(deadLetterHeaders.offset)) : -1
}
