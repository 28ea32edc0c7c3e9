import { deepEqual, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { InterruptedError } from '../../src/errors.ts'
import { BrokerConnections } from '../../src/kafka/broker-connections.ts'
import { connectionLimits } from '../../src/kafka/connection-pool.ts'
import { createControlClient } from '../../src/kafka/kafkajs-client.ts'
import { KeptPositions } from '../../src/kafka/kept-positions.ts'
import { namingGoneTopics } from '../../src/kafka/written-topics.ts'
import { uniqueName } from '../cluster/shared-cluster.ts'
import { batchOf, TestBroker, valuesOf } from './test-broker.ts'
import { openMember } from './test-member.ts'

async function write(broker: TestBroker, topic: string, partition: number, ...values: string[]): Promise<void> {
  const producer = await broker.openProducer()
  await producer.begin()
  await producer.produce(topic, partition, batchOf(...values))
  await producer.commit()
  await producer.close()
}

async function administer(
  broker: TestBroker,
  work: (admin: ReturnType<ReturnType<typeof createControlClient>['admin']>) => Promise<unknown>,
): Promise<void> {
  const admin = createControlClient(broker.settings, () => undefined).admin()
  await admin.connect()
  await work(admin)
  await admin.disconnect()
}

async function until(isSo: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 30_000; !isSo(); await sleep(5)) ok(Date.now() < deadline, `never: ${isSo}`)
}

