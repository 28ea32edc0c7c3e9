import { equal, notEqual, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ConnectionLostError } from '../../src/kafka/broker-errors.ts'
import { TimeoutError } from '../../src/kafka/client-parts.ts'
import { TestBroker } from './test-broker.ts'

suite('connections to brokers', () => {
  test('with one whose answer is late go those to the same broker that wait for none', async (t) => {
    const broker = await TestBroker.connect(t)
    const topic = await broker.createTopic()
    const connections = broker.connect()
    const to = (purpose: 'control' | 'fetch' | 'membership') =>
      connections.leaderConnection({ topic, partition: 0 }, purpose)
    const [control, busy, idle] = [await to('control'), await to('fetch'), await to('membership')]
    const answer = Promise.withResolvers<string>()
    const asked = connections.request(busy, 'Waiting', () => answer.promise)
    await rejects(
      connections.request(control, 'Asking', () => Promise.reject(new TimeoutError('Request timed out'))),
      ConnectionLostError,
    )
    notEqual(await to('control'), control)
    notEqual(await to('membership'), idle)
    equal(await to('fetch'), busy)
    answer.resolve('it came')
    equal(await asked, 'it came')
  })
})
