import type { Records } from '../batch/records.ts'
import { RowKernel } from '../kernel/row-kernel.ts'
import type { LogReader, PartitionOffset, TransactionalWriter } from '../ports/log.ts'
import { type StageReport, stageReport } from '../ports/stage-report.ts'
import type { BatchSizes } from './outgoing-buffers.ts'
import { PartitionOutput } from './partition-output.ts'
import type { BatchUnreadableError } from './read-fetched.ts'
import { readPartition, readPartitions } from './read-partition.ts'
import { hashStart, rowHashBelow } from './row-hash.ts'
import { RowTooLargeError } from './row-too-large-error.ts'
import { SmallestRows } from './smallest-rows.ts'

/** How rows are chosen, always by their hash. */
export type SampleSize =
  /** each row with this probability */
  | { readonly rate: number }
  /** this number of rows of the whole range: those with the smallest hashes */
  | { readonly rows: number }

export interface SampleOptions {
  readonly reader: LogReader
  /** opened with one transactional id per data set, so that two samplers cannot write at the same time */
  readonly writer: TransactionalWriter
  /** next rows to look at, a partition each, with what was counted up to there */
  readonly starts: readonly PartitionOffset[]
  /**
   * Whether to commit the starts first: a new sample overwrites what an earlier one has left, and partitions without
   * rows keep their positions. A sample by rows commits all partitions in any case.
   */
  readonly commitsStarts: boolean
  /** where to stop, a partition each */
  readonly ends: readonly PartitionOffset[]
  readonly size: SampleSize
  readonly seed: number
  readonly outputTopic: string
  readonly outputPartitions: number
  /** whose committed offsets say how far the sample goes, and what was counted */
  readonly group: string
  readonly sizes: BatchSizes
  readonly signal: AbortSignal
  readonly onProgress: (report: StageReport) => void
  /** called for a batch that cannot be read: none of its rows is in the sample */
  readonly onUnreadable: (batch: BatchUnreadableError) => void
  /** after each transaction: totals so far */
  readonly onCommit?: (report: StageReport) => void
}

export interface SampleReport extends StageReport {
  /** of the rows in, those without a value */
  readonly tombstones: number
}

/** What is committed beside a partition's offset: rows up to there, tombstones left out. */
export interface SampleCounts {
  readonly seen: number
  readonly kept: number
}

const noCounts: SampleCounts = { seen: 0, kept: 0 }
/** A transaction ends after this many rows or this time, whichever comes first. */
const rowsPerTransaction = 200_000
const sliceMs = 500

export function parseSampleCounts(metadata: string | undefined): SampleCounts {
  if (metadata === undefined || metadata === '') return noCounts
  try {
    const { seen, kept } = JSON.parse(metadata) as SampleCounts
    if (Number.isSafeInteger(seen) && Number.isSafeInteger(kept)) return { seen, kept }
  } catch {
    // Somebody else's metadata.
  }
  return noCounts
}

/**
 * Copies a part of a topic's rows, unchanged, to the sample topic: which ones depends on nothing but (seed, partition,
 * offset). Rows and the position after them become visible in one transaction. Tombstones are skipped.
 *
 * @throws InterruptedError when `signal` fires; a sample by rate goes on from there, one by rows starts anew
 */
export async function sample(options: SampleOptions): Promise<SampleReport> {
  const run = new SampleRun(options)
  await ('rate' in options.size ? run.byRate(options.size.rate) : run.byRows(options.size.rows))
  return { ...run.report(), tombstones: run.tombstones }
}

class SampleRun {
  readonly #options: SampleOptions
  readonly #outputs: PartitionOutput[]
  readonly #startedMs = performance.now()
  #rowsIn = 0
  #rowsOut = 0
  tombstones = 0

