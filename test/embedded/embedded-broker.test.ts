import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { once } from 'node:events'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { type EmbeddedBrokerOptions, startEmbeddedBroker } from '../../src/embedded/embedded-broker.ts'
import { startEmbeddedCluster } from '../../src/embedded/embedded-cluster.ts'
import { ClusterAdmin } from '../../src/kafka/admin.ts'
import { createControlClient } from '../../src/kafka/kafkajs-client.ts'
import { batchOf, TestBroker, valuesOf } from '../kafka/test-broker.ts'
import { requestFrame } from './protocol/request-frame.ts'

async function start(t: TestContext, options: EmbeddedBrokerOptions = {}) {
  const broker = await startEmbeddedBroker(options)
  t.after(() => broker.stop())
  return broker
}

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vgm-broker-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

const kafkajs = (brokers: string) =>
  createControlClient({ brokers: brokers.split(','), clientId: 'vgm-test' }, () => undefined)

/** A socket to a broker, and all that it gets. */
async function open(t: TestContext, brokers: string) {
  const [host, port] = brokers.split(':')
  const socket = connect(Number(port), host)
  t.after(async () => void socket.destroy())
  const received: Buffer[] = []
  socket.on('data', (data) => received.push(data))
  await once(socket, 'connect')
  return { socket, received: () => Buffer.concat(received), closed: once(socket, 'close') }
}

const framed = (frame: Buffer) => {
  const size = Buffer.alloc(4)
  size.writeInt32BE(frame.length)
  return Buffer.concat([size, frame])
}

