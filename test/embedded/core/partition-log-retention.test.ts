import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { LogConfig } from '../../../src/embedded/core/log-config.ts'
import { MemoryStorage } from '../../../src/embedded/core/memory-storage.ts'
import { PartitionLog } from '../../../src/embedded/core/partition-log.ts'
import { batchOf, rowsOf, startMs } from './batches.ts'
import { FakeClock } from './fake-clock.ts'

const row = 'x'.repeat(5_000)

async function logOf(times: readonly number[], config: Partial<LogConfig>) {
  const clock = new FakeClock()
  const log = new PartitionLog({ storage: new MemoryStorage(), clock, config })
  for (const ms of times) await log.append(batchOf([{ value: row, timestampMs: startMs + ms }]))
  return { log, clock }
}

suite('retention of a partition log', () => {
  test('takes rows that are older than retention.ms, from the front', async () => {
    const { log, clock } = await logOf([0, 1_000, 2_000, 500], { retentionMs: 10_000 })
    await clock.elapse(11_500)
    log.maintain()
    deepEqual([log.startOffset, log.endOffset], [2, 4])
    await clock.elapse(1_000)
    log.maintain()
    deepEqual([log.startOffset, log.endOffset, log.sizeBytes], [4, 4, 0])
    equal((await log.append(batchOf(['next']))).baseOffset, 4)
  })

  test('takes rows beyond retention.bytes, and never leaves less than that', async () => {
    const { log } = await logOf([0, 0, 0, 0], { retentionBytes: 11_000 })
    const before = log.sizeBytes
    log.maintain()
    equal(log.startOffset, 1)
    ok(log.sizeBytes >= 11_000 && log.sizeBytes < before)
    log.maintain()
    equal(log.startOffset, 1)
  })

  test('leaves an open transaction and what is after it', async () => {
    const { log, clock } = await logOf([0], { retentionMs: 1_000 })
    await log.append(batchOf([row], { producerId: 1n, isTransactional: true }), () => 0)
    await log.append(batchOf([row]))
    await clock.elapse(60_000)
    log.maintain()
    deepEqual([log.startOffset, log.endOffset], [1, 3])
    log.mark({ producerId: 1n, producerEpoch: 0, isCommit: false })
    await clock.elapse(60_000)
    log.maintain()
    deepEqual([log.startOffset, log.endOffset], [4, 4])
  })

  test('without a limit, or where rows are kept by key, takes nothing', async () => {
    for (const config of [{ retentionMs: -1 }, { hasDeletePolicy: false, hasCompactPolicy: true, retentionMs: 1 }]) {
      const clock = new FakeClock()
      const log = new PartitionLog({ storage: new MemoryStorage(), clock, config })
      await log.append(batchOf([{ key: 'k', value: row }]))
      await clock.elapse(1e9)
      log.maintain()
      deepEqual(rowsOf(log.fetch(0, 1e9, 'read_uncommitted').buffers).length, 1)
    }
  })
})
