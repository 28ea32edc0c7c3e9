import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Partitioners } from 'kafkajs'
import { ClusterAdmin } from '../../src/kafka/admin.ts'
import { BrokerConnections } from '../../src/kafka/broker-connections.ts'
import { createTopic } from '../../src/kafka/create-topic.ts'
import { createControlClient } from '../../src/kafka/kafkajs-client.ts'
import { type LagSource, lagOf } from '../../src/pipeline/group-lag.ts'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { until } from '../embedded/conformance/step.ts'

const silent = () => undefined

async function connect(t: { after(work: () => Promise<void>): void }) {
  const { brokers } = await testCluster()
  const settings = { brokers: brokers.split(','), clientId: 'vgm-test' }
  const admin = new ClusterAdmin(settings)
  t.after(() => admin.close())
  return { admin, kafka: createControlClient(settings, silent) }
}

suite('cluster admin, on a broker', () => {
  test('a row topic copies retention and message size of the raw one, and keeps timestamps', async (t) => {
    const { admin, kafka } = await connect(t)
    const [raw, normalized] = [uniqueName('raw'), uniqueName('normalized')]
    const creator = kafka.admin()
    const configEntries = [
      { name: 'retention.ms', value: '86400000' },
      { name: 'max.message.bytes', value: '2000000' },
      { name: 'message.timestamp.type', value: 'LogAppendTime' },
    ]
    await creator.createTopics({ topics: [{ topic: raw, numPartitions: 3, configEntries }] })
    await creator.disconnect()
    equal(await admin.topics.ensureRowTopic({ topic: normalized, partitions: 3, like: raw }), 'created')
    const config = await admin.topics.config(normalized)
    equal(config.get('retention.ms'), '86400000')
    equal(config.get('max.message.bytes'), String(2_000_000 + 65_536))
    equal(config.get('message.timestamp.type'), 'CreateTime')
    equal(config.get('message.timestamp.before.max.ms'), '9223372036854775807')
    equal(config.get('message.timestamp.after.max.ms'), '9223372036854775807')
    equal(await admin.topics.ensureRowTopic({ topic: normalized, partitions: 3, like: raw }), 'present')
  })

  test('another number of partitions is refused with the command that mends it', async (t) => {
    const { admin } = await connect(t)
    const topic = uniqueName('rows')
    await admin.topics.ensureRowTopic({ topic, partitions: 2 })
    await rejects(admin.topics.ensureRowTopic({ topic, partitions: 4 }), {
      code: 'VGM_PARTITION_COUNT',
      exitCode: 2,
      fix: new RegExp(`--alter --topic ${topic} --partitions 4`),
    })
    await rejects(admin.topics.ensureRowTopic({ topic, partitions: 1 }), {
      fix: new RegExp(`--delete --topic ${topic}`),
    })
  })

  test('the models topic is compacted and has one partition, or is refused', async (t) => {
    const { admin } = await connect(t)
    const topic = uniqueName('models')
    equal(await admin.topics.ensureModelsTopic(topic), 'created')
    equal(await admin.topics.ensureModelsTopic(topic), 'present')
    equal((await admin.topics.config(topic)).get('cleanup.policy'), 'compact')
    const rows = uniqueName('rows')
    await admin.topics.ensureRowTopic({ topic: rows, partitions: 1 })
    await rejects(admin.topics.ensureModelsTopic(rows), { code: 'VGM_MODELS_TOPIC', fix: /cleanup\.policy=compact/ })
  })

  test('offsets, times, commits with metadata, and lag', async (t) => {
    const { admin, kafka } = await connect(t)
    const [topic, group] = [uniqueName('offsets'), uniqueName('group')]
    await admin.topics.ensureRowTopic({ topic, partitions: 2 })
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    const messages = [1000, 2000, 3000].map((ms) => ({ value: 'x', partition: 1, timestamp: String(ms) }))
    await producer.send({ topic, messages })
    await producer.disconnect()
    deepEqual(await admin.offsets.watermarks(topic), [
      { partition: 0, low: 0, high: 0 },
      { partition: 1, low: 0, high: 3 },
    ])
    equal(await admin.offsets.highWatermark(topic, 1), 3)
    deepEqual(
      (await admin.offsets.at(topic, 1500)).map(({ offset }) => offset),
      [0, 1],
    )
    deepEqual(await admin.groups.committedOffsets(group), [])
    const lags: LagSource = {
      committedOffsets: (...of) => admin.groups.committedOffsets(...of),
      watermarks: (of) => admin.offsets.watermarks(of),
    }
    equal((await lagOf(lags, group, topic)).total, 3)
    const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 50 })
    await consumer.connect()
    await consumer.subscribe({ topics: [topic] })
    await consumer.run({ autoCommit: false, eachBatch: async () => undefined })
    await consumer.commitOffsets([{ topic, partition: 1, offset: '2', metadata: 'seen=2' }])
    await consumer.disconnect()
    deepEqual(await admin.groups.committedOffsets(group, topic), [
      { topic, partition: 1, offset: 2, metadata: 'seen=2' },
    ])
    deepEqual(await lagOf(lags, group, topic), {
      group,
      topic,
      partitions: [
        { partition: 0, committed: undefined, end: 0, lag: 0 },
        { partition: 1, committed: 2, end: 3, lag: 1 },
      ],
      total: 1,
    })
    equal(
      (await admin.groups.list()).some((known) => known.group === group),
      true,
    )
    deepEqual(await admin.groups.describe([group]), [{ group, state: 'Empty', members: [] }])
    await admin.groups.commitOffsets(group, topic, [{ partition: 1, offset: 0 }])
    equal((await lagOf(lags, group, topic)).total, 3)
    await admin.groups.delete([group])
  })

  test('goes on after a topic that it knew has been deleted', async (t) => {
    const { admin } = await connect(t)
    const [gone, other] = [uniqueName('gone'), uniqueName('other')]
    for (const topic of [gone, other]) await admin.topics.ensureRowTopic({ topic, partitions: 1 })
    await admin.offsets.watermarks(gone)
    await admin.topics.delete([gone, uniqueName('never-there')])
    equal(await admin.topics.partitionCount(gone), undefined)
    await rejects(admin.offsets.watermarks(gone), { code: 'VGM_TOPIC_MISSING', exitCode: 2 })
    equal((await admin.offsets.watermarks(other)).length, 1)
  })
})