  constructor(options: SampleOptions) {
    const { outputTopic, outputPartitions, sizes, writer } = options
    this.#options = options
    this.#outputs = Array.from(
      { length: outputPartitions },
      (_, partition) => new PartitionOutput(outputTopic, partition, sizes, (...batch) => writer.produce(...batch)),
    )
  }

  report(): StageReport {
    return stageReport(this.#rowsIn, this.#rowsOut, 0, (performance.now() - this.#startedMs) / 1_000)
  }

  async byRate(rate: number): Promise<void> {
    const { reader, starts, commitsStarts, signal, writer, onUnreadable } = this.#options
    if (commitsStarts) {
      await writer.begin()
      await this.#commit(starts.map((start) => counted(start, parseSampleCounts(start.metadata))))
    }
    for (const start of starts) {
      let { seen, kept } = parseSampleCounts(start.metadata)
      let inSlice = 0
      let sliceStartMs = 0
      let next = start.offset
      let { leaderEpoch } = start
      const end = this.#end(start)
      const commit = async () => {
        if (next > start.offset) await this.#commit([counted({ ...start, offset: next, leaderEpoch }, { seen, kept })])
        inSlice = 0
      }
      const hash = this.#hashStart(start)
      const kernel = new RowKernel()
      const take = async (records: Records, from: number, to: number) => {
        if (inSlice === 0) {
          sliceStartMs = performance.now()
          await writer.begin()
        }
        kernel.beginCopy()
        for (let row = from; row < to; row++) {
          if (records.valueStart[row] < 0) {
            this.tombstones++
            continue
          }
          seen++
          if (rowHashBelow(rate, hash, offsetOf(records, row)) < 0) continue
          kept++
          if ((await this.#output(start.partition).encodeRows(kernel, row, row + 1)).isTooLarge)
            throw this.#tooLarge(start.partition, offsetOf(records, row))
          this.#rowsOut++
        }
        this.#rowsIn += to - from
        next = offsetOf(records, to - 1) + 1
        leaderEpoch = records.leaderEpoch
        inSlice += to - from
        if (inSlice >= rowsPerTransaction || performance.now() - sliceStartMs >= sliceMs) await commit()
      }
      // An open transaction would time out while its rows wait for more.
      const commitRest = async () => {
        if (inSlice > 0) await commit()
      }
      await readPartition(reader, start, end, signal, take, { kernel, onIdle: commitRest, onUnreadable })
      await commitRest()
    }
  }

  async byRows(rows: number): Promise<void> {
    const { starts, writer } = this.#options
    const offsets = starts.reduce((sum, start) => sum + this.#end(start) - start.offset, 0)
    let { smallest, seen } = await this.#choose(rows, likelyLimit(rows, offsets))
    const rowsSeen = [...seen.values()].reduce((sum, some) => sum + some, 0)
    // Compaction left more offsets without a row than the limit allows for.
    if (smallest.count < Math.min(rows, rowsSeen)) ({ smallest, seen } = await this.#choose(rows, Infinity))
    await writer.begin()
    const kept = new Map<number, number>()
    for (const row of smallest.take()) {
      const output = this.#output(row.partition)
      if (!(await output.append(row.timestampMs, row.key, row.value, row.headers))) throw this.#tooLarge(row.partition)
      kept.set(row.partition, (kept.get(row.partition) ?? 0) + 1)
      this.#rowsOut++
    }
    await this.#commit(
      starts.map((start) => {
        const before = parseSampleCounts(start.metadata)
        return counted(
          { ...start, offset: this.#end(start), leaderEpoch: undefined },
          {
            seen: before.seen + (seen.get(start.partition) ?? 0),
            kept: before.kept + (kept.get(start.partition) ?? 0),
          },
        )
      }),
    )
  }

  /** Looks at all rows, those with a value; keeps the `rows` smallest hashes below `limit`. */
  async #choose(rows: number, limit: number) {
    const { reader, starts, signal, onProgress, onUnreadable } = this.#options
    const smallest = new SmallestRows(rows, limit)
    const seen = new Map(starts.map(({ partition }) => [partition, 0]))
    const hashes = new Map(starts.map((start) => [start.partition, this.#hashStart(start)]))
    this.#rowsIn = 0
    this.tombstones = 0
    const take = (records: Records, from: number, to: number, partition: number) => {
      const hash = hashes.get(partition) as number
      const { valueStart, offsetDelta, baseOffset } = records
      let { threshold } = smallest
      let tombstones = 0
      for (let row = from; row < to; row++) {
        if (valueStart[row] < 0) {
          tombstones++
          continue
        }
        const found = rowHashBelow(threshold, hash, baseOffset + offsetDelta[row])
        if (found < 0) continue
        smallest.add(found, partition, records, row)
        threshold = smallest.threshold
      }
      this.#rowsIn += to - from
      this.tombstones += tombstones
      seen.set(partition, (seen.get(partition) as number) + to - from - tombstones)
      onProgress(this.report())
    }
    const ranges = starts.map((start) => ({ ...start, endOffset: this.#end(start) }))
    await readPartitions(reader, ranges, signal, take, { onUnreadable })
    return { smallest, seen }
  }

  async #commit(offsets: readonly PartitionOffset[]): Promise<void> {
    const { writer, group, onProgress, onCommit } = this.#options
    for (const output of this.#outputs) await output.flush()
    await writer.commit({ group, offsets })
    onProgress(this.report())
    onCommit?.(this.report())
  }

  #tooLarge(partition: number, offset?: number): RowTooLargeError {
    const { outputTopic, sizes, starts } = this.#options
    return new RowTooLargeError({ topic: starts[0].topic, partition }, offset, outputTopic, sizes)
  }

  #hashStart({ partition }: PartitionOffset): number {
    return hashStart(this.#options.seed, partition)
  }

  #output(partition: number): PartitionOutput {
    return this.#outputs[partition % this.#outputs.length]
  }

  #end({ topic, partition, offset }: PartitionOffset): number {
    const end = this.#options.ends.find((candidate) => candidate.topic === topic && candidate.partition === partition)
    return end?.offset ?? offset
  }
}

/**
 * The `rows` smallest hashes of so many offsets are below it, however unlucky: a third of the offsets may be without a
 * row. What it turns away need not be kept until smaller ones are found.
 */
function likelyLimit(rows: number, offsets: number): number {
  const limit = (1.5 * rows + 10 * Math.sqrt(rows)) / offsets
  return limit < 1 ? limit : Infinity
}

function offsetOf(records: Records, row: number): number {
  return records.baseOffset + records.offsetDelta[row]
}

function counted(position: PartitionOffset, counts: SampleCounts): PartitionOffset {
  return { ...position, metadata: JSON.stringify(counts) }
}
