import { equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import { brokerAnswers, registryAnswers } from '../../src/cluster/readiness.ts'
import { testCluster, uniqueName } from './shared-cluster.ts'

suite('the cluster of a test run', () => {
  test('the cluster answers at both addresses', async () => {
    const { brokers, registry } = await testCluster()
    equal(await brokerAnswers(brokers), true)
    equal(await registryAnswers(registry), true)
  })

  test('commits a transaction of a stock client', async (t) => {
    const { brokers } = await testCluster()
    const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING })
    const topic = uniqueName('shared-cluster')
    const admin = kafka.admin()
    const producer = kafka.producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 })
    t.after(() => Promise.all([admin.disconnect(), producer.disconnect()]))
    await Promise.all([admin.connect(), producer.connect()])
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: false })

    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
    await transaction.commit()
    // Two rows and the commit marker, which is written a moment after the commit has returned.
    const deadline = performance.now() + 10_000
    const end = async (): Promise<string> => (await admin.fetchTopicOffsets(topic))[0].offset
    while ((await end()) !== '3' && performance.now() < deadline) await sleep(50)
    equal(await end(), '3')
  })
})
