import { deepEqual, equal, rejects } from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { Fetcher, fetcherDefaults } from '../../src/kafka/fetcher.ts'
import { uniqueName } from '../cluster/shared-cluster.ts'
import { batchOf, TestBroker } from './test-broker.ts'
import { openMember } from './test-member.ts'

async function filled(t: TestContext) {
  const broker = await TestBroker.connect(t)
  const topic = await broker.createTopic(1)
  const producer = await broker.openProducer()
  await producer.begin()
  for (let i = 0; i < 4; i++) await producer.produce(topic, 0, batchOf(`row ${i}`))
  await producer.commit()
  return { broker, topic }
}

async function pollOf(fetcher: Fetcher): Promise<never> {
  for (;;) await fetcher.poll(100)
}

suite('leader epochs, on a broker', () => {
  test('what a group commits has the epoch of the row before the position', async (t) => {
    const { broker, topic } = await filled(t)
    const [group, output] = [uniqueName('group'), await broker.createTopic(1)]
    const [end] = await broker.ends(topic)
    const ends = [{ topic, partition: 0, offset: end }]
    await (await openMember(broker, { group, input: topic, output, ends })).run()
    const [committed] = await broker.connections.committedOffsets(group, [{ topic, partition: 0 }])
    deepEqual([committed.offset, committed.leaderEpoch], [end, broker.connections.knownEpoch({ topic, partition: 0 })])
  })

  test('a position whose row the log has from another leader than was read is an error', async (t) => {
    const { broker, topic } = await filled(t)
    const fetcher = new Fetcher(broker.connect())
    t.after(() => fetcher.close())
    await broker.connections.refresh([topic])
    const leaderEpoch = broker.connections.knownEpoch({ topic, partition: 0 })
    fetcher.assign([{ topic, partition: 0, offset: 2, leaderEpoch }])
    equal((await fetcher.poll(5_000))[0].fromOffset, 2)
    fetcher.assign([{ topic, partition: 0, offset: 2, leaderEpoch: leaderEpoch + 1_000 }])
    // A reader without a group has no position that could be moved.
    await rejects(pollOf(fetcher), { code: 'VGM_LOG_TRUNCATED', exitCode: 1, fix: /that are there now, start again;/ })
    const member = new Fetcher(broker.connections, { ...fetcherDefaults, group: 'g' })
    t.after(() => member.close())
    member.assign([{ topic, partition: 0, offset: 2, leaderEpoch: leaderEpoch + 1_000 }])
    const reset = new RegExp(`--group g --topic ${topic}:0 --reset-offsets --to-`)
    await rejects(pollOf(member), { code: 'VGM_LOG_TRUNCATED', exitCode: 1, fix: reset })
  })
})
