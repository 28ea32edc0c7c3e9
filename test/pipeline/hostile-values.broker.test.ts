import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import avsc, { type Type } from 'avsc'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { longBytes, writeLong } from '../../src/batch/varint.ts'
import { groupName } from '../../src/config/names.ts'
import type { ColumnModel } from '../../src/mixture/column-model.ts'
import { verifyDataset } from '../../src/pipeline/verify-dataset.ts'
import { notEmbedded } from '../cluster/shared-cluster.ts'
import { exampleContent } from '../model/example-model.ts'
import { framed, type NewRow, TestPipeline } from './test-pipeline.ts'

const [example] = exampleContent().columns
/** Two modes so narrow that DBL_MAX is too far from both. */
const narrow = { mean: [1, 5], std: [1e-3, 1e-3], offset: [6, 6], precision: [1e6, 1e6] }
const doubles = (name: string, shape: Partial<ColumnModel> = narrow): ColumnModel => {
  return { ...example, ...shape, name, type: 'double', nullable: false }
}
const integers = (name: string, type: 'int' | 'long'): ColumnModel => ({ ...example, name, type, nullable: false })

const row = (key: string, value: Buffer | null): NewRow => ({ key, value })
const recordOf = (fields: readonly object[]): Type =>
  avsc.Type.forSchema({ type: 'record', name: 'Reading', fields } as avsc.Schema)

function varint(x: number): Buffer {
  const bytes = new Uint8Array(longBytes(x))
  writeLong(bytes, 0, x)
  return Buffer.from(bytes)
}

function double(x: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(x)
  return bytes
}

async function verified({ cluster, dataset, modelsTopic, topics }: TestPipeline) {
  const groups = { normalize: groupName(dataset, 'normalize'), restore: groupName(dataset, 'restore') }
  const options = { dataset, groups, modelsTopic, topics, clip: Number.POSITIVE_INFINITY }
  const { lost, doubled, reordered, wrong, deadLetters, examples } = await verifyDataset(cluster, options)
  return { faults: [lost, doubled, reordered, wrong], deadLetters, examples }
}

const none = [0, 0, 0, 0]
const jsonSchema = '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}'

/** Writes records to the models topic that no publisher writes. */
async function append(
  { broker, modelsTopic }: TestPipeline,
  records: readonly (readonly [key: string, value: Buffer | null])[],
): Promise<void> {
  const producer = await broker.openProducer()
  try {
    await producer.begin()
    const batch = new RecordBatchWriter()
    for (const [key, value] of records) ok(batch.append(1_700_000_000_000, Buffer.from(key), value))
    await producer.produce(modelsTopic, 0, batch)
    await producer.commit()
  } finally {
    await producer.close()
  }
}

/** Code and key of each dead letter, in their order. */
async function lettersOf({ broker, topics }: TestPipeline): Promise<(string | null)[][]> {
  const letters = await broker.rows(topics.deadLetters)
  return letters.map(({ key, headers = '' }) => {
    return [key, /VGM_ROW_[A-Z_]+/.exec(Buffer.from(headers, 'hex').toString('latin1'))?.[0] ?? null]
  })
}

async function keysOf({ broker }: TestPipeline, topic: string): Promise<(string | null)[]> {
  return (await broker.rows(topic)).map(({ key }) => key)
}