suite('the embedded broker, on a socket', () => {
  test('takes rows of committed and of rolled back transactions, and shows the committed ones', async (t) => {
    const { brokers } = await start(t)
    const broker = TestBroker.at(t, brokers)
    const topic = await broker.createTopic(2)
    const producer = await broker.openProducer()
    for (const [value, isCommit] of [
      ['a', true],
      ['b', false],
      ['c', true],
    ] as const) {
      await producer.begin()
      for (const partition of [0, 1]) await producer.produce(topic, partition, batchOf(value))
      await (isCommit ? producer.commit() : producer.abort())
    }
    deepEqual(valuesOf(await broker.rows(topic)), ['a', 'c', 'a', 'c'])
    deepEqual(valuesOf(await broker.stockRows(topic)), ['a', 'c', 'a', 'c'])
    deepEqual(await broker.ends(topic), [6, 6])
  })

  test('shares partitions out among the members of a group, and keeps what they commit', async (t) => {
    const { brokers } = await start(t)
    const client = kafkajs(brokers)
    const admin = client.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'rows', numPartitions: 4 }] })
    const producer = client.producer()
    await producer.connect()
    const messages = Array.from({ length: 40 }, (_, i) => ({ value: String(i), partition: i % 4 }))
    await producer.send({ topic: 'rows', messages })
    const seen: string[] = []
    const consumers = [0, 1].map(() =>
      client.consumer({ groupId: 'readers', rebalanceTimeout: 5_000, heartbeatInterval: 100, maxWaitTimeInMs: 100 }),
    )
    for (const consumer of consumers) {
      await consumer.connect()
      await consumer.subscribe({ topic: 'rows', fromBeginning: true })
    }
    const joined = consumers.map(
      (consumer) => new Promise((resolve) => consumer.on('consumer.group_join', ({ payload }) => resolve(payload))),
    )
    const eachMessage = async ({ message }: { message: { value: Buffer | null } }) =>
      void seen.push(String(message.value))
    await Promise.all(consumers.map((consumer) => consumer.run({ eachMessage })))
    await Promise.all(joined)
    while (new Set(seen).size < 40) await new Promise((resolve) => setTimeout(resolve, 20))
    const { groups } = await admin.describeGroups(['readers'])
    deepEqual([groups[0].state, groups[0].members.length], ['Stable', 2])
    await Promise.all(consumers.map((consumer) => consumer.disconnect()))
    const [{ partitions }] = await admin.fetchOffsets({ groupId: 'readers', topics: ['rows'] })
    deepEqual(new Set(partitions.map(({ offset }) => offset)), new Set(['10']))
    await admin.deleteGroups(['readers'])
    deepEqual((await admin.listGroups()).groups, [])
    await Promise.all([admin.disconnect(), producer.disconnect()])
  })

  test('answers requests of a connection in their order, while another one waits', async (t) => {
    const { brokers } = await start(t)
    const waiting = await open(t, brokers)
    const topics = [{ topic: 'none', partitions: [] }]
    const fetch = { maxWaitMs: 60_000, minBytes: 1, maxBytes: 1, isolationLevel: 0, topics }
    waiting.socket.write(framed(requestFrame('Fetch', 11, fetch)))
    waiting.socket.write(framed(requestFrame('ApiVersions', 2, {})))
    const other = await open(t, brokers)
    other.socket.write(framed(requestFrame('ApiVersions', 2, {})))
    while (other.received().length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    equal(waiting.received().length, 0)
  })

  test('closes a connection whose frames lie, and goes on', async (t) => {
    const lines: string[] = []
    const { brokers } = await start(t, { log: (line) => lines.push(line) })
    const tooLarge = await open(t, brokers)
    tooLarge.socket.write(Buffer.from([0x7f, 0xff, 0xff, 0xff, 0]))
    await tooLarge.closed
    const unknown = await open(t, brokers)
    unknown.socket.write(framed(Buffer.from([0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0, 0])))
    await unknown.closed
    equal(lines.length, 2)
    match(lines[1], /no API with the key 32767 is offered/)
    equal((await TestBroker.at(t, brokers).connections.metadata('Asking', [])).brokers.length, 1)
  })

  test('tells a producer why its rows do not fit, in the words of the broker', async (t) => {
    const lines: string[] = []
    const { brokers } = await start(t, { memoryBytes: 1024 * 1024, log: (line) => lines.push(line) })
    const broker = TestBroker.at(t, brokers)
    const topic = await broker.createTopic()
    const producer = await broker.openProducer()
    await producer.begin()
    const full = async () => {
      for (let i = 0; i < 10; i++) await producer.produce(topic, 0, batchOf('x'.repeat(300_000)))
      await producer.commit()
    }
    const said = /POLICY_VIOLATION, The embedded broker holds 1 MiB of rows, which is its limit: .* --data-dir/
    await rejects(full(), { message: said, retriable: false })
    equal(lines.length, 1)
    match(lines[0], /^Rows are refused with POLICY_VIOLATION: .* holds 1 MiB of rows/)
  })

  test('starts in a moment, and leaves nothing running', async (t) => {
    // Of processor time: the machine may have other work.
    const before = process.cpuUsage()
    const broker = await startEmbeddedBroker()
    const { user, system } = process.cpuUsage(before)
    ok(user + system < 500_000, `it took ${user + system} us`)
    const { socket, closed } = await open(t, broker.brokers)
    await broker.stop()
    await closed
    equal(socket.destroyed, true)
    await rejects(open(t, broker.brokers), { code: 'ECONNREFUSED' })
  })

  test('listens on the loopback only, on a port that is free, with settings that it knows', async (t) => {
    await rejects(startEmbeddedBroker({ host: '0.0.0.0' }), { code: 'VGM_USAGE', message: /127\.0\.0\.1 only/ })
    const { brokers } = await start(t)
    await rejects(startEmbeddedBroker({ port: Number(brokers.split(':')[1]) }), { code: 'VGM_USAGE', message: /taken/ })
    for (const port of [-1, 0.5, Number.NaN, 65_536, '9092' as unknown as number])
      await rejects(startEmbeddedBroker({ port }), { code: 'VGM_USAGE', message: `"port" is ${port}` })
    for (const memoryBytes of [0, -1, Number.NaN])
      await rejects(startEmbeddedBroker({ memoryBytes }), { code: 'VGM_USAGE', message: /"memoryBytes" is/ })
    const foreign = { foo: 1 } as EmbeddedBrokerOptions
    await rejects(startEmbeddedBroker(foreign), { code: 'VGM_USAGE', message: /has no option "foo"/ })
    await rejects(startEmbeddedCluster(foreign), { code: 'VGM_USAGE', message: /has no option "foo"/ })
    await rejects(startEmbeddedCluster({ registryPort: -1 }), { code: 'VGM_USAGE', message: '"registryPort" is -1' })
    await rejects(startEmbeddedBroker({ settings: { 'log.nonsense': 1 } }), { code: 'VGM_USAGE' })
    await rejects(startEmbeddedBroker({ settings: { 'num.partitions': 0 } }), { message: /at least 1/ })
  })
})

