import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { readBatchHeader } from '../../../src/batch/batch-header.ts'
import { readMarker } from '../../../src/embedded/core/control-batch.ts'
import { errorCodes } from '../../../src/embedded/error-codes.ts'
import { FileStores } from '../../../src/embedded/log-stores.ts'
import { randomFrom } from '../../seeded-random.ts'
import { AskedBroker } from '../asked-broker.ts'
import { batchOf, type Row, rowsOf } from '../core/batches.ts'
import { FakeClock } from '../core/fake-clock.ts'
import { CutFiles } from './cut-files.ts'

const seed = Number(process.env.VGM_SEED ?? 1_000)
const disks = Number(process.env.VGM_DISKS ?? 30)
/** of each disk, one after the other */
const cuts = 8

const transactionalId = 'cut'
const groupId = 'readers'
const partitions = [
  { topic: 'rows', partition: 0 },
  { topic: 'rows', partition: 1 },
  { topic: 'latest', partition: 0 },
] as const
/** Cleaned, trimmed and expired as often as can be. */
const settings = {
  'log.retention.check.interval.ms': 10,
  'log.cleaner.min.cleanable.ratio': 0,
  'log.cleaner.delete.retention.ms': 0,
}
const nothing = { errorCode: -1 }

/** What the writer was told of each transaction, and of each topic: undefined where the answer did not come. */
interface Told {
  readonly transactions: (boolean | undefined)[]
  readonly topics: Map<string, boolean | undefined>
}

/** A broker on a disk, whose answers count until the power is cut. */
class CutBroker {
  readonly files: CutFiles
  readonly asked: AskedBroker
  readonly #gone = Promise.withResolvers<typeof nothing>()

  private constructor(files: CutFiles, clock: FakeClock) {
    this.files = files
    files.onCut = () => this.#gone.resolve(nothing)
    this.asked = new AskedBroker({
      settings,
      clock,
      stores: new FileStores('/data/logs', { files, segmentBytes: 4_000 }),
    })
  }

  /** undefined if the power is cut at once */
  static async start(files: CutFiles, clock: FakeClock): Promise<CutBroker | undefined> {
    try {
      const broker = new CutBroker(files, clock)
      await broker.asked.broker.start()
      return files.isCut ? undefined : broker
    } catch (error) {
      if (files.isCut) return undefined
      throw error
    }
  }

  /** An answer, or undefined if the power was cut before it was given. */
  async told<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.files.isCut) return undefined
    const answer = await Promise.race([
      work().catch((error) => (this.files.isCut ? nothing : Promise.reject(error))),
      this.#gone.promise,
    ])
    return this.files.isCut || answer === nothing ? undefined : (answer as T)
  }

  get ask() {
    return this.asked.ask.bind(this.asked)
  }
}

async function openProducer(broker: CutBroker) {
  for (;;) {
    const answer = await broker.told(() =>
      broker.ask('InitProducerId', { transactionalId, transactionTimeoutMs: 60_000 }),
    )
    if (answer === undefined) return undefined
    if (answer.errorCode === errorCodes.NONE)
      return { producerId: answer.producerId!, producerEpoch: answer.producerEpoch }
    await broker.asked.clock.elapse(1)
  }
}

