import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { type BatchHeader, readBatchHeader } from '../../src/batch/batch-header.ts'
import { readRecords } from '../../src/batch/read-records.ts'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { createRecords } from '../../src/batch/records.ts'
import { InterruptedError } from '../../src/errors.ts'
import type { PartitionOffset } from '../../src/ports/log.ts'
import { hashStart, rowHash, rowHashBelow } from '../../src/stages/row-hash.ts'
import { parseSampleCounts, type SampleOptions, sample } from '../../src/stages/sample.ts'
import { SampleTooLargeError, SmallestRows } from '../../src/stages/smallest-rows.ts'
import { MemoryLog } from '../files/memory-log.ts'

const topic = 't'
const seed = 5

/**
 * A topic with so many rows in each partition, in batches of the given sizes; every tenth row is a tombstone unless
 * told.
 */
async function rawLog(
  rows: readonly number[],
  batchSizes: readonly number[] = [7],
  isEmpty = isTombstone,
): Promise<MemoryLog> {
  const log = new MemoryLog()
  await log.begin()
  for (const [partition, count] of rows.entries()) {
    const writer = new RecordBatchWriter()
    for (let row = 0, batch = 0; row < count; row++) {
      writer.append(row, Buffer.from(`${partition}/${row}`), isEmpty(row) ? null : Buffer.from([row & 127]))
      if (writer.recordCount === batchSizes[batch % batchSizes.length] || row === count - 1) {
        await log.produce(topic, partition, writer)
        batch++
      }
    }
  }
  await log.commit()
  return log
}

function isTombstone(row: number): boolean {
  return row % 10 === 9
}

function optionsFor(
  raw: MemoryLog,
  writer: MemoryLog,
  partitions: number,
  more: Partial<SampleOptions>,
): SampleOptions {
  const numbers = Array.from({ length: partitions }, (_, partition) => partition)
  return {
    reader: raw,
    writer,
    starts: numbers.map((partition) => ({ topic, partition, offset: 0 })),
    commitsStarts: false,
    ends: numbers.map((partition) => ({ topic, partition, offset: raw.end(partition) })),
    size: { rate: 0.3 },
    seed,
    outputTopic: 'sample',
    outputPartitions: 1,
    group: 'g',
    sizes: { batchBytes: 500, largestBytes: 500 },
    onUnreadable: ({ message }) => {
      throw new Error(message)
    },
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...more,
  }
}

const keysOf = (log: MemoryLog) => log.rows().map(({ key }) => key)

/** All rows with a value, with their hashes. */
function hashed(rows: readonly number[], isEmpty = isTombstone) {
  return rows.flatMap((count, partition) =>
    Array.from({ length: count }, (_, row) => ({
      key: `${partition}/${row}`,
      row,
      hash: rowHash(seed, partition, row),
    })).filter(({ row }) => !isEmpty(row)),
  )
}

const shapes = fc.record({
  rows: fc.array(fc.nat(120), { minLength: 1, maxLength: 4 }),
  batchSizes: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 }),
})

