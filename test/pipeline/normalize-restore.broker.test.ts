import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import avsc from 'avsc'
import { encodeHeaders } from '../../src/batch/record-headers.ts'
import { InterruptedError } from '../../src/errors.ts'
import { ModelMissingError } from '../../src/model/errors.ts'
import type { ReadRow } from '../kafka/test-broker.ts'
import { exampleContent } from '../model/example-model.ts'
import { framed, type NewRow, TestPipeline } from './test-pipeline.ts'

const first = avsc.Type.forSchema(
  {
    type: 'record',
    name: 'Sale',
    namespace: 'shop',
    fields: [
      { name: 'id', type: 'string' },
      { name: 'count', type: 'int' },
      { name: 'price', type: ['null', 'float'], default: null },
      { name: 'note', type: 'string' },
    ],
  },
  { wrapUnions: 'never' },
)
/** A later version of the program that writes: a wider count, and one field more. */
const second = avsc.Type.forSchema(
  {
    type: 'record',
    name: 'Sale',
    namespace: 'shop',
    fields: [
      { name: 'id', type: 'string' },
      { name: 'count', type: 'long' },
      { name: 'extra', type: ['string', 'null'], default: '' },
      { name: 'price', type: ['null', 'float'], default: null },
      { name: 'note', type: 'string' },
    ],
  },
  { wrapUnions: 'never' },
)
const third = avsc.Type.forSchema({
  type: 'record',
  name: 'Sale',
  namespace: 'shop',
  fields: [{ name: 'id', type: 'string' }],
})

const [shape] = exampleContent().columns
const columns = (shift: number) => [
  { ...shape, name: 'count', type: 'int' as const, nullable: false, mean: [3 + shift, 700 + shift] },
  { ...shape, name: 'price', type: 'float' as const, nullable: true, mean: [-3.5 - shift, 41.25 + shift] },
]

/** Rows of every kind, each with what is to become of it. */
function mixedRows(ids: { first: number; second: number; third: number }, count: number, seed: number) {
  let state = seed
  const below = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
  return Array.from({ length: count }, (_, i): { row: NewRow; code: string | undefined } => {
    const sale = {
      id: `s${i}`,
      count: below(1_000) - 200,
      price: below(4) === 0 ? null : Math.fround(below(100_000) / 7 - 900),
      note: 'ü'.repeat(below(30)),
    }
    const old = framed(ids.first, first.toBuffer(sale))
    const kinds: [code: string | undefined, value: Buffer | null][] = [
      [undefined, null],
      ['VGM_ROW_FRAMING', Buffer.concat([Buffer.from([7]), old.subarray(1)])],
      ['VGM_ROW_FRAMING', Buffer.from([0, 0, 1])],
      ['VGM_ROW_FRAMING', Buffer.alloc(0)],
      ['VGM_ROW_SCHEMA_UNKNOWN', framed(2_000_000_123, old.subarray(5))],
      ['VGM_ROW_SCHEMA_MISMATCH', framed(ids.third, third.toBuffer({ id: 'x' }))],
      ['VGM_ROW_MALFORMED', old.subarray(0, old.length - 1 - below(3))],
      ['VGM_ROW_TRAILING_BYTES', Buffer.concat([old, Buffer.from('more')])],
      ['VGM_ROW_NOT_FINITE', framed(ids.first, first.toBuffer({ ...sale, price: NaN }))],
      ['VGM_ROW_NOT_FINITE', framed(ids.first, first.toBuffer({ ...sale, price: -Infinity }))],
      ['VGM_ROW_BEYOND_EXACT', framed(ids.second, second.toBuffer({ ...sale, count: 2 ** 50, extra: null }))],
      [undefined, framed(ids.second, second.toBuffer({ ...sale, count: 2 ** 48 - below(9), extra: null }))],
      [undefined, framed(ids.second, second.toBuffer({ ...sale, extra: 'e'.repeat(below(5)) }))],
    ]
    const kind = below(30)
    // Mostly rows of the current writer: the first half of the rows has the first schema, then both are mixed.
    const [code, value] = kinds[kind] ?? (i < count / 2 || kind % 2 === 0 ? [undefined, old] : kinds[kinds.length - 1])
    const headers =
      below(3) === 0
        ? ([
            ['own', Buffer.from([i])],
            ['own', null],
            ['vgm.stage', Buffer.from('mine')],
          ] as const)
        : []
    const key = below(5) === 0 ? null : `k${i}`
    return { row: { key, value, headers, timestampMs: 1_600_000_000_000 + i * below(1_000) }, code }
  })
}