suite('values that people have, on a broker', () => {
  test('numbers that would become infinite and ints beyond 32 bits are dead letters of normalize alone', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const type = recordOf([
      { name: 'x', type: 'double' },
      { name: 'count', type: 'int' },
      { name: 'code', type: 'int' },
    ])
    const id = await pipeline.register(type)
    await pipeline.publish([doubles('x'), integers('count', 'int')])
    const bytes = (x: number, count: number, code: number) =>
      framed(id, Buffer.concat([double(x), varint(count), varint(code)]))
    const good: [string, Buffer][] = [
      ['usual', bytes(1.001, 3, 4)],
      ['far', bytes(1e290, -3, 4)],
      ['least', bytes(5, -(2 ** 31), -(2 ** 31))],
      ['most', bytes(5, 2 ** 31 - 1, 2 ** 31 - 1)],
    ]
    const bad: [string, Buffer, string][] = [
      ['max', bytes(Number.MAX_VALUE, 3, 4), 'VGM_ROW_BEYOND_MODES'],
      ['-max', bytes(-Number.MAX_VALUE, 3, 4), 'VGM_ROW_BEYOND_MODES'],
      ['1e308', bytes(1e308, 3, 4), 'VGM_ROW_BEYOND_MODES'],
      ['modelled', bytes(1, 2 ** 31, 4), 'VGM_ROW_MALFORMED'],
      ['below', bytes(1, -(2 ** 31) - 1, 4), 'VGM_ROW_MALFORMED'],
      ['passed', bytes(1, 3, 2 ** 33), 'VGM_ROW_MALFORMED'],
    ]
    // Among rows enough that the share of dead letters stops nothing, in both partitions.
    const rows = [...bad, ...good, ...good, ...bad, ...good].map(([key, value]) => row(key, value))
    await pipeline.write(pipeline.topics.raw, [rows, rows], 3)
    const { rowsIn, rowsOut, deadLetters } = await pipeline.normalize()
    deepEqual([rowsIn, rowsOut, deadLetters], [48, 24, 24])
    const letters = [...bad, ...bad].map(([key, , code]) => [key, code])
    deepEqual(await lettersOf(pipeline), [...letters, ...letters])
    deepEqual(Object.values(await pipeline.restore()).slice(0, 3), [24, 24, 0])
    const keys = [...good, ...good, ...good].map(([key]) => key)
    deepEqual(await keysOf(pipeline, pipeline.topics.restored), [...keys, ...keys])
    const { faults, deadLetters: found } = await verified(pipeline)
    deepEqual([faults, found], [none, 24])
  })

  test('verify finds an infinite value in the normalized topic, and the row that restore could not take', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { topics, broker, cluster } = pipeline
    const type = recordOf([{ name: 'x', type: 'double' }])
    const id = await pipeline.register(type)
    await pipeline.publish([doubles('x')])
    await pipeline.write(topics.raw, [[1, 5, 1].map((x, i) => row(`${i}`, framed(id, double(x))))])
    await pipeline.normalize()
    // As a version of before wrote it: the row beside it is raw DBL_MAX.
    const [written] = await broker.rows(topics.normalized)
    const value = Buffer.from(written.valueBytes as Buffer)
    value.writeDoubleLE(Number.POSITIVE_INFINITY, value.length - 9)
    await pipeline.write(topics.raw, [[row('max', framed(id, double(Number.MAX_VALUE)))]])
    await pipeline.write(topics.normalized, [[row('max', value)]])
    await cluster.admin.groups.commitOffsets(groupName(pipeline.dataset, 'normalize'), topics.raw, [
      { partition: 0, offset: (await broker.ends(topics.raw))[0] },
    ])
    await pipeline.restore()
    const { faults, examples } = await verified(pipeline)
    deepEqual(faults, [1, 0, 0, 1])
    match(examples.map(({ problem }) => problem).join(), /cannot be restored: it should be a dead letter/)
    match(examples.map(({ problem }) => problem).join(), /restore has made it a dead letter/)
  })

  test('longs beyond 2^53 pass through and are audited to the last bit, timestamps too', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { topics, broker } = pipeline
    const long = { type: 'long', logicalType: 'timestamp-nanos' }
    const type = recordOf([
      { name: 'at', type: long },
      { name: 'valid_to', type: ['null', { type: 'long', logicalType: 'timestamp-micros' }] },
      { name: 'id', type: 'long' },
      { name: 'list', type: { type: 'array', items: long } },
      { name: 'x', type: 'double' },
    ])
    const id = await pipeline.register(type)
    await pipeline.publish([doubles('x')])
    const wide = (x: bigint): Buffer => {
      const bytes: number[] = []
      let rest = BigInt.asUintN(64, (x << 1n) ^ (x >> 63n))
      for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
      return Buffer.from([...bytes, Number(rest)])
    }
    const longs = [1_700_000_000_123_456_789n, -(2n ** 63n), 2n ** 63n - 1n, 253_402_300_799_000_000n, 2n ** 53n + 1n]
    const value = (i: number) => {
      const at = (k: number) => wide(longs[(i + k) % longs.length])
      const list = Buffer.concat([varint(1), at(3), varint(0)])
      return framed(id, Buffer.concat([at(0), varint(1), at(1), at(2), list, double(1 + i / 1e4)]))
    }
    const rows = Array.from({ length: 20 }, (_, i) => row(`${i}`, value(i)))
    await pipeline.write(topics.raw, [rows])
    deepEqual(Object.values(await pipeline.normalize()).slice(0, 3), [20, 20, 0])
    await pipeline.restore()
    deepEqual((await verified(pipeline)).faults, none)
    // One more bit in one of them.
    const [first] = await broker.rows(topics.restored)
    const changed = Buffer.from(first.valueBytes as Buffer)
    changed[5] ^= 2
    const { cluster } = pipeline
    await cluster.admin.topics.delete([topics.restored])
    const restored = (await pipeline.broker.rows(topics.raw)).slice(1)
    await pipeline.write(topics.restored, [
      [row('0', changed), ...restored.map(({ key, valueBytes }) => row(key as string, valueBytes as Buffer))],
    ])
    const { faults, examples } = await verified(pipeline)
    deepEqual(faults, [0, 0, 0, 1])
    match(examples[0].problem, /"at": \d{19} instead of 1700000000123456789/)
  })

  test('a field that passes through with a property of our name, vgm.type, is restored as it was', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { topics, broker, cluster } = pipeline
    const fields = [
      { name: 'x', type: 'double', 'vgm.type': 'seconds' },
      { name: 'code', type: 'int', 'vgm.type': 'int' },
      { name: 'note', type: ['null', 'double'], 'vgm.type': 'double' },
    ]
    const schema = JSON.stringify({ type: 'record', name: 'Reading', fields })
    const id = await cluster.registry.register(`${topics.raw}-value`, schema)
    await pipeline.publish([doubles('x')])
    const value = framed(id, Buffer.concat([double(1.002), varint(7), Buffer.from([2]), double(2.5)]))
    await pipeline.write(topics.raw, [[row('a', value)]])
    await pipeline.normalize()
    deepEqual(Object.values(await pipeline.restore()).slice(0, 3), [1, 1, 0])
    const [restored] = await broker.rows(topics.restored)
    deepEqual(restored.valueBytes?.subarray(13), value.subarray(13))
    deepEqual((await verified(pipeline)).faults, none)
  })
})

