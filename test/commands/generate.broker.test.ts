import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { openTableFile } from '../../src/files/reading/table-file.ts'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { oneLineError, temporaryFolder, vgmShared } from './run-command.ts'

const spec = 'price:double=mixture(0.6:10:1,0.4:30:3)|decimals(2);count:int=normal(40,6)|null(0.2)'

suite('vgm generate', () => {
  test('draws rows from a model that was fitted to others: into a file, and into a topic', async (t) => {
    const { brokers, registry } = await testCluster()
    const dataset = uniqueName('drawn')
    const of = [
      '--dataset',
      dataset,
      '--models-topic',
      `${dataset}.models`,
      '--brokers',
      brokers,
      '--registry',
      registry,
    ]
    const done = async (...args: string[]) => {
      const { code, out, err } = await vgmShared([...args, ...of, '--json'])
      equal(code, 0, err)
      return JSON.parse(out)
    }
    const generated = await done('generate', '--rows', '5000', '--spec', spec)
    equal(generated.rowsOut, 5_000)
    await done('fit', '--source', 'raw')
    const file = join(temporaryFolder(t), 'drawn.parquet')
    const { rowsOut } = await done('generate', '--rows', '3000', '--model', 'current', file)
    const table = await openTableFile({ file, dataset })
    t.after(() => table.close())
    deepEqual([rowsOut, table.rowCount], [3_000, 3_000])
    deepEqual(
      table.columns.map(({ column, type, nullable }) => [column, type.avro, nullable]),
      [
        ['price', 'double', false],
        ['count', 'int', true],
      ],
    )
    equal((await done('generate', '--rows', '700', '--model', '1', '--topic', `${dataset}.again`)).rowsOut, 700)
    const { code, err } = await vgmShared(['generate', '--rows', '1', '--model', '9', ...of, file])
    equal(code, 2)
    match(err, /no model version 9 .*Use one of its versions: 1/)
  })

  test('writes a file without a cluster, and says how long it took', async (t) => {
    const folder = temporaryFolder(t)
    const { code, out, err } = await vgmShared(
      ['generate', '--rows', '1e3', '--workers', '2', '--spec', spec, 'rows.csv'],
      {
        folder,
      },
    )
    equal(code, 0, err)
    match(out, /^1,000 rows to rows\.csv; total execution time \d+\.\d\d s\n$/)
    deepEqual(readdirSync(folder), ['rows.csv'])
  })

  test('refuses what it cannot know, in one line', async (t) => {
    const folder = temporaryFolder(t)
    for (const [args, what] of [
      [['rows.csv'], /The columns of the rows are not specified/],
      [['--spec', spec], /none is named\. Name the data set with --dataset/],
      [['--model', 'current', 'rows.csv'], /none is named\. Name the data set with --dataset/],
      [['--spec', spec, 'rows.txt'], /does not determine a format/],
      [['--spec', spec, '--topic', 't', 'rows.csv'], /The file rows.csv and --topic t exclude each other/],
      [['--spec', spec, '--dataset', 'd', '--workers', '2'], /--workers applies to files/],
      [['--spec', spec, '--model', '1', 'rows.csv'], /--model .*--spec|--spec .*--model/],
    ] as const) {
      const { code, err } = await vgmShared(['generate', '--rows', '9', ...args], { folder })
      equal(code, 2, err)
      match(err, oneLineError)
      match(err, what)
    }
    ok(readdirSync(folder).length === 0)
  })
})
