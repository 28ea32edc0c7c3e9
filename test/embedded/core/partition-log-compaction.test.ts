import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { compressions, readBatchHeader } from '../../../src/batch/batch-header.ts'
import type { LogConfig } from '../../../src/embedded/core/log-config.ts'
import { MemoryStorage } from '../../../src/embedded/core/memory-storage.ts'
import { maxTimestamp, PartitionLog } from '../../../src/embedded/core/partition-log.ts'
import { type BatchFacts, batchOf, type Row, rowsOf, startMs } from './batches.ts'
import { FakeClock } from './fake-clock.ts'

const compactedTopic = { hasCompactPolicy: true, hasDeletePolicy: false }

function logOf(config: Partial<LogConfig> = {}) {
  const clock = new FakeClock()
  const storage = new MemoryStorage()
  const log = new PartitionLog({ storage, clock, config: { ...compactedTopic, ...config } })
  const send = (rows: readonly [key: string, value: string | null][], facts: BatchFacts = {}, timestampMs = startMs) =>
    log.append(
      batchOf(
        rows.map(([key, value]): Row => ({ key, value, timestampMs })),
        facts,
      ),
      () => 0,
    )
  const rows = () => rowsOf(log.fetch(log.startOffset, 1e9, 'read_uncommitted').buffers)
  const seen = () => rows().map(({ offset, key, value }) => `${offset} ${key}=${value}`)
  return { clock, storage, log, send, rows, seen }
}

const producerId = 9n

