import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { LogConfig } from '../../../src/embedded/core/log-config.ts'
import { MemoryStorage } from '../../../src/embedded/core/memory-storage.ts'
import {
  earliestTimestamp,
  latestTimestamp,
  maxTimestamp,
  PartitionLog,
} from '../../../src/embedded/core/partition-log.ts'
import { errorCodes } from '../../../src/embedded/error-codes.ts'
import { batchOf, rowsOf, startMs, valuesOf } from './batches.ts'
import { FakeClock } from './fake-clock.ts'

const logOf = (config: Partial<LogConfig> = {}, storage = new MemoryStorage()) =>
  new PartitionLog({ storage, clock: new FakeClock(), leaderEpoch: 0, config })

async function logWith(batches: readonly (readonly string[])[], config?: Partial<LogConfig>): Promise<PartitionLog> {
  const log = logOf(config)
  for (const rows of batches) await log.append(batchOf(rows))
  return log
}

const many = Array.from({ length: 300 }, (_, i) => [`${i} ${'x'.repeat(i)}`, `${i}!`])

suite('fetching from a partition log', () => {
  test('begins with the batch that holds the offset', async () => {
    const log = await logWith([
      ['a', 'b'],
      ['c', 'd'],
    ])
    deepEqual(valuesOf(log.fetch(1, 1e9, 'read_uncommitted').buffers), ['a', 'b', 'c', 'd'])
    deepEqual(valuesOf(log.fetch(2, 1e9, 'read_uncommitted').buffers), ['c', 'd'])
    deepEqual(log.fetch(4, 1e9, 'read_uncommitted'), { error: 0, buffers: [], sizeBytes: 0, aborted: [] })
  })

  test('is refused beyond the end and before the start', async () => {
    const log = await logWith([['a'], ['b']])
    equal(log.fetch(3, 1e9, 'read_uncommitted').error, errorCodes.OFFSET_OUT_OF_RANGE)
    log.deleteRecords(1)
    equal(log.fetch(0, 1e9, 'read_uncommitted').error, errorCodes.OFFSET_OUT_OF_RANGE)
  })

  test('ends with the last whole batch that fits, but has one where one is asked for', async () => {
    const log = await logWith([['a'], ['b'], ['c']])
    const size = log.sizeBytes / 3
    const values = (maxBytes: number, isOneAtLeast = true) =>
      valuesOf(log.fetch(0, maxBytes, 'read_uncommitted', isOneAtLeast).buffers)
    deepEqual(values(2 * size), ['a', 'b'])
    deepEqual(values(2 * size - 1), ['a'])
    deepEqual(values(1), ['a'])
    deepEqual(values(1, false), [])
  })

  test('does not copy', async () => {
    const log = await logWith([['a'], ['b']])
    const [first] = log.fetch(0, 1e9, 'read_uncommitted').buffers
    const [again] = log.fetch(0, 1e9, 'read_uncommitted').buffers
    equal(first.buffer, again.buffer)
  })

  test('finds each offset among many batches, however the log is cut', async () => {
    const log = await logWith(many)
    for (const start of [0, 201, 400]) {
      log.deleteRecords(start)
      for (let offset = start; offset < 600; offset += 13) {
        const rows = rowsOf(log.fetch(offset, 20_000, 'read_uncommitted').buffers)
        deepEqual([rows[0].offset, rows[0].value], [offset - (offset % 2), many[Math.floor(offset / 2)][0]])
      }
    }
  })
})

