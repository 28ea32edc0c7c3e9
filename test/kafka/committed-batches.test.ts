import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { crc32c } from '@node-rs/crc32'
import fc from 'fast-check'
import { CorruptBatchError } from '../../src/kafka/batch-errors.ts'
import { committedBatches } from '../../src/kafka/committed-batches.ts'
import type { AbortedTransaction, FetchedRecords } from '../../src/kafka/fetch-request.ts'
import type { FetchedPartition } from '../../src/ports/log.ts'
import { FetchedReader } from '../../src/stages/read-fetched.ts'
import { corrupted, dataBatch, markerBatch } from './batch-bytes.ts'

/** A step of the making of a log: a producer writes, or ends its transaction; or compaction takes offsets away. */
type Step =
  | { readonly kind: 'write'; readonly producer: number; readonly rows: number }
  | { readonly kind: 'plain'; readonly rows: number }
  | { readonly kind: 'end'; readonly producer: number; readonly isCommit: boolean }
  | { readonly kind: 'gap'; readonly offsets: number }

const producer = fc.integer({ min: 0, max: 2 })
const rows = fc.integer({ min: 1, max: 3 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('write' as const), producer, rows }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('plain' as const), rows }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('end' as const), producer, isCommit: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('gap' as const), offsets: rows }) },
)