suite('compaction of a partition log', () => {
  test('keeps the newest row of each key, with its offset and its time', async () => {
    const { log, send, rows } = logOf()
    await send(
      [
        ['a', '1'],
        ['b', '1'],
        ['a', '2'],
      ],
      {},
      startMs + 5,
    )
    await send(
      [
        ['c', '1'],
        ['b', '2'],
      ],
      {},
      startMs + 7,
    )
    log.compact()
    deepEqual(rows(), [
      { offset: 2, key: 'a', value: '2', timestampMs: startMs + 5 },
      { offset: 3, key: 'c', value: '1', timestampMs: startMs + 7 },
      { offset: 4, key: 'b', value: '2', timestampMs: startMs + 7 },
    ])
    deepEqual([log.startOffset, log.endOffset], [0, 5])
  })

  for (const compression of compressions)
    test(`reads and writes ${compression}`, async () => {
      const { log, send, seen } = logOf()
      for (let i = 0; i < 3; i++)
        await send(
          Array.from({ length: 200 }, (_, k) => [`key ${k % 40}`, `value ${i} ${k}`]),
          { compression },
        )
      log.compact()
      equal(seen().length, 40)
      equal(seen()[0], '560 key 0=value 2 160')
    })

  test('is read from every offset, those in gaps too', async () => {
    const { log, send } = logOf()
    await send([['a', '1']])
    await send([['a', '2']])
    await send([
      ['b', '1'],
      ['a', '3'],
    ])
    log.compact()
    for (let offset = 0; offset < 4; offset++)
      equal(rowsOf(log.fetch(offset, 1e9, 'read_uncommitted').buffers).at(-1)?.offset, 3)
  })

  test('takes tombstones after delete.retention.ms, counted from the compaction that saw them first', async () => {
    const { log, send, seen, rows, clock } = logOf({ deleteRetentionMs: 1_000 })
    await send([
      ['a', '1'],
      ['b', '1'],
    ])
    await send(
      [
        ['a', null],
        ['c', '1'],
      ],
      {},
      startMs - 1e9,
    )
    await clock.elapse(5_000)
    log.compact()
    deepEqual(seen(), ['1 b=1', '2 a=null', '3 c=1'])
    deepEqual(rows()[1].timestampMs, startMs - 1e9)
    await clock.elapse(999)
    log.compact()
    deepEqual(seen(), ['1 b=1', '2 a=null', '3 c=1'])
    await clock.elapse(1)
    log.compact()
    deepEqual(seen(), ['1 b=1', '3 c=1'])
    deepEqual(rows()[1].timestampMs, startMs - 1e9)
  })

  test('leaves rows that are younger than min.compaction.lag.ms', async () => {
    const { log, send, seen, clock } = logOf({ minCompactionLagMs: 1_000 })
    await send([['a', '1']])
    await send([['a', '2']])
    await clock.elapse(500)
    await send([['a', '3']], {}, startMs + 500)
    await clock.elapse(600)
    log.compact()
    deepEqual(seen(), ['1 a=2', '2 a=3'])
  })

  test('drops rows that were rolled back, then their marker, and keeps what was committed', async () => {
    const { log, send, seen, clock } = logOf({ deleteRetentionMs: 1_000 })
    await send([['a', 'committed']], { producerId, isTransactional: true })
    log.mark({ producerId, producerEpoch: 0, isCommit: true })
    await send(
      [
        ['a', 'rolled back'],
        ['b', 'rolled back'],
      ],
      { producerId, sequence: 1, isTransactional: true },
    )
    log.mark({ producerId, producerEpoch: 0, isCommit: false })
    await send([['c', '1']], { producerId, sequence: 3, isTransactional: true })
    log.mark({ producerId, producerEpoch: 0, isCommit: true })
    await send([['d', '1']])
    log.compact()
    deepEqual(seen(), ['0 a=committed', '5 c=1', '7 d=1'])
    const markers = () =>
      [...log.batches()].filter(({ header }) => header.isControl).map(({ header }) => header.baseOffset)
    deepEqual(markers(), [1, 4, 6])
    await clock.elapse(1_000)
    log.compact()
    deepEqual(markers(), [1, 4, 6], 'the rows have to be gone for that long')
    await clock.elapse(1_000)
    log.compact()
    deepEqual(markers(), [1, 6])
    deepEqual(log.fetch(0, 1e9, 'read_committed').aborted, [])
    deepEqual(seen(), ['0 a=committed', '5 c=1', '7 d=1'])
  })

  test('stops at the first open transaction', async () => {
    const { log, send, seen } = logOf()
    await send([['a', '1']])
    await send([['a', '2']])
    await send([['b', '1']], { producerId, isTransactional: true })
    await send([['a', '3']])
    log.compact()
    deepEqual(seen(), ['1 a=2', '2 b=1', '3 a=3'])
    equal(log.lastStableOffset, 2)
  })

  test('keeps the sequence of producers, without their rows, over a restart', async () => {
    const { log, send, storage, clock } = logOf()
    await send([['a', '1']], { producerId, sequence: 0 })
    await send([['a', '2']], { producerId, sequence: 1 })
    await send([['a', '3']])
    log.compact()
    const again = new PartitionLog({ storage, clock, config: compactedTopic })
    equal(again.cutBytes, 0)
    const next = (sequence: number) => again.append(batchOf([{ key: 'b', value: '1' }], { producerId, sequence }))
    deepEqual([(await next(1)).baseOffset, (await next(3)).error, (await next(2)).baseOffset], [1, 45, 3])
  })

  test('names no codec in a batch without rows, which stays for its sequence', async () => {
    const { log, send } = logOf()
    await send([['a', '1']], { producerId, sequence: 0, compression: 'lz4' })
    await send([['a', '2']])
    log.compact()
    const [kept] = log.fetch(0, 1e9, 'read_uncommitted').buffers
    const header = readBatchHeader(kept, new DataView(kept.buffer, kept.byteOffset, kept.byteLength), 0)
    deepEqual([header?.recordCount, header?.compression, header?.producerId], [0, 'none', producerId])
  })

  test('forgets the times of rows that are gone', async () => {
    const { log, send } = logOf()
    await log.append(
      batchOf([
        { key: 'a', value: '1', timestampMs: startMs + 9 },
        { key: 'a', value: '2', timestampMs: startMs + 5 },
      ]),
    )
    await send([['b', '1']])
    log.compact()
    equal(log.offsetOf(maxTimestamp, 'read_uncommitted').offset, 1)
  })

  test('leaves the end where it is, though the last row goes', async () => {
    const { log, send, storage, clock, seen } = logOf({ deleteRetentionMs: 0 })
    await send([['a', '1']])
    await send([['b', null]])
    log.compact()
    log.compact()
    deepEqual(seen(), ['0 a=1'])
    equal(new PartitionLog({ storage, clock }).endOffset, 2)
  })

  test('is needed once half of the log is new', async () => {
    const { log, send, seen } = logOf()
    for (let i = 0; i < 4; i++) await send([['a', String(i)]])
    ok(log.needsCompaction)
    log.compact()
    deepEqual(seen(), ['3 a=3'])
    await send([['a', '4']])
    ok(!log.needsCompaction)
    await send([['a', '5']])
    ok(log.needsCompaction)
  })

  test('of any rows leaves each key the value that it had', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.option(fc.string({ maxLength: 900 }))), {
            minLength: 1,
          }),
        ),
        fc.constantFrom('none', 'lz4') as fc.Arbitrary<'none' | 'lz4'>,
        fc.constantFrom(1, 2, 1_000),
        async (batches, compression, mostKeys) => {
          const { log, send, rows, storage, clock } = logOf({ deleteRetentionMs: 0 })
          const expected = new Map<string, string | null>()
          for (const [i, batch] of batches.entries()) {
            await send(batch, { compression })
            for (const [key, value] of batch) expected.set(key, value)
            if (i % 3 === 2) log.compact({ mostKeys })
          }
          log.compact({ mostKeys })
          // What follows a limit of keys is left to the next ones.
          for (let left = batches.length; left > 0; left--) log.compact({ mostKeys })
          for (const [key, value] of expected) if (value === null) expected.delete(key)
          deepEqual(new Map(rows().map(({ key, value }) => [key, value])), expected)
          equal(rows().length, expected.size)
          const again = new PartitionLog({ storage, clock, config: compactedTopic })
          deepEqual([again.endOffset, again.cutBytes], [log.endOffset, 0])
          ok(again.endOffset === batches.flat().length)
        },
      ),
      { numRuns: 60 },
    ))

  test('in slices, while rows come, leaves what it would leave at once, and all of those', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.string()), { minLength: 1 }), {
          minLength: 2,
        }),
        fc.nat(12),
        async (batches, before) => {
          const { log, send, rows, storage, clock } = logOf()
          const newest = new Map<string, string>()
          let sequence = 0
          let isOver: Promise<unknown> = Promise.resolve()
          for (const [i, batch] of batches.entries()) {
            if (i === Math.min(before, batches.length - 1)) isOver = log.compactInSlices({ sliceBytes: 1 })
            // Every third batch is of a transaction, which is committed or rolled back.
            const isCommit = i % 2 === 0
            if (i % 3 === 2) {
              await send(batch, { producerId, sequence, isTransactional: true })
              sequence += batch.length
              await clock.elapse(1)
              log.mark({ producerId, producerEpoch: 0, isCommit })
            } else await send(batch)
            if (i % 3 !== 2 || isCommit) for (const [key, value] of batch) newest.set(key, value)
            await clock.elapse(1)
          }
          while (clock.pending > 0) await clock.elapse(1)
          await isOver
          const read = rowsOf(log.fetch(0, 1e9, 'read_uncommitted').buffers)
          const isAscending = read.every(({ offset }, i) => i === 0 || offset > read[i - 1].offset)
          ok(isAscending)
          log.compact()
          deepEqual(new Map(rows().map(({ key, value }) => [key, value])), newest)
          equal(rows().length, newest.size)
          const again = new PartitionLog({ storage, clock, config: compactedTopic })
          deepEqual([again.endOffset, again.cutBytes], [log.endOffset, 0])
          const sum = batches.flat().length + Math.floor(batches.length / 3)
          equal(again.endOffset, sum)
        },
      ),
      { numRuns: 80 },
    ))

  test('in slices stops where the log is cut or closed, and leaves it whole', async () => {
    const { log, send, seen, clock } = logOf({ hasDeletePolicy: true, retentionMs: -1 })
    for (let i = 0; i < 6; i++) await send([['a', String(i)]])
    const cut = log.compactInSlices({ sliceBytes: 1 })
    await clock.elapse(1)
    equal(log.deleteRecords(2), 0)
    while (clock.pending > 0) await clock.elapse(1)
    await cut
    deepEqual(seen(), ['2 a=2', '3 a=3', '4 a=4', '5 a=5'])
    const closed = log.compactInSlices({ sliceBytes: 1 })
    await clock.elapse(1)
    log.close()
    while (clock.pending > 0) await clock.elapse(1)
    await closed
    deepEqual(seen().length, 4)
  })
})
