import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import avsc, { type Type } from 'avsc'
import { groupName } from '../../src/config/names.ts'
import { openDatabase } from '../../src/files/database.ts'
import type { Model } from '../../src/model/model.ts'
import { listDeadLetters } from '../../src/pipeline/browse-dead-letters.ts'
import { exportTopic } from '../../src/pipeline/export-topic.ts'
import { fitDataset } from '../../src/pipeline/fit-dataset.ts'
import { verifyDataset } from '../../src/pipeline/verify-dataset.ts'
import { temporaryFolder } from '../commands/run-command.ts'
import { framed, type NewRow, TestPipeline } from './test-pipeline.ts'

function fitted(pipeline: TestPipeline, columns?: string[], warnings: string[] = []): Promise<Model> {
  const { cluster, dataset, modelsTopic, topics } = pipeline
  const log = { ...cluster.log, warn: (_: unknown, text: string) => warnings.push(text) }
  return fitDataset(
    { ...cluster, log: log as never },
    {
      dataset,
      modelsTopic,
      source: 'raw',
      rawTopic: topics.raw,
      ...(columns && { columns }),
      recipe: 'scaled',
      mixture: { maxIterations: 20 },
      minWeight: 0.005,
    },
  )
}

async function audited({ cluster, dataset, modelsTopic, topics }: TestPipeline) {
  const groups = { normalize: groupName(dataset, 'normalize'), restore: groupName(dataset, 'restore') }
  return verifyDataset(cluster, { dataset, modelsTopic, topics, groups, clip: Number.POSITIVE_INFINITY })
}

/** Normalizes, restores and audits; nothing may be amiss. The restored values, in order. */
async function flow(pipeline: TestPipeline, deadLetters = 0): Promise<(Buffer | null)[]> {
  equal((await pipeline.normalize()).deadLetters, deadLetters)
  equal((await pipeline.restore()).deadLetters, 0)
  const { lost, doubled, reordered, wrong, pending, examples, deadLetters: letters } = await audited(pipeline)
  deepEqual(
    { lost, doubled, reordered, wrong, pending, examples, letters },
    { lost: 0, doubled: 0, reordered: 0, wrong: 0, pending: 0, examples: [], letters: deadLetters },
  )
  return (await pipeline.broker.rows(pipeline.topics.restored)).map(({ valueBytes }) => valueBytes ?? null)
}

/** Bodies of values, without the ids of their schemas. */
const bodies = (values: readonly (Buffer | null)[]) => values.map((value) => value?.toString('hex', 5) ?? null)

/** A decimal in as many bytes as it is given, or as few as it needs. */
function decimal(units: number, length?: number): Buffer {
  let bytes = length ?? 1
  while (BigInt.asIntN(8 * bytes, BigInt(units)) !== BigInt(units)) bytes++
  return Buffer.from(
    BigInt.asUintN(8 * bytes, BigInt(units))
      .toString(16)
      .padStart(2 * bytes, '0'),
    'hex',
  )
}

/** As Debezium's connector for PostgreSQL writes it, with Confluent's converter and decimals as they come (precise). */
const envelope = (() => {
  const optional = (type: unknown) => ['null', type]
  const connectDecimal = {
    type: 'bytes',
    scale: 2,
    precision: 10,
    'connect.version': 1,
    'connect.parameters': { scale: '2', 'connect.decimal.precision': '10' },
    'connect.name': 'org.apache.kafka.connect.data.Decimal',
    logicalType: 'decimal',
  }
  const time = (name: string, type: string) => ({
    type,
    'connect.version': 1,
    'connect.name': `io.debezium.time.${name}`,
  })
  const value = {
    type: 'record',
    name: 'Value',
    fields: [
      { name: 'id', type: { type: 'int', 'connect.default': 0 }, default: 0 },
      { name: 'price', type: optional(connectDecimal), default: null },
      { name: 'weight', type: optional('double'), default: null },
      { name: 'listed', type: optional('string'), default: null },
      { name: 'ordered', type: optional(time('MicroTimestamp', 'long')), default: null },
      { name: 'day', type: time('Date', 'int') },
      {
        name: 'any',
        type: optional({
          type: 'record',
          name: 'VariableScaleDecimal',
          namespace: 'io.debezium.data',
          fields: [
            { name: 'scale', type: 'int' },
            { name: 'value', type: 'bytes' },
          ],
          'connect.doc': 'Variable scaled decimal',
          'connect.version': 1,
          'connect.name': 'io.debezium.data.VariableScaleDecimal',
        }),
        default: null,
      },
    ],
    'connect.name': 'shop.public.orders.Value',
  }
  const source = {
    type: 'record',
    name: 'Source',
    namespace: 'io.debezium.connector.postgresql',
    fields: [
      { name: 'version', type: 'string' },
      { name: 'ts_ms', type: 'long' },
      {
        name: 'snapshot',
        type: [
          {
            type: 'string',
            'connect.version': 1,
            'connect.parameters': { allowed: 'true,last,false' },
            'connect.default': 'false',
            'connect.name': 'io.debezium.data.Enum',
          },
          'null',
        ],
        default: 'false',
      },
      { name: 'lsn', type: optional('long'), default: null },
    ],
    'connect.name': 'io.debezium.connector.postgresql.Source',
  }
  return {
    type: 'record',
    name: 'Envelope',
    namespace: 'shop.public.orders',
    fields: [
      { name: 'before', type: optional(value), default: null },
      { name: 'after', type: optional('Value'), default: null },
      { name: 'source', type: source },
      { name: 'op', type: 'string' },
      { name: 'ts_ms', type: optional('long'), default: null },
      {
        name: 'transaction',
        type: optional({
          type: 'record',
          name: 'block',
          namespace: 'event',
          fields: [
            { name: 'id', type: 'string' },
            { name: 'total_order', type: 'long' },
          ],
          'connect.version': 1,
          'connect.name': 'event.block',
        }),
        default: null,
      },
    ],
    'connect.version': 1,
    'connect.name': 'shop.public.orders.Envelope',
  }
})()

