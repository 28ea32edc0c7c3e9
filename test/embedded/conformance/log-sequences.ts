import { compressions } from '../../../src/batch/batch-header.ts'
import type { Chance } from './chance.ts'
import {
  askFutureVersions,
  describeProducers,
  fetch,
  initProducer,
  listOffsets,
  produce,
  produceUnanswered,
} from './log-steps.ts'
import { type BatchPlan, flaws, type Row, rowTimeMs } from './produced-batch.ts'
import { ask, type Step } from './step.ts'
import { type Configs, createTopic, oneSegment } from './topic-steps.ts'

const partitions = [0, 0, 0, 1, 1] as const
const hourMs = 3_600_000

function rows(chance: Chance, topicHasKeys: boolean): Row[] {
  const count = chance.weighted([
    [4, chance.int(1, 4)],
    [1, chance.int(20, 60)],
  ])
  return Array.from({ length: count }, (_, i) => ({
    key: topicHasKeys || chance.oneIn(3) ? chance.pick(['a', 'b', 'c']) : null,
    value: chance.oneIn(10) ? null : `row ${i} ${'x'.repeat(chance.oneIn(4) ? 300 : chance.int(0, 20))}`,
    timestampMs: rowTimeMs + chance.int(0, 50) * 1000,
  }))
}

function plan(chance: Chance, topicHasKeys: boolean): BatchPlan {
  const batch = { rows: rows(chance, topicHasKeys), compression: chance.pick(compressions) }
  // One thing is wrong at a time: zstd is too, in old versions.
  if (chance.oneIn(6)) return { ...batch, compression: chance.pick(['none', 'gzip']), flaw: chance.pick(flaws) }
  if (chance.oneIn(30)) return { ...batch, rows: [{ key: 'late', value: 'v', timestampMs: Date.now() + 3 * hourMs }] }
  return batch
}

function topicConfigs(chance: Chance): Configs {
  return {
    ...oneSegment,
    ...(chance.oneIn(4) && { 'max.message.bytes': '700' }),
    ...(chance.oneIn(4) && { 'message.timestamp.type': 'LogAppendTime' }),
    ...(chance.oneIn(5) && { 'cleanup.policy': 'compact' }),
  }
}

function append(chance: Chance, hasKeys: boolean): Step {
  const topic = chance.oneIn(40) ? 'absent' : 't0'
  const partition = chance.oneIn(40) ? 9 : chance.pick(partitions)
  if (chance.oneIn(20))
    return produce(chance, topic, partition, { rows: rows(chance, hasKeys) }, { acks: chance.pick([2, -2, 5]) })
  return produce(chance, topic, partition, plan(chance, hasKeys), { acks: chance.pick([1, -1]) })
}

function appendIdempotent(chance: Chance, hasKeys: boolean): Step {
  const isPlain = chance.oneIn(2)
  const idempotence = {
    producer: chance.oneIn(15) ? 'nobody' : chance.pick(['p', 'p', 'q']),
    sequenceShift: isPlain ? 0 : chance.pick([0, -1, -2, -3, -4, -8, -20, 1, 2, 5]),
    epochShift: isPlain ? 0 : chance.pick([0, 0, 0, 1, -1]),
    isTransactional: chance.oneIn(25),
  }
  return produce(chance, 't0', chance.pick(partitions), plan(chance, hasKeys), { idempotence })
}

function appendUnanswered(chance: Chance, hasKeys: boolean): Step {
  const batch = plan(chance, hasKeys)
  // The embedded broker stores garbage: see the list of differences.
  const told = batch.flaw === 'garbage records' ? { ...batch, flaw: 'checksum' as const } : batch
  return produceUnanswered(chance, chance.oneIn(8) ? 'absent' : 't0', chance.pick(partitions), told)
}

/** The same rows twice, with the same sequence numbers: what a producer does that has lost the answer. */
function appendTwice(chance: Chance, hasKeys: boolean): Step[] {
  const partition = chance.pick(partitions)
  const batch = { rows: rows(chance, hasKeys) }
  const right = { producer: 'p', sequenceShift: 0, epochShift: 0 }
  return [
    produce(chance, 't0', partition, batch, { idempotence: right }),
    produce(chance, 't0', partition, batch, { idempotence: { ...right, sequenceShift: -batch.rows.length } }),
  ]
}

