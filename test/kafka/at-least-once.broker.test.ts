import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { copyBatches } from '../../src/bench/copy-batches.ts'
import { RowClient } from '../../src/kafka/row-client.ts'
import { uniqueName } from '../cluster/shared-cluster.ts'
import { batchOf, TestBroker, valuesOf } from './test-broker.ts'

const partitions = 2
const batches = 30

/** A topic with `batches` batches of two rows in each partition, and a session that copies it without transactions. */
async function open(broker: TestBroker) {
  const [input, output] = [await broker.createTopic(partitions), await broker.createTopic(partitions)]
  const producer = await broker.openProducer()
  await producer.begin()
  for (let batch = 0; batch < batches; batch++)
    for (let partition = 0; partition < partitions; partition++)
      await producer.produce(input, partition, batchOf(`${partition}/${2 * batch}`, `${partition}/${2 * batch + 1}`))
  await producer.commit()
  const ends = (await broker.ends(input)).map((offset, partition) => ({ topic: input, partition, offset }))
  const group = uniqueName('group')
  const client = new RowClient(broker.settings, undefined, { pollBytes: 1_000, partitionMaxBytes: 1_000 })
  const session = await client.openSession({
    group,
    topic: input,
    delivery: 'at-least-once',
    transactionalId: group,
    groupInstanceId: null,
    compression: 'none',
    ends,
    outputsOf: ({ partition }) => [{ topic: output, partition }],
    onAbort: () => undefined,
  })
  return { input, output, group, ends, session }
}

suite('a session without transactions, on a broker', () => {
  test('copies each row once where nothing fails, in batches of no transaction', async (t) => {
    const broker = await TestBroker.connect(t)
    const { input, output, group, ends, session } = await open(broker)
    const { rowsOut } = await copyBatches({ session, outputTopic: output, ends, sliceMs: 5 })
    await session.close()
    equal(rowsOut, 2 * partitions * batches)
    deepEqual(valuesOf(await broker.rows(output)), valuesOf(await broker.rows(input)))
    // Markers have offsets: there are none.
    deepEqual(await broker.ends(output), [2 * batches, 2 * batches])
    deepEqual(
      await broker.connections.committedOffsets(group, ends),
      ends.map((end) => ({ ...end, metadata: '', leaderEpoch: broker.connections.knownEpoch(end) })),
    )
  })

  test('repeats a slice that is given up: its rows stand twice, and none is lost', async (t) => {
    const broker = await TestBroker.connect(t)
    const { input, output, group, ends, session } = await open(broker)
    const batch = new RecordBatchWriter()
    const polled = []
    while (polled.length === 0) polled.push(...(await session.poll(100)))
    let written = 0
    for (const { partition, bytes, batches } of polled)
      for (const header of batches) {
        batch.adopt(bytes, header)
        await session.produce(output, partition, batch)
        written += header.recordCount
      }
    const rowsThere = async () => (await broker.ends(output)).reduce((sum, end) => sum + end, 0)
    while ((await rowsThere()) < written) await sleep(20)
    await session.abort('for the test')
    deepEqual(await broker.connections.committedOffsets(group, ends), [], 'nothing of the slice is committed')
    await copyBatches({ session, outputTopic: output, ends, sliceMs: 5 })
    await session.close()
    const [expected, found] = [valuesOf(await broker.rows(input)), valuesOf(await broker.rows(output))]
    deepEqual(new Set(found), new Set(expected))
    ok(written > 0)
    equal(found.length, expected.length + written)
  })
})
