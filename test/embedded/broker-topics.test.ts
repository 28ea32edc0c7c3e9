import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { errorCodes } from '../../src/embedded/error-codes.ts'
import { zeroUuid } from '../../src/embedded/protocol/primitives.ts'
import { AskedBroker } from './asked-broker.ts'

const topicResource = 2
const brokerResource = 4
const dayMs = 24 * 3_600_000

/** Asks for a topic, with what is said of it changed. */
async function create(broker: AskedBroker, changes: object): Promise<[code: number, message: string]> {
  const topic = { name: 'rows', numPartitions: -1, replicationFactor: -1, assignments: [], configs: [], ...changes }
  const { topics } = await broker.ask('CreateTopics', { topics: [topic], timeoutMs: 1_000, validateOnly: false })
  return [topics[0].errorCode, topics[0].errorMessage ?? '']
}

async function describe(broker: AskedBroker, resourceType: number, resourceName: string, keys: string[] | null = null) {
  const { results } = await broker.ask('DescribeConfigs', {
    resources: [{ resourceType, resourceName, configurationKeys: keys }],
    includeSynonyms: true,
  })
  return results[0]
}

async function settingOf(broker: AskedBroker, name: string): Promise<readonly [value: string | null, source: number]> {
  const { configs } = await describe(broker, topicResource, 'rows', [name])
  return [configs[0].value, configs[0].configSource ?? -1]
}

async function alter(broker: AskedBroker, name: string, configOperation: number, value: string | null) {
  const { responses } = await broker.ask('IncrementalAlterConfigs', {
    resources: [{ resourceType: topicResource, resourceName: 'rows', configs: [{ name, configOperation, value }] }],
    validateOnly: false,
  })
  return responses[0].errorCode
}

