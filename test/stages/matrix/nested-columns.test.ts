import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import avro from 'avsc'
import { columnModel } from '../../../src/mixture/column-model.ts'
import { fitMixture } from '../../../src/mixture/fit-mixture.ts'
import { Normalizer } from '../../../src/mixture/normalizer.ts'
import type { Model } from '../../../src/model/model.ts'
import { deriveNormalizedSchema, parseNormalizedSchema } from '../../../src/rows/normalized-schema.ts'
import { categoryBytes } from '../../../src/stages/matrix/category-bytes.ts'
import { temporaryFolder } from '../../files/temporary-folder.ts'
import { exampleContent } from '../../model/example-model.ts'
import { loaded } from './loaded-rows.ts'
import { exported, modeValue, noChoice, topicOf } from './matrix-topic.ts'

/** As Debezium writes rows, with a decimal, an identifier as a double, and a field of the version's name. */
const raw = {
  type: 'record',
  name: 'Envelope',
  namespace: 'shop.orders',
  fields: [
    { name: 'op', type: { type: 'enum', name: 'Op', symbols: ['c', 'u', 'd'] } },
    {
      name: 'after',
      type: [
        'null',
        {
          type: 'record',
          name: 'Value',
          fields: [
            { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 10, scale: 2 } },
            { name: 'status', type: 'string' },
            { name: 'carrier', type: ['null', 'double'] },
            { name: 'last_op', type: 'Op' },
            { name: 'ids', type: { type: 'array', items: 'long' } },
          ],
        },
      ],
    },
    { name: 'source', type: { type: 'map', values: 'string' } },
    { name: 'big', type: 'long' },
  ],
}
const normalizedType = (schema: string) =>
  avro.Type.forSchema(JSON.parse(schema), {
    wrapUnions: 'never',
  } as never)

const count = 500
const prices = Float64Array.from(
  { length: count },
  (_, i) => Math.round(100 * (i % 3 === 0 ? 5 + (i % 7) : 900 + i)) / 100,
)
const carriers = Float64Array.from({ length: count }, (_, i) => [3, 17, 40][i % 3])

function shopModel(): Model {
  const column = (name: string, values: Float64Array) =>
    columnModel(fitMixture(values, { components: 3 }), { name, type: 'double' })
  return {
    ...exampleContent(),
    columns: [column('after.price', prices), column('after.carrier', carriers)],
    version: 2,
    createdAtMs: 0,
    contentSha256: '2'.repeat(64),
  }
}

suite('nested rows in a matrix', () => {
  for (const as of ['ctgan', 'quantile', 'ple'] as const)
    test(`have their columns by path, null where their record is, and a schema that restore can read: ${as}`, async (t) => {
      const model = shopModel()
      const schema = deriveNormalizedSchema(JSON.stringify(raw), model.columns, {
        model: { version: 2, content: model.contentSha256 },
      })
      const type = normalizedType(schema)
      const [price, carrier] = model.columns.map((column) => new Normalizer(column))
      const values = Array.from({ length: count }, (_, i) =>
        type.toBuffer({
          model_version: 2,
          op: ['c', 'u'][i % 2],
          after:
            i % 5 === 0
              ? null
              : {
                  price: modeValue(price, prices[i]),
                  status: ['new', 'paid'][i % 2],
                  carrier: i % 4 === 0 ? null : modeValue(carrier, carriers[i]),
                  last_op: 'd',
                  ids: [1, 2],
                },
          source: { a: 'b' },
          big: 5,
        }),
      )
      const folder = temporaryFolder(t)
      const log = await topicOf([[{ id: 1, values }]])
      const choice = { ...noChoice, categories: new Set(['after.carrier', 'big']) }
      const { spans } = await exported(log, { 1: schema }, [model], folder, {
        as,
        choice,
        clip: Number.POSITIVE_INFINITY,
      })
      deepEqual(
        spans.columns.map(({ name, kind, type, nulls }) => `${name} ${kind} ${type} ${nulls}`),
        [
          'op discrete enum 0',
          'after.price continuous decimal 100',
          'after.status discrete string 100',
          'after.carrier discrete double 200',
          'after.last_op discrete enum 100',
          'big discrete long 0',
        ],
      )
      deepEqual(
        spans.leftOut.map(({ column }) => column),
        ['after.ids', 'source'],
      )
      // The digits that normalize and restore leave are no categories of their own.
      deepEqual(
        spans.spans.find(({ column }) => column === 'after.carrier')?.categories?.toSorted((a, b) => +a - +b),
        [3, 17, 40],
      )

      const { log: out, schema: written } = await loaded(`${folder}/matrix.npy`, spans, {
        models: model.columns,
        partitions: 1,
        nowMs: 0,
      })
      const { columns } = parseNormalizedSchema(written)
      deepEqual(
        columns.map(({ name, type, nullable }) => `${name} ${type} ${nullable}`),
        ['after.price decimal true'],
      )
      const rows = out
        .rows()
        .map(({ value }) => normalizedType(written).fromBuffer((value as Buffer).subarray(5)))
        .map((row) => JSON.parse(JSON.stringify(row)) as { after: Record<string, unknown>; op: string; big: number })
      for (const [i, { op, big, after }] of rows.entries()) {
        const isNull = i % 5 === 0
        const { price: pair, ...others } = after
        deepEqual(
          { op, big, ...others },
          {
            op: ['c', 'u'][i % 2],
            big: 5,
            status: isNull ? null : ['new', 'paid'][i % 2],
            carrier: isNull || i % 4 === 0 ? null : carriers[i],
            last_op: isNull ? null : 'd',
          },
        )
        const { value = null, mode = null } = (pair ?? {}) as { value?: number; mode?: number }
        const expected = isNull ? undefined : modeValue(price, prices[i])
        equal(mode, expected?.mode ?? null)
        ok(expected === undefined || Math.abs((value as number) - expected.value) < 1e-3)
      }
    })
})

