import { deepEqual, equal, rejects } from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { claimState } from '../../src/cluster/state-file.ts'
import { clusterAddress } from '../../src/config/cluster-address.ts'
import { identifyProcess } from '../../src/embedded/process-identity.ts'

/** Size, correlation id 1, one broker. */
const metadata = Buffer.from('00000008' + '00000001' + '00000001', 'hex')

async function portOf(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** No state but what the test writes. */
function ownState(t: TestContext): void {
  const before = process.env.XDG_STATE_HOME
  const folder = mkdtempSync(join(tmpdir(), 'vgm-state-'))
  process.env.XDG_STATE_HOME = folder
  t.after(() => {
    if (before === undefined) delete process.env.XDG_STATE_HOME
    else process.env.XDG_STATE_HOME = before
    rmSync(folder, { recursive: true })
  })
}

suite('the cluster that a command works with', () => {
  test('is none if no flag names one and none has been started', async (t) => {
    ownState(t)
    await rejects(clusterAddress({}), { code: 'VGM_USAGE', message: /none of "vgm up" is running/ })
  })

  test('has addresses with ports that there are', async () => {
    const registry = 'http://127.0.0.1:8081'
    for (const brokers of ['127.0.0.1:99999', '127.0.0.1:65536', '127.0.0.1:0', '[::1]:70000', 'a:9092,b:99999', 'a:x'])
      await rejects(clusterAddress({ brokers, registry }), {
        code: 'VGM_USAGE',
        message: /is not a broker's address/,
        fix: /a port from 1 to 65535/,
      })
    for (const registry of ['http://127.0.0.1:99999', 'http://127.0.0.1:0', 'http://127.0.0.1:x'])
      await rejects(clusterAddress({ brokers: 'a:9092', registry }), {
        code: 'VGM_USAGE',
        message: /is not a registry's address/,
        fix: /a port from 1 to 65535/,
      })
    const brokers = '127.0.0.1:65535,[::1]:1'
    deepEqual((await clusterAddress({ brokers, registry })).brokers, brokers.split(','))
  })

  test('is waited for while it is too busy to answer', async (t) => {
    ownState(t)
    let asked = 0
    const broker = createServer((socket) => {
      // The first time it hangs up, as a port does whose process has not come to it.
      if (++asked === 1) socket.destroy()
      else socket.write(metadata)
      socket.on('error', () => undefined)
    })
    const registry = createHttpServer((_, response) => response.end('[]'))
    const brokers = `127.0.0.1:${await portOf(t, broker)}`
    const registryUrl = `http://127.0.0.1:${await portOf(t, registry)}`
    const supervisor = identifyProcess(process.pid)!
    claimState({ kind: 'jvm', brokers, registry: registryUrl, startedAtMs: Date.now(), supervisor })
    const address = await clusterAddress({})
    deepEqual([address.brokers, address.registry], [[brokers], registryUrl])
    equal(asked, 2)
  })
})
