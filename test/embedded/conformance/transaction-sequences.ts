import type { Chance } from './chance.ts'
import { fetchOffsets } from './group-steps.ts'
import { describeProducers, fetch, listOffsets, produce } from './log-steps.ts'
import { rowTimeMs } from './produced-batch.ts'
import type { Step } from './step.ts'
import { createTopic, oneSegment } from './topic-steps.ts'
import {
  addOffsets,
  addPartitions,
  type Caller,
  commitOffsets,
  describeTransactions,
  endTransaction,
  initTransactions,
  listTransactions,
} from './transaction-steps.ts'

/** Two producers of one transactional id fence each other; a third has an id of its own. */
function anyCaller(chance: Chance): Caller {
  const producer = chance.weighted([
    [6, 'p'],
    [4, 'q'],
    [3, 'r'],
    [0.3, 'nobody'],
  ])
  const id = chance.oneIn(30) ? 'unknown' : producer === 'r' ? 'x1' : 'x0'
  return { producer, id, epochShift: chance.oneIn(15) ? chance.pick([-1, 1, 5]) : 0 }
}

function init(chance: Chance, caller: Caller): Step {
  return initTransactions(chance, caller, {
    isResumed: chance.oneIn(3),
    timeoutMs: chance.oneIn(15) ? chance.pick([0, -1, 2_000_000_000]) : 60_000,
  })
}

function write(chance: Chance, { producer, id, epochShift }: Caller, partition: number): Step {
  const rows = Array.from({ length: chance.int(1, 3) }, (_, i) => ({
    key: null,
    value: `${producer} ${i}`,
    timestampMs: rowTimeMs + chance.int(0, 20) * 1000,
  }))
  const isTransactional = !chance.oneIn(12)
  return produce(
    chance,
    't0',
    partition,
    { rows },
    {
      idempotence: {
        producer,
        epochShift,
        sequenceShift: chance.oneIn(12) ? chance.pick([-1, 1, 4]) : 0,
        isTransactional,
        transactionalId: isTransactional !== chance.oneIn(15) ? id : null,
      },
    },
  )
}

/** What a client does that keeps the order. */
function wholeTransaction(chance: Chance, caller: Caller): Step[] {
  const partitions = chance.pick([[0], [1], [0, 1]])
  return [
    addPartitions(chance, caller, [['t0', partitions]]),
    ...partitions.map((partition) => write(chance, caller, partition)),
    ...(chance.oneIn(3) ? offsetsOf(chance, caller) : []),
    ...(chance.oneIn(4) ? [] : [endTransaction(chance, caller, !chance.oneIn(3))]),
  ]
}

function offsetsOf(chance: Chance, caller: Caller): Step[] {
  return [
    addOffsets(chance, caller, 'g0'),
    commitOffsets(chance, caller, 'g0', chance.int(1, 50), { generation: -1, memberId: '' }),
  ]
}

function oneStep(chance: Chance, caller: Caller): Step {
  const partition = chance.int(0, 1)
  return chance.weighted<() => Step>([
    [3, () => init(chance, caller)],
    [3, () => addPartitions(chance, caller, [['t0', [partition]]])],
    [
      0.5,
      () =>
        addPartitions(chance, caller, [
          ['t0', [partition]],
          ['absent', [0]],
        ]),
    ],
    [0.3, () => addPartitions(chance, caller, [['t0', [9]]])],
    [4, () => write(chance, caller, partition)],
    [1, () => addOffsets(chance, caller, 'g0')],
    [
      1.5,
      () =>
        commitOffsets(
          chance,
          caller,
          'g0',
          chance.int(1, 50),
          chance.pick([
            { generation: -1, memberId: '' },
            { generation: -1, memberId: '' },
            { generation: 3, memberId: '' },
            { generation: -1, memberId: 'somebody' },
            { generation: 3, memberId: 'somebody' },
          ]),
        ),
    ],
    [3, () => endTransaction(chance, caller, chance.oneIn(2))],
    [1, () => describeTransactions(chance, ['x0', 'x1', 'unknown'])],
    [
      0.7,
      () =>
        listTransactions(
          chance,
          chance.pick([[], [], ['Ongoing'], ['CompleteCommit', 'Empty'], ['Nonsense'], ['Ongoing', 'nonsense']]),
          chance.oneIn(3) ? 'p' : null,
        ),
    ],
    [1.5, () => describeProducers(chance, 't0', [0, 1])],
    [
      3,
      () =>
        fetch(chance, [{ topic: 't0', partition, offset: chance.oneIn(2) ? 0 : chance.int(0, 12) }], {
          isolationLevel: chance.oneIn(4) ? 0 : 1,
        }),
    ],
    [1.5, () => listOffsets(chance, 't0', partition, chance.pick([-1, -1, -3, rowTimeMs + 9000]), chance.int(0, 1))],
    [1, () => fetchOffsets(chance, 'g0', [['t0', [0, 1]]], chance.oneIn(2))],
  ])()
}

/** Transactions of two ids by three producers, in right and wrong orders. */
export function transactionSequence(chance: Chance): Step[] {
  const steps = [
    createTopic(chance, 't0', 2, oneSegment),
    initTransactions(chance, { producer: 'p', id: 'x0', epochShift: 0 }, { isResumed: false, timeoutMs: 60_000 }),
  ]
  const count = chance.int(10, 26)
  while (steps.length < count) {
    const caller = anyCaller(chance)
    if (chance.oneIn(5)) steps.push(...wholeTransaction(chance, caller))
    else steps.push(oneStep(chance, caller))
  }
  return [
    ...steps,
    describeTransactions(chance, ['x0', 'x1']),
    fetch(
      chance,
      [0, 1].map((partition) => ({ topic: 't0', partition, offset: 0 })),
      { isolationLevel: 1 },
    ),
    fetchOffsets(chance, 'g0', null, false),
  ]
}
