import { equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startEmbeddedBroker } from '../../src/embedded/embedded-broker.ts'
import { testCluster } from '../cluster/shared-cluster.ts'
import { compareSequences, isApacheKafka4, likeKafka, newTally } from './conformance/conformance.ts'
import { reportOf } from './conformance/report.ts'
import { quickTrades } from './conformance/trades.ts'

/** Some twenty of each trade; `npm run test:conformance` compares thousands. */
const sequences = 120
const mostMs = 35_000

suite('the embedded broker', () => {
  test('answers as Apache Kafka does, but for the differences on the list', async (t) => {
    const { brokers } = await testCluster()
    const kafka = { name: 'Apache Kafka', address: brokers.split(',')[0] }
    if (!(await isApacheKafka4(kafka))) return t.skip('the cluster of the tests is no Apache Kafka 4 to compare with')
    const embedded = await startEmbeddedBroker({ settings: likeKafka })
    t.after(() => embedded.stop())
    const sides = [kafka, { name: 'embedded', address: embedded.brokers }] as const
    const deadlineMs = performance.now() + mostMs
    const tally = await compareSequences(sides, quickTrades, 1, sequences, newTally(), { deadlineMs })
    t.diagnostic(`${tally.sequences} sequences compared`)
    equal(tally.found.size, 0, reportOf(tally))
  })
})
