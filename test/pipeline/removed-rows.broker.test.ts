import { deepEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import avsc from 'avsc'
import { groupName } from '../../src/config/names.ts'
import { type AuditResult, verifyDataset } from '../../src/pipeline/verify-dataset.ts'
import { exampleContent } from '../model/example-model.ts'
import { framed, TestPipeline } from './test-pipeline.ts'

const row = avsc.Type.forSchema({ type: 'record', name: 'Count', fields: [{ name: 'x', type: 'double' }] })

async function write(pipeline: TestPipeline, from: number, to: number): Promise<void> {
  const id = await pipeline.register(row)
  const value = (i: number) => framed(id, row.toBuffer({ x: i }))
  const rows = Array.from({ length: to - from }, (_, i) => ({ key: null, value: value(from + i), timestampMs: 1 }))
  await pipeline.write(pipeline.topics.raw, [rows])
}

async function audit({ cluster, dataset, modelsTopic, topics }: TestPipeline) {
  const groups = { normalize: groupName(dataset, 'normalize'), restore: groupName(dataset, 'restore') }
  const { examples: _, ...counts }: AuditResult = await verifyDataset(cluster, { dataset, groups, modelsTopic, topics })
  return counts
}

suite('rows that retention has removed', () => {
  test('are no faults to verify, whether they were normalized and restored before or not', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { cluster, topics } = pipeline
    const cut = (topic: string, offset: number) =>
      cluster.admin.offsets.deleteRecords([{ topic, partition: 0, offset }])
    const none = { lost: 0, doubled: 0, reordered: 0, wrong: 0, deadLetters: 0, hanging: 0 }
    await write(pipeline, 0, 100)
    const [shape] = exampleContent().columns
    await pipeline.publish([{ ...shape, name: 'x', type: 'double', nullable: false }])
    await pipeline.normalize()
    await pipeline.restore()

    await cut(topics.raw, 30)
    deepEqual(await audit(pipeline), { ...none, rows: 70, pending: 0, unaudited: 30, unread: 0 })

    // The last marker of the first rows stands at offset 100.
    await write(pipeline, 100, 150)
    await cut(topics.raw, 121)
    deepEqual(await audit(pipeline), { ...none, rows: 30, pending: 30, unaudited: 100, unread: 20 })
  })
})
