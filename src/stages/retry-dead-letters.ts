import { decodeHeaders, encodeHeaders } from '../batch/record-headers.ts'
import type { Records } from '../batch/records.ts'
import { UsageError } from '../errors.ts'
import type { LogReader, TransactionalWriter } from '../ports/log.ts'
import { type StageReport, stageReport } from '../ports/stage-report.ts'
import type { BatchSizes } from './outgoing-buffers.ts'
import { PartitionOutput } from './partition-output.ts'
import { type BoundedRange, readPartitions } from './read-partition.ts'
import { anyCode, formatRetried, isRetried, type RetriedRanges, withRetried } from './retried-ranges.ts'
import { RowTooLargeError } from './row-too-large-error.ts'
import { deadLetterHeaders } from './verify/dead-letter-filter.ts'

/** Header of a row that was a dead letter: how many times it has been sent again. */
export const attemptHeader = 'vgm.attempt'

/** A range of a partition of dead letters, and what has been retried of the partition. */
export interface RetryRange extends BoundedRange {
  readonly retried: RetriedRanges
}

export interface RetryOptions {
  readonly reader: LogReader
  /** opened before the ranges were made, so that nobody else retries the same rows */
  readonly writer: TransactionalWriter
  /** whose offsets in the topic of dead letters keep what has been retried */
  readonly group: string
  /** one for each partition at most */
  readonly ranges: readonly RetryRange[]
  /** [any] */
  readonly codes?: readonly string[] | undefined
  /** the topic that the rows came from, and go to again */
  readonly rawTopic: string
  readonly partitions: number
  readonly sizes: BatchSizes
  readonly signal: AbortSignal
  readonly onProgress: (rows: number) => void
  /** rows after which a transaction ends, if not by time */
  readonly sliceRows?: number | undefined
}

export interface RetryReport extends StageReport {
  /** dead letters that were retried before */
  readonly retriedBefore: number
  /** of other codes */
  readonly otherCodes: number
  /** that cannot be retried: whole batches, rows of another topic or stage, and what is no dead letter */
  readonly notRetriable: number
}

const defaultSliceRows = 100_000
const sliceMs = 500

/**
 * Sends dead letters to the topic that they came from, once more and as they were, so that the stage processes them
 * again. Rows and the note of what has been retried become visible together: whatever is killed, the next call goes on
 * without a row lost or doubled.
 *
 * @throws UsageError for more separate ranges than can be noted; RowTooLargeError; InterruptedError
 */
