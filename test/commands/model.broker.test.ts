import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { generateRows } from '../../src/pipeline/generate-rows.ts'
import {
  checkModel,
  compareModels,
  exportModel,
  fitDataset,
  importModel,
  listModels,
  nameModel,
  normalizeTopic,
  promoteModel,
  removeModel,
  replayTopic,
  stampedVersions,
} from '../../src/pipeline/index.ts'
import { parseRowSpec } from '../../src/stages/synthetic/row-spec.ts'
import { testCluster } from '../cluster/shared-cluster.ts'
import { temporaryFolder } from '../files/temporary-folder.ts'
import { TestPipeline } from '../pipeline/test-pipeline.ts'
import { vgmShared } from './run-command.ts'

/** Two partitions of rows, and a model of them. */
async function opened(t: Parameters<typeof TestPipeline.open>[0], promote = true) {
  const pipeline = await TestPipeline.open(t)
  const { cluster, dataset, modelsTopic } = pipeline
  const spec = parseRowSpec('x:double=mixture(0.5:-2:1,0.5:20:1)|null(0.1);y:int=normal(40,12)')
  const generate = (rows: number, seed: number) => generateRows(cluster, { dataset, spec, rows, seed, partitions: 2 })
  await generate(4_000, 1)
  const of = { dataset, modelsTopic }
  const fit = (more: object = {}) =>
    fitDataset(cluster, { ...of, source: 'raw', mixture: { maxIterations: 30 }, ...more })
  const first = await fit({ promote })
  return { pipeline, cluster, dataset, modelsTopic, of, fit, first, generate }
}