/** Writes a transaction over all partitions, with the group's offset; whether it was committed, as far as is told. */
async function writeTransaction(
  broker: CutBroker,
  producer: { readonly producerId: bigint; readonly producerEpoch: number },
  sequences: number[],
  name: string,
  number: number,
  isCommit: boolean,
): Promise<boolean | undefined> {
  const { producerId, producerEpoch: epoch } = producer
  for (let error = errorCodes.CONCURRENT_TRANSACTIONS as number; error !== errorCodes.NONE; ) {
    const added = await broker.told(() =>
      broker.ask('AddPartitionsToTxn', {
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: producerId,
        v3AndBelowProducerEpoch: epoch,
        v3AndBelowTopics: [
          { name: 'rows', partitions: [0, 1] },
          { name: 'latest', partitions: [0] },
        ],
      }),
    )
    if (added === undefined) return undefined
    const results = added.resultsByTopicV3AndBelow.flatMap(({ resultsByPartition }) => resultsByPartition)
    error = results[0].partitionErrorCode
    if (error === errorCodes.NONE) break
    equal(error, errorCodes.CONCURRENT_TRANSACTIONS)
    await broker.asked.clock.elapse(1)
  }
  for (const [i, { topic, partition }] of partitions.entries()) {
    const rows: Row[] = [
      { key: `${name}/0`, value: name },
      { key: 'hot', value: name },
      { key: `${name}/1`, value: 'x'.repeat(300) },
    ]
    const records = Buffer.from(batchOf(rows, { producerId, epoch, sequence: sequences[i], isTransactional: true }))
    sequences[i] += rows.length
    const topicData = [{ name: topic, partitionData: [{ index: partition, records }] }]
    const answer = await broker.told(() =>
      broker.ask('Produce', { transactionalId, acks: -1, timeoutMs: 1_000, topicData }),
    )
    if (answer === undefined) return undefined
    const { errorCode, errorMessage } = answer.responses[0].partitionResponses[0]
    equal(errorCode, errorCodes.NONE, errorMessage ?? '')
  }
  await broker.told(() => broker.ask('AddOffsetsToTxn', { transactionalId, ...producer, groupId }))
  const offsets = [{ partitionIndex: 0, committedOffset: number, committedMetadata: null }]
  await broker.told(() =>
    broker.ask('TxnOffsetCommit', {
      transactionalId,
      groupId,
      ...producer,
      topics: [{ name: 'rows', partitions: offsets }],
    }),
  )
  const ended = await broker.told(() => broker.ask('EndTxn', { transactionalId, ...producer, committed: isCommit }))
  if (ended === undefined) return undefined
  equal(ended.errorCode, errorCodes.NONE)
  return isCommit
}

/** Makes a topic or deletes one, and writes rows that nobody waits for. */
async function others(broker: CutBroker, random: () => number, told: Told, name: string): Promise<void> {
  const [old] = [...told.topics].filter(([, isThere]) => isThere === true).map(([topic]) => topic)
  if (old !== undefined && random() < 0.6) {
    told.topics.set(old, undefined)
    const answer = await broker.told(() =>
      broker.ask('DeleteTopics', { topics: [{ name: old, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }], timeoutMs: 1_000 }),
    )
    if (answer?.responses[0].errorCode === errorCodes.NONE) told.topics.set(old, false)
  } else {
    told.topics.set(`topic-${name}`, undefined)
    const answer = await broker.told(() => broker.asked.createTopic(`topic-${name}`, 2))
    if (answer?.errorCode === errorCodes.NONE) told.topics.set(`topic-${name}`, true)
  }
  await broker.told(() => broker.asked.produce(`topic-${name}`, 1, ['plain']))
  // Trims what no transaction of this test looks for.
  await broker.told(() => broker.asked.produce('plain', 0, ['x'.repeat(500)]))
  await broker.told(() =>
    broker.ask('DeleteRecords', {
      topics: [{ name: 'plain', partitions: [{ partitionIndex: 0, offset: -1 }] }],
      timeoutMs: 1,
    }),
  )
}

/** Rows of a partition whose transaction was committed, as a consumer sees them. */
async function committedRows(broker: CutBroker, topic: string, partition: number) {
  const rows: { readonly key: string | null; readonly value: string | null }[] = []
  const { responses } = await broker.asked.fetch([{ topic, partition, offset: 0 }], {
    isolationLevel: 1,
    maxBytes: 1e9,
    partitionMaxBytes: 1e9,
  })
  const [{ records, abortedTransactions, lastStableOffset, highWatermark }] = responses[0].partitions
  equal(lastStableOffset, highWatermark, 'nothing is open')
  const aborted = [...(abortedTransactions ?? [])].sort((a, b) => Number(a.firstOffset) - Number(b.firstOffset))
  const rolledBack = new Set<bigint>()
  const bytes = Buffer.concat([records ?? []].flat() as Buffer[])
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at < bytes.length; ) {
    const header = readBatchHeader(bytes, view, at)!
    const batch = bytes.subarray(at, header.end)
    at = header.end
    while (aborted.length > 0 && Number(aborted[0].firstOffset) <= header.lastOffset)
      rolledBack.add(aborted.shift()!.producerId)
    if (header.isControl) {
      const batchView = new DataView(batch.buffer, batch.byteOffset, batch.length)
      const marker = readMarker({ bytes: batch, view: batchView, header: readBatchHeader(batch, batchView, 0)! })
      if (marker?.isCommit === false) rolledBack.delete(header.producerId)
    } else if (!header.isTransactional || !rolledBack.has(header.producerId)) rows.push(...rowsOf([batch]))
  }
  return rows
}

