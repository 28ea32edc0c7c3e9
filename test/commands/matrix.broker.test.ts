import { deepEqual, equal, match } from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { npyHeader } from '../../src/files/matrix/npy-file.ts'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { randomFrom } from '../seeded-random.ts'
import { temporaryFolder, vgmShared } from './run-command.ts'

interface Matrix {
  readonly width: number
  readonly columns: readonly { readonly name: string; readonly kind: string; readonly nulls: number }[]
  readonly leftOut: readonly { readonly column: string }[]
}

function tripsCsv(rows: number): string {
  const random = randomFrom(7)
  const lines = Array.from({ length: rows }, (_, i) => {
    const fare = i % 9 === 0 ? '' : (3 + 40 * random()).toFixed(2)
    return `2026-01-${10 + (i % 20)},${fare},${Math.floor(6 * random())},"zone ""${i % 5}""",${1 + (i % 3)}`
  })
  return `day,fare,riders,zone,vendor\n${lines.join('\n')}\n`
}

/** A data set of its own, and commands for it in a folder of their own; each must end with the code. */
async function newDataset(t: TestContext, prefix: string) {
  const { brokers, registry } = await testCluster()
  const environment = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry }
  const folder = temporaryFolder(t)
  const dataset = uniqueName(prefix)
  const own = ['--dataset', dataset, '--models-topic', `${dataset}.models`]
  const run = async (words: readonly string[], code = 0) => {
    const ended = await vgmShared([...words, ...own], { environment, folder })
    equal(ended.code, code, `vgm ${words.join(' ')}: ${ended.err}`)
    return ended
  }
  return { folder, dataset, run, vgm: (line: string, code = 0) => run(line.split(' '), code) }
}

