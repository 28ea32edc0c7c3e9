import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Marker } from '../../../src/embedded/core/control-batch.ts'
import type { TopicPartition } from '../../../src/embedded/core/group-offsets.ts'
import { MemoryStorage } from '../../../src/embedded/core/memory-storage.ts'
import { StateLog } from '../../../src/embedded/core/state-log.ts'
import { TransactionCoordinator, type TransactionSettings } from '../../../src/embedded/core/transactions.ts'
import { errorCodes } from '../../../src/embedded/error-codes.ts'
import { dayMs } from './batches.ts'
import { FakeClock, settle } from './fake-clock.ts'

const transactionalId = 'tx'
const timeoutMs = 60_000
const partition = { topic: 'rows', partition: 3 }

/** A coordinator, and what it does to logs and groups. */
function coordinatorOf(settings: Partial<TransactionSettings> = {}) {
  const clock = new FakeClock()
  const done: string[] = []
  const storage = new (class extends MemoryStorage {
    override async sync(): Promise<void> {
      done.push('state log synced')
    }
  })()
  /** resolves when markers may be written */
  let gate = Promise.resolve()
  const mark = async (what: string, { producerEpoch, isCommit }: Marker) => {
    await gate
    done.push(`${isCommit ? 'commit' : 'abort'} ${what} of epoch ${producerEpoch}`)
  }
  const host = {
    sync: async (partitions: readonly TopicPartition[], groups: readonly string[]) => {
      await settle()
      done.push(`synced ${[...partitions.map(({ topic, partition: of }) => `${topic}/${of}`), ...groups]}`)
    },
    markPartition: ({ topic, partition: of }: TopicPartition, marker: Marker) => mark(`${topic}/${of}`, marker),
    markGroup: mark,
    fail: (error: unknown) => {
      throw error
    },
  }
  const open = () => new TransactionCoordinator(new StateLog(storage, clock), clock, host, settings)
  const stopMarkers = () => {
    let go = (): void => undefined
    gate = new Promise((resolve) => {
      go = resolve
    })
    return () => go()
  }
  return { clock, done, open, stopMarkers, transactions: open() }
}

type Coordinator = TransactionCoordinator

const init = (
  transactions: Coordinator,
  own: { producerId?: bigint; epoch?: number } = {},
  id: string | null = transactionalId,
) => transactions.initProducerId({ transactionalId: id, timeoutMs, producerId: -1n, epoch: -1, ...own })

async function begun(transactions: Coordinator) {
  const { producerId, epoch } = await init(transactions)
  const producer = { transactionalId, producerId, epoch }
  equal(transactions.addPartitions(producer, [partition]), errorCodes.NONE)
  return producer
}

