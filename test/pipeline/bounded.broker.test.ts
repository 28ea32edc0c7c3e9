import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import avsc from 'avsc'
import { createControlClient } from '../../src/kafka/kafkajs-client.ts'
import { SchemaRegistry } from '../../src/kafka/registry.ts'
import type { StageEvent } from '../../src/ports/stage-event.ts'
import { exampleContent } from '../model/example-model.ts'
import { framed, type NewRow, TestPipeline } from './test-pipeline.ts'

const type = avsc.Type.forSchema({ type: 'record', name: 'Sale', fields: [{ name: 'count', type: 'int' }] })
const [shape] = exampleContent().columns
const columns = [{ ...shape, name: 'count', type: 'int' as const, nullable: false }]
const unknownId = 2_000_000_321

const row = (id: number, count: number): NewRow => ({ key: null, value: framed(id, type.toBuffer({ count })) })
const rows = (id: number, count: number) => Array.from({ length: count }, (_, i) => row(id, i))

/** The pipeline's registry behind a server that can be told to answer no more. */
async function withSwitch(t: TestContext, pipeline: TestPipeline) {
  const { registry: registryUrl } = pipeline.cluster.address
  const gate = { isOpen: true, refused: 0 }
  const server = createServer(async (request, response) => {
    if (!gate.isOpen) {
      gate.refused++
      request.socket.destroy()
      return
    }
    const body = request.method === 'GET' ? undefined : await buffer(request)
    const headers = { 'content-type': request.headers['content-type'] ?? 'application/json' }
    const answer = await fetch(registryUrl + request.url, {
      method: request.method ?? 'GET',
      headers,
      body: body ?? null,
    })
    response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close().closeAllConnections())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  Object.assign(pipeline.cluster, { registry: new SchemaRegistry({ url }) })
  return gate
}

suite('limits of stages, on a broker', () => {
  test('a schema that nobody knows stops normalize before a row is set aside; known, it goes on', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { topics, broker } = pipeline
    const id = await pipeline.register(type)
    await pipeline.publish(columns)
    // The writer's registry was another one. One batch: a slow machine's slice might end before there are rows enough.
    await pipeline.write(topics.raw, [rows(unknownId, 1_500)], 1_500)
    await rejects(pipeline.normalize(), {
      code: 'VGM_DEAD_LETTER_SHARE',
      exitCode: 1,
      message: /1,000 of the last 1,000 rows cannot be processed.*VGM_ROW_SCHEMA_UNKNOWN/,
      fix: /--max-dead-letters/,
    })
    deepEqual(await broker.rows(topics.deadLetters), [])
    deepEqual(await broker.rows(topics.normalized), [])
    // Mended: here by the registry's knowing the id.
    const { registry } = pipeline.cluster
    const schemaById = registry.schemaById.bind(registry)
    registry.schemaById = (asked, patienceMs) => schemaById(asked === unknownId ? id : asked, patienceMs)
    const { rowsIn, rowsOut, deadLetters } = await pipeline.normalize()
    deepEqual([rowsIn, rowsOut, deadLetters], [1_500, 1_500, 0])
  })

  test('with a share of 1 any number of rows is set aside; with --on-invalid stop none is', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { topics, broker } = pipeline
    const id = await pipeline.register(type)
    await pipeline.publish(columns)
    await pipeline.write(topics.raw, [[...rows(id, 50), ...rows(unknownId, 1_500)]], 100)
    await rejects(pipeline.normalize(undefined, true, { deadLetters: { maxShare: 1, onInvalid: 'stop' } }), {
      code: 'VGM_ROW_INVALID',
      message: new RegExp(`${topics.raw}/0 offset 50: .*VGM_ROW_SCHEMA_UNKNOWN`),
    })
    deepEqual(await broker.rows(topics.deadLetters), [])
    const report = await pipeline.normalize(undefined, true, { deadLetters: { maxShare: 1, onInvalid: 'dead-letter' } })
    deepEqual([report.rowsIn, report.rowsOut, report.deadLetters], [1_550, 50, 1_500])
  })

  test('rows whose schema cannot be asked for wait, without a dead letter, until the registry answers', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { topics } = pipeline
    const gate = await withSwitch(t, pipeline)
    const id = await pipeline.register(type)
    await pipeline.publish(columns)
    await pipeline.write(topics.raw, [rows(id, 300)])
    const aborts: StageEvent[] = []
    const report = (event: StageEvent) => void (event.kind === 'aborted' && aborts.push(event))
    Object.assign(pipeline.cluster, { report })
    const opened = pipeline.cluster.rows.openSession.bind(pipeline.cluster.rows)
    pipeline.cluster.rows.openSession = async (options) => {
      // The models have been read; the schema of the rows has not been asked for.
      gate.isOpen = false
      return opened(options)
    }
    const running = pipeline.normalize()
    for (const deadline = Date.now() + 30_000; aborts.length === 0; await sleep(10)) ok(Date.now() < deadline)
    ok(gate.refused > 1)
    gate.isOpen = true
    const { rowsIn, rowsOut, deadLetters } = await running
    deepEqual([rowsIn, rowsOut, deadLetters], [300, 300, 0])
  })

  test('a raw topic that gets partitions which the output lacks ends the stage with the fix', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { topics, broker } = pipeline
    await pipeline.register(type)
    await pipeline.publish(columns)
    await pipeline.cluster.admin.topics.ensureRowTopic({ topic: topics.raw, partitions: 1 })
    let grown = false
    const opened = pipeline.cluster.rows.openSession.bind(pipeline.cluster.rows)
    pipeline.cluster.rows.openSession = async (options) => {
      const admin = createControlClient(broker.settings, () => undefined).admin()
      await admin.createPartitions({ topicPartitions: [{ topic: topics.raw, count: 2 }] })
      await admin.disconnect()
      grown = true
      return opened(options)
    }
    await rejects(pipeline.normalize(undefined, false), {
      code: 'VGM_PARTITION_COUNT',
      exitCode: 2,
      fix: new RegExp(`--alter --topic ${topics.normalized} --partitions 2`),
    })
    equal(grown, true)
  })
})