/** Creations, updates, deletions with their tombstones. */
function changes(id: number): NewRow[] {
  const type = avsc.Type.forSchema(envelope as never, { wrapUnions: 'never' })
  const row = (i: number) => ({
    id: i,
    price: i % 7 === 0 ? null : decimal(((i * 7919) % 50_000) - 5_000),
    weight: i % 5 === 0 ? null : (i % 13) / 4,
    listed: `${i}.50`,
    ordered: 1_700_000_000_000_000 + i,
    day: 19_000 + i,
    any: i % 2 === 0 ? null : { scale: i % 4, value: decimal(i) },
  })
  return Array.from({ length: 600 }, (_, i): NewRow[] => {
    const event = (op: string, before: unknown, after: unknown) => ({
      key: `k${i}`,
      value: framed(
        id,
        type.toBuffer({
          before,
          after,
          source: { version: '2.7.0.Final', ts_ms: 1_700_000_000_000, snapshot: 'false', lsn: i },
          op,
          ts_ms: 1_700_000_000_001 + i,
          transaction: i % 3 === 0 ? { id: `t${i}`, total_order: i } : null,
        }),
      ),
    })
    if (i % 4 === 1) return [event('u', row(i), row(i + 1))]
    if (i % 4 === 2) return [event('d', row(i), null), { key: `k${i}`, value: null }]
    return [event(i % 8 === 0 ? 'r' : 'c', null, row(i))]
  }).flat()
}

const namesOf = ({ columns }: Model) => columns.map(({ name, type, nullable }) => [name, type, nullable])

