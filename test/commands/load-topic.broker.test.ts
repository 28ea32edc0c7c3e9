import { equal, match, rejects } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { testCluster } from '../cluster/shared-cluster.ts'
import { batchOf } from '../kafka/test-broker.ts'
import { TestPipeline } from '../pipeline/test-pipeline.ts'
import { temporaryFolder, vgmShared } from './run-command.ts'

async function openShop(t: { after(work: () => unknown): void }) {
  const pipeline = await TestPipeline.open(t as Parameters<typeof TestPipeline.open>[0])
  const { brokers, registry } = await testCluster()
  const environment = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry }
  const folder = temporaryFolder(t as Parameters<typeof temporaryFolder>[0])
  writeFileSync(join(folder, 'shop.csv'), 'id,fee\n1,1.5\n2,2.5\n')
  const run = (...args: string[]) => vgmShared([...args, '--dataset', pipeline.dataset], { environment, folder })
  return { pipeline, run }
}

suite('the topic of a load, on a broker', () => {
  test('that is compacted takes rows with keys, and others are refused before the first one', async (t) => {
    const { pipeline, run } = await openShop(t)
    const { raw } = pipeline.topics
    const { admin, rows } = pipeline.cluster
    await admin.topics.ensureRowTopic({ topic: raw, partitions: 1 })
    await admin.topics.alter(raw, { 'cleanup.policy': 'compact' })
    const refused = await run('load', 'shop.csv')
    equal(refused.code, 2, refused.err)
    match(refused.err, /cleanup\.policy=compact[\s\S]*no row without a key[\s\S]*--key[\s\S]*cleanup\.policy=delete/)
    const generated = await run('generate', '--rows', '5', '--spec', 'n:double=normal(0,1)')
    equal(generated.code, 2, generated.err)
    match(generated.err, /--topic/)
    const loaded = await run('load', 'shop.csv', '--key', 'id')
    equal(loaded.code, 0, loaded.err)
    const writer = await rows.openWriter(`${pipeline.dataset}.writer`, 'none')
    await writer.begin()
    const writing = async () => {
      await writer.produce(raw, 0, batchOf('no key'))
      await writer.commit()
    }
    await rejects(writing(), {
      message: /INVALID_RECORD, .*without key/,
      fix: /--key.*cleanup\.policy=delete/,
    })
    await writer.close()
  })

  test('that another load writes to is lost to it, with what is to be done', async (t) => {
    const { pipeline } = await openShop(t)
    const { admin, rows } = pipeline.cluster
    const { raw } = pipeline.topics
    await admin.topics.ensureRowTopic({ topic: raw, partitions: 1 })
    const [first, second] = [await rows.openWriter(raw, 'none'), await rows.openWriter(raw, 'none')]
    await first.begin()
    const writing = async () => {
      await first.produce(raw, 0, batchOf('a'))
      await first.commit()
    }
    await rejects(writing(), { code: 'VGM_FENCED', fix: /^Another one .* writing the same topic: let it end/ })
    await Promise.all([first.close(), second.close()])
  })

  test('is exported without its tombstones, and they are counted', async (t) => {
    const { pipeline, run } = await openShop(t)
    const { raw } = pipeline.topics
    equal((await run('load', 'shop.csv', '--key', 'id', '--partitions', '1')).code, 0)
    const deleted = { key: '1', value: null }
    for (const [count, said] of [
      [1, '1 tombstone is'],
      [1, '2 tombstones are'],
    ] as const) {
      await pipeline.write(raw, [Array.from({ length: count }, () => deleted)])
      const { code, out, err } = await run('export', '--stage', 'raw', '--overwrite', 'out.csv')
      equal(code, 0, err)
      match(out, new RegExp(`; ${said} not in it\n$`))
    }
    const refused = await run('export', '--stage', 'raw', 'out.csv')
    equal(refused.code, 2)
    match(refused.err, /out\.csv exists\. Name another file, or add --overwrite/)
  })
})
