import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import avsc from 'avsc'
import { decodeHeaders } from '../../src/batch/record-headers.ts'
import { valueSubject } from '../../src/config/names.ts'
import { exportDeadLetters, listDeadLetters, readDeadLetter } from '../../src/pipeline/browse-dead-letters.ts'
import { retryDeadLetters } from '../../src/pipeline/retry-dead-letters.ts'
import { mismatches, verifyDataset } from '../../src/pipeline/verify-dataset.ts'
import { uniqueName } from '../cluster/shared-cluster.ts'
import { temporaryFolder } from '../commands/run-command.ts'
import { exampleContent } from '../model/example-model.ts'
import { framed, type NewRow, TestPipeline } from './test-pipeline.ts'

const [shape] = exampleContent().columns
const columns = [
  { ...shape, name: 'x', type: 'double' as const, nullable: false, mean: [3, 700] },
  { ...shape, name: 'n', type: 'long' as const, nullable: true, mean: [3, 700] },
]
const schema = {
  type: 'record',
  name: 'Row',
  fields: [
    { name: 'other', type: 'double' },
    { name: 'x', type: 'double' },
    { name: 'n', type: ['null', 'long'] },
  ],
}
const type = avsc.Type.forSchema(schema as never, { wrapUnions: 'never' })
const late = avsc.Type.forSchema({ ...schema, name: 'Late' } as never, { wrapUnions: 'never' })
const without = avsc.Type.forSchema({ type: 'record', name: 'Without', fields: [schema.fields[0]] } as never)
/** A schema that its producer registers later. */
const unregistered = 2_000_000_123

const rowOf = (value: Buffer, key: string | null = null): NewRow => ({
  key,
  value,
  headers: [['own', Buffer.from('kept')]],
})

async function openShop(t: { after(work: () => unknown): void }) {
  const pipeline = await TestPipeline.open(t as Parameters<typeof TestPipeline.open>[0])
  const { cluster, dataset, modelsTopic, topics } = pipeline
  const subject = valueSubject(topics.raw)
  const register = (type: avsc.Type, json: unknown = JSON.parse(JSON.stringify(type))) =>
    cluster.registry.register(subject, JSON.stringify(json), { compatibility: 'NONE' })
  const id = await register(type, schema)
  const withoutId = await register(without)
  await pipeline.publish(columns)
  const good = (i: number) =>
    rowOf(framed(id, type.toBuffer({ other: Number.NaN, x: i / 8, n: i % 3 === 0 ? null : i })))
  const bad = (fields: object, key: string | null = null) =>
    rowOf(framed(id, type.toBuffer({ other: 1, x: 1, n: 1, ...fields })), key)
  const rows = Array.from({ length: 60 }, (_, i) => good(i))
  rows[3] = bad({ x: Number.NaN }, 'a key')
  rows[10] = bad({ n: 2 ** 52 })
  rows[20] = rowOf(Buffer.from('no Avro'))
  rows[30] = rowOf(framed(unregistered, late.toBuffer({ other: 1, x: 5, n: 2 })))
  rows[31] = rowOf(framed(unregistered, late.toBuffer({ other: 1, x: 6, n: 2 })))
  rows[40] = rowOf(framed(withoutId, without.toBuffer({ other: 4 })))
  await pipeline.write(topics.raw, [rows, rows.slice(0, 5)])
  await pipeline.normalize(undefined, true, { deadLetters: { maxShare: 1, onInvalid: 'dead-letter' } })
  const of = { dataset, topic: topics.deadLetters }
  const audit = async () => {
    const result = await verifyDataset(cluster, { dataset, modelsTopic })
    equal(mismatches(result), 0, JSON.stringify(result))
    return { rows: result.rows, deadLetters: result.deadLetters, pending: result.pending }
  }
  const again = () => pipeline.normalize(undefined, true, { deadLetters: { maxShare: 1, onInvalid: 'dead-letter' } })
  return { pipeline, cluster, of, audit, again, modelsTopic }
}

