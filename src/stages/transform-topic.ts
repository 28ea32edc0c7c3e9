import { setImmediate as nextTurn } from 'node:timers/promises'
import { createRecords, type Records } from '../batch/records.ts'
import { InterruptedError, PipelineError } from '../errors.ts'
import { rowErrorCodes, rowErrorMessages } from '../rows/row-error.ts'
import { type DeadLetterPolicy, DeadLetterWatch, deadLetterDefaults } from './dead-letter-policy.ts'
import { PartitionOutput } from './partition-output.ts'
import type { FetchedPartition, GroupSession, PartitionOffset, TopicPartition } from './ports.ts'
import { readFetched } from './read-fetched.ts'
import { type StageReport, stageReport } from './stage-report.ts'

/** Where rows of one input partition go. */
export interface RowTarget {
  /** the input partition */
  readonly source: TopicPartition
  readonly output: PartitionOutput
  /** Sends row `row` to the dead letters, unchanged, with the reason in its headers. */
  deadLetter(records: Records, row: number, error: number): Promise<void>
}

/** What a stage makes of the rows of a batch. */
export interface RowTransform {
  /** Called between slices: the place to take a new model. */
  beginSlice(): Promise<void>
  /** Sends rows [from, to) on; `records` is used again afterwards. */
  apply(records: Records, from: number, to: number, target: RowTarget): Promise<void>
  /** For dead letters: the model in use, undefined if the stage has none. */
  readonly modelVersion: number | undefined
}

export interface TransformOptions {
  readonly session: GroupSession
  readonly transform: RowTransform
  /** for the header vgm.stage */
  readonly stage: string
  readonly outputTopic: string
  readonly outputPartition: (inputPartition: number) => number
  readonly deadLetterTopic: string
  readonly deadLetters?: DeadLetterPolicy | undefined
  /** bytes at which an outgoing batch is sent */
  readonly batchBytes: number
  /** how long a transaction collects rows; a fraction of the session time-out, for heartbeats share the thread */
  readonly sliceMs: number
  /** where to stop: the ends of the input's partitions; undefined goes on until `signal` */
  readonly ends?: readonly PartitionOffset[] | undefined
  readonly signal: AbortSignal
  /** after each committed slice: totals so far, and what it was */
  readonly onProgress: (report: StageReport, slice: SliceReport) => void
  /** between slices, when all that was polled is committed or will be polled again */
  readonly onTurn?: () => void
}

/** A slice that was committed. */
export interface SliceReport {
  readonly rowsIn: number
  readonly rowsOut: number
  /** by kind */
  readonly deadLetters: readonly DeadLetterKind[]
  /** as they were fetched */
  readonly bytesIn: number
  /** of the outgoing batches, before they are compressed */
  readonly bytesOut: number
  /** from its first row to the end of its commit */
  readonly seconds: number
}

export interface DeadLetterKind {
  /** as VGM_ROW_MALFORMED */
  readonly code: string
  readonly rows: number
  /** where the first one came from */
  readonly partition: number
  readonly offset: number
}

const pollMs = 100
/** How long work that goes on by itself may take after an interruption: shorter than the process's own patience. */
const finishMs = 1_500

/**
 * The loop of every stage from topic to topic: consume, transform, produce, commit, each slice in one transaction. A
 * slice that had to be aborted leaves no trace, and its rows come again. So does one whose rows have to wait for something, as
 * for a registry that does not answer: a transaction that waits along would time out.
 *
 * @throws DeadLetterShareError, InvalidRowError; nothing of the slice in which it was found is written
 * @throws InterruptedError when `signal` fires; what was committed stands, and the next start goes on after it
 */
