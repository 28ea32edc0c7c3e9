import { deepEqual, equal, rejects, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import avsc from 'avsc'
import { decodeHeaders } from '../../src/batch/record-headers.ts'
import { valueSubject } from '../../src/config/names.ts'
import { defineTransform, type TransformRows, transformRows } from '../../src/pipeline/index.ts'
import { uniqueName } from '../cluster/shared-cluster.ts'
import type { ReadRow } from '../kafka/test-broker.ts'
import { framed, type NewRow, TestPipeline } from './test-pipeline.ts'

const mixed = avsc.Type.forSchema({
  type: 'record',
  name: 'Trip',
  fields: [
    { name: 'zone', type: 'string' },
    { name: 'fare', type: 'double' },
    { name: 'tip', type: ['null', 'float'] },
    { name: 'seats', type: 'int' },
    { name: 'note', type: ['null', 'string'] },
  ],
})
const numbersOnly = avsc.Type.forSchema({
  type: 'record',
  name: 'Pair',
  fields: [
    { name: 'fare', type: 'double' },
    { name: 'seats', type: 'long' },
  ],
})

/** Codes and reasons of dead letters. */
function reasonsOf(letters: readonly ReadRow[]): (string | undefined)[][] {
  return letters.map(({ headers = '' }) => {
    const texts = new Map(decodeHeaders(Buffer.from(headers, 'hex')).map(([name, value]) => [name, String(value)]))
    return [texts.get('vgm.error.code'), texts.get('vgm.error.message')]
  })
}

suite("a transform of a program's own", () => {
  test('changes numbers in place; keys, headers, nulls, tombstones and other fields stay', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { cluster, topics } = pipeline
    const output = uniqueName('scaled')
    const id = await pipeline.register(mixed)
    const trip = (i: number) => ({
      zone: `zone ${i}`,
      fare: i / 4,
      tip: i % 3 === 0 ? null : i / 2,
      seats: i,
      note: i % 2 === 0 ? null : 'x'.repeat(i % 200),
    })
    const rows: NewRow[] = Array.from({ length: 300 }, (_, i) => ({
      key: `k${i}`,
      value: i % 50 === 7 ? null : framed(id, mixed.toBuffer(trip(i))),
      headers: [['from', Buffer.from(String(i))]],
    }))
    await pipeline.write(topics.raw, [rows.slice(0, 200), rows.slice(200)])

    const transform = defineTransform({
      name: 'scale',
      columns: ['seats', 'fare', 'tip'],
      apply: ({ count, columns: { fare, tip, seats }, reject }) => {
        for (let row = 0; row < count; row++) {
          if (fare.values[row] === 299 / 4) reject(row)
          fare.values[row] *= 100
          tip.values[row] += 1
          seats.values[row] = 7 - seats.values[row]
        }
      },
    })
    const options = { transform, inputTopic: topics.raw, outputTopic: output, untilEnd: true }
    const { rowsIn, rowsOut, deadLetters } = await transformRows(cluster, options)
    deepEqual([rowsIn, rowsOut, deadLetters], [300, 299, 1])
    equal((await transformRows(cluster, options)).rowsIn, 0, 'its group has done them')

    const [found, sent] = [await pipeline.broker.rows(output), await pipeline.broker.rows(topics.raw)]
    equal(found.length, 299)
    for (const { partition, key, valueBytes, timestampMs, headers } of found) {
      const raw = sent.find((row) => row.key === key)
      deepEqual([partition, timestampMs, headers], [raw?.partition, raw?.timestampMs, raw?.headers])
      const i = Number(key?.slice(1))
      if (i % 50 === 7) {
        equal(valueBytes, null)
        continue
      }
      const { fare, tip, seats, ...rest } = trip(i)
      const value = (await pipeline.typeOf(valueBytes as Buffer)).fromBuffer((valueBytes as Buffer).subarray(5))
      deepEqual({ ...value }, { ...rest, fare: fare * 100, tip: tip === null ? null : tip + 1, seats: 7 - seats })
    }
    const [letter, ...others] = await pipeline.broker.rows(`${output}.dead-letters`)
    deepEqual([letter.key, others.length], ['k299', 0])
    equal(Buffer.from(letter.headers ?? '', 'hex').includes('VGM_ROW_REJECTED'), true)
  })

  test('sets a number aside that its field cannot hold, and ends where the transform throws', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { cluster, topics } = pipeline
    const output = uniqueName('scaled')
    const id = await pipeline.register(numbersOnly)
    const rows = [1, 2, 3].map((fare) => ({ key: null, value: framed(id, numbersOnly.toBuffer({ fare, seats: 5 })) }))
    await pipeline.write(topics.raw, [rows])
    const broken = defineTransform({
      name: 'broken',
      columns: ['seats'],
      apply: () => {
        throw new Error('the table is not there')
      },
    })
    const options = { inputTopic: topics.raw, outputTopic: output, untilEnd: true }
    await rejects(transformRows(cluster, { ...options, transform: broken }), /the table is not there/)
    equal((await pipeline.broker.rows(output)).length, 0)

    const widen = defineTransform({
      name: 'widen',
      columns: ['fare', 'seats'],
      apply: ({ columns: { fare, seats } }) => {
        fare.values[0] = Number.NaN
        seats.values[1] = 1e300
        seats.values[2] = 7
      },
    })
    const widened = uniqueName('scaled')
    const report = await transformRows(cluster, { ...options, outputTopic: widened, transform: widen })
    deepEqual([report.rowsOut, report.deadLetters], [1, 2])
    const [{ valueBytes }] = await pipeline.broker.rows(widened)
    deepEqual({ ...numbersOnly.fromBuffer((valueBytes as Buffer).subarray(5)) }, { fare: 3, seats: 7 })
    deepEqual(reasonsOf(await pipeline.broker.rows(`${widened}.dead-letters`)), [
      ['VGM_ROW_NOT_FINITE', 'Field "fare" is a double, which cannot hold NaN'],
      ['VGM_ROW_BEYOND_FIELD', 'Field "seats" is a long, which cannot hold 1e+300'],
    ])
  })

  test('a row that is set aside says what a field cannot hold, and nothing of models', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { cluster, topics } = pipeline
    const amount = { type: 'bytes', logicalType: 'decimal', precision: 15, scale: 2 }
    const fields = [
      { name: 'n', type: 'int' },
      { name: 'f', type: 'float' },
      { name: 'l', type: 'long' },
      { name: 'd', type: amount },
    ]
    const schema = { type: 'record', name: 'Narrow', fields }
    const type = avsc.Type.forSchema(schema as never)
    // The library forgets logical types that it does not know.
    const subject = valueSubject(topics.raw)
    const id = await cluster.registry.register(subject, JSON.stringify(schema), { compatibility: 'NONE' })
    const row = (l: number) => ({ key: null, value: framed(id, type.toBuffer({ n: 1, f: 1, l, d: Buffer.of(1) })) })
    await pipeline.write(topics.raw, [[row(1), row(1), row(1), row(2 ** 50), row(1)]])
    const narrow = defineTransform({
      name: 'narrow',
      columns: ['n', 'f', 'l', 'd'],
      apply: ({ columns: { n, f, d } }) => {
        n.values[0] = 3e9
        f.values[1] = 1e300
        d.values[2] = 1e18
      },
    })
    const output = uniqueName('narrowed')
    const deadLetters = { maxShare: 1, onInvalid: 'dead-letter' } as const
    const options = { inputTopic: topics.raw, outputTopic: output, untilEnd: true, deadLetters }
    equal((await transformRows(cluster, { ...options, transform: narrow })).rowsOut, 1)
    deepEqual(reasonsOf(await pipeline.broker.rows(`${output}.dead-letters`)), [
      ['VGM_ROW_BEYOND_FIELD', 'Field "n" is an int, which cannot hold 3000000000'],
      ['VGM_ROW_BEYOND_FIELD', 'Field "f" is a float, which cannot hold 1e+300'],
      ['VGM_ROW_BEYOND_FIELD', 'Transform narrow has written a number that its field, a decimal, cannot hold'],
      [
        'VGM_ROW_BEYOND_EXACT',
        'A column of transform narrow has an integer beyond 2^49, or a decimal beyond 2^48 units of its last digit',
      ],
    ])
  })

  test('ends the stage where its writes would be lost, and leaves nothing behind', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { cluster, topics } = pipeline
    const output = uniqueName('scaled')
    const id = await pipeline.register(numbersOnly)
    const value = framed(id, numbersOnly.toBuffer({ fare: 1, seats: 5 }))
    await pipeline.write(topics.raw, [[{ key: null, value }]])
    let late: ((row: number) => void) | undefined
    const wrong: readonly (readonly [(rows: TransformRows<'fare'>) => unknown, object | RegExp])[] = [
      [
        async ({ columns: { fare } }) => fare.values.fill(7),
        { code: 'VGM_TRANSFORM_ASYNC', message: /^Transform wrong/ },
      ],
      [({ columns: { fare } }) => Object.assign(fare, { values: Float64Array.of(7) }), /read only/],
      [({ columns }) => Object.assign(columns, { fare: {} }), /read only/],
      [({ reject }) => reject(0.5), /no row 0\.5 among 1/],
      [({ reject }) => reject(1), /no row 1 among 1/],
      [({ reject }) => reject('0' as never), /no row 0 among 1/],
    ]
    const options = { inputTopic: topics.raw, outputTopic: output, untilEnd: true }
    const defined = (apply: (rows: TransformRows<'fare'>) => unknown) =>
      defineTransform({ name: 'wrong', columns: ['fare'], apply: (rows) => apply(rows) as undefined })
    for (const [apply, error] of wrong)
      await rejects(transformRows(cluster, { ...options, transform: defined(apply) }), error)
    equal((await pipeline.broker.rows(output)).length, 0)
    const keeping = defined(({ reject }) => {
      late = reject
    })
    await transformRows(cluster, { ...options, transform: keeping })
    throws(() => late?.(0), /has returned/)
  })

  test('says which column the rows lack, and which is no number', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { cluster, topics } = pipeline
    const id = await pipeline.register(mixed)
    const value = framed(id, mixed.toBuffer({ zone: 'a', fare: 1, tip: null, seats: 1, note: null }))
    await pipeline.write(topics.raw, [[{ key: null, value }]])
    const deadLetters = { maxShare: 1, onInvalid: 'stop' } as const
    const running = { inputTopic: topics.raw, outputTopic: uniqueName('scaled'), untilEnd: true, deadLetters }
    for (const [column, message] of [
      ['fair', /Trip has no field "fair"/],
      ['zone', /Field "zone" of Trip is string, which is no number/],
    ] as const) {
      const transform = defineTransform({ name: 'misspelt', columns: [column], apply: () => undefined })
      await rejects(transformRows(cluster, { ...running, transform }), { code: 'VGM_ROW_INVALID', message })
    }
  })

  test('is refused where it cannot work', async (t) => {
    const { cluster, topics } = await TestPipeline.open(t)
    const transform = { name: 'a', columns: ['x'], apply: () => undefined }
    const same = { transform, inputTopic: topics.raw, outputTopic: topics.raw }
    await rejects(transformRows(cluster, same), { code: 'VGM_USAGE', message: /input and output/ })
  })
})