const frame = ({ key, timestampMs, headers }: ReadRow) => ({ key, timestampMs, headers })
const frameOf = ({ key, timestampMs, headers = [] }: NewRow) => ({
  key,
  timestampMs,
  headers: Buffer.from(encodeHeaders(headers)).toString('hex'),
})
const of = (rows: readonly ReadRow[], partition: number) => rows.filter((row) => row.partition === partition)

async function schemaIds(pipeline: TestPipeline) {
  return {
    first: await pipeline.register(first),
    second: await pipeline.register(second),
    third: await pipeline.register(third),
  }
}

suite('normalize and restore, on a broker', () => {
  test('bad rows become dead letters unchanged, and all others are restored byte for byte', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { topics, broker } = pipeline
    const ids = await schemaIds(pipeline)
    await pipeline.publish(columns(0))
    const partitions = [mixedRows(ids, 900, 1), mixedRows(ids, 500, 2), []]
    await pipeline.write(
      topics.raw,
      partitions.map((rows) => rows.map(({ row }) => row)),
    )

    const good = partitions.map((rows) => rows.filter(({ code }) => code === undefined))
    const bad = partitions.map((rows) => rows.flatMap(({ row, code }, offset) => (code ? [{ row, code, offset }] : [])))
    const report = await pipeline.normalize()
    deepEqual([report.rowsIn, report.rowsOut, report.deadLetters], [1400, good.flat().length, bad.flat().length])
    equal(new Set(bad.flat().map(({ code }) => code)).size, 7, 'every reason occurs')

    const deadLetters = await broker.rows(topics.deadLetters)
    for (const [partition, expected] of bad.entries()) {
      const found = of(deadLetters, partition)
      equal(found.length, expected.length)
      for (const [i, { row, code, offset }] of expected.entries()) {
        deepEqual(found[i].valueBytes, row.value)
        const headers = Buffer.from(found[i].headers ?? '', 'hex').toString('latin1')
        const all = Buffer.from(
          encodeHeaders([...(row.headers ?? []), ['vgm.error.code', Buffer.from(code)], ['vgm.error.message', null]]),
        ).toString('latin1')
        // The message is for people; everything before it is a contract.
        ok(headers.slice(1).startsWith(all.slice(1, -1)), 'own headers come first, then the reason')
        const tail: [string, string][] = [
          ['vgm.stage', 'normalize'],
          ['vgm.source.topic', topics.raw],
          ['vgm.source.partition', String(partition)],
          ['vgm.source.offset', String(offset)],
          ['vgm.model.version', '1'],
        ]
        const rest = Buffer.from(encodeHeaders(tail.map(([name, text]) => [name, Buffer.from(text)])))
        ok(headers.endsWith(rest.subarray(1).toString('latin1')), 'then where it came from')
        equal(headers.charCodeAt(0) / 2, (row.headers?.length ?? 0) + 7)
        deepEqual([found[i].key, found[i].timestampMs], [row.key, row.timestampMs])
      }
    }

    const normalized = await broker.rows(topics.normalized)
    for (const [partition, expected] of good.entries()) {
      const found = of(normalized, partition)
      deepEqual(
        found.map(frame),
        expected.map(({ row }) => frameOf(row)),
      )
      for (const [i, { row }] of expected.entries()) {
        const bytes = found[i].valueBytes ?? null
        equal(bytes === null, row.value === null, 'a tombstone stays one')
        if (bytes === null || row.value === null) continue
        const sale = (row.value.readInt32BE(1) === ids.first ? first : second).fromBuffer(row.value.subarray(5))
        const result = (await pipeline.typeOf(bytes)).fromBuffer(bytes.subarray(5))
        deepEqual([result.model_version, result.id, result.note, result.extra], [1, sale.id, sale.note, sale.extra])
        const [count, price] = columns(0)
        ok(
          Math.abs(result.count.value * 4 * count.std[result.count.mode] + count.mean[result.count.mode] - sale.count) <
            0.1,
        )
        if (sale.price === null) equal(result.price, null)
        else
          ok(
            Math.abs(
              result.price.value * 4 * price.std[result.price.mode] + price.mean[result.price.mode] - sale.price,
            ) < 0.01,
          )
      }
    }

    const restored = await pipeline.restore()
    deepEqual([restored.rowsIn, restored.rowsOut, restored.deadLetters], [good.flat().length, good.flat().length, 0])
    const back = await broker.rows(topics.restored)
    for (const [partition, expected] of good.entries()) {
      const found = of(back, partition)
      deepEqual(
        found.map(frame),
        expected.map(({ row }) => frameOf(row)),
      )
      deepEqual(
        found.map(({ valueBytes }) => valueBytes?.subarray(5)),
        expected.map(({ row }) => row.value?.subarray(5)),
      )
      const body = (row: ReadRow) => row.valueBytes !== null
      for (const row of found.filter(body)) equal((await pipeline.typeOf(row.valueBytes!)).name, 'shop.Sale')
    }
  })

  test('a model published while rows flow is used from the next slice on; rows are restored with theirs', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { topics, broker } = pipeline
    const id = await pipeline.register(first)
    const sale = (i: number): NewRow => ({
      key: `k${i}`,
      value: framed(id, first.toBuffer({ id: `${i}`, count: i, price: i % 5 === 0 ? null : i / 4, note: '' })),
    })
    await pipeline.publish(columns(0))
    let written = 0
    const write = async () => {
      await pipeline.write(
        topics.raw,
        [0, 1].map((p) => Array.from({ length: 20 }, (_, i) => sale(written + 20 * p + i))),
      )
      written += 40
    }
    await write()
    let rowsOut = 0
    const running = rejects(
      pipeline.normalize((report) => {
        rowsOut = report.rowsOut
      }, false),
      InterruptedError,
    )
    const allNormalized = async () => {
      for (const deadline = Date.now() + 15_000; rowsOut < written; await sleep(10)) ok(Date.now() < deadline)
    }
    await allNormalized()
    equal(await pipeline.publish(columns(10)), 2)
    // Some slices may begin before the model arrives.
    for (let turn = 0; turn < 8; turn++) {
      await write()
      await allNormalized()
      await sleep(100)
    }
    pipeline.interrupt()
    await running

    const normalized = await broker.rows(topics.normalized)
    const versions = new Map<number, number[]>()
    for (const { partition, valueBytes } of normalized) {
      const row = (await pipeline.typeOf(valueBytes!)).fromBuffer(valueBytes!.subarray(5))
      versions.set(partition, [...(versions.get(partition) ?? []), row.model_version])
    }
    for (const [, stamps] of versions) {
      deepEqual(stamps, stamps.toSorted(), 'once the new model is taken the old one does not come back')
      deepEqual([...new Set(stamps)], [1, 2])
    }
    const raw = await broker.rows(topics.raw)
    const restored = await pipeline.restore()
    equal(restored.rowsOut, written)
    const body = (rows: readonly ReadRow[]) => rows.map(({ valueBytes }) => valueBytes?.subarray(5).toString('hex'))
    deepEqual(body(await broker.rows(topics.restored)), body(raw))
  })

  test('rows stamped with a model that does not exist stop restore with exit code 2; none is skipped', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { topics, broker } = pipeline
    const id = await pipeline.register(first)
    await pipeline.publish(columns(0))
    const value = framed(id, first.toBuffer({ id: '1', count: 1, price: null, note: '' }))
    await pipeline.write(topics.raw, [[{ key: null, value }]])
    await pipeline.normalize()
    const [{ valueBytes }] = await broker.rows(topics.normalized)
    const stamped = Buffer.from(valueBytes!)
    equal(stamped[5], 2, 'the stamp comes first, as a varint')
    stamped[5] = 2 * 41
    await pipeline.write(topics.normalized, [[{ key: null, value: stamped }]])
    await rejects(
      pipeline.restore(),
      (error) =>
        error instanceof ModelMissingError && error.exitCode === 2 && /no model version 41/.test(error.message),
    )
    deepEqual(await broker.rows(topics.restored), [])
  })

  test('normalize without a model is refused before it joins its group', async (t) => {
    const pipeline = await TestPipeline.open(t)
    await pipeline.write(pipeline.topics.raw, [[{ key: null, value: null }]])
    await rejects(
      pipeline.normalize(),
      (error) => error instanceof ModelMissingError && error.exitCode === 2 && /vgm fit/.test(error.fix),
    )
    ok(!(await pipeline.cluster.admin.groups.list()).some(({ group }) => group.includes(pipeline.dataset)))
  })
})