export async function transformTopic(options: TransformOptions): Promise<StageReport> {
  const { session, transform, signal, onProgress, ends } = options
  const watch = new DeadLetterWatch(options.deadLetters ?? deadLetterDefaults)
  const targets = new Targets(options, watch)
  const records = createRecords()
  let [rowsIn, rowsOut, deadLetters] = [0, 0, 0]
  let startedMs = performance.now()
  let isFirst = true
  const report = () => stageReport(rowsIn, rowsOut, deadLetters, (performance.now() - startedMs) / 1_000)

  for (;;) {
    const sliceEndMs = performance.now() + options.sliceMs
    let [sliceRows, sliceBytes, firstRowMs] = [0, 0, 0]
    let isEmpty = true
    options.onTurn?.()
    try {
      await orInterrupted(orLater(transform.beginSlice()), signal)
      do {
        const fetched = await orInterrupted(session.poll(pollMs), signal)
        if (isFirst) {
          // Joining the group takes as long as the group likes; rows per second are about rows.
          startedMs = performance.now()
          isFirst = false
        }
        for (const partition of fetched) {
          if (isEmpty) firstRowMs = performance.now()
          isEmpty = false
          sliceBytes += partition.bytes.length
          const work = transformPartition(partition, records, transform, targets, watch)
          sliceRows += await orInterrupted(orLater(work), signal)
          // Rows may keep the loop from waiting for anything: let heartbeats and acknowledgements through.
          await nextTurn()
        }
        if (ends !== undefined && isDone(session.positions(), ends)) break
      } while (performance.now() < sliceEndMs && !session.mustCommit && !signal.aborted)
    } catch (error) {
      if (!(error instanceof Later)) throw error
      targets.clear()
      await orInterrupted(session.abort(error.reason), signal)
      if (signal.aborted) throw new InterruptedError()
      continue
    }
    if (!isEmpty) {
      await targets.flush()
      if (await session.commit()) {
        const sent = targets.take()
        rowsIn += sliceRows
        rowsOut += sent.rowsOut
        deadLetters += sent.deadLetters.reduce((sum, kind) => sum + kind.rows, 0)
        targets.keep(session.positions())
        const seconds = (performance.now() - firstRowMs) / 1_000
        onProgress(report(), { rowsIn: sliceRows, ...sent, bytesIn: sliceBytes, seconds })
      } else targets.clear()
    }
    if (signal.aborted) throw new InterruptedError()
    if (ends !== undefined && !session.mustCommit && isDone(session.positions(), ends)) return report()
  }
}

async function transformPartition(
  fetched: FetchedPartition,
  records: Records,
  transform: RowTransform,
  targets: Targets,
  watch: DeadLetterWatch,
): Promise<number> {
  const { topic, partition } = fetched
  let rows = 0
  for (const header of fetched.batches) {
    const { from, to } = readFetched(fetched, header, records)
    await transform.apply(records, from, to, targets.of(topic, partition))
    watch.batch(to - from)
    rows += to - from
  }
  return rows
}

/** The rows of a slice have to wait for something. */
class Later {
  readonly reason: PipelineError
  constructor(reason: PipelineError) {
    this.reason = reason
  }
}

/** The result of a transform's work. @throws Later if it may succeed later without anybody changing anything */
async function orLater<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw error instanceof PipelineError && error.retriable ? new Later(error) : error
  }
}

/**
 * The result of `work`, or an InterruptedError if that does not come soon after `signal`: joining a group takes as long as the
 * slowest member's slice, and a registry that is away is waited for.
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

/** Whether all partitions of this member have been read to the end; one that went to another member is his affair. */
export function isDone(positions: readonly PartitionOffset[], ends: readonly PartitionOffset[]): boolean {
  return positions.every(({ topic, partition, offset }) => {
    const end = ends.find((candidate) => candidate.topic === topic && candidate.partition === partition)
    return end === undefined || offset >= end.offset
  })
}

/** The outgoing batches of all partitions. */
class Targets {
  readonly #options: TransformOptions
  readonly #watch: DeadLetterWatch
  readonly #outputs = new Map<number, PartitionOutput>()
  readonly #deadLetters = new Map<number, PartitionOutput>()
  readonly #targets = new Map<number, RowTarget>()
  /** of the open slice, by error */
  readonly #kinds = new Map<number, { rows: number; readonly partition: number; readonly offset: number }>()
  #bytes = 0