suite('offsets by time in a partition log', () => {
  test('are those of the first row of that time or later', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat(50), { minLength: 1 }), { maxLength: 30 }),
        fc.nat(50),
        async (batches, time) => {
          const log = logOf()
          for (const times of batches)
            await log.append(batchOf(times.map((ms) => ({ value: 'x'.repeat(400), timestampMs: startMs + ms }))))
          const times = batches.flat()
          equal(
            log.offsetOf(startMs + time, 'read_uncommitted').offset,
            times.findIndex((ms) => ms >= time),
          )
          const newest = Math.max(...times)
          deepEqual(log.offsetOf(maxTimestamp, 'read_uncommitted').offset, times.indexOf(newest))
        },
      ),
      { numRuns: 50 },
    ))

  test('know the latest, the earliest, and what readers of committed rows see', async () => {
    const log = await logWith([['a'], ['b']])
    await log.append(batchOf(['c'], { producerId: 1n, isTransactional: true }), () => 0)
    equal(log.offsetOf(latestTimestamp, 'read_uncommitted').offset, 3)
    equal(log.offsetOf(latestTimestamp, 'read_committed').offset, 2)
    const late = [{ value: 'd', timestampMs: startMs + 1 }]
    await log.append(batchOf(late, { producerId: 2n, isTransactional: true }), () => 0)
    equal(log.offsetOf(startMs + 1, 'read_uncommitted').offset, 3)
    log.deleteRecords(1)
    deepEqual(log.offsetOf(earliestTimestamp, 'read_committed'), { offset: 1, timestampMs: -1, leaderEpoch: 0 })
    deepEqual(log.offsetOf(startMs, 'read_committed'), { offset: 1, timestampMs: startMs, leaderEpoch: 0 })
    equal(log.offsetOf(startMs + 1, 'read_committed').offset, -1)
  })

  test('of the newest time forget rows that were deleted', async () => {
    const log = logOf()
    await log.append(batchOf([{ value: 'a', timestampMs: startMs + 9 }]))
    await log.append(batchOf([{ value: 'b', timestampMs: startMs + 5 }]))
    log.deleteRecords(1)
    equal(log.offsetOf(maxTimestamp, 'read_uncommitted').offset, 1)
  })
})

suite('leader epochs of a partition log', () => {
  test('begin with the leader, before its first batch', () => {
    const log = logOf()
    deepEqual(log.endOfEpoch(log.leaderEpoch), { epoch: log.leaderEpoch, endOffset: 0 })
    equal(log.offsetOf(-2, 'read_uncommitted').leaderEpoch, log.leaderEpoch)
  })

  test('end where the next one begins', async () => {
    const log = logOf()
    await log.append(batchOf(['a', 'b']))
    log.leaderEpoch = 3
    await log.append(batchOf(['c']))
    deepEqual(log.endOfEpoch(0), { epoch: 0, endOffset: 2 })
    deepEqual(log.endOfEpoch(2), { epoch: 0, endOffset: 2 })
    deepEqual(log.endOfEpoch(3), { epoch: 3, endOffset: 3 })
    deepEqual(log.endOfEpoch(4), { epoch: -1, endOffset: -1 })
    deepEqual([log.epochAt(1), log.epochAt(2)], [0, 3])
  })
})

suite('deleting records of a partition log', () => {
  test('moves the start, into a batch too', async () => {
    const log = await logWith([['a', 'b'], ['c']])
    equal(log.deleteRecords(1), errorCodes.NONE)
    equal(log.startOffset, 1)
    deepEqual(valuesOf(log.fetch(1, 1e9, 'read_uncommitted').buffers), ['a', 'b', 'c'])
    equal(log.deleteRecords(0), errorCodes.NONE)
    equal(log.startOffset, 1)
  })

  test('of all of them leaves an empty log that goes on', async () => {
    const log = await logWith([['a', 'b'], ['c']])
    equal(log.deleteRecords(-1), errorCodes.NONE)
    deepEqual([log.startOffset, log.endOffset, log.sizeBytes], [3, 3, 0])
    equal((await log.append(batchOf(['d']))).baseOffset, 3)
    deepEqual(valuesOf(log.fetch(3, 1e9, 'read_uncommitted').buffers), ['d'])
  })

  test('of an open transaction moves the last stable offset too', async () => {
    const log = logOf()
    await log.append(batchOf(['a', 'b'], { producerId: 1n, isTransactional: true }), () => 0)
    log.deleteRecords(-1)
    equal(log.lastStableOffset, 2)
  })

  test('is refused beyond the end, and where rows are kept by key', async () => {
    equal((await logWith([['a']])).deleteRecords(2), errorCodes.OFFSET_OUT_OF_RANGE)
    equal(logOf({ hasDeletePolicy: false, hasCompactPolicy: true }).deleteRecords(0), errorCodes.POLICY_VIOLATION)
  })
})