suite('stage sample', () => {
  test('a hash is in [0, 1), and spreads evenly over it whatever the seed, partition and offset', () => {
    const buckets = new Array<number>(16).fill(0)
    const count = 64_000
    for (let i = 0; i < count; i++) {
      const hash = rowHash(i % 4, i % 8, i % 3 === 0 ? i : 2 ** 40 + i)
      ok(hash >= 0 && hash < 1)
      buckets[Math.floor(hash * 16)]++
    }
    // Chi-squared with 15 degrees of freedom: beyond 45 once in 10,000 draws.
    const expected = count / 16
    ok(buckets.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0) < 45)
  })

  test('by rate, rows whose hash is below it are kept in order, however the topic is cut into batches', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.double({ min: 0.01, max: 1, noNaN: true }), async ({ rows, batchSizes }, rate) => {
        const [raw, out] = [await rawLog(rows, batchSizes), new MemoryLog()]
        const report = await sample(optionsFor(raw, out, rows.length, { size: { rate } }))
        const kept = hashed(rows).filter(({ hash }) => hash < rate)
        deepEqual(
          keysOf(out),
          kept.map(({ key }) => key),
        )
        equal(report.rowsOut, kept.length)
        equal(
          report.rowsIn,
          rows.reduce((a, b) => a + b, 0),
        )
      }),
      { seed: 3, numRuns: 60 },
    )
  })

  test('by rows, those with the smallest hashes of the range are kept, however it is cut into batches', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.integer({ min: 1, max: 200 }), async ({ rows, batchSizes }, limit) => {
        const [raw, out] = [await rawLog(rows, batchSizes), new MemoryLog()]
        await sample(optionsFor(raw, out, rows.length, { size: { rows: limit } }))
        const smallest = hashed(rows)
          .toSorted((a, b) => a.hash - b.hash)
          .slice(0, limit)
        deepEqual(keysOf(out).toSorted(), smallest.map(({ key }) => key).toSorted())
        equal(out.transactions, 1)
      }),
      { seed: 4, numRuns: 60 },
    )
  })

  test('by rows, the same are kept of a topic of nearly all tombstones, and each row is counted once', async () => {
    const rows = [4_000, 1_000]
    const isEmpty = (row: number) => row % 20 !== 0
    const [raw, out] = [await rawLog(rows, [100], isEmpty), new MemoryLog()]
    const { rowsIn, rowsOut, tombstones } = await sample(optionsFor(raw, out, rows.length, { size: { rows: 100 } }))
    const smallest = hashed(rows, isEmpty)
      .toSorted((a, b) => a.hash - b.hash)
      .slice(0, 100)
    deepEqual(keysOf(out).toSorted(), smallest.map(({ key }) => key).toSorted())
    deepEqual({ rowsIn, rowsOut, tombstones }, { rowsIn: 5_000, rowsOut: 100, tombstones: 4_750 })
  })

  test('a hash is found below a limit exactly if it is', () => {
    for (let i = 0; i < 20_000; i++) {
      const [partition, offset] = [i % 5, i % 2 === 0 ? i : 2 ** 33 + i]
      const hash = rowHash(seed, partition, offset)
      const start = hashStart(seed, partition)
      equal(rowHashBelow(hash, start, offset), -1)
      for (const limit of [hash + 2 ** -53, (i % 97) / 97, Infinity])
        equal(rowHashBelow(limit, start, offset), hash < limit ? hash : -1)
    }
  })

  test('a sample that goes on where another ended keeps the same rows as one in one go, and counts on', async () => {
    const rows = [150]
    const raw = await rawLog(rows)
    const whole = new MemoryLog()
    await sample(optionsFor(raw, whole, 1, {}))
    const parts = new MemoryLog()
    let start: PartitionOffset = { topic, partition: 0, offset: 0 }
    for (const end of [40, 41, 99, 150]) {
      const ends = [{ topic, partition: 0, offset: end }]
      await sample(optionsFor(raw, parts, 1, { starts: [start], ends }))
      start = parts.committed as PartitionOffset
      const expected = hashed([end])
      deepEqual(parseSampleCounts(start.metadata), {
        seen: expected.length,
        kept: expected.filter(({ hash }) => hash < 0.3).length,
      })
    }
    deepEqual(keysOf(parts), keysOf(whole))
  })

  test('a fresh sample first overwrites the positions and counts that an earlier one has left', async () => {
    const raw = await rawLog([40])
    const out = new MemoryLog({ failCommitAt: 2 })
    const start = { topic, partition: 0, offset: 0, metadata: '' }
    await rejects(sample(optionsFor(raw, out, 1, { starts: [start], commitsStarts: true })), /went away/)
    equal(out.committed?.offset, 0)
    deepEqual(parseSampleCounts(out.committed?.metadata), { seen: 0, kept: 0 })
  })

  test('counts that somebody else has written beside a position are none', () => {
    for (const metadata of ['not json', '{"seen":"x"}', '[]', '{"seen":1.5,"kept":0}'])
      deepEqual(parseSampleCounts(metadata), { seen: 0, kept: 0 })
  })

  test('rows that take too much memory to be kept are refused before they take it', async () => {
    const smallest = new SmallestRows(1_000_000)
    const batch = new RecordBatchWriter(4 * 2 ** 20)
    const value = new Uint8Array(2 ** 20)
    batch.append(0, null, value)
    const bytes = batch.finish({
      compression: 'none',
      isTransactional: false,
      producerId: -1n,
      producerEpoch: -1,
      baseSequence: -1,
    })
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const records = createRecords()
    readRecords(bytes, view, readBatchHeader(bytes, view, 0) as BatchHeader, records)
    throws(() => {
      for (let i = 0; i < 600; i++) smallest.add(i / 600, 0, records, 0)
    }, SampleTooLargeError)
  })

  test('a commit that fails leaves nothing, and the next start keeps the same rows', async () => {
    const raw = await rawLog([100])
    const out = new MemoryLog({ failCommitAt: 1 })
    await rejects(sample(optionsFor(raw, out, 1, {})), /broker went away/)
    await out.abort()
    deepEqual(out.rows(), [])
    await sample(optionsFor(raw, out, 1, {}))
    const again = new MemoryLog()
    await sample(optionsFor(raw, again, 1, {}))
    deepEqual(keysOf(out), keysOf(again))
  })

  test('while rows are held back no transaction stays open', async () => {
    const raw = await rawLog([50])
    const out = new MemoryLog()
    raw.assign([{ topic, partition: 0, offset: 0, endOffset: 50 }])
    const fetched = await raw.poll()
    const transactions: number[] = []
    let polls = 0
    raw.poll = async () => {
      transactions.push(out.transactions)
      // After the first rows nothing comes for a while, as when another producer's transaction is open.
      return [fetched.slice(0, 2), [], [], fetched.slice(2)][polls++]
    }
    raw.position = () => (polls < 4 ? 14 : 50)
    await sample(optionsFor(raw, out, 1, {}))
    deepEqual(transactions, [0, 0, 1, 1], 'the first quiet poll commits')
    equal(out.transactions, 2)
    deepEqual(
      keysOf(out),
      hashed([50])
        .filter(({ hash }) => hash < 0.3)
        .map(({ key }) => key),
    )
  })

  test('an interruption ends it between two polls', async () => {
    const raw = await rawLog([100])
    const signal = AbortSignal.abort()
    for (const size of [{ rate: 0.5 }, { rows: 3 }])
      await rejects(sample(optionsFor(raw, new MemoryLog(), 1, { signal, size })), InterruptedError)
  })

  test('nothing is read and nothing fails where the end is the start', async () => {
    const raw = await rawLog([0, 0])
    for (const size of [{ rate: 0.5 }, { rows: 3 }]) {
      const out = new MemoryLog()
      equal((await sample(optionsFor(raw, out, 2, { size }))).rowsOut, 0)
      deepEqual(out.rows(), [])
    }
  })
})