  constructor(options: TransformOptions, watch: DeadLetterWatch) {
    this.#options = options
    this.#watch = watch
  }

  of(topic: string, partition: number): RowTarget {
    const known = this.#targets.get(partition)
    if (known !== undefined) return known
    const { outputPartition, outputTopic, deadLetterTopic } = this.#options
    const target: RowTarget = {
      source: { topic, partition },
      output: this.#output(this.#outputs, outputTopic, outputPartition(partition)),
      // Made when it is needed: most partitions never have a dead letter.
      deadLetter: async (records, row, error) => {
        this.#watch.deadLetter({ topic, partition }, records, row, error)
        const kind = this.#kinds.get(error)
        if (kind === undefined)
          this.#kinds.set(error, { rows: 1, partition, offset: records.baseOffset + records.offsetDelta[row] })
        else kind.rows++
        await this.#output(this.#deadLetters, deadLetterTopic, partition).copyRow(
          records,
          row,
          this.#errorHeaders(topic, partition, records, row, error),
        )
      },
    }
    this.#targets.set(partition, target)
    return target
  }

  async flush(): Promise<void> {
    for (const output of this.#all()) await output.flush()
  }

  /** What has been sent since it was asked for last. */
  take(): Pick<SliceReport, 'rowsOut' | 'deadLetters' | 'bytesOut'> {
    const rowsOut = [...this.#outputs.values()].reduce((rows, output) => rows + output.takeRows(), 0)
    const deadLetters = [...this.#kinds].map(([error, kind]) => ({ code: rowErrorCodes[error], ...kind }))
    const bytesOut = this.#bytes
    this.#forget()
    return { rowsOut, deadLetters, bytesOut }
  }

  /** Frees the batches of partitions that have gone to other members; all have been sent. */
  keep(owned: readonly TopicPartition[]): void {
    if (this.#targets.size <= owned.length) return
    const partitions = new Set(owned.map(({ partition }) => partition))
    for (const partition of this.#targets.keys()) {
      if (partitions.has(partition)) continue
      this.#targets.delete(partition)
      this.#outputs.delete(this.#options.outputPartition(partition))
      this.#deadLetters.delete(partition)
    }
  }

  /** Forgets all that belongs to an aborted slice. */
  clear(): void {
    this.#watch.clear()
    this.#forget()
    for (const output of this.#all()) output.clear()
  }

  #forget(): void {
    this.#kinds.clear()
    this.#bytes = 0
  }

  #all(): PartitionOutput[] {
    return [...this.#outputs.values(), ...this.#deadLetters.values()]
  }

  #output(outputs: Map<number, PartitionOutput>, topic: string, partition: number): PartitionOutput {
    const known = outputs.get(partition)
    if (known !== undefined) return known
    const { session, batchBytes } = this.#options
    const created = new PartitionOutput(topic, partition, batchBytes, (topic, partition, batch) => {
      this.#bytes += batch.sizeBytes
      return session.produce(topic, partition, batch)
    })
    outputs.set(partition, created)
    return created
  }

  #errorHeaders(topic: string, partition: number, records: Records, row: number, error: number) {
    const { stage, transform } = this.#options
    const texts: [string, string][] = [
      ['vgm.error.code', rowErrorCodes[error]],
      ['vgm.error.message', rowErrorMessages[error]],
      ['vgm.stage', stage],
      ['vgm.source.topic', topic],
      ['vgm.source.partition', String(partition)],
      ['vgm.source.offset', String(records.baseOffset + records.offsetDelta[row])],
    ]
    if (transform.modelVersion !== undefined) texts.push(['vgm.model.version', String(transform.modelVersion)])
    return texts.map(([name, text]) => [name, Buffer.from(text)] as const)
  }
}
