import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { MemoryStorage } from '../../../src/embedded/core/memory-storage.ts'
import { PartitionLog } from '../../../src/embedded/core/partition-log.ts'
import { lastSequenceOf } from '../../../src/embedded/core/producer-states.ts'
import { errorCodes } from '../../../src/embedded/error-codes.ts'
import { type BatchFacts, batchOf, dayMs, startMs, valuesOf } from './batches.ts'
import { FakeClock, settle } from './fake-clock.ts'

const producerId = 4n
const logOf = (clock = new FakeClock()) => new PartitionLog({ storage: new MemoryStorage(), clock })
const isKnown = (): number => errorCodes.NONE

async function send(log: PartitionLog, rows: readonly string[], facts: BatchFacts, verify = isKnown) {
  return log.append(batchOf(rows, { producerId, ...facts }), verify)
}

const error = async (log: PartitionLog, rows: readonly string[], facts: BatchFacts) =>
  (await send(log, rows, facts)).error

suite('an idempotent producer of a partition log', () => {
  test('gets the offset of before for each of its last five batches, and no row twice', async () => {
    const log = logOf()
    for (let sequence = 0; sequence < 12; sequence += 2) await send(log, ['a', 'b'], { sequence })
    for (let sequence = 2; sequence < 12; sequence += 2) {
      const answer = await send(log, ['a', 'b'], { sequence })
      deepEqual([answer.error, answer.baseOffset], [0, sequence])
    }
    equal(log.endOffset, 12)
    equal(await error(log, ['a', 'b'], { sequence: 0 }), errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER)
  })

  test('is refused a gap in its sequence', async () => {
    const log = logOf()
    await send(log, ['a'], { sequence: 0 })
    equal(await error(log, ['c'], { sequence: 2 }), errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER)
    equal(await error(log, ['b'], { sequence: 1 }), errorCodes.NONE)
  })

  test('begins with any sequence where it is not known, and goes on at 0 after the last one', async () => {
    const log = logOf()
    equal(await error(log, ['a', 'b'], { sequence: 2 ** 31 - 2 }), errorCodes.NONE)
    equal(await error(log, ['c'], { sequence: 0 }), errorCodes.NONE)
  })

  test('begins a new epoch with the sequence 0, and is refused an old one', async () => {
    const log = logOf()
    await send(log, ['a'], { sequence: 0 })
    equal(await error(log, ['b'], { sequence: 1, epoch: 1 }), errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER)
    equal(await error(log, ['b'], { sequence: 0, epoch: 1 }), errorCodes.NONE)
    equal(await error(log, ['c'], { sequence: 1, epoch: 0 }), errorCodes.INVALID_PRODUCER_EPOCH)
  })

  test('is told the time of a batch that comes again, as that of its append', async () => {
    const log = logOf()
    equal((await send(log, ['a'], { sequence: 0 })).logAppendTimeMs, -1)
    equal((await send(log, ['a'], { sequence: 0 })).logAppendTimeMs, startMs)
  })

  test('goes on with any sequence where it has written without an epoch', async () => {
    const log = logOf()
    equal(await error(log, ['a'], { sequence: 5, epoch: -1 }), errorCodes.NONE)
    equal(await error(log, ['b'], { sequence: 2, epoch: -1 }), errorCodes.NONE)
    equal(await error(log, ['c'], { sequence: 9, epoch: 0 }), errorCodes.NONE)
  })

  test('is forgotten a day after its last batch, whatever the times of its rows', async () => {
    const clock = new FakeClock()
    const log = logOf(clock)
    await log.append(batchOf([{ value: 'old', timestampMs: 5 }], { producerId }))
    log.maintain()
    equal(log.producers().length, 1)
    await clock.elapse(dayMs)
    log.maintain()
    deepEqual(log.producers(), [])
  })

  test('is described with its epoch, its last sequence, its last time and its open transaction', async () => {
    const log = logOf()
    await send(log, ['a', 'b'], { sequence: 0 })
    await send(log, ['c'], { sequence: 2, isTransactional: true })
    const [state] = log.producers()
    deepEqual(
      [state.producerId, state.epoch, lastSequenceOf(state), state.lastTimestampMs, state.openSince],
      [producerId, 0, 2, startMs, 2],
    )
  })
})

