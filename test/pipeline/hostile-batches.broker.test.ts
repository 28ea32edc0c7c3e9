import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import avsc from 'avsc'
import { groupName } from '../../src/config/names.ts'
import { InterruptedError } from '../../src/errors.ts'
import { createControlClient } from '../../src/kafka/kafkajs-client.ts'
import { exportTopic } from '../../src/pipeline/export-topic.ts'
import { topicEnds, topicRanges, topicStarts } from '../../src/pipeline/row-topics.ts'
import { verifyDataset } from '../../src/pipeline/verify-dataset.ts'
import { rowErrorCodes, rowErrors } from '../../src/rows/row-error.ts'
import { deadLetterDefaults } from '../../src/stages/dead-letter-policy.ts'
import { failedRows } from '../../src/stages/row-census.ts'
import { sample } from '../../src/stages/sample.ts'
import { scanColumns } from '../../src/stages/scan-columns.ts'
import { temporaryFolder } from '../files/temporary-folder.ts'
import { batchOfTwo, compressedBatch, produceBatch, zstdBomb } from '../kafka/hostile-batches.ts'
import type { ReadRow } from '../kafka/test-broker.ts'
import { exampleContent } from '../model/example-model.ts'
import { framed, type NewRow, TestPipeline } from './test-pipeline.ts'

const type = avsc.Type.forSchema({
  type: 'record',
  name: 'Reading',
  fields: [
    { name: 'amount', type: 'double' },
    { name: 'note', type: 'string' },
  ],
})
const [shape] = exampleContent().columns
const columns = [{ ...shape, name: 'amount', type: 'double' as const, nullable: false, mean: [-3.5, 41.25] }]
const silent = () => undefined

/** A data set with a model, and a way to write what brokers take. */
async function open(t: TestContext, partitions = 1) {
  const pipeline = await TestPipeline.open(t)
  const { broker, topics, cluster } = pipeline
  const id = await pipeline.register(type)
  await pipeline.publish(columns)
  await cluster.admin.topics.ensureRowTopic({ topic: topics.raw, partitions })
  const value = (amount: number, note = '') => framed(id, type.toBuffer({ amount, note }))
  const good = (count: number, first = 0): NewRow[] =>
    Array.from({ length: count }, (_, i) => ({ key: null, value: value(first + i) }))
  const write = (rows: readonly NewRow[], partition = 0) =>
    pipeline.write(topics.raw, [...Array.from({ length: partition }, () => []), rows])
  const produce = (batch: Uint8Array, partition = 0) => produceBatch(broker.connections, topics.raw, partition, batch)
  return { pipeline, broker, topics, cluster, id, value, good, write, produce }
}

function amountsOf(rows: readonly ReadRow[]): number[] {
  return rows.map(({ valueBytes }) => (type.fromBuffer(valueBytes!.subarray(5)) as { amount: number }).amount)
}

const counted = (count: number, first = 0) => Array.from({ length: count }, (_, i) => first + i)

/** By how much a restored double may differ. */
const about = (values: readonly number[]) => values.map((value) => Math.round(value * 1e6) / 1e6)

function headersOf({ headers }: ReadRow): string {
  return Buffer.from(headers!, 'hex').toString()
}