suite('vgm export --as ctgan and the way back', () => {
  test('a topic becomes a matrix, the matrix rows, and restore makes raw rows of them', async (t) => {
    const { folder, dataset, vgm: run } = await newDataset(t, 'trips')
    const json = async <T>(line: string) => JSON.parse((await run(`${line} --json`)).out) as T
    writeFileSync(join(folder, 'trips.csv'), tripsCsv(3_000))
    await run('load trips.csv --partitions 2')
    await run('fit --source raw --columns fare,riders')
    await run('normalize --until-end')

    const text = (await run('export --as ctgan first.npy --spans first.json --categories vendor')).out
    match(text, /3,000 rows in, 3,000 out to first\.npy/)
    match(text, /day is not in it: it is int \(date\)/)
    const { matrix, rowsOut } = await json<{ matrix: Matrix; rowsOut: number }>(
      'export --as ctgan matrix.npy --categories vendor --clip Infinity',
    )
    equal(rowsOut, 3_000)
    deepEqual(
      matrix.columns.map(({ name, kind }) => `${name} ${kind}`),
      ['fare continuous', 'riders continuous', 'zone discrete', 'vendor discrete'],
    )
    deepEqual(
      matrix.leftOut.map(({ column }) => column),
      ['day'],
    )
    match((await run('export --as ctgan matrix.npy', 2)).err, /matrix\.npy exists/)
    match((await run('export --as ctgan other.npy --categories vendr --spans o.json', 2)).err, /no column "vendr"/)

    match((await run('export --as ctgan second.npy', 2)).err, /spans\.json exists.*second\.npy.*--spans/s)
    const lost = await run('export --as ctgan second.npy --overwrite', 2)
    match(lost.err, /says what the columns of matrix\.npy are.*--spans/s)

    mkdirSync(join(folder, 'held'))
    const held = await run('export --as ctgan third.npy --spans held --overwrite', 1)
    match(held.err, /held: it is no regular file/)

    const among = `load --as ctgan matrix.npy --spans spans.json --synthetic --topic ${dataset}`
    await run('replay --model 1 --from start')
    for (const topic of ['raw', 'normalized', 'normalized.v1'])
      match((await run(`${among}.${topic}`, 2)).err, /for rows that were not generated.*\.synthetic/s)

    await json('load --as ctgan matrix.npy --spans spans.json --synthetic')
    match((await run('load --as ctgan matrix.npy --spans spans.json --synthetic')).out, /had been loaded/)
    const { rowsOut: restored, deadLetters } = await json<{ rowsOut: number; deadLetters: number }>(
      'restore --until-end --synthetic',
    )
    deepEqual([restored, deadLetters], [3_000, 0])
    await run(`export made.csv --stage restored --topic ${dataset}.synthetic.restored`)
    const made = readFileSync(join(folder, 'made.csv'), 'utf8').trim().split('\n').slice(1)
    // The rows of the matrix come partition after partition: the same rows, in another order.
    const expected = tripsCsv(3_000).trim().split('\n').slice(1)
    const cells = (line: string) => line.split(',').slice(-4)
    const key = ([fare, ...others]: readonly string[]) => [fare === '' ? '' : Number(fare).toFixed(2), ...others].join()
    deepEqual(made.map((line) => key(cells(line))).sort(), expected.map((line) => key(cells(line))).sort())
  })

  for (const [as, flags] of [
    ['quantile', '--output-distribution uniform'],
    ['ple', '--bins 20'],
  ] as const)
    test(`goes the same way round as ${as}`, async (t) => {
      const { folder, dataset, vgm: run } = await newDataset(t, 'trips')
      writeFileSync(join(folder, 'trips.csv'), tripsCsv(1_000))
      await run('load trips.csv --partitions 1')
      await run('fit --source raw --columns fare,riders')
      await run('normalize --until-end')
      match((await run(`export --as ${as} matrix.npy --categories vendor ${flags}`)).out, /1,000 out to matrix\.npy/)
      match(
        (await run('load --as ctgan matrix.npy --spans spans.json --synthetic', 2)).err,
        new RegExp(`Use --as ${as}`),
      )
      await run(`load --as ${as} matrix.npy --spans spans.json --synthetic --partitions 1`)
      await run('restore --until-end --synthetic')
      await run(`export made.csv --stage restored --topic ${dataset}.synthetic.restored`)
      const rows = (text: string) =>
        text
          .trim()
          .split('\n')
          .slice(1)
          .map((line) => line.split(',').slice(-4))
      const made = rows(readFileSync(join(folder, 'made.csv'), 'utf8'))
      const whole = ([fare, ...others]: readonly string[]) => [fare === '' ? '' : Number(fare).toFixed(2), ...others]
      deepEqual(made.map(whole), rows(tripsCsv(1_000)).map(whole))
    })

  test('says what is wrong to whom knows it for the first time', async (t) => {
    const { folder, dataset, run, vgm } = await newDataset(t, 'orders')
    match((await vgm('export --as ctgan m.npy', 2)).err, /no topic \S+\.normalized\..*no \S+\.raw either.*vgm load/s)
    match((await vgm('restore --until-end --synthetic', 2)).err, /no \S+\.raw either.*vgm load/s)
    const random = randomFrom(5)
    const lines = Array.from({ length: 400 }, (_, i) => `${(9 + 90 * random()).toFixed(2)},o-${i},${'abc'[i % 3]}`)
    writeFileSync(join(folder, 'orders.csv'), `Prix total,order id,zone\n${lines.join('\n')}\n`)
    await vgm('load orders.csv --partitions 1')
    await vgm('fit --source raw')
    await vgm('normalize --until-end')
    match(
      (await vgm('restore --until-end --synthetic', 2)).err,
      /vgm load FILE --as ctgan --spans spans\.json --synthetic/,
    )

    // Names as the file has them.
    match((await run(['export', '--as', 'ctgan', 'a.npy', '--spans', 'a.json', '--leave-out', 'Zon'], 2)).err, /"zone"/)
    const { out } = await run(['export', '--as', 'ctgan', 'm.npy', '--categories', 'Prix total', '--leave-out', 'zone'])
    match(out, /order_id looks like an identifier: 400 categories \(--leave-out order_id\)/)
    await run(['export', '--as', 'quantile', 'q.npy', '--spans', 'q.json', '--leave-out', 'order id'])

    // A matrix that is refused leaves no topic: it would be restored as no rows, without a word.
    const wrong = readFileSync(join(folder, 'm.npy'))
    wrong.writeFloatLE(Number.NaN, wrong.length - 4)
    writeFileSync(join(folder, 'wrong.npy'), wrong)
    match((await vgm('load --as ctgan wrong.npy --spans spans.json --synthetic', 2)).err, /row 399, .*nothing of the/)
    match((await vgm('restore --until-end --synthetic', 2)).err, /There is no topic/)

    // Two matrices of other columns share a topic.
    await vgm('load --as ctgan m.npy --spans spans.json --synthetic')
    await vgm('load --as quantile q.npy --spans q.json --synthetic')
    await vgm('restore --until-end --synthetic')
    match((await vgm('lag')).out, new RegExp(`vgm\\.${dataset}\\.restore-synthetic `))
    const restored = `${dataset}.synthetic.restored`
    const as = await run(['export', '--as', 'ctgan', 'r.npy', '--spans', 'r.json', '--topic', restored], 1)
    match(as.err, /A matrix has normalized rows.*exported as a table, without --as/s)

    // A model of other rows.
    await vgm('model export m.json')
    const text = readFileSync(join(folder, 'm.json'), 'utf8')
    const { contentSha256: _, ...model } = JSON.parse(text) as { columns: object[]; contentSha256: string }
    const columns = model.columns.map((column) => ({ ...column, name: 'fare' }))
    writeFileSync(join(folder, 'other.json'), JSON.stringify({ ...model, columns }))
    match((await vgm('model import other.json', 2)).err, /would all become dead letters: .*fare.*--no-promote/s)
    await vgm('model import other.json --no-promote')
    await vgm('model promote 2')
    writeFileSync(join(folder, 'more.csv'), `Prix total,order id,zone\n12.5,x,a\n13.25,y,b\n`)
    await vgm('load more.csv')
    const dead = await vgm('normalize --until-end', 1)
    match(dead.err, /All 2 rows became dead letters.*vgm dead-letters ls/s)
  })

  test('takes names of columns as the file has them, also where two names become alike', async (t) => {
    const { brokers, registry } = await testCluster()
    const environment = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry }
    const folder = temporaryFolder(t)
    const dataset = uniqueName('prices')
    const own = ['--dataset', dataset, '--models-topic', `${dataset}.models`]
    const run = async (...words: string[]) => {
      const ended = await vgmShared([...words, ...own], { environment, folder })
      equal(ended.code, 0, `vgm ${words.join(' ')}: ${ended.err}`)
      return ended
    }
    const random = randomFrom(6)
    const lines = Array.from({ length: 300 }, (_, i) => `${random()};${7 + random()};${i % 3}`)
    writeFileSync(join(folder, 'prices.csv'), `Größe;Prix total;Prix_total\n${lines.join('\n')}\n`)
    match((await run('load', 'prices.csv', '--partitions', '1')).err, /Prix total \(Prix_total_2\) +double/)
    const fitted = await run('fit', '--source', 'raw', '--columns', 'Größe,Prix total', '--json')
    const { columns } = JSON.parse(fitted.out) as { columns: { name: string }[] }
    deepEqual(columns.map(({ name }) => name).sort(), ['Grosse', 'Prix_total_2'])
    await run('normalize', '--until-end')
    const left = (await run('export', '--as', 'ctgan', 'a.npy', '--leave-out', 'Prix total')).out
    match(left, /Prix_total_2 is not in it: it was named/)
    const categories = ['--categories', 'Prix_total', '--leave-out', 'Größe', '--leave-out', 'Prix total']
    const { out } = await run('export', '--as', 'ctgan', 'b.npy', '--spans', 'b.json', ...categories, '--json')
    const { matrix } = JSON.parse(out) as { matrix: { columns: { name: string; kind: string }[]; leftOut: object[] } }
    deepEqual(
      matrix.columns.map(({ name, kind }) => [name, kind]),
      [['Prix_total', 'discrete']],
    )
    equal(matrix.leftOut.length, 2)
  })

  test('says where the dead letters of generated rows are, and how topics that are missing are made', async (t) => {
    const { brokers, registry } = await testCluster()
    const environment = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry }
    const folder = temporaryFolder(t)
    const dataset = uniqueName('far')
    const run = async (line: string, code = 0) => {
      const words = [...line.split(' '), '--dataset', dataset, '--models-topic', `${dataset}.models`]
      const ended = await vgmShared(words, { environment, folder })
      equal(ended.code, code, `vgm ${line}: ${ended.err}`)
      return ended
    }
    const random = randomFrom(7)
    const lines = Array.from(
      { length: 200 },
      (_, i) => `${1000 * random()},${'abc'[i % 3]},${i < 195 ? 'x' : `rare ${i}`}`,
    )
    writeFileSync(join(folder, 'far.csv'), `x,zone,mark\n${lines.join('\n')}\n`)
    await run('load far.csv --partitions 1')
    await run('fit --source raw')
    await run('normalize --until-end')
    const missing = (topic: string) => run(`export --as ctgan m.npy --topic ${topic}`, 2)
    match((await missing(`${dataset}.synthetic`)).err, /Run "vgm load FILE --as ctgan --spans spans\.json --synthetic"/)
    match((await missing(`${dataset}.synthetic.restored`)).err, /Run "vgm restore --synthetic" first/)
    match((await missing('no-such-topic-at-all')).err, /Name one that exists \(--topic\)/)

    // What went rare is told, with its rows; and how wide the file is.
    const rare = await run('export --as ctgan r.npy --spans r.json --rare 30 --indices')
    match(rare.out, /columns of model 1 \(4 in the file: --indices\)/)
    match(rare.out, /^mark: 5 rare categories share a column, 5 rows$/m)
    const constant = await run('export --as ctgan c.npy --spans c.json --rare 150')
    match(constant.out, /^zone: 3 rare categories share a column, 200 rows: it has no other category/m)

    await run('export --as ctgan m.npy')
    const { width } = JSON.parse(readFileSync(join(folder, 'spans.json'), 'utf8')) as { width: number }
    const rows = new Float64Array(5 * width)
    rows[2 * width] = 1e308
    const header = Buffer.from(npyHeader(5, width).toString('latin1').replace('<f4', '<f8'), 'latin1')
    writeFileSync(join(folder, 'far.npy'), Buffer.concat([header, Buffer.from(rows.buffer)]))
    await run('load far.npy --as ctgan --spans spans.json --synthetic')
    const dead = `${dataset}.synthetic.dead-letters`
    match((await run('restore --until-end --synthetic')).out, new RegExp(`, 1 dead letter in ${dead};`))
    for (const rows of ['', ' --rows'])
      match((await run(`dead-letters ls${rows}`)).out, new RegExp(`^No dead letters in .*are in ${dead}: --topic`))
    match((await run(`dead-letters ls --topic ${dead}`)).out, /VGM_ROW_/)

    const other = `${dataset}.other`
    await run(`load m.npy --as ctgan --spans spans.json --synthetic --topic ${other}`)
    await run(`restore --until-end --synthetic --normalized-topic ${other} --restored-topic ${other}.restored`)
    const { groups } = JSON.parse((await run('lag --json')).out) as { groups: { group: string; topic: string }[] }
    deepEqual(
      groups.map(({ group, topic }) => `${group} ${topic}`).filter((text) => text.includes('synthetic')),
      [`${dataset}.synthetic`, other].map((topic) => `vgm.${dataset}.restore-synthetic ${topic}`),
    )
  })

  test('refuses flags that have no place beside it', async (t) => {
    const folder = temporaryFolder(t)
    const refused = async (line: string, message: RegExp) => {
      const { code, err } = await vgmShared([...line.split(' '), '--dataset', 'trips'], { folder })
      equal(code, 2)
      match(err, message)
    }
    await refused('export --as ctgan m.npy --csv-safe', /--csv-safe is for a table/)
    await refused('export --as ctgan m.npy --stage raw', /--stage raw names others/)
    await refused('export --as ctgan m.csv', /none of a matrix/)
    await refused('export --as ctgan m.npy --format csv', /cannot be written as csv/)
    await refused('export --as ctgan m.npy --format parquet', /says npy, and the format that is named is parquet/)
    await refused('export rows.csv --format parquet', /says csv, and the format that is named is parquet/)
    await refused(
      'generate rows.csv --spec x:double=uniform(0,1) --rows 5 --format parquet',
      /says csv, and the format/,
    )
    await refused('export rows.parquet --rare 5', /--rare is for a matrix/)
    await refused('export rows.parquet --bins 5', /--bins is for a matrix/)
    await refused('export --as quantile m.npy --clip 1', /--clip is for --as ctgan/)
    await refused('export --as ctgan m.npy --bins 9', /--bins is for --as ple/)
    await refused('export --as ple m.npy --output-distribution normal', /--output-distribution is for --as quantile/)
    await refused('export --as ple m.npy --bins 1', /from 2 to 255/)
    await refused('load --as ctgan m.npy --synthetic', /Name its spans\.json/)
    await refused('load --as ctgan m.npy --spans s.json', /must not get among real ones/)
    await refused('load --as ctgan m.npy --spans s.json --synthetic --key id', /--key is for tables/)
    await refused('load rows.csv --synthetic', /--synthetic is for a generated matrix/)
  })
})