export async function retryDeadLetters(options: RetryOptions): Promise<RetryReport> {
  const { reader, writer, group, ranges, codes = [anyCode], rawTopic, partitions, sizes, signal, onProgress } = options
  const startedMs = performance.now()
  const counts = { read: 0, retried: 0, retriedBefore: 0, otherCodes: 0, notRetriable: 0 }
  const outputs = new Map<number, PartitionOutput>()
  const outputOf = (partition: number): PartitionOutput => {
    const known = outputs.get(partition)
    if (known !== undefined) return known
    const send = (topic: string, to: number, batch: Parameters<TransactionalWriter['produce']>[2]) =>
      writer.produce(topic, to, batch)
    const output = new PartitionOutput(rawTopic, partition, sizes, send)
    outputs.set(partition, output)
    return output
  }
  for (const range of ranges) {
    const { topic, partition, offset: start, endOffset: end } = range
    if (start >= end) continue
    let slice: { rows: number; readonly startedMs: number } | undefined
    const begin = async () => {
      slice = { rows: 0, startedMs: performance.now() }
      await writer.begin([{ topic: rawTopic, partition }])
    }
    const commit = async (upTo: number) => {
      for (const output of outputs.values()) await output.flush()
      const metadata = formatRetried(withRetried(range.retried, codes, [start, upTo]))
      if (metadata === undefined) throw tooManyRanges(topic, partition)
      await writer.commit({ group, offsets: [{ topic, partition, offset: upTo, metadata }] })
      slice = undefined
      onProgress(counts.read)
    }
    const take = async (records: Records, from: number, to: number) => {
      for (let row = from; row < to; row++) {
        const offset = records.baseOffset + records.offsetDelta[row]
        counts.read++
        const letter = letterOf(records, row)
        if (letter?.sourceTopic !== rawTopic || letter.isBatch || !(letter.partition < partitions))
          counts.notRetriable++
        else if (isRetried(range.retried, letter.code, offset)) counts.retriedBefore++
        else if (!codes.includes(anyCode) && !codes.includes(letter.code)) counts.otherCodes++
        else {
          if (slice === undefined) await begin()
          if (!(await outputOf(letter.partition).append(records.timestampMs[row], ...rowOf(records, row, letter))))
            throw new RowTooLargeError({ topic, partition }, offset, rawTopic, sizes)
          counts.retried++
          slice!.rows++
        }
        const isFull =
          slice !== undefined &&
          (slice.rows >= (options.sliceRows ?? defaultSliceRows) || performance.now() - slice.startedMs >= sliceMs)
        if (isFull) await commit(offset + 1)
      }
    }
    try {
      await readPartitions(reader, [range], signal, take, { onUnreadable: () => void counts.notRetriable++ })
      if (slice === undefined) await begin()
      await commit(end)
    } catch (error) {
      // The first error says what happened.
      if (slice !== undefined) await writer.abort().catch(() => undefined)
      throw error
    }
  }
  const { read, retried, retriedBefore, otherCodes, notRetriable } = counts
  const seconds = (performance.now() - startedMs) / 1_000
  return { ...stageReport(read, retried, 0, seconds), retriedBefore, otherCodes, notRetriable }
}

/** What a dead letter says of the row that it was. */
interface Letter {
  readonly code: string
  readonly sourceTopic: string
  readonly partition: number
  readonly isBatch: boolean
  readonly attempt: number
  /** the row's own headers */
  readonly headers: [name: string, value: Uint8Array | null][]
}

const added: ReadonlySet<string> = new Set([...Object.values(deadLetterHeaders), attemptHeader])

/** Undefined for what is no dead letter of ours. */
function letterOf({ bytes, valueEnd, recordEnd }: Records, row: number): Letter | undefined {
  const all = decodeHeaders(bytes.subarray(valueEnd[row], recordEnd[row]))
  // The last one of a name: a letter that has failed before has ours twice.
  const text = (name: string) => {
    const value = all.findLast(([each]) => each === name)?.[1]
    return value === undefined || value === null ? undefined : Buffer.from(value).toString()
  }
  const [code, sourceTopic] = [text(deadLetterHeaders.code), text(deadLetterHeaders.topic)]
  const partition = Number(text(deadLetterHeaders.partition) ?? Number.NaN)
  if (code === undefined || sourceTopic === undefined || !Number.isSafeInteger(partition)) return undefined
  const attempt = Number(text(attemptHeader) ?? 0)
  return {
    code,
    sourceTopic,
    partition,
    isBatch: text(deadLetterHeaders.lastOffset) !== undefined,
    attempt: Number.isSafeInteger(attempt) ? attempt : 0,
    headers: all.filter(([name]) => !added.has(name)),
  }
}

/** The row as it was, with the number of this attempt. */
function rowOf({ bytes, keyStart, keyEnd, valueStart, valueEnd }: Records, row: number, { headers, attempt }: Letter) {
  const key = keyStart[row] < 0 ? null : bytes.subarray(keyStart[row], keyEnd[row])
  const value = valueStart[row] < 0 ? null : bytes.subarray(valueStart[row], valueEnd[row])
  const own = encodeHeaders([...headers, [attemptHeader, Buffer.from(String(attempt + 1))]])
  return [key, value, own] as const
}

function tooManyRanges(topic: string, partition: number): UsageError {
  return new UsageError(
    `Too many separate ranges of ${topic}/${partition} have been retried to note one more`,
    'Retry a range that joins them, or all dead letters of the partition',
  )
}
