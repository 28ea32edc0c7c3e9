import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { crc32c } from '@node-rs/crc32'
import type { Compression } from '../../../src/batch/batch-header.ts'
import type { LogConfig } from '../../../src/embedded/core/log-config.ts'
import { MemoryStorage } from '../../../src/embedded/core/memory-storage.ts'
import { PartitionLog } from '../../../src/embedded/core/partition-log.ts'
import { errorCodes } from '../../../src/embedded/error-codes.ts'
import { batchOf, rowsOf, startMs, valuesOf } from './batches.ts'
import { FakeClock } from './fake-clock.ts'

const logOf = (config: Partial<LogConfig> = {}, leaderEpoch = 0) =>
  new PartitionLog({ storage: new MemoryStorage(), clock: new FakeClock(), leaderEpoch, config })

const fetched = (log: PartitionLog, offset = 0) => log.fetch(offset, 1e9, 'read_uncommitted').buffers

/** A batch with one thing changed in its header, its CRC made right again. */
function changed(change: (view: DataView) => void, batch = batchOf(['a', 'b'])): Uint8Array {
  const view = new DataView(batch.buffer)
  change(view)
  view.setUint32(17, crc32c(batch.subarray(21)))
  return batch
}

const hourAgo = { value: 'b', timestampMs: startMs - 3_600_000 }

suite('appending to a partition log', () => {
  test('gives rows the next offsets and the leader epoch, and leaves the bytes of the sender alone', async () => {
    const log = logOf({}, 7)
    const batch = batchOf(['a', 'b'])
    const before = batch.slice()
    deepEqual(await log.append(batch), { error: 0, message: null, baseOffset: 0, logAppendTimeMs: -1 })
    deepEqual((await log.append(batchOf(['c']))).baseOffset, 2)
    deepEqual(batch, before)
    deepEqual(
      rowsOf(fetched(log)).map(({ offset, value }) => [offset, value]),
      [
        [0, 'a'],
        [1, 'b'],
        [2, 'c'],
      ],
    )
    deepEqual([log.startOffset, log.endOffset, log.lastStableOffset, log.epochAt(2)], [0, 3, 3, 7])
  })

  for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] satisfies Compression[])
    test(`keeps ${compression} batches as they are`, async () => {
      const log = logOf()
      const rows = Array.from({ length: 100 }, (_, i) => `the same words ${i % 3}`)
      equal((await log.append(batchOf(rows, { compression }))).error, 0)
      deepEqual(valuesOf(fetched(log)), rows)
    })

  const refusals: [what: string, batch: Uint8Array, error: keyof typeof errorCodes, config?: Partial<LogConfig>][] = [
    ['nothing', new Uint8Array(0), 'INVALID_RECORD'],
    ['half a header', batchOf(['a']).subarray(0, 40), 'INVALID_RECORD'],
    ['a batch that is cut off', batchOf(['abc']).subarray(0, -1), 'INVALID_RECORD'],
    ['a length below that of a header', changed((view) => view.setInt32(8, 5)), 'CORRUPT_MESSAGE'],
    ['two batches', Buffer.concat([batchOf(['a']), batchOf(['b'])]), 'INVALID_RECORD'],
    ['the format of before', changed((view) => view.setInt8(16, 1)), 'UNSUPPORTED_FOR_MESSAGE_FORMAT'],
    ['an offset of its own', changed((view) => view.setInt32(4, 5)), 'INVALID_RECORD'],
    ['a record that has changed', batchOf(['abc']).map((byte, i) => (i === 66 ? byte ^ 1 : byte)), 'CORRUPT_MESSAGE'],
    ['more than max.message.bytes', batchOf(['x'.repeat(200)]), 'MESSAGE_TOO_LARGE', { maxMessageBytes: 200 }],
    ['fewer records than offsets', changed((view) => view.setInt32(57, 1)), 'INVALID_RECORD'],
    ['no record', changed((view) => view.setInt32(57, 0)), 'INVALID_RECORD'],
    ['a control batch', changed((view) => view.setInt16(21, 0x20)), 'INVALID_RECORD'],
    ['a compression of the future', changed((view) => view.setInt16(21, 6)), 'UNSUPPORTED_COMPRESSION_TYPE'],
    ['a producer without a sequence', batchOf(['a'], { producerId: 1n, sequence: -1 }), 'INVALID_RECORD'],
    ['a transaction without a producer', changed((view) => view.setInt16(21, 0x10)), 'INVALID_RECORD'],
    ['a time in two hours', batchOf([{ value: 'a', timestampMs: startMs + 7_200_000 }]), 'INVALID_TIMESTAMP'],
    ['a time of an hour ago', batchOf(['a', hourAgo]), 'INVALID_TIMESTAMP', { timestampBeforeMaxMs: 60_000 }],
    ['a row without a key, compacted', batchOf(['a']), 'INVALID_RECORD', { hasCompactPolicy: true }],
  ]
  for (const [what, batch, error, config] of refusals)
    test(`refuses ${what} with ${error}`, async () => {
      const log = logOf(config)
      const answer = await log.append(batch)
      deepEqual([answer.error, answer.baseOffset, log.endOffset], [errorCodes[error], -1, 0], answer.message ?? '')
    })

  test('looks for keys inside compressed batches of compacted topics', async () => {
    const log = logOf({ hasCompactPolicy: true })
    const rows = Array.from({ length: 50 }, (_, i) => ({ key: `k${i}`, value: 'the same value again' }))
    equal((await log.append(batchOf(rows, { compression: 'zstd' }))).error, 0)
    const bare = [...rows, { key: null, value: 'the same value again' }]
    equal((await log.append(batchOf(bare, { compression: 'zstd' }))).error, errorCodes.INVALID_RECORD)
  })

  test('with LogAppendTime gives all rows of a batch the time of now, under a right CRC', async () => {
    const log = logOf({ timestampType: 'LogAppendTime' })
    const answer = await log.append(
      batchOf([
        { value: 'a', timestampMs: 5 },
        { value: 'b', timestampMs: 9 },
      ]),
    )
    equal(answer.logAppendTimeMs, startMs)
    deepEqual(
      rowsOf(fetched(log)).map(({ timestampMs }) => timestampMs),
      [startMs, startMs],
    )
    const [bytes] = fetched(log)
    equal(bytes.readUInt32BE(17), crc32c(bytes.subarray(21)))
  })
})