suite('producer ids of a coordinator', () => {
  test('are another for each producer without a transactional id, over restarts too', async () => {
    const { transactions, open } = coordinatorOf()
    const given = [await init(transactions, {}, null), await init(transactions, {}, null), await init(open(), {}, null)]
    deepEqual(
      given.map(({ error, epoch }) => [error, epoch]),
      [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
    )
    equal(new Set(given.map(({ producerId }) => producerId)).size, 3)
  })

  test('stay with their transactional id, whose epoch grows', async () => {
    const { transactions, open } = coordinatorOf()
    const first = await init(transactions)
    deepEqual(await init(transactions), { ...first, epoch: 1 })
    deepEqual(await init(open()), { ...first, epoch: 2 })
  })

  test('that a producer tells are checked, and its request may come twice: KIP-360', async () => {
    const { transactions } = coordinatorOf()
    const first = await init(transactions)
    const second = await init(transactions, first)
    deepEqual(second, { ...first, epoch: 1 })
    deepEqual(await init(transactions, first), second)
    deepEqual(await init(transactions, second), { ...first, epoch: 2 })
    equal((await init(transactions, first)).error, errorCodes.PRODUCER_FENCED)
    equal((await init(transactions, { producerId: 999n, epoch: 2 })).error, errorCodes.PRODUCER_FENCED)
    equal((await init(transactions, { producerId: 1n })).error, errorCodes.INVALID_REQUEST)
  })

  test('change when epochs are used up, and the one who asks again gets the same', async () => {
    const { transactions } = coordinatorOf({ firstEpoch: 32_765 })
    const first = await init(transactions)
    const last = await init(transactions, first)
    equal(last.epoch, 32_766)
    const next = await init(transactions, last)
    deepEqual([next.epoch, next.producerId === first.producerId], [0, false])
    deepEqual(await init(transactions, last), next)
  })

  test('are refused with a time-out beyond the limit, and with an empty transactional id', async () => {
    const { transactions } = coordinatorOf({ maxTimeoutMs: 10 })
    equal((await init(transactions)).error, errorCodes.INVALID_TRANSACTION_TIMEOUT)
    equal((await init(transactions, {}, '')).error, errorCodes.INVALID_REQUEST)
  })
})

suite('a transaction of a coordinator', () => {
  test('is decided once rows and decision are durable, and marked afterwards', async () => {
    const { transactions, done, stopMarkers } = coordinatorOf()
    const producer = await begun(transactions)
    equal(transactions.addOffsets(producer, 'g'), errorCodes.NONE)
    done.length = 0
    const go = stopMarkers()
    equal(await transactions.end(producer, true), errorCodes.NONE)
    deepEqual(done, ['synced rows/3,g', 'state log synced'])
    deepEqual(transactions.open(), [transactionalId])
    go()
    await settle()
    // The end is durable as well before the next transaction may begin, whose rows the decision must not meet.
    deepEqual(done.slice(2), ['commit rows/3 of epoch 0', 'commit g of epoch 0', 'state log synced'])
    deepEqual(transactions.open(), [])
  })

  test('that ends in the same way again is told the same, otherwise refused', async () => {
    const { transactions, stopMarkers } = coordinatorOf()
    const producer = await begun(transactions)
    const go = stopMarkers()
    await transactions.end(producer, true)
    equal(await transactions.end(producer, true), errorCodes.CONCURRENT_TRANSACTIONS)
    equal(await transactions.end(producer, false), errorCodes.INVALID_TXN_STATE)
    equal(transactions.addPartitions(producer, [partition]), errorCodes.CONCURRENT_TRANSACTIONS)
    equal(transactions.verifyPartition(producer, partition), errorCodes.CONCURRENT_TRANSACTIONS)
    equal((await init(transactions)).error, errorCodes.CONCURRENT_TRANSACTIONS)
    go()
    await settle()
    equal(await transactions.end(producer, true), errorCodes.NONE)
    equal(await transactions.end(producer, false), errorCodes.INVALID_TXN_STATE)
  })

  test('is refused to those that are not its producer, and where there is none', async () => {
    const { transactions } = coordinatorOf()
    const producer = await begun(transactions)
    for (const [other, error] of [
      [{ ...producer, epoch: 5 }, errorCodes.PRODUCER_FENCED],
      [{ ...producer, producerId: 999n }, errorCodes.INVALID_PRODUCER_ID_MAPPING],
      [{ ...producer, transactionalId: 'other' }, errorCodes.INVALID_PRODUCER_ID_MAPPING],
    ] as const) {
      equal(transactions.addPartitions(other, [partition]), error)
      equal(transactions.addOffsets(other, 'g'), error)
      equal(transactions.verifyPartition(other, partition), error)
      equal(await transactions.end(other, true), error)
    }
    await init(transactions)
    await settle()
    const { producerId, epoch } = await init(transactions)
    equal(await transactions.end({ transactionalId, producerId, epoch }, true), errorCodes.INVALID_TXN_STATE)
  })

  test('spans the partitions and groups that were added, and no others', async () => {
    const { transactions } = coordinatorOf()
    const producer = await begun(transactions)
    equal(transactions.verifyPartition(producer, partition), errorCodes.NONE)
    equal(transactions.verifyPartition(producer, { ...partition, partition: 4 }), errorCodes.INVALID_TXN_STATE)
    equal(transactions.verifyGroup(producer, 'g'), errorCodes.INVALID_TXN_STATE)
    ok(transactions.covers(producer.producerId, producer.epoch, partition))
    ok(!transactions.covers(producer.producerId, producer.epoch, { ...partition, partition: 4 }))
  })

  test('is rolled back by the next producer, under an epoch that nobody has', async () => {
    const { transactions, done } = coordinatorOf()
    const producer = await begun(transactions)
    equal((await init(transactions)).error, errorCodes.CONCURRENT_TRANSACTIONS)
    await settle()
    ok(done.includes('abort rows/3 of epoch 1'))
    deepEqual(await init(transactions), { error: 0, producerId: producer.producerId, epoch: 2 })
  })

  test('that nobody ends is rolled back after its time-out, and its producer is told', async () => {
    const { transactions, clock, done } = coordinatorOf()
    const producer = await begun(transactions)
    await clock.elapse(timeoutMs - 1)
    deepEqual(transactions.open(), [transactionalId])
    await clock.elapse(1)
    deepEqual(transactions.open(), [])
    equal(done.at(-1), 'abort rows/3 of epoch 1')
    equal(await transactions.end(producer, true), errorCodes.PRODUCER_FENCED)
  })

  test('after a time-out goes on with KIP-360, but not where brokers are old', async () => {
    for (const keepsLastEpoch of [true, false]) {
      const { transactions, clock } = coordinatorOf({ keepsLastEpoch })
      const producer = await begun(transactions)
      await clock.elapse(timeoutMs)
      const again = await init(transactions, producer)
      deepEqual([again.error, again.epoch], keepsLastEpoch ? [0, 1] : [errorCodes.PRODUCER_FENCED, -1])
    }
  })

  test('that has ended has no time-out', async () => {
    const { transactions, clock, done } = coordinatorOf()
    await transactions.end(await begun(transactions), true)
    await clock.elapse(2 * timeoutMs)
    ok(!done.some((each) => each.startsWith('abort')))
    equal(clock.pending, 0)
  })
})

suite('transactions after a restart of their coordinator', () => {
  test('are completed as they were decided', async () => {
    const { transactions, done, open, stopMarkers } = coordinatorOf()
    const producer = await begun(transactions)
    const go = stopMarkers()
    await transactions.end(producer, true)
    done.length = 0
    go()
    const again = open()
    deepEqual(again.open(), [transactionalId])
    await again.start()
    ok(done.includes('commit rows/3 of epoch 0'))
    deepEqual(again.open(), [])
    equal(await again.end(producer, true), errorCodes.NONE)
  })

  test('that were open go on, and keep their time-out', async () => {
    const { transactions, clock, done, open } = coordinatorOf()
    const producer = await begun(transactions)
    const other = { ...partition, partition: 4 }
    transactions.addPartitions(producer, [other])
    await clock.elapse(timeoutMs / 2)
    transactions.close()
    const again = open()
    await again.start()
    equal(again.verifyPartition(producer, partition), errorCodes.NONE)
    equal(again.verifyPartition(producer, other), errorCodes.NONE)
    await clock.elapse(timeoutMs / 2)
    deepEqual(done.slice(-2), ['abort rows/3 of epoch 1', 'abort rows/4 of epoch 1'])
  })

  test('whose time-out has passed meanwhile are rolled back at once', async () => {
    const { transactions, clock, open } = coordinatorOf()
    await begun(transactions)
    transactions.close()
    await clock.elapse(10 * timeoutMs)
    const again = open()
    await again.start()
    await clock.elapse(0)
    deepEqual(again.open(), [])
  })
})

suite('transactional ids of a coordinator', () => {
  test('are described and listed', async () => {
    const { transactions, clock } = coordinatorOf()
    const producer = await begun(transactions)
    await init(transactions, {}, 'idle')
    deepEqual(transactions.describe(transactionalId), {
      error: 0,
      ...producer,
      state: 'Ongoing',
      timeoutMs,
      startedMs: clock.nowMs,
      partitions: [partition],
      groups: [],
    })
    equal(transactions.describe('nobody').error, errorCodes.TRANSACTIONAL_ID_NOT_FOUND)
    equal(transactions.describe('idle').startedMs, -1)
    const names = (filter: object) => transactions.list(filter).transactions.map((each) => each.transactionalId)
    deepEqual(names({}), [transactionalId, 'idle'])
    deepEqual(names({ states: ['Ongoing'] }), [transactionalId])
    deepEqual(names({ producerIds: [producer.producerId] }), [transactionalId])
    deepEqual(names({ states: ['Ongoing'], longerThanMs: 10 }), [])
    deepEqual(transactions.list({ states: ['Ongoing', 'Odd'] }).unknownStates, ['Odd'])
  })

  test('are forgotten a week after they were used last, unless a transaction is open', async () => {
    const { transactions, clock, open } = coordinatorOf()
    await init(transactions, {}, 'idle')
    await clock.elapse(7 * dayMs - 1)
    transactions.maintain()
    equal(transactions.list().transactions.length, 1)
    await begun(transactions)
    await clock.elapse(1)
    transactions.maintain()
    deepEqual(
      open()
        .list()
        .transactions.map((each) => each.transactionalId),
      [transactionalId],
    )
  })
})
