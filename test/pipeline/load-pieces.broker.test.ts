import { equal, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { loadFile } from '../../src/pipeline/load-file.ts'
import { temporaryFile } from '../files/temporary-folder.ts'
import { TestPipeline } from './test-pipeline.ts'

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
