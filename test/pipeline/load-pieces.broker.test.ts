import { deepEqual, equal, rejects } from 'node:assert/strict'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { loadFile } from '../../src/pipeline/load-file.ts'
import { verifyDataset } from '../../src/pipeline/verify-dataset.ts'
import { temporaryFile, temporaryFolder } from '../files/temporary-folder.ts'
import { TestPipeline } from './test-pipeline.ts'

suite('several files of one table', () => {
  test('a column has its field in all of them, wherever it stands and whatever its names become', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { cluster, dataset, broker, topics } = pipeline
    const first = temporaryFile(t, 'a.csv', 'id,gain ($),gain (%)\n1,100,0.5\n2,200,0.7\n')
    const second = temporaryFile(t, 'b.csv', 'id,gain (%),gain ($)\n3,0.9,300\n')
    const third = temporaryFile(t, 'c.csv', 'id,gain (€)\n4,400\n')
    await loadFile(cluster, { dataset, file: [first, second] })
    await loadFile(cluster, { dataset, file: third })
    const { file } = await verifyDataset(cluster, { dataset, loaded: { file: second } })
    deepEqual([file?.rows, file?.wrong], [1, 0])
    const rows: Record<string, unknown>[] = []
    for (const { valueBytes } of await broker.rows(topics.raw)) {
      const type = await pipeline.typeOf(valueBytes!)
      rows.push({ ...(type.fromBuffer(valueBytes!.subarray(5)) as Record<string, unknown>) })
    }
    deepEqual(
      rows.sort((a, b) => Number(a.id) - Number(b.id)),
      [
        { id: 1, gain_: 100, gain__2: 0.5 },
        { id: 2, gain_: 200, gain__2: 0.7 },
        { id: 3, gain__2: 0.9, gain_: 300 },
        { id: 4, gain__3: 400 },
      ],
    )
  })

  test('parts without a row are passed over, unless none has one', async (t) => {
    const { cluster, dataset } = await TestPipeline.open(t)
    const file = [
      temporaryFile(t, '_SUCCESS', ''),
      temporaryFile(t, 'part-0.csv', 'id,v\n'),
      temporaryFile(t, 'part-1.csv', 'id,v\n1,1.5\n'),
    ]
    equal((await loadFile(cluster, { dataset, file })).rowsOut, 1)
    await rejects(loadFile(cluster, { dataset, file: file.slice(0, 2) }), { code: 'VGM_FILE_UNREADABLE' })
  })

  test('more files than brokers keep beside an offset are loaded once, and so are rows that are appended', async (t) => {
    const { cluster, dataset, broker, topics } = await TestPipeline.open(t)
    const folder = temporaryFolder(t)
    const files = Array.from({ length: 45 }, (_, i) => join(folder, `${i}.csv`))
    for (const [i, file] of files.entries()) writeFileSync(file, `device,v\n${i},1\n`)
    equal((await loadFile(cluster, { dataset, file: files })).rowsOut, 45)
    for (const file of files.slice(0, 3)) appendFileSync(file, '100,2\n')
    const again = await loadFile(cluster, { dataset, file: files })
    deepEqual([again.rowsBefore, again.rowsOut], [45, 3])
    equal((await broker.rows(topics.raw)).length, 48)
  })
})

suite('pieces of a file that was split', () => {
  test('a piece without names is refused beside one with names, and for its topic', async (t) => {
    const { cluster, dataset, broker, topics } = await TestPipeline.open(t)
    const first = temporaryFile(t, 'aa.csv', 'id,v\n1,1.5\n2,2.5\n')
    const second = temporaryFile(t, 'ab.csv', '3,3.5\n4,4.5\n')
    const refused = { code: 'VGM_USAGE', message: /ab\.csv has no line with the names .* has: id, v/ }
    await rejects(loadFile(cluster, { dataset, file: [first, second] }), refused)
    await loadFile(cluster, { dataset, file: first })
    await rejects(loadFile(cluster, { dataset, file: second }), refused)
    equal((await broker.rows(topics.raw)).length, 2)
    equal((await loadFile(cluster, { dataset, file: second, text: { header: false } })).rowsOut, 2)
  })
})