suite('a category as Avro', () => {
  const bytesOf = (schema: object | string, value: unknown) => avro.Type.forSchema(schema as never).toBuffer(value)

  test('is what a serializer writes', () => {
    for (const value of [0, 1, -1, 63, 64, 2 ** 31 - 1, -(2 ** 31)]) {
      deepEqual(Buffer.from(categoryBytes(value, { kind: 'int' }) ?? []), bytesOf('int', value))
      deepEqual(Buffer.from(categoryBytes(value, { kind: 'long' }) ?? []), bytesOf('long', value))
      deepEqual(Buffer.from(categoryBytes(value, { kind: 'double' }) ?? []), bytesOf('double', value))
      deepEqual(Buffer.from(categoryBytes(value, { kind: 'float' }) ?? []), bytesOf('float', value))
    }
    for (const text of ['', 'it\'s "é"', '漢字'.repeat(100)])
      deepEqual(Buffer.from(categoryBytes(text, { kind: 'string' }) ?? []), bytesOf('string', text))
    deepEqual(categoryBytes(true, { kind: 'boolean' }), Uint8Array.of(1))
    deepEqual(categoryBytes('b', { kind: 'enum', name: 'E', symbols: ['a', 'b'] }), Uint8Array.of(2))
    const decimal = { logicalType: 'decimal', precision: 9, scale: 2 } as const
    deepEqual(Buffer.from(categoryBytes(-1.29, { kind: 'bytes', ...decimal }) ?? []).toString('hex'), '04ff7f')
    deepEqual(categoryBytes(1.28, { kind: 'bytes', ...decimal }), Buffer.from('040080', 'hex'))
    const fixed = { kind: 'fixed', name: 'F', sizeBytes: 4, ...decimal } as const
    deepEqual(categoryBytes(-1, fixed), Buffer.from('ffffff9c', 'hex'))
  })

  test('is none where its type has no such value', () => {
    equal(categoryBytes(1.5, { kind: 'int' }), undefined)
    equal(categoryBytes(2 ** 31, { kind: 'int' }), undefined)
    equal(categoryBytes(2 ** 60, { kind: 'long' }), undefined)
    equal(categoryBytes('1', { kind: 'long' }), undefined)
    equal(categoryBytes(1, { kind: 'string' }), undefined)
    equal(categoryBytes('c', { kind: 'enum', name: 'E', symbols: ['a', 'b'] }), undefined)
    equal(categoryBytes(true, { kind: 'bytes' }), undefined)
  })
})
