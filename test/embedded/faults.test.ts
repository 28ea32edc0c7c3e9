import { deepEqual, equal, throws } from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { startEmbeddedBroker } from '../../src/embedded/embedded-broker.ts'
import { AnswerFaults, type Faults } from '../../src/embedded/faults.ts'
import type { ApiName } from '../../src/embedded/protocol/apis.ts'

const lost = { kind: 'lost' } as const
const slow = { kind: 'slow', delayMs: 1 } as const

suite('faults of a test', () => {
  test('meet requests in the order in which they were added, and count them', () => {
    const faults = new AnswerFaults()
    const first = faults.add({ api: 'Produce', times: 2 }, lost)
    const second = faults.add({ api: 'Produce' }, slow)
    const never = faults.add({ api: 'Fetch', times: 0 }, lost)
    const taken = (['Produce', 'Fetch', 'Produce', 'Produce', 'Produce'] as const).map((api) => faults.take(api))
    deepEqual(taken, [lost, undefined, lost, slow, undefined])
    deepEqual([first.met, second.met, never.met], [2, 1, 0])
  })

  test('are refused for requests that there are not, and for numbers that are none', async (t: TestContext) => {
    const broker = await startEmbeddedBroker()
    t.after(() => broker.stop())
    const refused = (work: (faults: Faults) => void, message: RegExp) =>
      throws(() => work(broker.faults), { code: 'VGM_USAGE', message })
    for (const api of ['Prodce', 'produce', 'CreateAcls', 'toString'])
      refused((faults) => faults.loseAnswers({ api: api as ApiName }), new RegExp(`"${api}", which is no request`))
    for (const times of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
      refused((faults) => faults.loseAnswers({ api: 'Produce', times }), /times/)
    for (const ms of [undefined as unknown as number, -1, Number.NaN, 2 ** 31]) {
      refused((faults) => faults.slowAnswers({ api: 'Fetch', delayMs: ms }), /"delayMs" of a fault is/)
      refused((faults) => faults.goAway(ms), /"ms" of a fault is/)
    }
    equal(broker.faults.loseAnswers({ api: 'Produce', times: 0 }).met, 0)
  })
})
