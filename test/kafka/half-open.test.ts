import { ok, rejects } from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { BrokerConnections } from '../../src/kafka/broker-connections.ts'
import { connectionLimits } from '../../src/kafka/connection-pool.ts'
import { Fetcher, fetcherDefaults } from '../../src/kafka/fetcher.ts'
import { GroupMembership, membershipDefaults } from '../../src/kafka/group-membership.ts'
import { SchemaRegistry } from '../../src/kafka/registry.ts'
import { silentServer } from './silent-server.ts'

const answerMs = 60
const limits = {
  ...connectionLimits,
  connectTimeoutMs: answerMs,
  requestTimeoutMs: {
    ...connectionLimits.requestTimeoutMs,
    control: answerMs,
    fetch: answerMs,
    membership: answerMs,
  },
}

/** Connections to brokers that take connections and never answer. */
async function silentConnections(t: TestContext, brokers = 1): Promise<BrokerConnections> {
  const ports = await Promise.all(Array.from({ length: brokers }, () => silentServer(t)))
  const settings = { brokers: ports.map((port) => `127.0.0.1:${port}`), clientId: 'test' }
  const connections = new BrokerConnections(settings, { limits, random: () => 1 })
  t.after(() => connections.close())
  return connections
}

suite('brokers and registries that take connections and never answer', () => {
  test('each broker is given its time-out, and then the next one is asked', async (t) => {
    const connections = await silentConnections(t, 3)
    const startedMs = performance.now()
    await rejects(connections.refresh(['t']), { code: 'VGM_BROKER_UNREACHABLE', retriable: true })
    const waitedMs = performance.now() - startedMs
    ok(waitedMs >= 3 * (answerMs - 5), `${waitedMs}`)
  })

  test('what is repeated ends when its time is over', async (t) => {
    const connections = await silentConnections(t)
    let attempts = 0
    const attempt = () => {
      attempts++
      return connections.refresh(['t'])
    }
    await rejects(connections.retrying('Asking', attempt, 300), { code: 'VGM_BROKER_UNREACHABLE' })
    ok(attempts >= 2 && attempts <= 5, `${attempts}`)
  })

  test('a member does not wait for its group for ever', async (t) => {
    const options = { group: 'g', topic: 't', groupInstanceId: null, ...membershipDefaults, rebalanceTimeoutMs: 100 }
    const membership = new GroupMembership(await silentConnections(t), options)
    await rejects(membership.join(), { code: 'VGM_BROKER_UNREACHABLE' })
    await membership.leave()
  })

  test('a reader fails with what was tried', async (t) => {
    const watch = { ...fetcherDefaults.watch, failAfterMs: 300 }
    const fetcher = new Fetcher(await silentConnections(t), { ...fetcherDefaults, watch })
    t.after(() => fetcher.close())
    fetcher.assign([{ topic: 't', partition: 0, offset: 5 }])
    const poll = async () => {
      for (;;) await fetcher.poll(20)
    }
    await rejects(poll(), { code: 'VGM_FETCH_STALLED', message: /t\/0 .* offset 5 .*timed out/i })
  })

  test('closing waits neither for answers nor for bytes that nobody takes', async (t) => {
    const connections = await silentConnections(t)
    const asked = connections.refresh(['t']).catch(() => undefined)
    await connections.close()
    await asked
  })

  test('a registry is given up when its time is over, for reading and for registering', async (t) => {
    const url = `http://127.0.0.1:${await silentServer(t)}/apis`
    const registry = new SchemaRegistry({ url }, { patienceMs: 150 })
    const startedMs = performance.now()
    await rejects(registry.schemaById(1), { code: 'VGM_REGISTRY_UNREACHABLE', retriable: true })
    await rejects(registry.register('s', '"int"'), { code: 'VGM_REGISTRY_UNREACHABLE', retriable: true })
    await rejects(registry.schemaById(1, 50), { code: 'VGM_REGISTRY_UNREACHABLE' })
    const waitedMs = performance.now() - startedMs
    ok(waitedMs >= 300, `${waitedMs}`)
  })
})