suite('a models topic that others write to, on a broker', () => {
  const type = recordOf([{ name: 'x', type: 'double' }])

  async function published(t: TestContext) {
    const pipeline = await TestPipeline.open(t)
    const id = await pipeline.register(type)
    await pipeline.publish([doubles('x')])
    await pipeline.write(pipeline.topics.raw, [[1, 5, 1].map((x, i) => row(`${i}`, framed(id, double(x))))])
    return { pipeline, id }
  }

  test('stray records of any kind are passed over: versions go on, and so do those who read them', {
    skip: notEmbedded('its registry knows Avro alone'),
  }, async (t) => {
    const { pipeline, id } = await published(t)
    const { dataset, cluster } = pipeline
    const text = Buffer.from('{"a": 1}')
    const huge = Buffer.from('ffffffffffffffff7f', 'hex')
    const registered = await fetch(`${cluster.address.registry}/subjects/${dataset}.other-value/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ schemaType: 'JSON', schema: jsonSchema }),
    })
    const { id: jsonId } = (await registered.json()) as { id: number }
    ok(jsonId > 0)
    const values = [
      null,
      Buffer.alloc(0),
      text,
      huge,
      framed(id, huge),
      framed(id, double(1)),
      framed(-1, text),
      framed(0, text),
      framed(2 ** 31 - 1, text),
      framed(jsonId, text),
    ]
    const keys = [`${dataset}/999999999`, `${dataset}/2147483647`, `${dataset}/2147483648`, `${dataset}/x`, 'stray', '']
    const strays = keys.flatMap((key) => values.map((value) => [key, value] as const))
    await append(pipeline, [...strays, ...values.slice(1).map((value) => [`${dataset}/9`, value] as const)])
    equal(await pipeline.publish([doubles('x')]), 2)
    deepEqual(Object.values(await pipeline.normalize()).slice(0, 3), [3, 3, 0])
    deepEqual(Object.values(await pipeline.restore()).slice(0, 3), [3, 3, 0])
    deepEqual((await verified(pipeline)).faults, none)
  })

  test('an alias that names a version which does not exist is said to, with what mends it', async (t) => {
    const { pipeline } = await published(t)
    await append(pipeline, [[`${pipeline.dataset}/1`, null]])
    await rejects(pipeline.normalize(), {
      code: 'VGM_MODEL_MISSING',
      message: /the alias names version 1, and it does not exist/,
    })
    equal(await pipeline.publish([doubles('x')]), 2)
    deepEqual(Object.values(await pipeline.normalize()).slice(0, 3), [3, 3, 0])
  })

  test('a topic deleted and made again ends its followers; its rows are not restored with other models', async (t) => {
    const { pipeline } = await published(t)
    const { modelsTopic, cluster, topics, broker } = pipeline
    const begun = Promise.withResolvers<void>()
    const running = pipeline.normalize(() => begun.resolve(), false)
    running.catch(begun.reject)
    await begun.promise
    await cluster.admin.topics.delete([modelsTopic])
    for (const deadline = Date.now() + 20_000; ; ) {
      ok(Date.now() < deadline)
      const version = await pipeline.publish([doubles('x', { ...narrow, mean: [2, 5] })]).catch(() => undefined)
      if (version === undefined) continue
      equal(version, 1)
      break
    }
    await rejects(running, { code: 'VGM_MODELS_REPLACED', exitCode: 2, message: new RegExp(modelsTopic) })
    await rejects(pipeline.restore(), {
      code: 'VGM_MODEL_REPLACED',
      exitCode: 2,
      message: /version 1 .* with content [0-9a-f]{12}, and version 1 now has content [0-9a-f]{12}/,
      fix: /--models-topic/,
    })
    deepEqual(await broker.rows(topics.deadLetters), [])
    deepEqual(await broker.rows(topics.restored), [])
    const { faults, examples } = await verified(pipeline)
    equal(faults[3], 3)
    match(examples[0].problem, /another model has that version now/)
  })
})
