import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { preparePeers } from '../../bench/peers/peers.ts'
import { noAccess } from '../../src/config/cluster-access.ts'
import { createLogger } from '../../src/observe/logger.ts'
import { plainUse, withClusterAt } from '../../src/pipeline/cluster-session.ts'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { temporaryFolder, vgm } from '../commands/run-command.ts'
import { TestBroker } from '../kafka/test-broker.ts'

const rows = 4_000
/** The magic byte and the schema id: each topic's schema is registered under its own subject. */
const framing = 5

suite('the peers of the bench', () => {
  test('normalize as we do, byte for byte, and keep partition and order', async (t) => {
    const { brokers, registry } = await testCluster()
    const broker = await TestBroker.connect(t)
    const dataset = uniqueName('peers')
    const modelsTopic = `${dataset}.models`
    const run = async (...args: string[]) => {
      const of = ['--dataset', dataset, '--models-topic', modelsTopic, '--brokers', brokers, '--registry', registry]
      const { code, err } = await vgm([...args, ...of])
      equal(code, 0, err)
    }
    await run('generate', '--spec', 'x:double=mixture(0.5:-3:1,0.3:4:0.5,0.2:20:6)', '--rows', String(rows))
    await run('fit', '--source', 'raw')
    await run('normalize', '--until-end')
    const bodies = async (topic: string) =>
      (await broker.rows(topic)).map(({ partition, valueBytes }) => [partition, valueBytes?.toString('hex', framing)])
    const expected = await bodies(`${dataset}.normalized`)

    const address = { brokers: brokers.split(','), registry, access: noAccess }
    await withClusterAt(address, plainUse(createLogger('warn'), new AbortController().signal), async (cluster) => {
      const { peers, writeStock } = await preparePeers({
        cluster,
        dataset,
        modelsTopic,
        folder: temporaryFolder(t),
        say: (line) => t.diagnostic(line),
      })
      ok(peers.length > 0)
      for (const peer of peers) {
        const output = await broker.createTopic(4)
        const result = await peer.run({ input: `${dataset}.raw`, output, rows })
        equal(result.rows, rows, peer.name)
        ok(result.seconds > 0, peer.name)
        if (peer.name === 'rdtInMemory' || peer.name === 'consumerPerfTest') continue
        if (peer.name === 'producerPerfTest') equal((await broker.rows(output)).length, rows)
        else deepEqual(await bodies(output), expected, peer.name)
      }

      if (writeStock === undefined) return
      const stock = await broker.createTopic(4)
      await writeStock(stock, rows, 'lz4')
      const values = (await broker.rows(stock)).map(({ valueBytes }) => valueBytes)
      equal(values.length, rows)
      ok(values.every((value) => value?.length === 13))
    })
  })
})