function read(chance: Chance): Step {
  const asked = Array.from({ length: chance.pick([1, 1, 2]) }, (_, i) => ({
    topic: chance.oneIn(30) ? 'absent' : 't0',
    partition: chance.oneIn(40) ? 9 + i : i,
    offset: chance.weighted([
      [3, 0],
      [4, chance.int(1, 30)],
      [1, chance.pick([-1, -2, 1_000_000])],
    ]),
    maxBytes: chance.pick([0, 1, 200, 1000, 2 ** 20, 2 ** 20]),
    currentLeaderEpoch: chance.oneIn(8) ? chance.pick([0, 1, 5]) : -1,
    lastFetchedEpoch: chance.oneIn(10) ? chance.pick([0, 1]) : -1,
  }))
  return fetch(chance, asked, {
    isolationLevel: chance.int(0, 1),
    maxBytes: chance.pick([0, 1, 500, 2 ** 20, 2 ** 20, 2 ** 20]),
    minBytes: chance.pick([0, 1, 1, 5000]),
    maxWaitMs: chance.pick([0, 0, 20]),
    ...(chance.oneIn(15) && { sessionId: chance.pick([0, 0, 4711]), sessionEpoch: chance.pick([-1, 0, 1, 7]) }),
  })
}

function find(chance: Chance): Step {
  const topic = chance.oneIn(30) ? 'absent' : 't0'
  // Not -3, the newest: Apache Kafka still finds rows that DeleteRecords has deleted, until their segment goes.
  const timestamp = chance.oneIn(2) ? chance.pick([-1, -1, -2, -2, -4, -5]) : rowTimeMs + chance.int(-2, 60) * 500
  const epoch = chance.oneIn(8) ? chance.pick([0, 1, 5]) : -1
  return listOffsets(chance, topic, chance.pick(partitions), timestamp, chance.int(0, 1), epoch)
}

function deleteRecords(chance: Chance): Step {
  const topic = chance.oneIn(20) ? 'absent' : 't0'
  const offset = chance.pick([-1, 0, 1, 3, 5, 10, 1000, -2])
  const partitionIndex = chance.oneIn(30) ? 9 : 0
  return ask(
    'DeleteRecords',
    chance.version('DeleteRecords'),
    (run) => ({
      topics: [{ name: run.name(topic), partitions: [{ partitionIndex, offset }] }],
      timeoutMs: 5_000,
    }),
    { label: `${topic} before ${offset}` },
  )
}

function endOfEpoch(chance: Chance): Step {
  const [currentLeaderEpoch, leaderEpoch] = [chance.pick([-1, -1, 0, 1]), chance.pick([0, 0, -1, 1, 3])]
  const topic = chance.oneIn(20) ? 'absent' : 't0'
  return ask(
    'OffsetForLeaderEpoch',
    chance.version('OffsetForLeaderEpoch'),
    (run) => ({
      replicaId: -1,
      topics: [{ topic: run.name(topic), partitions: [{ partition: 0, currentLeaderEpoch, leaderEpoch }] }],
    }),
    { label: `${topic} epoch ${leaderEpoch} of ${currentLeaderEpoch}` },
  )
}

/** Produce and Fetch of one topic with two partitions, and what else asks its log. */
export function logSequence(chance: Chance): Step[] {
  const configs = topicConfigs(chance)
  const hasKeys = configs['cleanup.policy'] === 'compact' && !chance.oneIn(4)
  const isDeleting = chance.oneIn(3)
  // Batches of one millisecond share their time: which of them is the newest is a matter of speed.
  const isStamped = configs['message.timestamp.type'] === 'LogAppendTime'
  const steps = [createTopic(chance, 't0', 2, configs), initProducer(chance, 'p'), initProducer(chance, 'q')]
  const count = chance.int(8, 22)
  while (steps.length < count)
    steps.push(
      ...chance.weighted<() => Step[]>([
        [4, () => [append(chance, hasKeys)]],
        [5, () => [appendIdempotent(chance, hasKeys)]],
        [1, () => appendTwice(chance, hasKeys)],
        [0.7, () => [appendUnanswered(chance, hasKeys)]],
        [0.2, () => [askFutureVersions()]],
        [6, () => [read(chance)]],
        [3, () => [find(chance)]],
        [1, () => [isDeleting || isStamped ? deleteRecords(chance) : listOffsets(chance, 't0', chance.int(0, 1), -3)]],
        [1, () => [endOfEpoch(chance)]],
        [1, () => [describeProducers(chance, 't0', [0, 1])]],
      ])(),
    )
  return [
    ...steps,
    fetch(
      chance,
      [0, 1].map((partition) => ({ topic: 't0', partition, offset: 0 })),
    ),
  ]
}