suite('columns within records', () => {
  test("of Debezium's change events: the row as it is after the change is modelled, the rest comes back", async (t) => {
    const pipeline = await TestPipeline.open(t)
    const id = await pipeline.register(envelope as never)
    const rows = changes(id)
    await pipeline.write(pipeline.topics.raw, [rows])
    const model = await fitted(pipeline)
    deepEqual(namesOf(model), [
      ['after.id', 'int', true],
      ['after.price', 'double', true],
      ['after.weight', 'double', true],
    ])
    const restored = await flow(pipeline)
    deepEqual(bodies(restored), bodies(rows.map(({ value }) => value)))

    const normalized = (await pipeline.broker.rows(pipeline.topics.normalized)).flatMap((row) => row.valueBytes ?? [])
    const type = await pipeline.typeOf(normalized[0])
    const first = type.fromBuffer(normalized[0].subarray(5)) as { before: unknown; after: { price: unknown } }
    deepEqual([first.before, first.after.price], [null, null])
    const second = type.fromBuffer(normalized[1].subarray(5)) as Record<string, Record<string, unknown>>
    deepEqual([Buffer.isBuffer(second.before.price), typeof second.after.price], [true, 'object'])
    equal((type as unknown as { fields: { type: Type }[] }).fields[2].type.toString().includes('ValueNormalized'), true)

    const folder = temporaryFolder(t)
    const parquet = join(folder, 'rows.parquet')
    await exportTopic(pipeline.cluster, { topic: pipeline.topics.normalized, file: parquet, format: 'parquet' })
    const database = await openDatabase()
    t.after(() => database.close())
    const query = `SELECT count(*), count("after.price_value"), count("after.id_mode"), count(before) FROM '${parquet}'`
    const counts = (await database.connection.runAndReadAll(query)).getRowsJS()[0]?.map(Number)
    const prices =
      600 - 150 - [...Array(600).keys()].filter((i) => i % 4 !== 2 && (i + Number(i % 4 === 1)) % 7 === 0).length
    deepEqual(counts, [600, prices, 450, 300])
    const csv = join(folder, 'rows.csv')
    await exportTopic(pipeline.cluster, { topic: pipeline.topics.normalized, file: csv, format: 'csv' })
    match(readFileSync(csv, 'utf8'), /^model_version,before,after\.id_value,after\.id_mode,after\.price_value,/)
  })

  test('that are named go the whole way, of two fields of one type, below null records and with two levels', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const money = {
      type: 'record',
      name: 'Money',
      fields: [
        { name: 'amount', type: 'double' },
        { name: 'cents', type: ['int', 'null'] },
        { name: 'currency', type: 'string' },
      ],
    }
    const order = { type: 'record', name: 'Part', fields: [{ name: 'paid', type: ['null', 'Money'], default: null }] }
    const schema = {
      type: 'record',
      name: 'Order',
      fields: [
        { name: 'billing', type: money },
        { name: 'shipping', type: ['null', 'Money'], default: null },
        { name: 'order', type: ['null', order], default: null },
        { name: 'items', type: { type: 'array', items: 'Money' } },
        { name: 'sums', type: { type: 'map', values: 'double' } },
      ],
    }
    const type = avsc.Type.forSchema(schema as never, { wrapUnions: 'never' })
    const id = await pipeline.register(type)
    const moneyOf = (i: number) => ({ amount: (i % 50) / 8, cents: i % 3 === 0 ? null : i % 100, currency: 'EUR' })
    const rows = Array.from({ length: 500 }, (_, i) => ({
      key: null,
      value: framed(
        id,
        type.toBuffer({
          billing: moneyOf(i),
          shipping: i % 2 === 0 ? null : moneyOf(i + 1),
          order: i % 3 === 0 ? null : { paid: i % 5 === 0 ? null : moneyOf(2 * i) },
          items: [moneyOf(i)],
          sums: { a: i },
        }),
      ),
    }))
    await pipeline.write(pipeline.topics.raw, [rows])
    await rejects(fitted(pipeline, ['items.amount']), {
      code: 'VGM_SCHEMA_COLUMN',
      message: /"items" is an array: a row holds any number of its values, and a column has one of each row/,
      fix: /billing\.amount.*order\.paid\.cents/,
    })
    const model = await fitted(pipeline, ['order.paid.cents', 'shipping.amount', 'billing.amount', 'billing.cents'])
    deepEqual(namesOf(model), [
      ['billing.amount', 'double', false],
      ['billing.cents', 'int', true],
      ['shipping.amount', 'double', true],
      ['order.paid.cents', 'int', true],
    ])
    deepEqual(
      model.columns.map((column) => column.nulls),
      [0, 167, 250, 233],
    )
    const restored = await flow(pipeline)
    const close = restored.map(
      (value) => type.fromBuffer((value as Buffer).subarray(5)) as { billing: { amount: number } },
    )
    ok(close.every(({ billing }, i) => Math.abs(billing.amount - (i % 50) / 8) < 1e-12))
  })

  test('that are decimals come back byte for byte, and what cannot becomes a dead letter that names the path', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const digits = { logicalType: 'decimal', precision: 18, scale: 4 }
    const schema = {
      type: 'record',
      name: 'Row',
      fields: [
        { name: 'price', type: { type: 'bytes', ...digits } },
        {
          name: 'sum',
          type: [
            'null',
            {
              type: 'record',
              name: 'Sum',
              fields: [{ name: 'net', type: { type: 'fixed', name: 'D', size: 9, ...digits } }],
            },
          ],
        },
      ],
    }
    const type = avsc.Type.forSchema(schema as never, { wrapUnions: 'never' })
    const id = await pipeline.register(schema as never)
    const value = (price: Buffer, net: number | null) =>
      framed(id, type.toBuffer({ price, sum: net === null ? null : { net: decimal(net, 9) } }))
    const good = Array.from({ length: 400 }, (_, i) =>
      value(decimal((i * 104_729) % 1_000_003), i % 9 === 0 ? null : ((i * 7919 * 31) % 2 ** 46) - 2 ** 20),
    )
    await pipeline.write(pipeline.topics.raw, [good.map((each) => ({ key: null, value: each }))])
    const warnings: string[] = []
    deepEqual(namesOf(await fitted(pipeline, undefined, warnings)), [
      ['price', 'double', false],
      ['sum.net', 'double', true],
    ])
    deepEqual(bodies(await flow(pipeline)), bodies(good))

    const bad = [value(decimal(5), 2 ** 48), value(Buffer.alloc(0), null), value(decimal(7, 3), 1)]
    await pipeline.write(pipeline.topics.raw, [bad.map((each) => ({ key: null, value: each }))])
    const restored = await flow(pipeline, 2)
    // Of a foreign writer's 00 00 07 the number comes back, in as few bytes as it needs.
    deepEqual(bodies(restored.slice(400)), bodies([value(decimal(7), 1)]))
    const { dataset, modelsTopic } = pipeline
    const letters = await listDeadLetters(pipeline.cluster, { dataset, modelsTopic })
    deepEqual(
      letters.map(({ code, column }) => [code, column]),
      [
        ['VGM_ROW_BEYOND_EXACT', 'sum.net'],
        ['VGM_ROW_MALFORMED', 'price'],
      ],
    )
  })
})
