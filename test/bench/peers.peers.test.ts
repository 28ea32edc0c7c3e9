import { deepEqual, equal, ok } from 'node:assert/strict'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import avro from 'avsc'
import { preparePeers } from '../../bench/peers/peers.ts'
import { framed } from '../../src/avro/framing.ts'
import { orderColumns, orderSchema } from '../../src/bench/orders.ts'
import { oneDoubleSpec, type RowShape, tenColumnsSpec } from '../../src/bench/row-shapes.ts'
import { orderRecord, writeStockRecords } from '../../src/bench/stock-records.ts'
import { noAccess } from '../../src/config/cluster-access.ts'
import { createLogger } from '../../src/observe/logger.ts'
import { type ClusterSession, plainUse, withClusterAt } from '../../src/pipeline/cluster-session.ts'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { temporaryFolder, vgm } from '../commands/run-command.ts'
import { TestBroker } from '../kafka/test-broker.ts'

const rows = 4_000
/** The magic byte and the schema id: each topic's schema is registered under its own subject. */
const framing = 5

/** As "vgm load" makes it of vega-datasets' flights, of which a test needs but a few. */
const flightSchema = JSON.stringify({
  type: 'record',
  name: 'flights',
  fields: [
    { name: 'date', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'delay', type: 'long' },
    { name: 'distance', type: 'long' },
    { name: 'origin', type: 'string' },
    { name: 'destination', type: 'string' },
  ],
})

function flightRecord(schemaId: number) {
  const type = avro.Type.forSchema(JSON.parse(flightSchema))
  return (row: number) => {
    const flight = { date: 1e15 + row, delay: (row % 90) - 20, distance: 100 + (row % 7) * 300, origin: 'SAN' }
    return { key: null, value: framed(schemaId, type.toBuffer({ ...flight, destination: 'ABQ' })) }
  }
}

async function withCluster(work: (cluster: ClusterSession) => Promise<void>): Promise<void> {
  const { brokers, registry } = await testCluster()
  const address = { brokers: brokers.split(','), registry, access: noAccess }
  await withClusterAt(address, plainUse(createLogger('warn'), new AbortController().signal), work)
}

/** Runs each peer on rows of a shape, and compares what it writes with what we write. */
async function comparePeers(t: TestContext, shape: RowShape): Promise<void> {
  const { brokers, registry } = await testCluster()
  const broker = await TestBroker.connect(t)
  const [dataset, folder] = [uniqueName('peers'), temporaryFolder(t)]
  const modelsTopic = `${dataset}.models`
  const raw = `${dataset}.raw`
  const run = async (...args: string[]) => {
    const of = ['--dataset', dataset, '--models-topic', modelsTopic, '--brokers', brokers, '--registry', registry]
    const { code, err } = await vgm([...args, ...of])
    equal(code, 0, err)
  }
  const contents = async (topic: string) =>
    (await broker.rows(topic)).map(({ partition, key, valueBytes }) => [
      ...[partition, key, valueBytes?.toString('hex', framing)],
    ])

  await withCluster(async (cluster) => {
    const say = (line: string) => t.diagnostic(line)
    const { peers, writeStock } = await preparePeers({ cluster, modelsTopic, folder, say })
    ok(peers.length > 0)
    if (shape === 'oneDouble' || shape === 'tenColumns') {
      const spec = shape === 'oneDouble' ? oneDoubleSpec : tenColumnsSpec
      await run('generate', '--spec', spec, '--rows', String(rows))
    } else {
      if (writeStock === undefined) return
      const [schema, record] = shape === 'orders' ? [orderSchema, orderRecord] : [flightSchema, flightRecord]
      const recordsFile = join(folder, 'records')
      await writeStockRecords(recordsFile, rows, record(await cluster.registry.register(`${raw}-value`, schema)))
      await cluster.admin.topics.ensureRowTopic({ topic: raw, partitions: 4 })
      await writeStock({ topic: raw, recordsFile, rows, codec: 'lz4' })
    }
    await run('fit', '--source', 'raw', ...(shape === 'orders' ? ['--columns', orderColumns.join(',')] : []))
    await run('normalize', '--until-end')
    const expected = await contents(`${dataset}.normalized`)
    equal(expected.length, rows)

    for (const peer of peers.filter(({ shapes }) => shapes.includes(shape))) {
      const output = await broker.createTopic(4)
      const compression = shape === 'orders' ? 'lz4' : 'none'
      const result = await peer.run({ shape, dataset, input: raw, output, rows, compression })
      equal(result.rows, rows, peer.name)
      ok(result.seconds > 0, peer.name)
      if (peer.normalizes) deepEqual(await contents(output), expected, peer.name)
      else if (peer.name === 'producerPerfTest') equal((await broker.rows(output)).length, rows)
    }
  })
}

suite('the peers of the bench normalize as we do, byte for byte, and keep partition, order and key', () => {
  test('rows of one double', (t) => comparePeers(t, 'oneDouble'))
  test('rows of ten doubles', (t) => comparePeers(t, 'tenColumns'))
  test('flights', (t) => comparePeers(t, 'flights'))
  test("orders, in a stock producer's batches", (t) => comparePeers(t, 'orders'))
})