interface StoredBatch {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/** A log whose transactions have all ended, and what a plain reading of it says. */
interface Log {
  readonly batches: readonly StoredBatch[]
  /** offsets of the rows that count */
  readonly committed: readonly number[]
  readonly aborted: readonly (AbortedTransaction & { readonly lastOffset: number })[]
  readonly end: number
}

function makeLog(steps: readonly Step[]): Log {
  const batches: StoredBatch[] = []
  const committed: number[] = []
  const aborted: (AbortedTransaction & { lastOffset: number })[] = []
  /** offsets of each producer's open transaction */
  const open = new Map<number, number[]>()
  let end = 0
  const add = (bytes: Uint8Array, count: number) => {
    batches.push({ bytes, start: end, end: end + count })
    end += count
  }
  const offsets = (count: number) => Array.from({ length: count }, (_, i) => end + i)
  const finish = (producer: number, isCommit: boolean) => {
    const written = open.get(producer)
    if (written === undefined) return
    open.delete(producer)
    const producerId = BigInt(producer)
    if (isCommit) committed.push(...written)
    else aborted.push({ producerId, firstOffset: written[0], lastOffset: end })
    add(markerBatch(isCommit ? 'commit' : 'abort', end, producerId), 1)
  }
  for (const each of steps) {
    if (each.kind === 'gap') end += each.offsets
    else if (each.kind === 'end') finish(each.producer, each.isCommit)
    else if (each.kind === 'plain') {
      committed.push(...offsets(each.rows))
      add(dataBatch(each.rows, { baseOffset: end, producerId: -1n, isTransactional: false }), each.rows)
    } else {
      open.set(each.producer, [...(open.get(each.producer) ?? []), ...offsets(each.rows)])
      const facts = { baseOffset: end, producerId: BigInt(each.producer), isTransactional: true }
      add(dataBatch(each.rows, facts), each.rows)
    }
  }
  for (const producer of open.keys()) finish(producer, false)
  return { batches, committed: committed.sort((a, b) => a - b), aborted, end }
}

/**
 * What a broker answers: batches from the one that holds the offset (or the next, where compaction took it away), of
 * which `wholeBatches` fit and the next is cut off after `cutBytes`; and the transactions that were rolled back there,
 * or later.
 */
function answer(log: Log, offset: number, wholeBatches: number, cutBytes: number): FetchedRecords {
  const from = log.batches.findIndex(({ end }) => end > offset)
  const whole = from < 0 ? [] : log.batches.slice(from, from + wholeBatches)
  const next = from < 0 ? undefined : log.batches[from + wholeBatches]
  const bytes = new Uint8Array(
    Buffer.concat([...whole.map((batch) => batch.bytes), (next?.bytes ?? new Uint8Array(0)).subarray(0, cutBytes)]),
  )
  const aborted = log.aborted.filter(({ lastOffset }) => lastOffset >= offset).reverse()
  return {
    topic: 't',
    partition: 0,
    errorCode: 0,
    highWatermark: log.end,
    lastStableOffset: log.end,
    logStartOffset: 0,
    aborted,
    bytes,
    view: new DataView(bytes.buffer),
  }
}

function rowOffsets(fetched: FetchedPartition): number[] {
  const reader = new FetchedReader()
  const { records } = reader
  return fetched.batches.flatMap((header) =>
    Array.from(reader.pieces(fetched, header), ({ from, to }) =>
      Array.from({ length: to - from }, (_, i) => records.baseOffset + records.offsetDelta[from + i]),
    ).flat(),
  )
}

suite('committed batches', () => {
  test('reading a log answer by answer gives each committed row of the range once, in order, and no other', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 30 }),
        fc.array(fc.record({ wholeBatches: fc.integer({ min: 1, max: 6 }), cutBytes: fc.nat(80) }), { minLength: 1 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (steps, sizes, startShare, endShare) => {
          const log = makeLog(steps)
          const start = Math.floor(startShare * log.end)
          const end = start + Math.ceil(endShare * (log.end - start))
          const read: number[] = []
          let position = start
          for (let turn = 0; position < end; turn++) {
            const { wholeBatches, cutBytes } = sizes[turn % sizes.length]
            const records = answer(log, position, wholeBatches, cutBytes)
            if (records.bytes.length === 0) break // only a gap is left before the log's end
            const fetched = committedBatches(records, position, end)
            read.push(...rowOffsets(fetched))
            ok(fetched.nextOffset > position, 'an answer with a whole batch moves the position on')
            position = fetched.nextOffset
          }
          ok(position <= end, 'the position does not pass the end of the range')
          deepEqual(
            read,
            log.committed.filter((offset) => offset >= start && offset < end),
          )
        },
      ),
      { seed: 7, numRuns: 1500 },
    )
  })

  const facts = { baseOffset: 0, producerId: 7n, isTransactional: true }
  const fetchedFrom = (parts: readonly Uint8Array[], aborted: readonly AbortedTransaction[] = []) => {
    const bytes = new Uint8Array(Buffer.concat(parts))
    const marks = { errorCode: 0, highWatermark: 99, lastStableOffset: 99, logStartOffset: 0 }
    return { topic: 't', partition: 3, ...marks, aborted, bytes, view: new DataView(bytes.buffer) }
  }

  test('rows are dropped although the abort marker is in a later answer', () => {
    const records = fetchedFrom([dataBatch(3, facts)], [{ producerId: 7n, firstOffset: 0 }])
    const { batches, nextOffset } = committedBatches(records, 0, Infinity)
    deepEqual([batches.length, nextOffset], [0, 3])
  })

  test('two rolled back transactions of one producer leave the committed one between them', () => {
    const parts = [
      dataBatch(2, facts),
      markerBatch('abort', 2, 7n),
      dataBatch(2, { ...facts, baseOffset: 3 }),
      markerBatch('commit', 5, 7n),
      dataBatch(2, { ...facts, baseOffset: 6 }),
      markerBatch('abort', 8, 7n),
    ]
    const aborted = [
      { producerId: 7n, firstOffset: 0 },
      { producerId: 7n, firstOffset: 6 },
    ]
    const fetched = committedBatches(fetchedFrom(parts, aborted), 0, Infinity)
    deepEqual(rowOffsets(fetched), [3, 4])
    equal(fetched.nextOffset, 9)
  })

  test('a batch without a transaction is kept although its producer rolls one back', () => {
    const parts = [dataBatch(1, facts), dataBatch(1, { ...facts, baseOffset: 1, isTransactional: false })]
    deepEqual(rowOffsets(committedBatches(fetchedFrom(parts, [{ producerId: 7n, firstOffset: 0 }]), 0, Infinity)), [1])
  })

  test('a wrong checksum is an error that names the batch, and so is one in a batch that would be dropped', () => {
    const second = dataBatch(2, { ...facts, baseOffset: 2 })
    const records = fetchedFrom([dataBatch(2, facts), corrupted(second)], [{ producerId: 7n, firstOffset: 0 }])
    throws(
      () => committedBatches(records, 0, Infinity),
      (error) => error instanceof CorruptBatchError && /offset 2 of t\/3/.test(error.message),
    )
  })

  test('messages in a format of old are an error that names it, however short they are', () => {
    for (const magic of [0, 1])
      for (const bytes of [20, 200]) {
        const old = new Uint8Array(bytes)
        old[7] = 2
        new DataView(old.buffer).setInt32(8, bytes - 12)
        old[16] = magic
        throws(() => committedBatches(fetchedFrom([dataBatch(2, facts), old]), 0, Infinity), {
          code: 'VGM_BATCH_UNSUPPORTED',
          message: `The batch at offset 2 of t/3 has the format ${magic}; only 2 can be read`,
        })
      }
  })

  test('a control batch whose marker the log cleaner took is none; rows around it are judged as before', () => {
    const emptied = (baseOffset: number) => {
      const batch = markerBatch('abort', baseOffset, 7n).slice(0, 61)
      const view = new DataView(batch.buffer)
      view.setInt32(8, 49)
      view.setInt32(57, 0)
      view.setUint32(17, crc32c(batch.subarray(21)))
      return batch
    }
    const parts = [emptied(0), dataBatch(2, { ...facts, baseOffset: 1 }), emptied(3)]
    deepEqual(rowOffsets(committedBatches(fetchedFrom(parts), 0, Infinity)), [1, 2])
    const aborted = committedBatches(fetchedFrom(parts, [{ producerId: 7n, firstOffset: 1 }]), 0, Infinity)
    deepEqual([rowOffsets(aborted), aborted.nextOffset], [[], 4])
  })

  test("a marker's type is found wherever its varints end", () => {
    for (const type of ['abort', 'commit'] as const) {
      const late = markerBatch(type, 2, 7n, 100_000)
      const next = dataBatch(1, { ...facts, baseOffset: 3 })
      const parts = [dataBatch(2, facts), late, next]
      const { batches } = committedBatches(fetchedFrom(parts, [{ producerId: 7n, firstOffset: 0 }]), 0, Infinity)
      deepEqual(
        batches.map(({ baseOffset }) => baseOffset),
        type === 'abort' ? [3] : [],
      )
    }
  })

  test('a marker that cannot be taken apart is an error of the log', () => {
    const marker = markerBatch('abort', 0, 7n)
    marker[61] = 0x7f
    new DataView(marker.buffer).setUint32(17, crc32c(marker.subarray(21)))
    throws(() => committedBatches(fetchedFrom([marker]), 0, Infinity), { code: 'VGM_BATCH_CORRUPT', message: /marker/ })
  })

  test('a batch that is cut off is left for the next answer, whatever its bytes', () => {
    const cut = corrupted(dataBatch(2, { ...facts, baseOffset: 2 })).subarray(0, 70)
    const fetched = committedBatches(fetchedFrom([dataBatch(2, facts), cut]), 0, Infinity)
    deepEqual([rowOffsets(fetched), fetched.nextOffset], [[0, 1], 2])
  })

  test('a range that ends where compaction left nothing has been read when the next batch shows', () => {
    const parts = [dataBatch(2, facts), dataBatch(2, { ...facts, baseOffset: 10 })]
    const fetched = committedBatches(fetchedFrom(parts), 0, 7)
    deepEqual([rowOffsets(fetched), fetched.nextOffset], [[0, 1], 7])
  })

  test('an empty answer leaves the position where it is', () => {
    equal(committedBatches(fetchedFrom([]), 5, Infinity).nextOffset, 5)
  })
})
