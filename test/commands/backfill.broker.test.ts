import { equal, match } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { ClusterAdmin } from '../../src/kafka/admin.ts'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { type Ended, temporaryFolder, vgmShared } from './run-command.ts'

async function onCluster(...args: string[]): Promise<Ended> {
  const { brokers, registry } = await testCluster()
  return vgmShared([...args, '--brokers', brokers, '--registry', registry])
}

async function rowsIn(...args: string[]): Promise<number> {
  const { code, out, err } = await onCluster(...args, '--json')
  equal(code, 0, err)
  return (JSON.parse(out) as { rowsIn: number; rowsOut: number }).rowsIn
}

async function deleteTopic(topic: string): Promise<void> {
  const admin = new ClusterAdmin({ brokers: [(await testCluster()).brokers], clientId: 'test' })
  await admin.topics.delete([topic])
  await admin.close()
}

suite('samples and backfills, as a user has them', () => {
  test('a replay is done once, and never into a topic that holds another', async (t) => {
    const dataset = uniqueName('backfill')
    const of = ['--dataset', dataset, '--models-topic', `${dataset}.models`]
    const folder = temporaryFolder(t)
    await onCluster('generate', ...of, '--rows', '4000', '--spec', 'x:double=mixture(0.5:-2:1,0.5:2:1)|null(0.1)')
    await onCluster('sample', ...of)
    await onCluster('fit', ...of)
    equal(await rowsIn('replay', ...of, '--model', '1'), 4_000)
    equal(await rowsIn('replay', ...of, '--model', '1'), 0)
    await deleteTopic(`${dataset}.normalized.v1`)
    const { code, err } = await onCluster('replay', ...of, '--model', '1')
    equal(code, 2)
    match(err, /has read .*there is no topic .*normalized\.v1.*--delete-offsets.*--allow-empty-output/s)
    equal(await rowsIn('replay', ...of, '--model', '1', '--group', `${dataset}.again`), 4_000)
    const refused = /has rows of another replay\. Name another output \(--output\)/
    for (const [message, ...other] of [
      [refused, '--from', '10'],
      [refused, '--from', '10', '--dry-run'],
      [refused, '--clip', '0.99'],
      [refused, '--mode-choice', 'sample'],
      [/^error: Data set .* has no model version 1 in topic/, '--models-topic', `${dataset}.others`],
    ] as const) {
      const { code, err } = await onCluster('replay', ...of, '--model', '1', ...other)
      equal(code, 2)
      match(err, message)
    }
    const drawn = async (output: string, seed: string): Promise<string> => {
      const topic = `${dataset}.${output}`
      const choice = ['--mode-choice', 'sample', '--seed', seed]
      equal(await rowsIn('replay', ...of, '--model', '1', '--output', topic, ...choice), 4_000)
      const file = join(folder, `${output}.csv`)
      await rowsIn('export', file, ...of, '--topic', topic)
      return readFileSync(file, 'utf8')
    }
    const first = await drawn('first', '3')
    equal(await drawn('again', '3'), first, 'the same seed draws the same modes')
    equal((await drawn('other', '4')) === first, false)
  })

  test('each sample topic has a position and counts of its own', async () => {
    const dataset = uniqueName('samples')
    const of = ['--dataset', dataset, '--models-topic', `${dataset}.models`]
    const generate = (seed: string) =>
      onCluster('generate', ...of, '--rows', '100', '--seed', seed, '--spec', 'x:double=normal(0,1)')
    await generate('1')
    equal(await rowsIn('sample', ...of, '--rate', '1'), 100)
    await generate('2')
    equal(await rowsIn('sample', ...of, '--rate', '1', '--sample-topic', `${dataset}.other`), 200)
    equal(await rowsIn('sample', ...of, '--rate', '1', '--append'), 100)
    equal((await onCluster('fit', ...of)).code, 0)
    const { out } = await onCluster('model', 'show', ...of, '--json')
    const { lineage } = JSON.parse(out) as { lineage: { rowsSeen: number; rowsUsed: number } }
    equal(lineage.rowsSeen, 200)
    equal(lineage.rowsUsed, 200)
  })
})