suite('topics of the embedded broker', () => {
  test('are made with as many partitions as they are to have, and are known by their names and their ids', async () => {
    const broker = new AskedBroker({ settings: { 'num.partitions': 3 } })
    deepEqual(await create(broker, {}), [0, ''])
    deepEqual(await create(broker, { name: 'wide', numPartitions: 5, replicationFactor: 1 }), [0, ''])
    const { topics, controllerId, brokers } = await broker.ask('Metadata', { topics: null })
    deepEqual(
      topics.filter(({ isInternal }) => !isInternal).map(({ name, partitions }) => [name, partitions.length]),
      [
        ['rows', 3],
        ['wide', 5],
      ],
    )
    deepEqual(
      topics.filter(({ isInternal }) => isInternal).map(({ name }) => name),
      ['__consumer_offsets', '__transaction_state'],
    )
    deepEqual([controllerId, brokers], [1, [{ nodeId: 1, host: '127.0.0.1', port: 9092 }]])
    const wide = topics.find(({ name }) => name === 'wide')
    const byId = await broker.ask('Metadata', { topics: [{ topicId: wide?.topicId ?? '', name: null }] })
    equal(byId.topics[0].name, 'wide')
  })

  const refusals: readonly [what: string, changes: object, code: number, message: RegExp][] = [
    ['replicas on more nodes', { replicationFactor: 3 }, errorCodes.INVALID_REPLICATION_FACTOR, /broker is one node/],
    ['no partition', { numPartitions: 0 }, errorCodes.INVALID_PARTITIONS, /non-positive/],
    ['countless partitions', { numPartitions: 1e6 }, errorCodes.POLICY_VIOLATION, /at most/],
    ['a name with a blank', { name: 'a b' }, errorCodes.INVALID_TOPIC_EXCEPTION, /characters other than/],
    ['no name', { name: '' }, errorCodes.INVALID_TOPIC_EXCEPTION, /empty/],
    ['a name as that of another topic but for a dot', { name: 'a_b' }, errorCodes.INVALID_TOPIC_EXCEPTION, /collides/],
    ['the name of another topic', { name: 'a.b' }, errorCodes.TOPIC_ALREADY_EXISTS, /already exists/],
    ['the name of a topic of the broker', { name: '__consumer_offsets' }, errorCodes.TOPIC_ALREADY_EXISTS, /already/],
    [
      'a replica on another node',
      { assignments: [{ partitionIndex: 0, brokerIds: [2] }] },
      errorCodes.INVALID_REPLICA_ASSIGNMENT,
      /one replica 1/,
    ],
    [
      'an unknown setting',
      { configs: [{ name: 'retention.days', value: '1' }] },
      errorCodes.INVALID_CONFIG,
      /Unknown topic config name: retention\.days/,
    ],
    [
      'a setting that has no such value',
      { configs: [{ name: 'retention.ms', value: 'soon' }] },
      errorCodes.INVALID_CONFIG,
      /Invalid value soon for configuration retention\.ms: Not a number/,
    ],
    [
      'a cleanup that there is not',
      { configs: [{ name: 'cleanup.policy', value: 'sweep' }] },
      errorCodes.INVALID_CONFIG,
      /one of: compact, delete/,
    ],
    [
      'a compression by the broker',
      { configs: [{ name: 'compression.type', value: 'gzip' }] },
      errorCodes.INVALID_CONFIG,
      /takes producer only/,
    ],
  ]
  for (const [what, changes, code, message] of refusals)
    test(`with ${what} are refused`, async () => {
      const broker = new AskedBroker()
      await broker.createTopic('a.b')
      const [found, said] = await create(broker, changes)
      equal(found, code)
      match(said, message)
    })

  test('that are only judged are not made', async () => {
    const broker = new AskedBroker()
    const topic = { name: 'rows', numPartitions: 2, replicationFactor: -1, assignments: [], configs: [] }
    const { topics } = await broker.ask('CreateTopics', { topics: [topic], timeoutMs: 1_000, validateOnly: true })
    deepEqual([topics[0].errorCode, topics[0].numPartitions], [0, 2])
    const asked = await broker.ask('Metadata', { topics: [{ name: 'rows' }] })
    equal(asked.topics[0].errorCode, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
  })

  test('are made when they are asked for, if the broker is told to', async () => {
    for (const isMade of [true, false]) {
      const broker = new AskedBroker({ settings: { 'auto.create.topics.enable': isMade } })
      const { topics } = await broker.ask('Metadata', { topics: [{ name: 'rows' }] })
      equal(topics[0].errorCode, isMade ? errorCodes.NONE : errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
    }
  })

  test('get more partitions, and never fewer', async () => {
    const broker = new AskedBroker()
    await broker.createTopic('rows', 2)
    const grow = async (count: number) => {
      const topics = [{ name: 'rows', count, assignments: null }]
      const { results } = await broker.ask('CreatePartitions', { topics, timeoutMs: 1_000, validateOnly: false })
      return results[0].errorCode
    }
    deepEqual(
      [await grow(1), await grow(2), await grow(4)],
      [errorCodes.INVALID_PARTITIONS, errorCodes.INVALID_PARTITIONS, errorCodes.NONE],
    )
    equal((await broker.produce('rows', 3, ['a']))?.baseOffset, 0)
  })

  test('go with what groups have committed of them; one that is made again is another one', async () => {
    const broker = new AskedBroker()
    const { topicId } = await broker.createTopic('rows')
    await broker.produce('rows', 0, ['a'])
    await commit(broker)
    equal(await fetchOffset(broker), 1)
    const gone = await broker.ask('DeleteTopics', { topics: [{ name: 'rows', topicId: zeroUuid }], timeoutMs: 1_000 })
    equal(gone.responses[0].errorCode, errorCodes.NONE)
    const again = await broker.createTopic('rows')
    equal(again.topicId === topicId, false)
    equal(await fetchOffset(broker), -1)
    equal((await broker.produce('rows', 0, ['b']))?.baseOffset, 0)
    const byOldId = await broker.ask('DeleteTopics', { topics: [{ name: null, topicId: topicId ?? '' }], timeoutMs: 1 })
    equal(byOldId.responses[0].errorCode, errorCodes.UNKNOWN_TOPIC_ID)
  })
})

suite('settings of the embedded broker', () => {
  test('of a topic are its own, or those that the broker was given, or defaults', async () => {
    const broker = new AskedBroker({ settings: { 'log.retention.ms': dayMs } })
    await broker.createTopic('rows', 1, { 'max.message.bytes': '1000' })
    deepEqual(await settingOf(broker, 'max.message.bytes'), ['1000', 1])
    deepEqual(await settingOf(broker, 'retention.ms'), [String(dayMs), 4])
    deepEqual(await settingOf(broker, 'cleanup.policy'), ['delete', 5])
  })

  test('of a topic are changed one by one: set, removed, and lists lengthened and shortened', async () => {
    const broker = new AskedBroker()
    await broker.createTopic('rows')
    equal(await alter(broker, 'retention.ms', 0, '5000'), errorCodes.NONE)
    equal(await alter(broker, 'cleanup.policy', 2, 'compact'), errorCodes.NONE)
    deepEqual(
      [(await settingOf(broker, 'retention.ms'))[0], (await settingOf(broker, 'cleanup.policy'))[0]],
      ['5000', 'delete,compact'],
    )
    equal(await alter(broker, 'cleanup.policy', 3, 'delete'), errorCodes.NONE)
    equal(await alter(broker, 'retention.ms', 1, null), errorCodes.NONE)
    deepEqual(
      [(await settingOf(broker, 'retention.ms'))[0], (await settingOf(broker, 'cleanup.policy'))[0]],
      ['-1', 'compact'],
    )
    equal(await alter(broker, 'retention.ms', 2, '1'), errorCodes.INVALID_CONFIG)
    equal(await alter(broker, 'cleanup.policy', 3, 'compact'), errorCodes.INVALID_CONFIG)
  })

  test('of a topic hold for the rows that come next', async () => {
    const broker = new AskedBroker()
    await broker.createTopic('rows')
    equal((await broker.produce('rows', 0, ['x'.repeat(500)]))?.errorCode, errorCodes.NONE)
    await alter(broker, 'max.message.bytes', 0, '400')
    equal((await broker.produce('rows', 0, ['x'.repeat(500)]))?.errorCode, errorCodes.MESSAGE_TOO_LARGE)
    await alter(broker, 'message.timestamp.type', 0, 'LogAppendTime')
    equal((await broker.produce('rows', 0, ['x']))?.logAppendTimeMs, broker.clock.nowMs)
  })

  test('of a topic let messages be as large as Apache Kafka does', async () => {
    const broker = new AskedBroker()
    await broker.createTopic('rows')
    deepEqual(await settingOf(broker, 'max.message.bytes'), ['1048588', 5])
    equal((await broker.produce('rows', 0, ['x'.repeat(2 ** 20)]))?.errorCode, errorCodes.MESSAGE_TOO_LARGE)
    equal((await broker.produce('rows', 0, ['x'.repeat(2 ** 20 - 100)]))?.errorCode, errorCodes.NONE)
  })

  test('of the broker are shown, and not changed', async () => {
    const broker = new AskedBroker()
    const { configs } = await describe(broker, brokerResource, '1')
    const values = new Map(configs.map(({ name, value }) => [name, value]))
    deepEqual(
      ['transaction.max.timeout.ms', 'group.min.session.timeout.ms', 'advertised.listeners'].map((name) =>
        values.get(name),
      ),
      ['900000', '6000', 'PLAINTEXT://127.0.0.1:9092'],
    )
    const { responses } = await broker.ask('AlterConfigs', {
      resources: [{ resourceType: brokerResource, resourceName: '1', configs: [] }],
      validateOnly: false,
    })
    equal(responses[0].errorCode, errorCodes.INVALID_REQUEST)
    equal((await describe(broker, brokerResource, '2')).errorCode, errorCodes.INVALID_REQUEST)
    equal((await describe(broker, topicResource, 'none')).errorCode, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
  })
})

suite('housekeeping of the embedded broker', () => {
  test('removes rows whose retention is over, by its clock', async () => {
    const broker = new AskedBroker()
    await broker.createTopic('rows', 1, { 'retention.ms': '60000' })
    await broker.produce('rows', 0, ['a'])
    await broker.clock.elapse(30_000)
    equal(await startOf(broker), 0)
    await broker.clock.elapse(60_000)
    equal(await startOf(broker), 1)
  })

  test('removes what groups have committed when its retention is over', async () => {
    const broker = new AskedBroker({ settings: { 'offsets.retention.minutes': 1 } })
    await broker.createTopic('rows')
    await commit(broker)
    equal(await fetchOffset(broker), 1)
    await broker.clock.elapse(90_000)
    equal(await fetchOffset(broker), -1)
  })
})

async function startOf(broker: AskedBroker): Promise<number | undefined> {
  const partitions = [{ partitionIndex: 0, timestamp: -2 }]
  const { topics } = await broker.ask('ListOffsets', { replicaId: -1, topics: [{ name: 'rows', partitions }] })
  return topics[0].partitions[0].offset
}

async function commit(broker: AskedBroker): Promise<void> {
  const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }]
  await broker.ask('OffsetCommit', {
    groupId: 'readers',
    generationIdOrMemberEpoch: -1,
    memberId: '',
    topics: [{ name: 'rows', partitions }],
  })
}

async function fetchOffset(broker: AskedBroker): Promise<number | undefined> {
  const topics = [{ name: 'rows', partitionIndexes: [0] }]
  const { groups } = await broker.ask('OffsetFetch', { groups: [{ groupId: 'readers', topics }] })
  return groups?.[0].topics[0].partitions[0].committedOffset
}