suite("a broker's own reason, on a broker", () => {
  test('stands in the error when a name collides with that of another topic', async (t) => {
    const { admin } = await connect(t)
    const name = uniqueName('collides')
    await admin.topics.ensureRowTopic({ topic: `${name}.rows`, partitions: 1 })
    await rejects(admin.topics.ensureRowTopic({ topic: `${name}_rows`, partitions: 1 }), {
      code: 'VGM_BROKER',
      message: new RegExp(`Creating topic ${name}_rows: .* INVALID_TOPIC_EXCEPTION, .*collides with .*${name}\\.rows`),
      fix: /name for the data set/,
      retriable: false,
    })
  })

  test('stands in the error when a setting has no such value, or partitions would have to go', async (t) => {
    const { admin } = await connect(t)
    const topic = uniqueName('reasons')
    await admin.topics.ensureRowTopic({ topic, partitions: 2 })
    await rejects(admin.topics.alter(topic, { 'retention.ms': 'soon' }), {
      message: /INVALID_CONFIG, .*soon.*retention\.ms/,
      fix: /Correct what the broker reports/,
    })
    await rejects(admin.topics.addPartitions(topic, 1), { message: /INVALID_PARTITIONS, .*2 partition/ })
  })

  test('a topic is made with the names of settings of the newest release that the brokers know', async (t) => {
    const { brokers } = await testCluster()
    const { admin } = await connect(t)
    const connections = new BrokerConnections({ brokers: brokers.split(','), clientId: 'vgm-test' })
    t.after(() => connections.close())
    const [topic, other] = [uniqueName('named'), uniqueName('named')]
    const unknown = [['message.timestamp.nonsense.max.ms', '1']] as const
    const known = [['retention.ms', '86400000']] as const
    await createTopic(connections, 'Making it', { topic, partitions: 1, settings: [unknown, known] })
    // Brokers learn of a topic after the controller has made it.
    await until(async () => (await admin.topics.partitionCount(topic)) === 1)
    equal((await admin.topics.config(topic)).get('retention.ms'), '86400000')
    const made = createTopic(connections, 'Making it', { topic: other, partitions: 1, settings: [unknown] })
    await rejects(made, {
      message: /INVALID_CONFIG, Unknown topic config name: message\.timestamp\.nonsense\.max\.ms$/,
    })
    equal(await admin.topics.partitionCount(other), undefined)
    await createTopic(connections, 'Judging it', { topic: other, partitions: 1, settings: [unknown, known] }, true)
    equal(await admin.topics.partitionCount(other), undefined)
  })
})

suite('cluster admin, without a broker', () => {
  test('says in one line that no broker answers, and what to do', async (t) => {
    const admin = new ClusterAdmin({ brokers: ['127.0.0.1:1'], clientId: 'vgm-test' })
    t.after(() => admin.close())
    await rejects(
      admin.topics.partitionCounts(),
      (error: Error & { code?: string; fix?: string; exitCode?: number }) => {
        equal(error.code, 'VGM_BROKER_UNREACHABLE')
        equal(error.message, 'No Kafka broker answers at 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1')
        equal(error.exitCode, 1)
        match(error.fix ?? '', /vgm up/)
        return true
      },
    )
  })
})
