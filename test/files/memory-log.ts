import avro from 'avsc'
import { readBatchHeader, writeInt64 } from '../../src/batch/batch-header.ts'
import { readRecords } from '../../src/batch/read-records.ts'
import type { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { createRecords } from '../../src/batch/records.ts'
import type {
  FetchedPartition,
  LogReader,
  OffsetCommit,
  OffsetRange,
  PartitionOffset,
  TransactionalWriter,
} from '../../src/ports/log.ts'
import { LoadedFiles } from '../../src/stages/loaded-files.ts'

export interface LogRow {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: string | null
  /** with the five bytes before the Avro body */
  readonly value: Buffer | null
}

interface StoredBatch {
  readonly partition: number
  readonly bytes: Uint8Array
}

export interface MemoryLogOptions {
  /** the commit, counted from 1, that throws instead */
  readonly failCommitAt?: number
  /** the produce, counted from 1, that throws instead */
  readonly failProduceAt?: number
}

/** A topic in memory behind the ports: batches of a transaction appear at its commit, with its offsets. */
export class MemoryLog implements TransactionalWriter, LogReader {
  committed: PartitionOffset | undefined
  /** what is kept beside the position */
  readonly notes = new Map<string, string>()
  transactions = 0
  aborted = 0
  readonly #options: MemoryLogOptions
  readonly #batches: StoredBatch[] = []
  readonly #ends = new Map<number, number>()
  readonly #positions = new Map<number, number>()
  #ranges: readonly OffsetRange[] = []
  #pending: StoredBatch[] | undefined
  #commits = 0
  #produces = 0

  constructor(options: MemoryLogOptions = {}) {
    this.#options = options
  }

  async begin(): Promise<void> {
    if (this.#pending !== undefined) throw new Error('A transaction is open already')
    this.#pending = []
  }

  async produce(_topic: string, partition: number, batch: RecordBatchWriter): Promise<void> {
    if (++this.#produces === this.#options.failProduceAt) throw new Error('The broker went away')
    const bytes = batch.finish({
      compression: 'none',
      isTransactional: true,
      producerId: 1n,
      producerEpoch: 0,
      baseSequence: 0,
    })
    this.#pending?.push({ partition, bytes })
  }

  async commit(commit?: OffsetCommit): Promise<void> {
    if (++this.#commits === this.#options.failCommitAt) throw new Error('The broker went away')
    for (const { partition, bytes } of this.#pending ?? []) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const offset = this.#ends.get(partition) ?? 0
      writeInt64(view, 0, offset)
      this.#ends.set(partition, offset + view.getInt32(57))
      this.#batches.push({ partition, bytes })
    }
    this.#pending = undefined
    this.transactions++
    if (commit !== undefined) this.committed = commit.offsets[0]
    for (const { name, text } of commit?.notes ?? []) {
      if (text === null) this.notes.delete(name)
      else this.notes.set(name, text)
    }
  }

  /** What it was loaded from, as its commits tell. */
  get files(): LoadedFiles {
    return new LoadedFiles({ group: 'vgm.rows.load', topic: 't' }, this.committed?.metadata, this.notes)
  }

  async abort(): Promise<void> {
    this.#pending = undefined
    this.aborted++
  }

  async close(): Promise<void> {}

  assign(ranges: readonly OffsetRange[]): void {
    this.#ranges = ranges
    this.#positions.clear()
    for (const { partition, offset } of ranges) this.#positions.set(partition, offset)
  }

  async poll(): Promise<FetchedPartition[]> {
    return this.#ranges.flatMap(({ partition, offset: fromOffset, endOffset: toOffset = whole.toOffset }) => {
      if (this.position('t', partition) >= toOffset) return []
      const fetched = this.#batches.filter((batch) => batch.partition === partition).map(fetch)
      this.#positions.set(partition, this.end(partition))
      return fetched
        .filter(({ batches, nextOffset }) => nextOffset > fromOffset && batches[0].baseOffset < toOffset)
        .map((one) => ({ ...one, fromOffset, toOffset }))
    })
  }

  position(_topic: string, partition: number): number {
    return this.#positions.get(partition) ?? 0
  }

  /** A reader of its own over the same rows. Each poll hands out so many batches, of the partitions in turn. */
  reader(batchesPerPoll: number): LogReader {
    let ranges: readonly OffsetRange[] = []
    const positions = new Map<number, number>()
    let turn = 0
    const next = (): FetchedPartition | undefined => {
      const { partition, offset: fromOffset, endOffset: toOffset = whole.toOffset } = ranges[turn++ % ranges.length]
      const position = positions.get(partition) ?? 0
      if (position >= Math.min(toOffset, this.end(partition))) return undefined
      const batches = this.#batches.filter((batch) => batch.partition === partition).map(fetch)
      const found = batches.find(({ nextOffset }) => nextOffset > position)
      if (found === undefined) return undefined
      positions.set(partition, Math.min(found.nextOffset, toOffset))
      return { ...found, fromOffset, toOffset }
    }
    return {
      assign: (assigned) => {
        ranges = assigned
        positions.clear()
        for (const { partition, offset } of ranges) positions.set(partition, offset)
      },
      position: (_topic, partition) => positions.get(partition) ?? 0,
      poll: async () => {
        const polled: FetchedPartition[] = []
        for (let dry = 0; dry < ranges.length && polled.length < batchesPerPoll; ) {
          const fetched = next()
          if (fetched !== undefined) polled.push(fetched)
          dry = fetched === undefined ? dry + 1 : 0
        }
        return polled
      },
      close: async () => undefined,
    }
  }

  end(partition: number): number {
    return this.#ends.get(partition) ?? 0
  }

  /** Every row that can be seen, partition by partition. */
  rows(): LogRow[] {
    const records = createRecords()
    const rows = this.#batches.flatMap((batch) => {
      const { bytes, view, batches } = fetch(batch)
      readRecords(bytes, view, batches[0], records)
      return Array.from({ length: records.count }, (_, i): LogRow => {
        const { keyStart, keyEnd, valueStart, valueEnd } = records
        return {
          partition: batch.partition,
          offset: records.baseOffset + records.offsetDelta[i],
          timestampMs: records.timestampMs[i],
          key: keyStart[i] < 0 ? null : Buffer.from(bytes.slice(keyStart[i], keyEnd[i])).toString(),
          value: valueStart[i] < 0 ? null : Buffer.from(bytes.slice(valueStart[i], valueEnd[i])),
        }
      })
    })
    return rows.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
  }
}

const whole = { fromOffset: 0, toOffset: Number.MAX_SAFE_INTEGER }

function fetch({ partition, bytes }: StoredBatch): FetchedPartition {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const header = readBatchHeader(bytes, view, 0)
  if (header === undefined) throw new Error('A stored batch is not whole')
  return { topic: 't', partition, bytes, view, batches: [header], ...whole, nextOffset: header.lastOffset + 1 }
}

/** avsc's long as a bigint: its own refuses what is beyond 2^53. */
export const exactLong = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
})