suite('a transaction in a partition log', () => {
  test('holds the last stable offset until its marker, and is read afterwards', async () => {
    const log = logOf()
    await send(log, ['a'], { sequence: 0, isTransactional: true })
    await log.append(batchOf(['beside it']))
    deepEqual([log.endOffset, log.lastStableOffset], [2, 0])
    deepEqual(log.fetch(0, 1e9, 'read_committed').buffers, [])
    equal(log.fetch(0, 1e9, 'read_uncommitted').buffers.length, 1)
    equal(log.mark({ producerId, producerEpoch: 0, isCommit: true }), errorCodes.NONE)
    equal(log.lastStableOffset, 3)
    deepEqual(valuesOf(log.fetch(0, 1e9, 'read_committed').buffers), ['a', 'beside it'])
  })

  test('that was rolled back is named to those who read its offsets, and to no others', async () => {
    const log = logOf()
    await log.append(batchOf(['before']))
    await send(log, ['a'], { sequence: 0, isTransactional: true })
    log.mark({ producerId, producerEpoch: 0, isCommit: false })
    await log.append(batchOf(['after']))
    const named = (offset: number, maxBytes = 1e9) =>
      log.fetch(offset, maxBytes, 'read_committed').aborted.map((of) => [of.producerId, of.firstOffset])
    deepEqual(named(0), [[producerId, 1]])
    deepEqual(named(2), [[producerId, 1]])
    deepEqual(named(3), [])
    deepEqual(named(0, 1), [])
    deepEqual(log.fetch(0, 1e9, 'read_uncommitted').aborted, [])
  })

  test('that its coordinator does not know is refused', async () => {
    const log = logOf()
    const refused = async (code: number) =>
      (await send(log, ['a'], { sequence: 0, isTransactional: true }, () => code)).error
    equal((await log.append(batchOf(['a'], { producerId, isTransactional: true }))).error, errorCodes.INVALID_TXN_STATE)
    equal(await refused(errorCodes.INVALID_TXN_STATE), errorCodes.INVALID_TXN_STATE)
    equal(await refused(errorCodes.PRODUCER_FENCED), errorCodes.INVALID_PRODUCER_EPOCH)
    equal(await refused(errorCodes.CONCURRENT_TRANSACTIONS), errorCodes.NOT_ENOUGH_REPLICAS)
    equal(log.endOffset, 0)
  })

  test('does not begin with a later batch than the first that was seen', async () => {
    const log = logOf()
    const sent = async (sequence: number, code: number) =>
      (await send(log, ['a'], { sequence, isTransactional: true }, () => code)).error
    equal(await sent(0, errorCodes.CONCURRENT_TRANSACTIONS), errorCodes.NOT_ENOUGH_REPLICAS)
    equal(await sent(1, errorCodes.NONE), errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER)
    equal(await sent(0, errorCodes.NONE), errorCodes.NONE)
    equal(await sent(1, errorCodes.NONE), errorCodes.NONE)
  })

  test('that was refused lets no later batch of its producer overtake, be it outside of a transaction', async () => {
    const log = logOf()
    const isUnknown = () => errorCodes.INVALID_TXN_STATE
    await send(log, ['a'], { sequence: 0, isTransactional: true }, isUnknown)
    equal(await error(log, ['a'], { sequence: 0 }), errorCodes.NONE)
    equal(await error(log, ['b'], { sequence: 1 }), errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER)
  })

  test('is verified before its first batch alone', async () => {
    const log = logOf()
    let asked = 0
    const verify = () => {
      asked++
      return errorCodes.NONE
    }
    await send(log, ['a'], { sequence: 0, isTransactional: true }, verify)
    await send(log, ['b'], { sequence: 1, isTransactional: true }, verify)
    equal(asked, 1)
    log.mark({ producerId, producerEpoch: 0, isCommit: true })
    await send(log, ['c'], { sequence: 2, isTransactional: true }, verify)
    equal(asked, 2)
  })

  test('is verified for a batch that comes again after its end, and for one of another epoch', async () => {
    const log = logOf()
    const isUnknown = () => errorCodes.INVALID_TXN_STATE
    await send(log, ['a'], { sequence: 0, isTransactional: true })
    const isFenced = () => errorCodes.PRODUCER_FENCED
    const newer = await send(log, ['b'], { sequence: 0, epoch: 5, isTransactional: true }, isFenced)
    equal(newer.error, errorCodes.INVALID_PRODUCER_EPOCH)
    log.mark({ producerId, producerEpoch: 0, isCommit: true })
    const again = await send(log, ['a'], { sequence: 0, isTransactional: true }, isUnknown)
    equal(again.error, errorCodes.INVALID_TXN_STATE)
  })

  test('of an epoch that has ended here is refused before its coordinator is asked', async () => {
    const log = logOf()
    log.mark({ producerId, producerEpoch: 3, isCommit: false })
    const isUnknown = () => errorCodes.INVALID_PRODUCER_ID_MAPPING
    const late = await send(log, ['a'], { sequence: 0, epoch: 2, isTransactional: true }, isUnknown)
    equal(late.error, errorCodes.INVALID_PRODUCER_EPOCH)
  })

  test('whose marker comes during the verification does not begin again', async () => {
    const log = logOf()
    let answer: (code: number) => void = () => undefined
    const late = log.append(
      batchOf(['a'], { producerId, isTransactional: true }),
      () => new Promise<number>((resolve) => (answer = resolve)),
    )
    await settle()
    equal((await send(log, ['a'], { sequence: 0, isTransactional: true })).error, errorCodes.NOT_ENOUGH_REPLICAS)
    log.mark({ producerId, producerEpoch: 0, isCommit: false })
    answer(errorCodes.NONE)
    equal((await late).error, errorCodes.INVALID_TXN_STATE)
    equal(log.lastStableOffset, log.endOffset)
  })

  test('takes no rows of its producer that are outside of it', async () => {
    const log = logOf()
    await send(log, ['a'], { sequence: 0, isTransactional: true })
    equal(await error(log, ['b'], { sequence: 1 }), errorCodes.INVALID_TXN_STATE)
  })

  test('is fenced by the marker of a later epoch', async () => {
    const log = logOf()
    await send(log, ['a'], { sequence: 0, isTransactional: true })
    log.mark({ producerId, producerEpoch: 1, isCommit: false })
    equal(await error(log, ['b'], { sequence: 1, isTransactional: true }), errorCodes.INVALID_PRODUCER_EPOCH)
    equal(log.mark({ producerId, producerEpoch: 0, isCommit: true }), errorCodes.INVALID_PRODUCER_EPOCH)
  })

  test('keeps its producer from being forgotten', async () => {
    const clock = new FakeClock()
    const log = logOf(clock)
    await send(log, ['a'], { sequence: 0, isTransactional: true })
    await clock.elapse(2 * dayMs)
    log.maintain()
    equal(log.producers().length, 1)
  })
})

suite('a transaction under a newer epoch in a partition log', () => {
  test('is not disturbed by a batch of the epoch before, which is refused', async () => {
    const log = logOf()
    let answer: (code: number) => void = () => undefined
    const batch = batchOf(['new'], { producerId, epoch: 1, isTransactional: true })
    const newer = log.append(batch, () => new Promise<number>((resolve) => (answer = resolve)))
    await settle()
    const older = await send(log, ['old'], { sequence: 0, isTransactional: true }, () => errorCodes.PRODUCER_FENCED)
    equal(older.error, errorCodes.INVALID_PRODUCER_EPOCH)
    answer(errorCodes.NONE)
    equal((await newer).error, errorCodes.NONE)
  })
})