/** Compares what is there after a cut with what was told before it. */
async function check(broker: CutBroker, told: Told): Promise<void> {
  const { transactions, topics } = told
  const found = await Promise.all(partitions.map(({ topic, partition }) => committedRows(broker, topic, partition)))
  const wholeIn = found.map((rows) => {
    const keys = rows.map(({ key }) => key)
    return transactions.map((_, i) => {
      const [first, second] = [0, 1].map((part) => keys.filter((key) => key === `${i}/${part}`).length)
      equal(first, second, `transaction ${i} is half in a partition`)
      ok(first <= 1, `transaction ${i} is there ${first} times`)
      return first === 1
    })
  })
  for (const [i, isCommitted] of transactions.entries()) {
    const isThere = wholeIn.map((whole) => whole[i])
    deepEqual(isThere, Array(partitions.length).fill(isThere[0]), `transaction ${i} is half committed`)
    if (isCommitted !== undefined) equal(isThere[0], isCommitted, `transaction ${i}`)
    transactions[i] = isThere[0]
  }
  const newest = transactions.lastIndexOf(true)
  for (const rows of found) if (newest >= 0) equal(rows.findLast(({ key }) => key === 'hot')?.value, String(newest))
  const { groups } = await broker.ask('OffsetFetch', {
    groups: [{ groupId, topics: [{ name: 'rows', partitionIndexes: [0] }] }],
    requireStable: true,
  })
  equal(Number(groups![0].topics[0].partitions[0].committedOffset), newest, 'offset of the group')
  const { topics: listed } = await broker.ask('Metadata', { topics: null })
  const names = new Set(listed.map(({ name }) => name))
  for (const [topic, isThere] of topics) {
    if (isThere !== undefined) equal(names.has(topic), isThere, topic)
    topics.set(topic, names.has(topic))
  }
}

async function prepare(broker: CutBroker): Promise<void> {
  for (const [name, count, policy] of [
    ['rows', 2, 'delete'],
    ['latest', 1, 'compact'],
    ['plain', 1, 'delete'],
  ] as const)
    equal((await broker.asked.createTopic(name, count, { 'cleanup.policy': policy }))?.errorCode, errorCodes.NONE)
}

/** One disk, and a power cut after the other. */
async function useDisk(random: () => number): Promise<{ readonly committed: number; readonly unknown: number }> {
  let clock = new FakeClock()
  const told: Told = { transactions: [], topics: new Map() }
  let files = new CutFiles()
  let unknown = 0
  const first = await CutBroker.start(files, clock)
  await prepare(first!)
  for (let cut = 0, broker = first; cut < cuts; cut++) {
    const isStopped = random() < 0.15
    if (!isStopped) files.cutAfter(1 + Math.floor(random() * 600))
    const producer = broker === undefined ? undefined : await openProducer(broker)
    const sequences = partitions.map(() => 0)
    for (let count = 0; producer !== undefined && !files.isCut && (!isStopped || count < 5); count++) {
      const number = told.transactions.length
      told.transactions.push(undefined)
      const isCommit = random() < 0.75
      told.transactions[number] = await writeTransaction(broker!, producer, sequences, String(number), number, isCommit)
      if (random() < 0.3) await others(broker!, random, told, String(number))
      // Housekeeping, and the markers of transactions.
      await clock.elapse(random() < 0.3 ? 20 : 1)
    }
    if (isStopped && broker !== undefined) await broker.asked.broker.close()
    unknown += told.transactions.filter((isCommitted) => isCommitted === undefined).length
    // A start may be cut as well.
    do {
      const keeps = [0, 0.5, 1, random()][Math.floor(random() * 4)]
      files = files.afterCut(random, keeps)
      if (random() < 0.3) files.cutAfter(1 + Math.floor(random() * 30))
      // What the broker before it waits for does not come any more.
      clock = Object.assign(new FakeClock(), { nowMs: clock.nowMs })
      broker = await CutBroker.start(files, clock)
    } while (broker === undefined || files.isCut)
    files.cutAfter(Number.POSITIVE_INFINITY)
    // Ends what is open.
    await openProducer(broker)
    await clock.elapse(1)
    await check(broker, told)
    deepEqual(broker.asked.failures, [])
  }
  return { committed: told.transactions.filter((isCommitted) => isCommitted === true).length, unknown }
}

suite('an embedded broker with a folder, at power cuts', () => {
  test(`keeps what it has told to be committed, and half commits nothing (seed ${seed})`, async () => {
    let committed = 0
    let unknown = 0
    for (let disk = 0; disk < disks; disk++) {
      const result = await useDisk(randomFrom(seed + disk))
      committed += result.committed
      unknown += result.unknown
    }
    ok(committed > 5 * disks && unknown > disks, `${committed} committed, ${unknown} unknown`)
  })
})