suite('dead letters that are listed, exported and retried', () => {
  test('each row says its source, the column and the reason, and its position is what show takes', async (t) => {
    const { cluster, of, modelsTopic } = await openShop(t)
    const letters = await listDeadLetters(cluster, { ...of, modelsTopic })
    deepEqual(
      letters.map(({ code, column, sourcePartition, sourceOffset, key }) => [
        code,
        column,
        sourcePartition,
        sourceOffset,
        key,
      ]),
      [
        ['VGM_ROW_NOT_FINITE', 'x', 0, 3, 'a key'],
        ['VGM_ROW_BEYOND_EXACT', 'n', 0, 10, null],
        ['VGM_ROW_FRAMING', undefined, 0, 20, null],
        ['VGM_ROW_SCHEMA_UNKNOWN', undefined, 0, 30, null],
        ['VGM_ROW_SCHEMA_UNKNOWN', undefined, 0, 31, null],
        ['VGM_ROW_SCHEMA_MISMATCH', 'x', 0, 40, null],
        ['VGM_ROW_NOT_FINITE', 'x', 1, 3, 'a key'],
      ],
    )
    match(letters[5].reason, /Without has no field "x"/)
    for (const { partition, offset, code } of letters) {
      const shown = await readDeadLetter(cluster, of, { partition, offset })
      equal(shown.failure['vgm.error.code'], code)
    }
    const chosen = await listDeadLetters(cluster, { ...of, codes: ['VGM_ROW_NOT_FINITE'], limit: 1 })
    deepEqual(
      chosen.map(({ partition }) => partition),
      [0],
    )
  })

  test('an export has a line for each', async (t) => {
    const { cluster, of, modelsTopic } = await openShop(t)
    const file = join(temporaryFolder(t as Parameters<typeof temporaryFolder>[0]), 'dead.csv')
    equal(await exportDeadLetters(cluster, { ...of, modelsTopic, file }), 7)
    const [header, first, ...others] = readFileSync(file, 'utf8').trim().split('\n')
    match(header, /^partition,offset,time,code,reason,column,stage,/)
    match(first, /^0,\d+,2023-\d\d-\d\d .*,VGM_ROW_NOT_FINITE,.*,x,normalize,.*,0,3,/)
    equal(others.length, 6)
    await rejects(exportDeadLetters(cluster, { ...of, file }), { code: 'VGM_FILE_EXISTS' })
    await rejects(exportDeadLetters(cluster, { ...of, codes: ['VGM_ROW_TOO_LARGE'], file, overwrite: true }), {
      code: 'VGM_USAGE',
    })
  })

  test('a retry sends each row once, by code, range or all, with the number of its attempt', async (t) => {
    const { cluster, of, audit, again, pipeline } = await openShop(t)
    const { topics, broker } = pipeline
    deepEqual(await audit(), { rows: 65, deadLetters: 7, pending: 0 })
    const retry = async (more: object) => {
      const { rowsOut, retriedBefore, otherCodes } = await retryDeadLetters(cluster, { ...of, ...more })
      return [rowsOut, retriedBefore, otherCodes]
    }
    const codes = ['VGM_ROW_SCHEMA_UNKNOWN']
    deepEqual(await retry({ codes }), [2, 0, 5])
    deepEqual(await retry({ codes }), [0, 2, 5], 'not twice')
    await again()
    deepEqual(await audit(), { rows: 67, deadLetters: 9, pending: 0 })
    const sent = (await broker.rows(topics.raw)).filter(({ partition }) => partition === 0).slice(60)
    const [original] = (await broker.rows(topics.raw)).filter(({ offset }) => offset === 30)
    for (const { headers, timestampMs } of sent) {
      deepEqual(
        decodeHeaders(Buffer.from(headers!, 'hex')).map(([name, value]) => [name, String(value)]),
        [
          ['own', 'kept'],
          ['vgm.attempt', '1'],
        ],
      )
      ok(timestampMs >= original.timestampMs, 'a row keeps its time')
    }
    equal(sent[0].value, original.value)
    // The two have failed again, and are new dead letters.
    const letters = await listDeadLetters(cluster, { ...of, codes })
    deepEqual(
      letters.map(({ attempts }) => attempts),
      [0, 0, 1, 1],
    )
    const [, , third] = letters
    const range = { partition: third.partition, from: third.offset, to: third.offset }
    deepEqual(await retry({ ranges: [range] }), [1, 0, 0])
    deepEqual(await retry({ ranges: [range], codes }), [0, 1, 0])
    deepEqual(await retry({}), [6, 3, 0], 'the rest, each once')
    deepEqual(await retry({}), [0, 9, 0])
    await again()
    deepEqual(await audit(), { rows: 74, deadLetters: 16, pending: 0 })
    const attempts = (await listDeadLetters(cluster, { ...of, codes })).map(({ attempts }) => attempts)
    deepEqual(attempts.sort(), [0, 0, 1, 1, 2, 2])
  })

  test('two retries at once send each row once', async (t) => {
    const { cluster, of, audit, again } = await openShop(t)
    const both = await Promise.allSettled([retryDeadLetters(cluster, of), retryDeadLetters(cluster, of)])
    for (const end of both) if (end.status === 'rejected') match((end.reason as { code: string }).code, /VGM_FENCED/)
    await retryDeadLetters(cluster, of)
    await again()
    deepEqual(await audit(), { rows: 72, deadLetters: 14, pending: 0 })
  })

  test('warns of other data sets that read the topic, and get the rows again', async (t) => {
    const { pipeline, cluster, of } = await openShop(t)
    const warned: unknown[] = []
    const log = { ...cluster.log, warn: (fields: unknown) => warned.push(fields) } as unknown as typeof cluster.log
    await retryDeadLetters({ ...cluster, log }, { ...of, codes: ['VGM_ROW_NON_FINITE'] })
    deepEqual(warned, [])
    const topic = pipeline.topics.raw
    const other = `vgm.${uniqueName('other')}.normalize`
    const writer = await cluster.rows.openWriter(uniqueName('other'), 'none')
    await writer.begin()
    await writer.commit({ group: other, offsets: [{ topic, partition: 0, offset: 60 }] })
    await writer.close()
    await retryDeadLetters({ ...cluster, log }, of)
    deepEqual(warned, [{ topic, groups: [other] }])
  })

  test('refuses a topic that is not there, and two ranges of one partition', async (t) => {
    const { cluster, of } = await openShop(t)
    await rejects(retryDeadLetters(cluster, { dataset: 'nobody' }), { code: 'VGM_TOPIC_MISSING' })
    const range = { partition: 0, from: 0, to: 5 }
    await rejects(retryDeadLetters(cluster, { ...of, ranges: [range, range] }), { code: 'VGM_USAGE' })
  })

  test('a raw topic that was made again with fewer partitions is refused at once', async (t) => {
    const { cluster, of, pipeline } = await openShop(t)
    const { raw } = pipeline.topics
    await cluster.admin.topics.delete([raw])
    await cluster.admin.topics.ensureRowTopic({ topic: raw, partitions: 1 })
    await rejects(retryDeadLetters(cluster, of), {
      code: 'VGM_PARTITION_COUNT',
      message: `Topic ${raw} has 1 partition and needs 2: a row keeps its partition`,
      fix: /--alter .*--partitions 2/,
    })
    const { rowsOut } = await retryDeadLetters(cluster, { ...of, ranges: [{ partition: 0, from: 0, to: 999 }] })
    equal(rowsOut, 6)
  })

  test('a range without a dead letter is refused, as show refuses it', async (t) => {
    const { cluster, of } = await openShop(t)
    const letters = (await listDeadLetters(cluster, of)).filter(({ partition }) => partition === 0)
    const marker = letters[letters.length - 1].offset + 1
    for (const [partition, from, to, message] of [
      [0, 999, 999, /offset 999 of/],
      [0, 999, 2_000, /offsets 999 to 2000 of/],
      [7, 0, 9, /dead-letters\/7$/],
      [0, marker, marker, /There is no dead letter/],
    ] as const)
      await rejects(retryDeadLetters(cluster, { ...of, ranges: [{ partition, from, to }] }), {
        code: 'VGM_DEAD_LETTER_MISSING',
        message,
      })
    const { rowsOut } = await retryDeadLetters(cluster, { ...of, ranges: [{ partition: 0, from: 0, to: marker }] })
    equal(rowsOut, letters.length)
  })
})