suite('the embedded broker with a folder', () => {
  test('has topics, settings, rows and offsets again when it starts on it again', async (t) => {
    const dataDir = newFolder(t)
    const before = await startEmbeddedBroker({ dataDir })
    const writer = TestBroker.at(t, before.brokers)
    const topic = await writer.createTopic(2, { 'retention.ms': '86400000' })
    const gone = await writer.createTopic()
    const producer = await writer.openProducer()
    await producer.begin()
    await producer.produce(topic, 1, batchOf('kept'))
    await producer.commit()
    const admin = kafkajs(before.brokers).admin()
    const committer = new ClusterAdmin(writer.settings)
    await committer.groups.commitOffsets('readers', topic, [{ partition: 1, offset: 1 }])
    await committer.close()
    await admin.deleteTopics({ topics: [gone] })
    const { clusterId } = await admin.describeCluster()
    await admin.disconnect()
    await producer.close()
    await writer.connections.close()
    await before.stop()

    const after = await start(t, { dataDir })
    const reader = TestBroker.at(t, after.brokers)
    deepEqual(valuesOf(await reader.rows(topic)), ['kept'])
    const again = kafkajs(after.brokers).admin()
    equal((await again.describeCluster()).clusterId, clusterId)
    deepEqual(
      (await again.listTopics()).filter((name) => !name.startsWith('__')),
      [topic],
    )
    const [{ partitions }] = await again.fetchOffsets({ groupId: 'readers', topics: [topic] })
    equal(partitions.find(({ partition }) => partition === 1)?.offset, '1')
    const { resources } = await again.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: topic, configNames: ['retention.ms'] }],
    })
    deepEqual(
      resources[0].configEntries.map(({ configValue }) => configValue),
      ['86400000'],
    )
    await again.disconnect()
  })

  test('cuts off what was torn at the end of a log, and says so', async (t) => {
    const dataDir = newFolder(t)
    const before = await startEmbeddedBroker({ dataDir })
    const writer = TestBroker.at(t, before.brokers)
    const topic = await writer.createTopic()
    const producer = await writer.openProducer()
    await producer.begin()
    await producer.produce(topic, 0, batchOf('whole'))
    await producer.commit()
    await producer.close()
    await writer.connections.close()
    await before.stop()
    const folder = join(dataDir, 'logs', `${topic}-0`)
    const segment = readdirSync(folder).find((name) => name.endsWith('.log'))!
    appendFileSync(join(folder, segment), Buffer.alloc(30, 7))
    const lines: string[] = []
    const { brokers } = await start(t, { dataDir, log: (line) => lines.push(line) })
    deepEqual(lines, [`30 bytes at the end of ${topic}-0 were torn, and have been cut off`])
    deepEqual(valuesOf(await TestBroker.at(t, brokers).rows(topic)), ['whole'])
  })

  test('leaves alone what it has not written there, and says so', async (t) => {
    const dataDir = newFolder(t)
    const logs = join(dataDir, 'logs')
    const foreign = ['app.log', 'service-1/out.log', 'service-1/000000-0000000000000000.log', 'empty-1/', 'old-0/']
    for (const path of foreign) {
      mkdirSync(join(logs, dirname(path), path.endsWith('/') ? basename(path) : ''), { recursive: true })
      if (!path.endsWith('/')) writeFileSync(join(logs, path), path)
    }
    writeFileSync(join(logs, 'old-0', '000000-0000000000000000.log'), 'rows')
    // What the broker has left of a topic that it could not create.
    mkdirSync(join(logs, 'failed-0'))
    writeFileSync(join(logs, 'failed-0', 'log.json'), '{"id":"failed","generation":0,"start":0,"startOffset":0}')
    for (let starts = 0; starts < 2; starts++) {
      const lines: string[] = []
      const broker = await startEmbeddedBroker({ dataDir, log: (line) => lines.push(line) })
      await broker.stop()
      const left = 'app.log, service-1/out.log'
      deepEqual(lines, [
        `The embedded broker leaves alone logs in ${logs} that are of none of its topics: old-0`,
        `The embedded broker leaves alone what it has not written in ${logs}: ${left}`,
      ])
    }
    deepEqual(readdirSync(join(logs, 'service-1')).sort(), ['000000-0000000000000000.log', 'out.log'])
    deepEqual(
      ['old-0', 'failed-0', 'empty-1'].map((name) => existsSync(join(logs, name))),
      [true, false, true],
    )
  })

  test('is free again after a start that has failed', async (t) => {
    const dataDir = newFolder(t)
    const { brokers } = await start(t)
    const port = Number(brokers.split(':')[1])
    await rejects(startEmbeddedBroker({ dataDir, port }), { code: 'VGM_USAGE' })
    await start(t, { dataDir })
  })

  test('shares it with no other broker', async (t) => {
    const dataDir = newFolder(t)
    const broker = await startEmbeddedBroker({ dataDir })
    await rejects(startEmbeddedBroker({ dataDir }), { code: 'VGM_BROKER_FOLDER_IN_USE', exitCode: 2 })
    await broker.stop()
    await start(t, { dataDir })
  })
})
