import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { createServer, request as forward } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import avsc from 'avsc'
import { encodeHeaders } from '../../src/batch/record-headers.ts'
import { groupName, valueSubject } from '../../src/config/names.ts'
import type { Model } from '../../src/model/model.ts'
import { exportTopic } from '../../src/pipeline/export-topic.ts'
import { fitDataset } from '../../src/pipeline/fit-dataset.ts'
import { verifyDataset } from '../../src/pipeline/verify-dataset.ts'
import { notEmbedded, testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { temporaryFolder } from '../commands/run-command.ts'
import { framed, type NewRow, TestPipeline } from './test-pipeline.ts'

type Test = Parameters<typeof temporaryFolder>[0] & { after(work: () => Promise<void>): void }

interface Reference {
  readonly name: string
  readonly subject: string
  readonly version: number
}

/** Registers as other writers do: what the registry takes is not for us to judge. */
async function registered(
  subject: string,
  schema: object,
  more: { references?: readonly Reference[]; schemaType?: string; text?: string } = {},
): Promise<number> {
  const { registry } = await testCluster()
  const { text = JSON.stringify(schema), ...others } = more
  const post = async (path: string, method: string, body: unknown) =>
    fetch(registry + path, {
      method,
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify(body),
    })
  await post(`/config/${subject}`, 'PUT', { compatibility: 'NONE' })
  const answer = await post(`/subjects/${subject}/versions`, 'POST', { schema: text, ...others })
  const { id, message } = (await answer.json()) as { id: number; message?: string }
  equal(answer.status, 200, message)
  return id
}

function fitted(
  { cluster, dataset, modelsTopic, topics }: TestPipeline,
  columns?: string[],
  warnings: string[] = [],
): Promise<Model> {
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

/** Normalizes, restores, audits and exports; nothing may be amiss. */
async function flow(t: Test, pipeline: TestPipeline, deadLetters = 0): Promise<void> {
  const normalized = await pipeline.normalize()
  equal(normalized.deadLetters, deadLetters)
  equal((await pipeline.restore()).deadLetters, 0)
  await audited(pipeline, normalized.rowsIn, deadLetters)
  for (const topic of [pipeline.topics.raw, pipeline.topics.normalized].slice(deadLetters === 0 ? 0 : 1)) {
    const file = join(temporaryFolder(t), 'rows.parquet')
    const options = { topic, file, format: 'parquet', withKey: true, withPosition: true } as const
    equal((await exportTopic(pipeline.cluster, options)).rowsOut, normalized.rowsOut)
  }
}

async function audited(pipeline: TestPipeline, rows: number, deadLetters: number): Promise<void> {
  const { cluster, dataset, modelsTopic, topics } = pipeline
  const groups = { normalize: groupName(dataset, 'normalize'), restore: groupName(dataset, 'restore') }
  const options = { dataset, modelsTopic, topics, groups, clip: Number.POSITIVE_INFINITY }
  const audit = await verifyDataset(cluster, options)
  const { lost, doubled, reordered, wrong, pending } = audit
  deepEqual({ lost, doubled, reordered, wrong, pending }, { lost: 0, doubled: 0, reordered: 0, wrong: 0, pending: 0 })
  deepEqual([audit.rows, audit.deadLetters], [rows, deadLetters])
}

const rowsOf = (
  count: number,
  valueAt: (i: number) => Buffer,
  headersAt?: (i: number) => NewRow['headers'],
): NewRow[] =>
  Array.from({ length: count }, (_, i) => ({
    key: i % 3 === 0 ? null : `k${i}`,
    value: valueAt(i),
    headers: headersAt?.(i) ?? [],
  }))

/** What stands there, tombstones left out. */
const valuesIn = async (pipeline: TestPipeline, topic: string): Promise<Buffer[]> =>
  (await pipeline.broker.rows(topic)).flatMap(({ valueBytes }) => valueBytes ?? [])

suite('rows that others write', () => {
  test('whose schema refers to others, directly and through them, go the whole way beside rows without', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const space = uniqueName('acme').replaceAll('-', '_')
    const point = { type: 'record', name: 'Point', namespace: space, fields: [{ name: 'lat', type: 'double' }] }
    const place = {
      type: 'record',
      name: 'Place',
      namespace: space,
      fields: [
        { name: 'at', type: `${space}.Point` },
        { name: 'next', type: ['null', 'Place'] },
      ],
    }
    const fields = [
      { name: 'fare', type: 'double' },
      { name: 'km', type: 'long' },
    ]
    const ride = { type: 'record', name: 'Ride', namespace: space, fields }
    const referring = { ...ride, fields: [...fields, { name: 'from', type: `${space}.Place` }] }
    const reference = (name: string) => ({ name: `${space}.${name}`, subject: `${space}.${name}`, version: 1 })
    await registered(`${space}.Point`, point)
    await registered(`${space}.Place`, place, { references: [reference('Point')] })
    const subject = valueSubject(pipeline.topics.raw)
    const plainId = await registered(subject, ride)
    const referringId = await registered(subject, referring, { references: [reference('Place')] })
    const whole = avsc.Type.forSchema({
      ...ride,
      fields: [...fields, { name: 'from', type: { ...place, fields: [{ name: 'at', type: point }, place.fields[1]] } }],
    } as never)
    const plain = avsc.Type.forSchema(ride as never)
    const from = { at: { lat: 1 }, next: { at: { lat: 2 }, next: null } }
    const rows = rowsOf(300, (i) =>
      i % 10 === 9
        ? framed(referringId, whole.toBuffer({ fare: 5 + (i % 17), km: i % 31, from }))
        : framed(plainId, plain.toBuffer({ fare: 5 + (i % 17), km: i % 31 })),
    )
    await pipeline.write(pipeline.topics.raw, [rows, rows])
    const model = await fitted(pipeline)
    deepEqual([model.lineage.rowsUsed, model.columns.map(({ name }) => name)], [600, ['fare', 'km']])
    await flow(t, pipeline)
  })

  test('with defaults that avsc refuses, digits beyond 2^53 and names beyond ASCII are read as others', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const text = `{"type":"record","name":"Old","namespace":"shop","fields":[
      {"name":"größe","type":["double","null"],"default":null},
      {"name":"until","type":"long","default":9223372036854775807},
      {"name":"note","type":["null","string"],"default":""},
      {"name":"kind","type":{"type":"enum","name":"Kind","symbols":["A"],"default":"A"},"default":"A"},
      {"name":"inner","type":["null",{"type":"record","name":"In","aliases":["größer"],"fields":[{"name":"größe","type":["int","null"],"default":null}]}]}]}`
    const type = avsc.Type.forSchema({
      type: 'record',
      name: 'shop.Old',
      fields: [
        { name: 'g', type: ['double', 'null'] },
        { name: 'until', type: 'long' },
        { name: 'note', type: ['null', 'string'] },
        { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['A'] } },
        {
          name: 'inner',
          type: ['null', { type: 'record', name: 'In', fields: [{ name: 'g', type: ['int', 'null'] }] }],
        },
      ],
    } as never)
    const id = await registered(valueSubject(pipeline.topics.raw), {}, { text })
    const rows = rowsOf(200, (i) =>
      framed(
        id,
        type.toBuffer({ g: i % 9 === 0 ? null : i % 11, until: i % 40, note: `n${i}`, kind: 'A', inner: { g: i } }),
      ),
    )
    await pipeline.write(pipeline.topics.raw, [rows])
    deepEqual(
      (await fitted(pipeline)).columns.map(({ name }) => name),
      ['größe', 'until', 'inner.größe'],
    )
    await flow(t, pipeline)
    const [restored] = await valuesIn(pipeline, pipeline.topics.restored)
    match((await pipeline.cluster.registry.schemaById(restored.readInt32BE(1))) ?? '', /9223372036854775807/)
  })

  test('whose schema nobody can use become dead letters, and the others go on', {
    skip: notEmbedded('its registry knows Avro alone'),
  }, async (t) => {
    const pipeline = await TestPipeline.open(t)
    const schema = { type: 'record', name: 'R', fields: [{ name: 'x', type: 'double' }] }
    const type = avsc.Type.forSchema(schema as never)
    const subject = valueSubject(pipeline.topics.raw)
    const id = await registered(subject, schema)
    const taken = { ...schema, fields: [...schema.fields, { name: 'model_version', type: 'int', default: 0 }] }
    const takenId = await registered(uniqueName('other'), taken)
    const protobufId = await registered(
      uniqueName('other'),
      {},
      {
        schemaType: 'PROTOBUF',
        text: 'syntax = "proto3"; message X { int32 a = 1; }',
      },
    )
    const rows = rowsOf(100, (i) =>
      i % 10 === 3
        ? framed(takenId, Buffer.concat([type.toBuffer({ x: i }), Buffer.of(0)]))
        : i % 10 === 7
          ? framed(protobufId, Buffer.of(0, 8, 1))
          : framed(id, type.toBuffer({ x: i % 7 })),
    )
    await pipeline.write(pipeline.topics.raw, [rows])
    const warnings: string[] = []
    equal((await fitted(pipeline, undefined, warnings)).lineage.rowsUsed, 90)
    ok(warnings.some((text) => /10 of them: schema \d+: it is a schema of type PROTOBUF/.test(text)))
    await flow(t, pipeline, 20)
  })

  test('go from int to double, float to long in mid-stream: the model has the widest type, rows theirs', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const types = [
      ['int', ['null', 'float'], 'long'],
      ['double', 'double', 'float'],
      ['long', ['long', 'null'], 'int'],
    ].map((fields) => ({
      type: 'record',
      name: 'R',
      fields: fields.map((type, i) => ({ name: `c${i}`, type })),
    }))
    const ids: number[] = []
    for (const type of types) ids.push(await registered(valueSubject(pipeline.topics.raw), type))
    const codecs = types.map((type) => avsc.Type.forSchema(type as never))
    const write = (which: number, count: number) =>
      pipeline.write(pipeline.topics.raw, [
        rowsOf(count, (i) => {
          const x = (i % 30) + (which === 1 ? 0.5 : 0)
          return framed(ids[which], codecs[which].toBuffer({ c0: x, c1: x, c2: x }))
        }),
      ])
    await write(0, 150)
    const first = await fitted(pipeline)
    deepEqual(
      first.columns.map(({ type }) => type),
      ['int', 'float', 'long'],
    )
    equal((await pipeline.normalize()).deadLetters, 0)
    await write(1, 60)
    await write(2, 60)
    // With the model of the first rows, and with one of all of them.
    equal((await pipeline.normalize()).deadLetters, 0)
    const second = await fitted(pipeline)
    deepEqual(
      [second.lineage.rowsUsed, ...second.columns.map(({ type, nullable }) => [type, nullable])],
      [270, ['double', false], ['double', true], ['float', false]],
    )
    await write(1, 60)
    await write(2, 30)
    equal((await pipeline.normalize()).deadLetters, 0)
    equal((await pipeline.restore()).deadLetters, 0)
    await audited(pipeline, 360, 0)
    const [raw, restored] = [
      await valuesIn(pipeline, pipeline.topics.raw),
      await valuesIn(pipeline, pipeline.topics.restored),
    ]
    // Whole numbers come back bit for bit, in the type that the row had.
    for (const [i, row] of raw.entries())
      if (row.readInt32BE(1) !== ids[1]) ok(restored[i].subarray(5).equals(row.subarray(5)))
  })

  test('of several record types: the columns that most rows have are modelled; the others are reported', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const reading = { type: 'record', name: 'plant.Reading', fields: [{ name: 'bar', type: 'double' }] }
    const started = { type: 'record', name: 'plant.Started', fields: [{ name: 'who', type: 'string' }] }
    const stopped = { type: 'record', name: 'plant.Stopped', fields: [{ name: 'secs', type: 'long' }] }
    const schemas = [started, stopped, reading]
    const ids: number[] = []
    for (const schema of schemas) ids.push(await registered(`${pipeline.dataset}.${schema.name}`, schema))
    const codecs = schemas.map((schema) => avsc.Type.forSchema(schema as never))
    const rows = rowsOf(200, (i) => {
      const which = Math.min(i % 10, 2)
      return framed(ids[which], codecs[which].toBuffer({ bar: 2 + (i % 19) / 4, who: 'x', secs: i }))
    })
    await pipeline.write(pipeline.topics.raw, [rows])
    const warnings: string[] = []
    const model = await fitted(pipeline, undefined, warnings)
    deepEqual(
      [model.lineage.rowsUsed, model.lineage.schemaId, model.columns.map(({ name }) => name)],
      [160, ids[2], ['bar']],
    )
    const said = warnings.join('\n')
    match(said, /40 of 200 rows could not be read/)
    match(said, new RegExp(`20 of them: schema ${ids[0]}: plant.Started has no field "bar"`))
    match(said, /"secs" is not modelled/)
    await flow(t, pipeline, 40)
    equal((await fitted(pipeline, ['secs'])).lineage.rowsUsed, 20)
    await rejects(fitted(pipeline, ['bar', 'secs']), { code: 'VGM_SCHEMA_COLUMN' })
  })

  test('that name their schema by a GUID in a header are read; their output names it before the value', async (t) => {
    const schema = {
      type: 'record',
      name: 'M',
      fields: [
        { name: 'who', type: ['string', 'null'] },
        { name: 'x', type: 'double' },
      ],
    }
    const type = avsc.Type.forSchema(schema as never)
    const guid = crypto.randomUUID()
    const proxy = await guidProxy(t, guid)
    const pipeline = await TestPipeline.open(t, { url: proxy.url })
    proxy.id = await registered(valueSubject(pipeline.topics.raw), schema)
    const named = Buffer.concat([Buffer.of(1), Buffer.from(guid.replaceAll('-', ''), 'hex')])
    const body = (i: number) => type.toBuffer({ who: i % 4 === 0 ? null : `w${i}`, x: 1.5 + (i % 7) })
    // One is cut off: its bytes must come back from the dead letters as they were.
    const rows = rowsOf(
      150,
      (i) => (i === 77 ? body(i).subarray(0, 4) : i % 5 === 0 ? framed(proxy.id, body(i)) : body(i)),
      (i) => [
        ['trace', Buffer.from(`t${i}`)],
        ...(i % 5 === 0 ? [] : ([['__value_schema_id', named]] as const)),
        ['empty', null],
      ],
    )
    await pipeline.write(pipeline.topics.raw, [rows])
    equal((await fitted(pipeline)).lineage.rowsUsed, 149)
    await flow(t, pipeline, 1)
    const restored = await pipeline.broker.rows(pipeline.topics.restored)
    const good = [...rows.keys()].filter((i) => i !== 77)
    for (const [at, { valueBytes, headers }] of restored.entries()) {
      ok(valueBytes?.subarray(5).equals(body(good[at])))
      // Headers as they stand in a record: a count, then lengths and texts.
      const expected = encodeHeaders([
        ['trace', Buffer.from(`t${good[at]}`)],
        ['empty', null],
      ])
      equal(headers, Buffer.from(expected).toString('hex'))
    }
    const [letter] = await pipeline.broker.rows(pipeline.topics.deadLetters)
    ok(letter.valueBytes?.equals(rows[77].value ?? Buffer.alloc(0)))
    match(Buffer.from(letter.headers ?? '', 'hex').toString(), /__value_schema_id/)
  })

  test('with a GUID that the registry does not know are counted with a hint, or read by a named schema', async (t) => {
    const schema = { type: 'record', name: 'M', fields: [{ name: 'x', type: 'double' }] }
    const type = avsc.Type.forSchema(schema as never)
    const guid = Buffer.concat([Buffer.of(1), Buffer.alloc(16, 7)])
    const unknowing = await TestPipeline.open(t)
    const id = await registered(valueSubject(unknowing.topics.raw), schema)
    const rows = rowsOf(
      50,
      (i) => type.toBuffer({ x: i % 7 }),
      () => [['__value_schema_id', guid]],
    )
    await unknowing.write(unknowing.topics.raw, [rows])
    await rejects(fitted(unknowing), { message: /50 rows: schema with GUID 07070707-/, fix: /--guid-schema/ })
    const told = await TestPipeline.open(t, { guidSchema: id })
    await told.write(told.topics.raw, [rows])
    equal((await fitted(told)).lineage.rowsUsed, 50)
    await flow(t, told)
  })

  test("with Apicurio's ids of eight bytes, before the value or in headers, content or global, are read", {
    skip: notEmbedded('its registry has no ids of eight bytes'),
  }, async (t) => {
    const { registry } = await testCluster()
    const field = uniqueName('x').replaceAll('-', '_')
    const schema = { type: 'record', name: 'M', fields: [{ name: field, type: 'double' }] }
    const type = avsc.Type.forSchema(schema as never)
    const other = { type: 'record', name: 'M', fields: [{ name: `${field}_other`, type: 'string' }] }
    // The same content under several subjects: from then on the two kinds of ids are not the same.
    const subjects = [1, 2, 3].map((n) => `${uniqueName('eight')}-${n}-value`)
    const contentId = await registered(subjects[0], schema)
    for (const subject of subjects.slice(1)) await registered(subject, schema)
    await registered(uniqueName('eight'), other)
    const root = registry.replace(/\/apis\/.*$/, '')
    const found = await fetch(`${root}/apis/registry/v3/groups/default/artifacts/${subjects[2]}/versions/1`)
    const { globalId } = (await found.json()) as { globalId: number }
    const long = (id: number) => {
      const bytes = Buffer.alloc(8)
      bytes.writeBigInt64BE(BigInt(id))
      return bytes
    }
    const body = (i: number) => type.toBuffer({ [field]: i % 13 })
    const forms: Readonly<Record<string, (i: number) => Pick<NewRow, 'value' | 'headers'>>> = {
      content: (i) => ({ value: Buffer.concat([Buffer.of(0), long(contentId), body(i)]) }),
      global: (i) => ({ value: Buffer.concat([Buffer.of(0), long(globalId), body(i)]) }),
      header: (i) => ({
        value: body(i),
        headers: [
          i % 2 === 0 ? ['apicurio.value.contentId', long(contentId)] : ['apicurio.value.globalId', long(globalId)],
        ],
      }),
    }
    for (const [name, form] of Object.entries(forms)) {
      const pipeline = await TestPipeline.open(
        t,
        name === 'header' ? {} : { apicurioIds: name as 'content' | 'global' },
      )
      const rows = Array.from({ length: 60 }, (_, i): NewRow => ({ key: null, ...form(i) }))
      await pipeline.write(pipeline.topics.raw, [rows])
      equal((await fitted(pipeline)).lineage.rowsUsed, 60, name)
      await flow(t, pipeline)
    }
  })

  test('of a union at the top are rows of its records, and other branches dead letters', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const space = uniqueName('u').replaceAll('-', '_')
    const [a, b] = ['A', 'B'].map((name) => ({
      type: 'record',
      name,
      namespace: space,
      fields: [
        { name: 'x', type: name === 'A' ? 'double' : 'int' },
        { name: 'tag', type: 'string' },
        ...(name === 'B' ? [{ name: 'a', type: ['null', `${space}.A`] }] : []),
      ],
    }))
    const reference = (name: string) => ({ name: `${space}.${name}`, subject: `${space}.${name}`, version: 1 })
    await registered(`${space}.A`, a)
    await registered(`${space}.B`, b, { references: [reference('A')] })
    const id = await registered(valueSubject(pipeline.topics.raw), ['null', `${space}.A`, `${space}.B`], {
      references: [reference('A'), reference('B')],
    })
    const union = avsc.Type.forSchema(['null', a, b] as never, { wrapUnions: true })
    const rows = rowsOf(120, (i) => {
      const [x, tag] = [i % 9, `t${i}`]
      if (i === 60) return framed(id, Buffer.of(0))
      if (i === 61) return framed(id, Buffer.of(8, 1))
      return framed(
        id,
        union.toBuffer(i % 3 === 0 ? { [`${space}.B`]: { x, tag, a: null } } : { [`${space}.A`]: { x, tag } }),
      )
    })
    await pipeline.write(pipeline.topics.raw, [rows])
    const model = await fitted(pipeline)
    deepEqual([model.lineage.rowsUsed, model.columns.map(({ name, type }) => [name, type])], [118, [['x', 'double']]])
    await flow(t, pipeline, 2)
  })

  test('that cannot be read are counted by reason, each with a hint', async (t) => {
    const cases: readonly (readonly [rows: readonly NewRow[], said: RegExp, fix: RegExp])[] = [
      [[], /holds no rows/, /vgm load/],
      [[{ key: 'k', value: null }], /holds 1 tombstone and no rows/, /vgm load/],
      [rowsOf(30, (i) => Buffer.from(JSON.stringify({ x: i }))), /30 rows: the value is JSON/, /AvroConverter/],
      [rowsOf(30, () => Buffer.from('1.5;2')), /30 rows: the value does not begin with the magic byte 0/, /serializer/],
      [
        rowsOf(30, () => framed(2_000_000_000, Buffer.of(1))),
        /30 rows: schema 2000000000: the registry knows no/,
        /--registry/,
      ],
    ]
    for (const [rows, message, fix] of cases) {
      const pipeline = await TestPipeline.open(t)
      await pipeline.write(pipeline.topics.raw, [rows])
      await rejects(fitted(pipeline), { code: 'VGM_FIT', message, fix })
    }
    const pipeline = await TestPipeline.open(t)
    const table = { type: 'record', name: 'Value', fields: [{ name: 'id', type: 'string' }] }
    const envelope = {
      type: 'record',
      name: 'Envelope',
      fields: [
        { name: 'before', type: ['null', table] },
        { name: 'after', type: ['null', 'Value'] },
        { name: 'source', type: 'string' },
        { name: 'op', type: 'string' },
        { name: 'ts_ms', type: ['null', 'long'] },
      ],
    }
    const type = avsc.Type.forSchema(envelope as never)
    const id = await registered(valueSubject(pipeline.topics.raw), envelope)
    const event = (i: number) => ({
      before: null,
      after: { id: String(i) },
      source: 's',
      op: 'c',
      ts_ms: 1_700_000_000_000 + i,
    })
    await pipeline.write(pipeline.topics.raw, [rowsOf(30, (i) => framed(id, type.toBuffer(event(i))))])
    await rejects(fitted(pipeline), { message: /Debezium/, fix: /after\.NAME.*ExtractNewRecordState/ })
  })
})

/** A registry that knows one GUID beside what the real one knows. */
async function guidProxy(t: Test, guid: string): Promise<{ readonly url: string; id: number }> {
  const { hostname, port, pathname } = new URL((await testCluster()).registry)
  const proxy = { url: '', id: 0 }
  const server = createServer((request, response) => {
    const path = request.url?.replace(`/schemas/guids/${guid}`, `/schemas/ids/${proxy.id}`)
    const { method, headers } = request
    const asked = forward({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    asked.on('error', () => response.writeHead(502).end())
    request.pipe(asked)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(async () => void server.close().closeAllConnections())
  proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname}`
  return proxy
}