suite('batches that brokers take', () => {
  // Brokers refuse a second frame of lz4.
  for (const codec of ['gzip', 'snappy', 'zstd'] as const)
    test(`rows of a ${codec} stream of two parts are all read`, async (t) => {
      const { pipeline, broker, topics, value, good, write, produce } = await open(t)
      await write(good(3))
      await produce(
        batchOfTwo(
          codec,
          counted(500, 3).map((i) => value(i, 'a note')),
        ),
      )
      await write(good(3, 503))
      const { rowsIn, rowsOut, deadLetters } = await pipeline.normalize()
      deepEqual([rowsIn, rowsOut, deadLetters], [506, 506, 0])
      await pipeline.restore()
      deepEqual(about(amountsOf(await broker.rows(topics.restored))), counted(506))
    })

  test('a batch that inflates beyond what a reader takes is set aside as it is, and stops no reader', async (t) => {
    const { pipeline, broker, topics, cluster, id, value, good, write, produce } = await open(t)
    const head = value(1).subarray(0, 13)
    const bombs = [zstdBomb(head, 256 * 2 ** 20), zstdBomb(head, 1.5e9)]
    ok(bombs[0].length < 9_000 && bombs[1].length < 48_000)
    await write(good(5))
    await produce(bombs[0])
    await write(good(5, 5))
    await produce(bombs[1])
    await write(good(5, 10))
    const ends = await topicEnds(cluster, topics.raw)

    await rejects(pipeline.normalize(silent, true, { deadLetters: { ...deadLetterDefaults, onInvalid: 'stop' } }), {
      code: 'VGM_ROW_INVALID',
      message: new RegExp(`${topics.raw}/0 offset \\d+: The batch inflates`),
      fix: /--on-invalid dead-letter/,
    })
    const { rowsIn, rowsOut, deadLetters } = await pipeline.normalize()
    deepEqual([rowsIn, rowsOut, deadLetters], [17, 15, 2])
    const letters = await broker.rows(topics.deadLetters)
    for (const [i, letter] of letters.entries()) {
      // But for its offset and its leader's epoch, which the broker has written.
      deepEqual(letter.valueBytes!.subarray(16), Buffer.from(bombs[i].subarray(16)))
      match(headersOf(letter), /VGM_BATCH_TOO_LARGE/)
      match(headersOf(letter), /vgm\.source\.offset\W+(\d+).*vgm\.source\.last\.offset\W+\1$/s)
    }
    equal(letters.length, 2)
    await pipeline.restore()
    deepEqual(about(amountsOf(await broker.rows(topics.restored))), counted(15))
    const { rows, lost, doubled, reordered, wrong, ...audited } = await verified(pipeline)
    deepEqual([rows, audited.deadLetters, lost, doubled, reordered, wrong], [15, 2, 0, 0, 0, 0])

    const reader = cluster.rows.openReader()
    t.after(() => reader.close())
    const { signal } = new AbortController()
    const [starts, ranges] = [await topicStarts(cluster, topics.raw), await topicRanges(cluster, topics.raw)]
    const named = columns.map(({ name }) => ({ name, type: 'double' as const, nullable: false }))
    const plan = { columns: named, centres: [0], keepsValues: false, ranges }
    const scanned = await scanColumns(reader, cluster.registry, plan as never, signal, silent)
    deepEqual([scanned.rows, failedRows(scanned.census)], [15, 2], 'a fit passes them over and counts them')

    await cluster.admin.topics.ensureRowTopic({ topic: topics.sample, partitions: 1 })
    const writer = await cluster.rows.openWriter(`${pipeline.dataset}.sampler`, 'none')
    t.after(() => writer.close())
    const passedOver: string[] = []
    const sampled = await sample({
      reader,
      writer,
      starts,
      ends,
      commitsStarts: true,
      size: { rate: 1 },
      seed: 1,
      outputTopic: topics.sample,
      outputPartitions: 1,
      group: groupName(pipeline.dataset, 'sample'),
      sizes: { batchBytes: 100_000, largestBytes: 1_000_000 },
      signal,
      onProgress: silent,
      onUnreadable: ({ message }) => passedOver.push(message),
    })
    deepEqual([sampled.rowsOut, passedOver.length], [15, 2])
    match(passedOver[0], new RegExp(`offsets (\\d+) to \\1 of ${topics.raw}/0`))

    const file = join(temporaryFolder(t), 'rows.csv')
    const exporting = { topic: topics.raw, file, format: 'csv', withKey: false, withPosition: false } as const
    await rejects(exportTopic(cluster, exporting), {
      code: 'VGM_BATCH_UNREADABLE',
      message: new RegExp(`offsets (\\d+) to \\1 of ${topics.raw}/0`),
      fix: /--skip-unreadable/,
    })
    const exported = await exportTopic(cluster, { ...exporting, skipsUnreadable: true })
    deepEqual([exported.rowsOut, exported.skipped], [15, 2])
    ok(id > 0)
  })

  test('a row that only its own codec makes small enough goes on with it', async (t) => {
    const { pipeline, broker, topics, id, good, write, produce } = await open(t)
    // Twice the same noise, further apart than gzip looks back.
    const noise = randomBytes(450_000).toString('hex')
    const twice = framed(id, type.toBuffer({ amount: 3, note: noise + noise }))
    await write(good(3))
    await produce(compressedBatch('zstd', [twice], 4_000_000))
    await write(good(3, 4))
    const { rowsOut, deadLetters } = await pipeline.normalize()
    deepEqual([rowsOut, deadLetters], [7, 0])
    const normalized = await broker.rows(topics.normalized)
    ok(normalized[3].valueBytes!.length > 1_800_000)
    await pipeline.restore()
    deepEqual(about(amountsOf(await broker.rows(topics.restored))), counted(7))
  })

  test('a row that no codec makes small enough is set aside, and an error if even that takes it no more', async (t) => {
    const { pipeline, broker, topics, value, good, write } = await open(t)
    const admin = createControlClient(broker.settings, silent).admin()
    t.after(() => admin.disconnect())
    const configEntries = [{ name: 'max.message.bytes', value: '50000' }]
    const create = (topic: string) =>
      admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }], waitForLeaders: false })
    await create(topics.normalized)
    const large = { key: null, value: value(3, randomBytes(100_000).toString('hex')) }
    await write([...good(3), large, ...good(3, 4)])
    const { rowsOut, deadLetters } = await pipeline.normalize()
    deepEqual([rowsOut, deadLetters], [6, 1])
    const [letter] = await broker.rows(topics.deadLetters)
    deepEqual(letter.valueBytes, large.value)
    match(headersOf(letter), /VGM_ROW_TOO_LARGE/)
    const narrow = `${pipeline.dataset}.narrow`
    const otherOutput = `${pipeline.dataset}.other`
    await create(narrow)
    await create(otherOutput)
    const others = {
      topics: { ...topics, normalized: otherOutput, deadLetters: narrow },
      group: `${pipeline.dataset}.other`,
    }
    await rejects(pipeline.normalize(silent, true, others), {
      code: 'VGM_ROW_TOO_LARGE',
      message: new RegExp(`offset 3 of ${topics.raw}/0 does not fit into ${narrow}`),
      fix: new RegExp(`max.message.bytes of ${narrow}`),
    })
  })

  test('a slice ends within a batch, however small the batch is in the log', async (t) => {
    const { pipeline, broker, topics, value, good, write, produce } = await open(t, 2)
    const text = 'repeated '.repeat(5)
    const rows = 120_000
    const batch = compressedBatch(
      'zstd',
      counted(rows).map((i) => value(i % 10, text)),
      16 * 2 ** 20,
    )
    ok(batch.length < 300_000)
    await produce(batch)
    await write(good(10), 1)
    const slices: number[] = []
    const { rowsOut, deadLetters } = await pipeline.normalize(({ rowsIn }) => slices.push(rowsIn), true, { sliceMs: 1 })
    deepEqual([rowsOut, deadLetters], [rows + 10, 0])
    ok(slices.length > 3, `${slices.length} slices`)
    const sorted = await broker.rows(topics.normalized)
    equal(sorted.length, rows + 10)
  })

  test('a row whose counts lie is refused as a row, by export too', async (t) => {
    const { pipeline, cluster, topics } = await open(t)
    const { whole, lying, lyingOfNothings } = await listsType(pipeline)
    await pipeline.write(topics.raw, [[whole, lying, lyingOfNothings, whole].map((value) => ({ key: null, value }))])
    const file = join(temporaryFolder(t), 'rows.csv')
    const exporting = { topic: topics.raw, file, format: 'csv', withKey: false, withPosition: false } as const
    await rejects(exportTopic(cluster, exporting), { code: 'VGM_EXPORT_ROW', message: /offset 1 of/ })
    const exported = await exportTopic(cluster, { ...exporting, skipsUnreadable: true })
    deepEqual([exported.rowsOut, exported.skipped], [2, 2])
  })

  test('rows that each name another unknown schema become dead letters, slice by slice', async (t) => {
    const { pipeline, id, value, write } = await open(t)
    ok(id < 1_000_000)
    const rows = counted(600).map((i) => {
      const bytes = value(i)
      if (i % 3 === 0) bytes.writeInt32BE(1_000_000_000 + i, 1)
      return { key: null, value: bytes }
    })
    await write(rows)
    const { rowsIn, rowsOut, deadLetters } = await pipeline.normalize()
    deepEqual([rowsIn, rowsOut, deadLetters], [600, 400, 200])
    equal(rowErrorCodes[rowErrors.unknownSchema], 'VGM_ROW_SCHEMA_UNKNOWN')
  })

  test('all of them beside a load of good rows: rows of every partition go on, and each is there once', async (t) => {
    const partitions = 4
    const { pipeline, broker, topics, cluster, id, value, good, produce } = await open(t, partitions)
    const head = value(1).subarray(0, 13)
    const lists = await listsType(pipeline)
    const noise = randomBytes(450_000).toString('hex')
    const unknown = counted(60).map((i) => framed(1_100_000_000 + i, value(i).subarray(5)))
    const hostile: [partition: number, batch: Uint8Array, good: number, letters: number][] = [
      [0, zstdBomb(head, 256 * 2 ** 20), 0, 1],
      [0, zstdBomb(head, 1.5e9), 0, 1],
      [
        1,
        batchOfTwo(
          'zstd',
          counted(100).map((i) => value(i)),
        ),
        100,
        0,
      ],
      [
        1,
        compressedBatch(
          'zstd',
          counted(60).map(() => value(4, 'repeated '.repeat(50_000))),
          40 * 2 ** 20,
        ),
        60,
        0,
      ],
      [2, compressedBatch('zstd', [framed(id, type.toBuffer({ amount: 3, note: noise + noise }))], 4_000_000), 1, 0],
      [2, compressedBatch('gzip', unknown), 0, unknown.length],
      [3, compressedBatch('zstd', [value(3, 'x'.repeat(30_000_000))], 40 * 2 ** 20), 1, 0],
      [3, compressedBatch('lz4', [lists.lying]), 0, 1],
    ]
    const written = Array.from({ length: partitions }, () => 0)
    const feed = async (count: number) => {
      for (let partition = 0; partition < partitions; partition++) {
        await produce(
          compressedBatch(
            'gzip',
            good(count, written[partition]).map((row) => row.value),
          ),
          partition,
        )
        written[partition] += count
      }
    }
    let [rowsIn, commits] = [0, 0]
    const running = rejects(
      pipeline.normalize(
        (report) => {
          rowsIn = report.rowsIn
          commits++
        },
        false,
        { deadLetters: { ...deadLetterDefaults, maxShare: 0.9 } },
      ),
      InterruptedError,
    )
    for (const [partition, batch] of hostile) {
      await feed(200)
      await produce(batch, partition)
    }
    await feed(200)
    const more = hostile.reduce((sum, [, , rows, letters]) => sum + rows + letters, 0)
    const all = written.reduce((sum, rows) => sum + rows, more)
    for (const deadline = Date.now() + 60_000; rowsIn < all; await sleep(50))
      ok(Date.now() < deadline, `${rowsIn} of ${all}`)
    pipeline.interrupt()
    await running
    ok(commits > 1)
    const normalized = await broker.rows(topics.normalized)
    const letters = await broker.rows(topics.deadLetters)
    for (let partition = 0; partition < partitions; partition++) {
      const of = (rows: readonly ReadRow[]) => rows.filter((row) => row.partition === partition).length
      const [goodRows, setAside] = hostile
        .filter(([where]) => where === partition)
        .reduce(([a, b], [, , rows, dead]) => [a + rows, b + dead], [written[partition], 0])
      deepEqual([of(normalized), of(letters)], [goodRows, setAside], `partition ${partition}`)
    }
    const ends = await topicEnds(cluster, topics.raw)
    const group = groupName(pipeline.dataset, 'normalize')
    const committed = await broker.connections.committedOffsets(group, ends)
    deepEqual(
      committed.map(({ offset }) => offset),
      ends.map(({ offset }) => offset),
    )
  })
})

function verified({ cluster, dataset, modelsTopic, topics }: TestPipeline) {
  const groups = { normalize: groupName(dataset, 'normalize'), restore: groupName(dataset, 'restore') }
  return verifyDataset(cluster, { dataset, groups, modelsTopic, topics, clip: Infinity, modeChoice: 'likely' })
}

/** Rows with lists: one as it should be, and one whose count of nothings is 2^31. */
async function listsType(pipeline: TestPipeline) {
  const lists = avsc.Type.forSchema({
    type: 'record',
    name: 'Lists',
    fields: [
      { name: 'amount', type: 'double' },
      { name: 'numbers', type: { type: 'array', items: 'int' } },
      { name: 'nothings', type: { type: 'array', items: 'null' } },
      { name: 'more', type: { type: 'map', values: 'double' } },
    ],
  })
  const id = await pipeline.register(lists)
  const bytes = lists.toBuffer({ amount: 1, numbers: [], nothings: [null, null], more: {} })
  const after = (head: number, hex: string) =>
    framed(id, Buffer.concat([bytes.subarray(0, head), Buffer.from(hex, 'hex')]))
  return { whole: framed(id, bytes), lying: after(8, '8080808010000000'), lyingOfNothings: after(9, '80808080100000') }
}