suite('versions of a model', () => {
  test('a model that is not promoted is published, and stages go on with the current one', async (t) => {
    const { cluster, of, fit } = await opened(t, false)
    const current = async () => (await listModels(cluster, of)).filter(({ current }) => current).map((m) => m.version)
    deepEqual(await current(), [])
    await promoteModel(cluster, { ...of, version: 1 })
    equal((await fit({ promote: false })).version, 2)
    deepEqual(await current(), [1])
    equal((await fit()).version, 3)
    deepEqual(await current(), [3])
  })

  test('a version has other names, by which it is shown, compared and promoted', async (t) => {
    const { cluster, of, fit } = await opened(t)
    await fit({ mixture: { components: 1 } })
    await nameModel(cluster, { ...of, name: '@stable', version: 1 })
    deepEqual(
      (await listModels(cluster, of)).map(({ names }) => names),
      [['@stable'], []],
    )
    const { versions, columns } = await compareModels(cluster, { ...of, from: '@stable', to: 'current' })
    deepEqual(
      [versions, columns.map(({ name }) => name)],
      [
        [1, 2],
        ['x', 'y'],
      ],
    )
    equal(columns[0].distance > 0.2, true)
    equal(await promoteModel(cluster, { ...of, version: '@stable' }), 1)
    await nameModel(cluster, { ...of, name: '@stable', version: 2 })
    equal(await promoteModel(cluster, { ...of, version: '@stable' }), 2)
    await nameModel(cluster, { ...of, name: '@stable' })
    await rejects(
      promoteModel(cluster, { ...of, version: '@stable' }),
      /No version of data set .* has the name @stable/,
    )
    await rejects(nameModel(cluster, { ...of, name: '@other', version: 9 }), { code: 'VGM_MODEL_MISSING' })
  })

  test('normalize follows a name, and a replay keeps the version that has it at the start', async (t) => {
    const { pipeline, cluster, dataset, of, fit, generate } = await opened(t)
    await fit()
    await nameModel(cluster, { ...of, name: '@stable', version: 1 })
    const running = pipeline.normalize(undefined, false, { model: '@stable' })
    // Rows that come before the stage has seen the new name are of the version before.
    let rows = 4_000
    const more = async () => {
      await generate(1_000, 1)
      rows += 1_000
    }
    const version = async () => (await stampedVersions(cluster, { dataset }).catch(() => []))[0]?.version
    const until = async (wanted: number) => {
      for (const end = Date.now() + 20_000; (await version()) !== wanted; await sleep(200)) {
        equal(Date.now() < end, true, `no rows of version ${wanted}`)
        await more()
      }
    }
    await until(1)
    await nameModel(cluster, { ...of, name: '@stable', version: 2 })
    await until(2)
    const replayed = await replayTopic(cluster, { ...of, model: '@stable' })
    deepEqual([replayed.version, replayed.topic, replayed.rowsOut], [2, `${dataset}.normalized.v2`, rows])
    await nameModel(cluster, { ...of, name: '@stable' })
    let hasEnded = false
    const ended = rejects(running, /No version of data set .* has the name @stable/).finally(() => {
      hasEnded = true
    })
    for (const end = Date.now() + 20_000; !hasEnded && Date.now() < end; await sleep(200)) await more()
    await ended
    await rejects(replayTopic(cluster, { ...of, model: '@stable' }), { code: 'VGM_USAGE' })
  })

  test('the stamps of the newest rows are found, and those at an offset', async (t) => {
    const { cluster, dataset, of, fit, generate } = await opened(t)
    await normalizeTopic(cluster, { ...of, untilEnd: true })
    await fit()
    const [before] = await stampedVersions(cluster, { dataset })
    equal(before.version, 1)
    await generate(8_000, 1)
    const totals = new Set<number | undefined>()
    const onProgress = (_: number, total?: number) => void totals.add(total)
    const { rowsIn } = await normalizeTopic(cluster, { ...of, untilEnd: true, onProgress })
    const [total = 0] = totals
    ok(total >= rowsIn && total < rowsIn + 100, `${rowsIn} rows of ${total}, which are those that are left`)
    const rows = await stampedVersions(cluster, { dataset })
    deepEqual(
      rows.map(({ partition, version }) => [partition, version]),
      [
        [0, 2],
        [1, 2],
      ],
    )
    const at = await stampedVersions(cluster, { dataset, at: String(before.offset) })
    equal(at[0].version, 1)
    equal(at[0].offset, before.offset)
    const [first] = await stampedVersions(cluster, { dataset, at: '@0' })
    // Brokers have other meanings for -1 and -2.
    deepEqual((await stampedVersions(cluster, { dataset, at: '@-1' }))[0], first)
    equal(first.version, 1)
  })

  test('a partition whose first offsets are no rows has the first row behind them', async (t) => {
    const { pipeline, cluster, dataset, of } = await opened(t)
    await normalizeTopic(cluster, { ...of, untilEnd: true })
    const topic = `${dataset}.copy`
    await cluster.admin.topics.ensureRowTopic({ topic, partitions: 2 })
    const producer = await pipeline.broker.openProducer()
    await producer.begin()
    const batch = new RecordBatchWriter()
    batch.append(Date.now(), null, Buffer.from('rolled back'))
    await producer.produce(topic, 1, batch)
    await producer.abort()
    const rows = await pipeline.broker.rows(pipeline.topics.normalized)
    const copies = [0, 1].map((wanted) =>
      rows
        .filter(({ partition }) => partition === wanted)
        .slice(0, 5)
        .map(({ valueBytes }) => ({ key: null, value: valueBytes ?? null })),
    )
    await pipeline.write(topic, copies)
    for (const at of ['start', '0', '@2020-01-01', '@0', 'end']) {
      const found = await stampedVersions(cluster, { dataset, topic, at })
      deepEqual(
        found.map(({ partition, version }) => [partition, version]),
        [
          [0, 1],
          [1, 1],
        ],
        at,
      )
      if (at !== 'end') ok(found[1].offset >= 1 && found[1].offset <= 2, `${at}: ${found[1].offset}`)
    }
  })

  test('a name stands for a version also where one is named or deleted', async (t) => {
    const { dataset, of, fit } = await opened(t)
    const { brokers, registry } = await testCluster()
    const flags = ['--dataset', dataset, '--models-topic', of.modelsTopic, '--brokers', brokers, '--registry', registry]
    const model = (...args: string[]) => vgmShared(['model', ...args, ...flags])
    match((await model('alias', '@stable', 'current')).out, /^Version 1 of data set .* is now @stable\.$/m)
    match((await model('alias', '@old', '@stable')).out, /^Version 1 of data set .* is now @old\.$/m)
    match((await model('rm', 'current')).err, /is in use: it is the current one/)
    equal((await fit()).version, 2)
    const { code, err } = await model('rm', '@stable')
    equal(code, 2)
    match(err, new RegExp(`its name is @stable.*model alias --dataset ${dataset} @stable --remove`))
    match((await model('rm', '@none')).err, /No version of data set .* has the name @none/)
  })

  test('a version that is in use is not deleted, and the number of a deleted one is not given out again', async (t) => {
    const { cluster, of, fit } = await opened(t)
    const remove = (version: number, force = false) => removeModel(cluster, { ...of, version, force })
    const inUse = (message: RegExp) => ({ code: 'VGM_MODEL_IN_USE', message })
    await rejects(remove(1), inUse(/it is the current one/))
    await normalizeTopic(cluster, { ...of, untilEnd: true })
    for (let version = 2; version <= 4; version++) await fit()
    await rejects(remove(1), inUse(/4000 rows of .*\.normalized were normalized with it/))
    await nameModel(cluster, { ...of, name: '@stable', version: 2 })
    await rejects(remove(2), inUse(/its name is @stable/))
    await replayTopic(cluster, { ...of, model: 3 })
    await rejects(remove(3), inUse(/4000 rows of .*\.normalized\.v3 were normalized with it/))
    await nameModel(cluster, { ...of, name: '@stable' })
    await remove(2)
    await remove(1, true)
    await rejects(remove(2), { code: 'VGM_MODEL_MISSING' })
    deepEqual(
      (await listModels(cluster, of)).map(({ version }) => version),
      [3, 4],
    )
    equal((await fit()).version, 5)
  })

  test('a fit of the same rows gives the same bytes, and another fit is told from it', async (t) => {
    const { cluster, of, fit, generate, first } = await opened(t)
    await generate(8_000, 1)
    const { isSame, contentSha256, differing } = await checkModel(cluster, { ...of })
    deepEqual([isSame, contentSha256, differing], [true, first.contentSha256, []])
    await fit({ roundToDecimals: true, columns: ['y', 'x'] })
    equal((await checkModel(cluster, { ...of, version: 2 })).isSame, true)
    await fit({ recipe: 'sklearn', seed: 3 })
    equal((await checkModel(cluster, { ...of, version: 3 })).isSame, true)
  })

  test('a model that is too old is refused at the start', async (t) => {
    const { cluster, of } = await opened(t)
    await rejects(normalizeTopic(cluster, { ...of, untilEnd: true, maxModelAgeMs: 1 }), {
      code: 'VGM_MODEL_TOO_OLD',
      message: /was fitted [\d.]+ (ms|seconds) ago, and at most 1 ms are allowed$/,
    })
    equal((await normalizeTopic(cluster, { ...of, untilEnd: true, maxModelAgeMs: 1e9 })).rowsOut, 4_000)
  })

  test('a model goes to a file, and from there to another data set and to its own again', async (t) => {
    const { pipeline, cluster, dataset, of, first } = await opened(t)
    const file = join(temporaryFolder(t), 'model.json')
    const { contentSha256 } = await exportModel(cluster, { ...of, file })
    equal(contentSha256, first.contentSha256)
    await rejects(exportModel(cluster, { ...of, file }), { code: 'VGM_FILE_EXISTS' })
    await rejects(exportModel(cluster, { ...of, file, version: 9, overwrite: true }), { code: 'VGM_MODEL_MISSING' })
    const nowhere = join(file, 'below', 'model.json')
    await rejects(exportModel(cluster, { ...of, file: nowhere }), { code: 'VGM_FILE_UNWRITABLE' })
    const again = await importModel(cluster, { ...of, file, promote: false })
    deepEqual([again.version, again.contentSha256], [2, contentSha256])
    equal((await listModels(cluster, of)).find(({ current }) => current)?.version, 1)
    equal((await importModel(cluster, { ...of, file })).version, 3)
    await normalizeTopic(cluster, { ...of, untilEnd: true })
    deepEqual([...new Set((await stampedVersions(cluster, { dataset })).map(({ version }) => version))], [3])
    equal((await pipeline.restore()).deadLetters, 0)
    const copy = { dataset: `${dataset}-copy`, modelsTopic: of.modelsTopic }
    const { columns, version } = await importModel(cluster, { ...copy, file })
    deepEqual([columns, version], [first.columns, 1])
    const published = JSON.parse(readFileSync(file, 'utf8'))
    writeFileSync(file, JSON.stringify({ ...published, seed: 5 }))
    await rejects(importModel(cluster, { ...of, file }), { code: 'VGM_MODEL_FILE', message: /contentSha256/ })
    await rejects(importModel(cluster, { ...of, file: `${file}.x` }), { code: 'VGM_FILE_UNREADABLE' })
    // Of another program: fitted to no topic, so that there is nothing to check it with.
    const { contentSha256: _, ...other } = published
    const lineage = { ...other.lineage, topic: '', partitions: [], softwareVersion: 'scikit-learn 1.9.1' }
    writeFileSync(file, JSON.stringify({ ...other, lineage }))
    equal((await importModel(cluster, { ...of, file })).version, 4)
    await rejects(checkModel(cluster, of), { code: 'VGM_USAGE', message: /fitted by scikit-learn 1\.9\.1.*imported/ })
  })

  test('the commands say what they have done', async (t) => {
    const { dataset, modelsTopic } = await opened(t)
    const { brokers, registry } = await testCluster()
    const of = ['--dataset', dataset, '--models-topic', modelsTopic, '--brokers', brokers, '--registry', registry]
    const run = async (...args: string[]) => {
      const { code, out, err } = await vgmShared([...args, ...of])
      equal(code, 0, err)
      return out
    }
    match(await run('fit', '--source', 'raw'), /Published as version 2 of data set \S+, now current\.\n/)
    match(
      await run('fit', '--source', 'raw', '--no-promote'),
      /Published as version 3 of data set \S+, not current\. Promote it:\n {2}vgm model promote --dataset \S+ 3\n/,
    )
    match(await run('model', 'diff', '1', '3'), /distance\s+moved weight\s+rows that change mode/)
    match(await run('model', 'alias', '@stable', '1'), /Version 1 of data set \S+ is now @stable/)
    match(await run('model', 'ls'), /@stable/)
    match(await run('model', 'show', '@stable', '--check'), /is a fit of its rows, byte for byte/)
    const card = join(temporaryFolder(t), 'card.html')
    match(await run('model', 'card', '@stable', '--html', card), /card\.html shows version 1 of data set /)
    const page = readFileSync(card, 'utf8')
    match(page, /version 1<\/span> <span class="chip">@stable/)
    match(page, /No rows of this version have been counted/)
    equal((await vgmShared(['model', 'card', '--html', card, ...of])).code, 2)
    equal(readFileSync(card, 'utf8'), page)
    await run('normalize', '--until-end', '--stats', '--stats-topic', `${dataset}.stats`)
    await run('model', 'card', '--html', card, '--overwrite', '--stats-topic', `${dataset}.stats`)
    match(readFileSync(card, 'utf8'), /4,000 rows of version 2/)
    const picture = join(temporaryFolder(t), 'y.svg')
    match(await run('model', 'show', '--column', 'y', '--svg', picture), /^y \(int\): /m)
    match(readFileSync(picture, 'utf8'), /<title>Histograms and modes of y<\/title>/)
    match((await vgmShared(['model', 'show', '--column', 'z', ...of])).err, /no column "z".*x, y/)
    const file = join(temporaryFolder(t), 'model.json')
    match(await run('model', 'export', file, '@stable'), /model\.json holds version 1 of data set \S+\.\n/)
    match(
      await run('model', 'import', file, '--no-promote'),
      /is version 4 of data set \S+ now, and not the current one/,
    )
    match(await run('model', 'import', file), /is version 5 of data set \S+ now, and the current one\.\n/)
    match(await run('model', 'rm', '3'), /Version 3 of data set \S+ is deleted/)
    match((await vgmShared(['model', 'rm', '1', ...of])).err, /its name is @stable/)
  })
})
