import { deepEqual, equal, notEqual, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import avsc from 'avsc'
import { exitCodes } from '../../src/errors.ts'
import { fitDataset } from '../../src/pipeline/fit-dataset.ts'
import { generateRows } from '../../src/pipeline/generate-rows.ts'
import { scanInThreads } from '../../src/pipeline/members/scan-members.ts'
import { topicEnds } from '../../src/pipeline/row-topics.ts'
import { parseAvroSchema } from '../../src/rows/avro-schema.ts'
import { numericColumns } from '../../src/rows/numeric-columns.ts'
import { parseRowSpec } from '../../src/stages/synthetic/row-spec.ts'
import { testCluster } from '../cluster/shared-cluster.ts'
import { batchOf } from '../kafka/test-broker.ts'
import { framed, type NewRow, TestPipeline } from '../pipeline/test-pipeline.ts'
import { vgm } from './run-command.ts'

suite('fit of every row', () => {
  test('any number of members publishes the same model', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { cluster, dataset, modelsTopic, topics } = pipeline
    const spec = parseRowSpec('x:double=mixture(0.5:-2:1,0.5:20:1)|null(0.1);y:int=normal(40,12)')
    const rows = { rows: 60_000, partitions: 5, batchRows: 700, seed: 1, compression: 'none' } as const
    await generateRows(cluster, { dataset, topic: topics.raw, spec, ...rows })
    const fitWith = (members: number, recipe: 'scaled' | 'sklearn' = 'scaled') =>
      fitDataset(cluster, {
        dataset,
        modelsTopic,
        source: 'raw',
        rawTopic: topics.raw,
        recipe,
        mixture: { maxIterations: 50 },
        minWeight: 0.005,
        ...(recipe === 'sklearn' && { seed: 0 }),
        members,
      })
    const alone = await fitWith(1)
    deepEqual([alone.lineage.rowsUsed, alone.lineage.topic], [60_000, topics.raw])
    for (const members of [2, 4]) equal((await fitWith(members)).contentSha256, alone.contentSha256)
    const values = await fitWith(1, 'sklearn')
    notEqual(values.contentSha256, alone.contentSha256)
    equal((await fitWith(3, 'sklearn')).contentSha256, values.contentSha256)

    const { brokers, registry } = await testCluster()
    const of = ['--dataset', dataset, '--models-topic', modelsTopic, '--brokers', brokers, '--registry', registry]
    const { code, out, err } = await vgm(['fit', '--source', 'raw', '--members', '9', '--json', ...of])
    equal(code, 0, err)
    equal((JSON.parse(out) as { version: number }).version, 6)
  })

  test('an interruption, or the error of one thread, ends all threads of a scan', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const topic = pipeline.topics.raw
    const id = await pipeline.register(row)
    const written: NewRow[] = [1, 2, 3].map((x) => ({ key: null, value: framed(id, row.toBuffer({ x })) }))
    await pipeline.write(topic, [written, written])
    // An open transaction holds back whoever reads to the end of partition 1.
    const open = await pipeline.broker.openProducer({ transactionTimeoutMs: 60_000 })
    // Three rows and the marker, which is written after the answer to the commit.
    let before = 0
    while (before < written.length + 1) [{ offset: before }] = await endsOf(pipeline, topic, 1)
    await open.begin()
    await open.produce(topic, 1, batchOf('held back'))
    for (let end = before; end === before; ) [{ offset: end }] = await endsOf(pipeline, topic, 1)

    const ends = await topicEnds(pipeline.cluster, topic)
    const columns = numericColumns(parseAvroSchema(JSON.stringify(row)))
    const plan = { columns, centres: [0], keepsValues: false }
    const ranges = ends.map(({ partition, offset: endOffset }) => ({ topic, partition, offset: 0, endOffset }))
    const scan = scanInThreads(pipeline.cluster, 2)
    const lost = [{ ...ranges[0], offset: 100, endOffset: 200 }, ranges[1]]
    await rejects(
      scan({ ...plan, ranges: lost }, () => undefined),
      { code: 'VGM_POSITION_LOST' },
    )
    const finished: number[] = []
    const interrupted = scan({ ...plan, ranges }, (progress) => {
      if (progress.finished === undefined) return
      finished.push(progress.finished.partition)
      pipeline.interrupt()
    })
    await rejects(interrupted, { code: 'VGM_INTERRUPTED', exitCode: exitCodes.interrupted })
    deepEqual(finished, [0])
    await open.abort()
  })
})

const row = avsc.Type.forSchema({ type: 'record', name: 'Count', fields: [{ name: 'x', type: 'int' }] })

const endsOf = async ({ cluster }: TestPipeline, topic: string, from: number) =>
  (await topicEnds(cluster, topic)).filter(({ partition }) => partition >= from)