suite('what changes under a running group, on a broker', () => {
  test('partitions that are added are read by running members, from their first row', async (t) => {
    const broker = await TestBroker.connect(t)
    const [input, output] = [await broker.createTopic(1), await broker.createTopic(3)]
    const options = { group: uniqueName('group'), input, output, partitionCheckMs: 200 }
    const members = [await openMember(broker, options), await openMember(broker, options)]
    const running = members.map((member) => rejects(member.run(), InterruptedError))
    const owned = () => members.flatMap(({ session }) => session.positions().map(({ partition }) => partition))
    await until(() => owned().length === 1)
    await administer(broker, (admin) => admin.createPartitions({ topicPartitions: [{ topic: input, count: 3 }] }))
    await write(broker, input, 2, 'a', 'b')
    await until(() => owned().length === 3)
    await until(() => members.some(({ progress }) => progress.length > 0))
    deepEqual(owned().toSorted(), [0, 1, 2])
    for (const { stop } of members) stop.abort()
    await Promise.all(running)
    deepEqual(valuesOf(await broker.rows(output)), ['a', 'b'])
  })

  test('a heartbeat without an answer costs no generation', async (t) => {
    const broker = await TestBroker.connect(t)
    const [input, output, group] = [await broker.createTopic(1), await broker.createTopic(1), uniqueName('group')]
    const requestTimeoutMs = { ...connectionLimits.requestTimeoutMs, heartbeat: 300 }
    const connections = new BrokerConnections(broker.settings, { limits: { ...connectionLimits, requestTimeoutMs } })
    t.after(() => connections.close())
    const member = await openMember(broker, { group, input, output, connections })
    const running = rejects(member.run(), InterruptedError)
    await until(() => member.session.positions().length === 1)
    const { generationId } = member.membership.identity
    const connection = await member.connections.coordinatorConnection('group', group, 'heartbeat')
    // The next answer, and all others on this connection, never come.
    connection.socket?.removeAllListeners('data')
    connection.socket?.pause()
    await until(() => connection.socket?.destroyed === true)
    await write(broker, input, 0, 'a')
    await until(() => member.progress.length > 0)
    deepEqual([member.membership.identity.generationId, member.aborts], [generationId, []])
    member.stop.abort()
    await running
  })

  test('a topic that is deleted while it is read ends the stage, and says so', async (t) => {
    const broker = await TestBroker.connect(t)
    const [input, output] = [await broker.createTopic(2), await broker.createTopic(2)]
    const watch = { reportAfterMs: 30_000, failAfterMs: 60_000, goneAfterMs: 1_000 }
    const limits = { ...connectionLimits, unknownTopicMs: 1_000 }
    const connections = new BrokerConnections(broker.settings, { limits })
    t.after(() => connections.close())
    const group = uniqueName('group')
    const member = await openMember(broker, { group, input, output, watch, connections })
    await write(broker, input, 0, 'a')
    const ended = rejects(member.run(), { code: 'VGM_TOPIC_GONE', message: new RegExp(`Topic ${input} has been`) })
    // The marker after the row has been read too, so that no transaction is open.
    const committed = () => broker.connections.committedOffsets(group, [{ topic: input, partition: 0 }])
    while ((await committed())[0]?.offset !== 2) await sleep(20)
    await administer(broker, (admin) => admin.deleteTopics({ topics: [input] }))
    await ended
  })

  test('an output topic that is deleted ends the stage, and the next one goes on in a new topic', async (t) => {
    const broker = await TestBroker.connect(t)
    const [input, output, group] = [await broker.createTopic(1), await broker.createTopic(1), uniqueName('group')]
    const connections = new BrokerConnections(broker.settings, {
      limits: { ...connectionLimits, unknownTopicMs: 1_000 },
    })
    t.after(() => connections.close())
    const member = await openMember(broker, { group, input, output, connections })
    await write(broker, input, 0, 'a')
    const ended = rejects(member.run(), {
      code: 'VGM_TOPIC_GONE',
      message: new RegExp(`Topic ${output} has been deleted while it was written to`),
      fix: new RegExp(`--group ${group} --topic ${input} --delete-offsets".*--allow-empty-output`),
    })
    while (member.progress.length === 0) await sleep(20)
    await administer(broker, (admin) => admin.deleteTopics({ topics: [output] }))
    await write(broker, input, 0, 'b')
    await ended
    const topics = [{ topic: output, numPartitions: 1 }]
    await administer(broker, (admin) => admin.createTopics({ topics, waitForLeaders: false }))
    const ends = (await broker.ends(input)).map((offset, partition) => ({ topic: input, partition, offset }))
    await (await openMember(broker, { group, input, output, ends })).run()
    deepEqual(valuesOf(await broker.rows(output)), ['b'])
  })

  test('a positions topic that is deleted ends the stage, or a writer, and is named', async (t) => {
    const broker = await TestBroker.connect(t)
    const [input, output, group] = [await broker.createTopic(1), await broker.createTopic(1), uniqueName('group')]
    const topic = await broker.createTopic(1)
    const connections = new BrokerConnections(broker.settings, {
      limits: { ...connectionLimits, unknownTopicMs: 1_000 },
    })
    t.after(() => connections.close())
    const positions = new KeptPositions(connections, topic)
    const member = await openMember(broker, { group, input, output, connections, positions })
    await write(broker, input, 0, 'a')
    const gone = {
      code: 'VGM_TOPIC_GONE',
      message: new RegExp(`Topic ${topic} has been deleted`),
      fix: /created again$/,
    }
    const ended = rejects(member.run(), gone)
    while (member.progress.length === 0) await sleep(20)
    await administer(broker, (admin) => admin.deleteTopics({ topics: [topic] }))
    await write(broker, input, 0, 'b')
    await ended
    const others = new BrokerConnections(broker.settings, { limits: { ...connectionLimits, unknownTopicMs: 1_000 } })
    t.after(() => others.close())
    const producer = await broker.openProducer({ positions: new KeptPositions(others, topic) }, others)
    const writer = namingGoneTopics(producer, others, [positions.partition])
    await writer.begin()
    await rejects(writer.commit({ group, offsets: [{ topic: input, partition: 0, offset: 1 }] }), gone)
    await writer.abort()
    await writer.close()
  })

  test('a topic that is deleted under a writer is named', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic(1)
    const connections = new BrokerConnections(broker.settings, {
      limits: { ...connectionLimits, unknownTopicMs: 1_000 },
    })
    t.after(() => connections.close())
    const writer = namingGoneTopics(await broker.openProducer({}, connections), connections, [])
    await administer(broker, (admin) => admin.deleteTopics({ topics: [topic] }))
    const gone = { code: 'VGM_TOPIC_GONE', message: new RegExp(`Topic ${topic} has been deleted`) }
    await rejects(writer.begin([{ topic, partition: 0 }]), gone)
    await writer.abort()
    await writer.close()
  })

  test('an output topic that is made again in time has what follows', async (t) => {
    const broker = await TestBroker.connect(t)
    const [input, output, group] = [await broker.createTopic(1), await broker.createTopic(1), uniqueName('group')]
    const member = await openMember(broker, { group, input, output })
    await write(broker, input, 0, 'a')
    const ended = rejects(member.run(), InterruptedError)
    while (member.progress.length === 0) await sleep(20)
    await administer(broker, (admin) => admin.deleteTopics({ topics: [output] }))
    await write(broker, input, 0, 'b')
    await sleep(500)
    const topics = [{ topic: output, numPartitions: 1 }]
    await administer(broker, (admin) => admin.createTopics({ topics, waitForLeaders: false }))
    while (member.progress.at(-1) !== 2) await sleep(20)
    member.stop.abort()
    await ended
    deepEqual(valuesOf(await broker.rows(output)), ['b'])
  })

  test('the command after rows were deleted unread names the partitions of these rows, and no other one', async (t) => {
    const broker = await TestBroker.connect(t)
    const [input, output, group] = [await broker.createTopic(3), await broker.createTopic(3), uniqueName('group')]
    const readToEnd = async () => {
      const ends = (await broker.ends(input)).map((offset, partition) => ({ topic: input, partition, offset }))
      await (await openMember(broker, { group, input, output, ends })).run()
    }
    for (const partition of [0, 1, 2]) await write(broker, input, partition, 'a')
    await readToEnd()
    for (const partition of [0, 1, 2]) await write(broker, input, partition, 'b', 'c')
    const deleted = [1, 2].map((partition) => ({ partition, offset: '4' }))
    await administer(broker, async (admin) => {
      // It must have asked for the topic's leaders before.
      await admin.fetchTopicOffsets(input)
      await admin.deleteTopicRecords({ topic: input, partitions: deleted })
    })
    await rejects(readToEnd(), {
      code: 'VGM_POSITION_LOST',
      // One answer of the broker may have both partitions, or one of them.
      message: /Offset [12] of .*\/[12] is no longer in the log, which holds 4 to 5/,
      fix: new RegExp(
        `kafka-consumer-groups.sh --bootstrap-server ${broker.settings.brokers.join(',')} --group ${group} ` +
          `--topic ${input}:(1|2|1,2) --reset-offsets --to-earliest --execute"`,
      ),
    })
  })

  test('a position beyond the end of the log ends the stage, also where it would look like the end', async (t) => {
    const broker = await TestBroker.connect(t)
    const [input, output, group] = [await broker.createTopic(1), await broker.createTopic(1), uniqueName('group')]
    await write(broker, input, 0, 'a', 'b')
    const ends = (await broker.ends(input)).map((offset, partition) => ({ topic: input, partition, offset }))
    const producer = await broker.openProducer()
    const commit = async (offset: number) => {
      await producer.begin()
      await producer.commit({ group, offsets: [{ topic: input, partition: 0, offset }] })
    }
    await commit(100)
    const lost = {
      code: 'VGM_POSITION_LOST',
      message: /Offset 100 .* which ends at 3/,
      fix: new RegExp(
        `--group ${group} --topic ${input}:0 --reset-offsets --to-earliest.* truncated, .* a second time: ` +
          `.*--to-offset 3 in ${input}:0`,
      ),
    }
    await rejects((await openMember(broker, { group, input, output, ends })).run(), lost)
    await rejects((await openMember(broker, { group, input, output })).run(), { code: 'VGM_POSITION_LOST' })
    // Another member has read on since the ends were taken: nothing is wrong.
    await commit(3)
    const earlier = [{ topic: input, partition: 0, offset: 2 }]
    const { rowsIn } = await (await openMember(broker, { group, input, output, ends: earlier })).run()
    deepEqual(rowsIn, 0)
  })
})
