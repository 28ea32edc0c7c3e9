import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { MemoryStorage } from '../../../src/embedded/core/memory-storage.ts'
import { PartitionLog } from '../../../src/embedded/core/partition-log.ts'
import { errorCodes } from '../../../src/embedded/error-codes.ts'
import { batchOf, startMs, valuesOf } from './batches.ts'
import { FakeClock } from './fake-clock.ts'

const clock = new FakeClock()
const producerId = 3n

async function storageWith(fill: (log: PartitionLog) => Promise<unknown> | unknown): Promise<MemoryStorage> {
  const storage = new MemoryStorage()
  await fill(new PartitionLog({ storage, clock }))
  return storage
}

const transactional = (rows: readonly string[], sequence: number) =>
  batchOf(rows, { producerId, sequence, isTransactional: true })

suite('a partition log that is opened again', () => {
  test('has its rows, its offsets, and a leader epoch of its own', async () => {
    const storage = await storageWith(async (log) => {
      await log.append(batchOf(['a', 'b']))
      await log.append(batchOf(['c']))
      log.deleteRecords(1)
    })
    const log = new PartitionLog({ storage, clock })
    deepEqual([log.startOffset, log.endOffset, log.leaderEpoch, log.cutBytes], [1, 3, 1, 0])
    deepEqual(valuesOf(log.fetch(1, 1e9, 'read_uncommitted').buffers), ['a', 'b', 'c'])
    deepEqual(log.endOfEpoch(0), { epoch: 0, endOffset: 3 })
    equal(log.offsetOf(startMs, 'read_uncommitted').offset, 1)
  })

  test('goes on where it was even if it is empty', async () => {
    const storage = await storageWith(async (log) => {
      await log.append(batchOf(['a', 'b']))
      log.deleteRecords(-1)
    })
    const log = new PartitionLog({ storage, clock })
    equal((await log.append(batchOf(['c']))).baseOffset, 2)
  })

  test('knows its producers, their open transactions and those that were rolled back', async () => {
    const storage = await storageWith(async (log) => {
      const isKnown = () => errorCodes.NONE
      await log.append(transactional(['rolled back'], 0), isKnown)
      log.mark({ producerId, producerEpoch: 0, isCommit: false })
      await log.append(transactional(['a'], 1), isKnown)
      log.mark({ producerId, producerEpoch: 0, isCommit: true })
      await log.append(transactional(['open'], 2), isKnown)
    })
    const log = new PartitionLog({ storage, clock })
    deepEqual([log.endOffset, log.lastStableOffset], [5, 4])
    deepEqual(
      log.fetch(0, 1e9, 'read_committed').aborted.map(({ firstOffset, lastOffset }) => [firstOffset, lastOffset]),
      [[0, 1]],
    )
    equal((await log.append(transactional(['open'], 2))).baseOffset, 4)
    equal((await log.append(transactional(['on'], 3))).baseOffset, 5)
  })

  test('cuts a torn end off, wherever it was torn, and says so', async () => {
    const whole = await storageWith(async (log) => {
      await log.append(batchOf(['a']))
      await log.append(batchOf(['b']))
    })
    const size = whole.end / 2
    for (let torn = 1; torn < size; torn++) {
      const storage = new MemoryStorage()
      storage.append(whole.read(0, size))
      storage.append(whole.read(size, 2 * size - torn))
      const log = new PartitionLog({ storage, clock })
      deepEqual([log.endOffset, log.cutBytes, storage.end], [1, size - torn, size])
      equal((await log.append(batchOf(['c']))).baseOffset, 1)
      deepEqual(valuesOf(log.fetch(0, 1e9, 'read_uncommitted').buffers), ['a', 'c'])
    }
  })

  test('cuts what is not what was appended', async () => {
    const whole = await storageWith(async (log) => {
      await log.append(batchOf(['a']))
      await log.append(batchOf(['b']))
    })
    const bytes = Buffer.concat(whole.read(0, whole.end))
    bytes[bytes.length - 2] ^= 1
    const storage = new MemoryStorage()
    storage.append([bytes])
    const log = new PartitionLog({ storage, clock })
    deepEqual([log.endOffset, log.cutBytes], [1, whole.end / 2])
  })
})
