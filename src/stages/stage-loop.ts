import { setImmediate as nextTurn } from 'node:timers/promises'
import { InterruptedError, PipelineError } from '../errors.ts'
import type { FetchedPartition, PartitionOffset } from '../ports/log.ts'
import type { CommittedSlice } from '../ports/stage-event.ts'
import { addTimeCounts, noTimeCounts, type StageReport, stageReport } from '../ports/stage-report.ts'
import { type DeadLetterPolicy, DeadLetterWatch, deadLetterDefaults } from './dead-letter-policy.ts'
import type { Pace } from './pace.ts'
import { BatchUnreadableError, FetchedReader } from './read-fetched.ts'
import type { RowTransform } from './row-transform.ts'
import { type SliceOutputOptions, SliceOutputs } from './slice-outputs.ts'

export interface TransformOptions extends SliceOutputOptions {
  readonly deadLetters?: DeadLetterPolicy | undefined
  /** how long a transaction collects rows; a fraction of the session time-out, for heartbeats share the thread */
  readonly sliceMs: number
  /** where to stop: the ends of the input's partitions; undefined goes on until `signal` */
  readonly ends?: readonly PartitionOffset[] | undefined
  readonly signal: AbortSignal
  /** how many rows may be read, and when [any number] */
  readonly pace?: Pace | undefined
  /** after each committed slice: totals so far, and what it was */
  readonly onProgress: (report: StageReport, slice: CommittedSlice) => void
  /** between slices, when all that was polled is committed or will be polled again */
  readonly onTurn?: () => void
}

const pollMs = 100
/** How long a stage that may read no row rests before it asks again. */
const restMs = 50
/**
 * Limit of a slice in decompressed bytes of the input. With a time limit alone, there could be more unacknowledged
 * batches than the rest of the transaction's time allows. A slice of the usual length has less.
 */
const sliceBytes = 128 * 1024 * 1024
/** Time limit of other work after an interruption: shorter than the time limit of the process. */
const finishMs = 1_500

/**
 * The loop of every stage from topic to topic: consume, transform, produce, commit, each slice in one transaction. An
 * aborted slice leaves no trace, and its rows are read again. A slice is also aborted when its rows must wait, for
 * instance for a registry that does not answer: a waiting transaction would time out.
 *
 * @throws DeadLetterShareError, InvalidRowError; nothing of the slice in which it was found is written
 * @throws InterruptedError when `signal` fires; what was committed stands, and the next start goes on after it
 */
export async function transformTopic(options: TransformOptions): Promise<StageReport> {
  const { session, transform, signal, onProgress, ends, pace } = options
  const watch = new DeadLetterWatch(options.deadLetters ?? deadLetterDefaults, () => transform.schemaProblem)
  const targets = new SliceOutputs(options, watch)
  const reader = new FetchedReader(transform.kernel)
  let [rowsIn, rowsOut, deadLetters] = [0, 0, 0]
  let times = transform.takeTimes === undefined ? undefined : noTimeCounts
  let startedMs = performance.now()
  let isFirst = true
  const report = (): StageReport => ({
    ...stageReport(rowsIn, rowsOut, deadLetters, (performance.now() - startedMs) / 1_000),
    ...(times !== undefined && { times }),
  })

  for (;;) {
    options.onTurn?.()
    const allowedRows = pace?.allowance() ?? Infinity
    if (allowedRows === 0) {
      await orInterrupted(session.rest(restMs), signal)
      if (signal.aborted) throw new InterruptedError()
      if (ends !== undefined && !session.mustCommit && isDone(session.positions(), ends)) return report()
      continue
    }
    let sliceEndMs = performance.now() + options.sliceMs
    let [sliceRows, fetchedBytes, firstRowMs] = [0, 0, 0]
    let isEmpty = true
    let readBytes = 0
    let isFull = false
    const isOver = () =>
      performance.now() >= sliceEndMs ||
      readBytes >= sliceBytes ||
      sliceRows >= allowedRows ||
      session.mustCommit ||
      signal.aborted ||
      pace?.isPaused === true
    try {
      await orInterrupted(orLater(transform.beginSlice()), signal)
      do {
        const askedMs = performance.now()
        const fetched = await orInterrupted(session.poll(pollMs), signal)
        // A transaction begins when the markers of the one before have been written: with many partitions, that may
        // take longer than a slice.
        if (isEmpty) sliceEndMs += Math.max(0, performance.now() - askedMs - pollMs)
        if (isFirst) {
          // The time for joining the group does not count in rows per second.
          startedMs = performance.now()
          isFirst = false
        }
        for (const [i, partition] of fetched.entries()) {
          if (isEmpty) firstRowMs = performance.now()
          isEmpty = false
          const budget = {
            rows: allowedRows - sliceRows,
            isOver: (bytes: number, rows: number) => {
              readBytes += bytes
              sliceRows += rows
              return isOver()
            },
          }
          const work = transformPartition(partition, reader, transform, targets, watch, budget)
          const { restFrom } = await orInterrupted(orLater(work), signal)
          if (restFrom !== undefined) {
            isFull = true
            session.giveBack(fetched.slice(i), restFrom)
            break
          }
          fetchedBytes += partition.bytes.length
          if (isOver() && i + 1 < fetched.length) {
            isFull = true
            session.giveBack(fetched.slice(i + 1), fetched[i + 1].fromOffset)
            break
          }
          // Rows may keep the loop from waiting for anything: let heartbeats and acknowledgements through.
          await nextTurn()
        }
        if (isFull || (ends !== undefined && isDone(session.positions(), ends))) break
      } while (!isOver())
    } catch (error) {
      if (!(error instanceof RetrySlice)) throw error
      targets.clear()
      transform.endSlice?.(false)
      transform.takeTimes?.()
      await orInterrupted(session.abort(error.reason), signal)
      if (signal.aborted) throw new InterruptedError()
      continue
    }
    if (!isEmpty) {
      await targets.flush()
      pace?.took(sliceRows)
      await transform.finishSlice?.((topic, partition, batch) => session.produce(topic, partition, batch))
      const counted = transform.takeTimes?.() ?? noTimeCounts
      const isCommitted = await session.commit()
      transform.endSlice?.(isCommitted)
      if (isCommitted) {
        const sent = targets.take()
        sliceRows -= counted.leftOut + counted.withoutTime
        if (times !== undefined) times = addTimeCounts(times, counted)
        rowsIn += sliceRows
        rowsOut += sent.rowsOut
        deadLetters += sent.deadLetters.reduce((sum, kind) => sum + kind.rows, 0)
        targets.keep(session.positions())
        const seconds = (performance.now() - firstRowMs) / 1_000
        onProgress(report(), { rowsIn: sliceRows, ...sent, bytesIn: fetchedBytes, seconds })
      } else targets.clear()
    }
    if (signal.aborted) throw new InterruptedError()
    if (ends !== undefined && !session.mustCommit && isDone(session.positions(), ends)) return report()
  }
}

/** What a slice may still do. */
interface SliceBudget {
  /** rows that it may take */
  readonly rows: number
  /** Told of what was read since the last call; returns whether the slice must end. */
  readonly isOver: (bytes: number, rows: number) => boolean
}

/**
 * Processes the fetched rows of a partition until the slice ends. It may end within a batch, because a batch of 39 kB
 * may inflate to 200 MB.
 *
 * @returns the offset of the first row that was not taken, undefined if all were
 */
async function transformPartition(
  fetched: FetchedPartition,
  reader: FetchedReader,
  transform: RowTransform,
  targets: SliceOutputs,
  watch: DeadLetterWatch,
  { rows: allowedRows, isOver }: SliceBudget,
): Promise<{ readonly restFrom: number | undefined }> {
  const { topic, partition, batches } = fetched
  const target = targets.of(topic, partition)
  const { records } = reader
  const offsetOf = (row: number) => records.baseOffset + records.offsetDelta[row]
  const last = batches.at(-1)
  let rows = 0
  for (const header of batches) {
    try {
      let isFirst = true
      for (const { from, to } of reader.pieces(fetched, header)) {
        // As between partitions.
        if (!isFirst) await nextTurn()
        isFirst = false
        const until = Math.min(to, from + allowedRows - rows)
        const done = await transform.apply(from, until, target)
        watch.batch(done - from)
        rows += done - from
        const mustEnd = isOver(reader.pieceBytes, done - from)
        if (done < to) return { restFrom: offsetOf(done) }
        const isLast = header === last && reader.isBatchEnd
        // A piece whose rows the slice before has already processed must not end the slice, or it would be read again
        // for ever.
        if (from < to && mustEnd && !isLast) return { restFrom: offsetOf(records.count - 1) + 1 }
      }
    } catch (error) {
      if (!(error instanceof BatchUnreadableError)) throw error
      await targets.batchDeadLetter(fetched, error)
      watch.batch(1)
      rows++
      isOver(0, 1)
    }
  }
  return { restFrom: undefined }
}

/** The rows of a slice have to wait for something. */
class RetrySlice {
  readonly reason: PipelineError
  constructor(reason: PipelineError) {
    this.reason = reason
  }
}

/** The result of a transform's work. @throws RetrySlice if it may succeed later without a change */
async function orLater<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw error instanceof PipelineError && error.retriable ? new RetrySlice(error) : error
  }
}

/**
 * The result of `work`, or an InterruptedError if there is none soon after `signal`: joining a group takes as long as
 * the slowest member's slice, and work may wait for an unreachable registry.
 */
function orInterrupted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    const onAbort = () => {
      timer = setTimeout(() => reject(new InterruptedError()), finishMs)
    }
    const settle = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort)
    work.then(resolve, reject).finally(settle)
  })
}

/** True when every partition that the member owns now has reached its end. */
export function isDone(positions: readonly PartitionOffset[], ends: readonly PartitionOffset[]): boolean {
  return positions.every(({ topic, partition, offset }) => {
    const end = ends.find((candidate) => candidate.topic === topic && candidate.partition === partition)
    return end === undefined || offset >= end.offset
  })
}
