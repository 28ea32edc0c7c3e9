import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { suite, test } from 'node:test'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { TestBroker } from '../kafka/test-broker.ts'
import { oneLineError, temporaryFolder, vgm, vgmShared } from './run-command.ts'

/** The magic byte and the schema id, which is another one in another topic. */
const framing = 5

/**
 * Rows of which every 50th lacks the fare and every 77th the distance. Fares are spread so widely that the last bit of
 * some would be lost.
 */
function tripsCsv(rows: number): string {
  const lines = Array.from({ length: rows }, (_, i) => {
    const fare = i % 50 === 0 ? '' : ((i % 3 === 0 ? 45 : 9) + 8 * Math.sin(i)).toFixed(2)
    const distance = i % 77 === 0 ? '' : 1 + ((i * 7) % 30)
    return `${fare},${distance},${i % 2 === 0 ? 'A' : 'B'}`
  })
  return `fare,distance,city\n${lines.join('\n')}\n`
}

/** Runs a command on the shared cluster; what it prints must be one JSON object. */
const json = (...args: string[]) => jsonOf(vgmShared, args)

async function jsonOf(run: typeof vgm, args: readonly string[]): Promise<Record<string, unknown>> {
  const { brokers, registry } = await testCluster()
  const { code, out, err } = await run([...args, '--json', '--brokers', brokers, '--registry', registry])
  equal(code, 0, err)
  // Load says what it made of the file.
  if (args[0] === 'load') match(err, /^\S+: .*\n( {2}\S+ .*\n)+$/)
  else equal(err, '', 'nothing to tell')
  const result = JSON.parse(out)
  ok(result !== null && typeof result === 'object' && !Array.isArray(result), out)
  return result
}

const kinds = (report: object) =>
  Object.fromEntries(Object.entries(report).map(([name, value]) => [name, typeof value]))

suite('the command line, as a user has it', () => {
  test('--json of each stage is the contract', async (t) => {
    const [dataset, rows] = [uniqueName('trips'), 500]
    const file = join(temporaryFolder(t), 'trips.csv')
    writeFileSync(file, tripsCsv(rows))
    const of = ['--dataset', dataset, '--models-topic', `${dataset}.models`]
    const stage = async (...args: string[]) => {
      const { rowsIn, rowsOut, deadLetters, seconds, rowsPerSecond } = await jsonOf(vgm, [...args, ...of])
      deepEqual(kinds({ seconds, rowsPerSecond }), { seconds: 'number', rowsPerSecond: 'number' })
      return { rowsIn, rowsOut, deadLetters }
    }
    const all = { rowsIn: rows, rowsOut: rows, deadLetters: 0 }
    deepEqual(await stage('load', file), all)
    deepEqual(await stage('load', file), { rowsIn: 0, rowsOut: 0, deadLetters: 0 }, 'no row is loaded twice')
    deepEqual(await stage('sample'), all)
    const fitted = await json('fit', '--decimals', 'round', ...of)
    deepEqual([fitted.dataset, fitted.version], [dataset, 1])
    const columns = fitted.columns as { name: string; modes: number; roundTo?: number }[]
    deepEqual(
      columns.map(({ name, roundTo }) => [name, roundTo]),
      [
        ['fare', 2],
        ['distance', undefined],
      ],
    )
    ok(columns.every(({ modes }) => Number.isInteger(modes) && modes > 0))
    deepEqual(await stage('normalize', '--until-end'), all)
    deepEqual(await stage('restore', '--until-end'), all)
    const none = { lost: 0, doubled: 0, reordered: 0, wrong: 0, hanging: 0 }
    const audit = { rows, ...none, deadLetters: 0, pending: 0, unaudited: 0, unread: 0 }
    const { file: loaded, ...audited } = await json('verify', '--file', file, ...of)
    deepEqual(audited, { ...audit, examples: [] })
    deepEqual(loaded, { rows, lost: 0, doubled: 0, reordered: 0, wrong: 0, examples: [] })
    const broker = await TestBroker.connect(t)
    const bodies = async (topic: string) =>
      (await broker.rows(topic)).map(({ partition, valueBytes }) => [partition, valueBytes?.toString('hex', framing)])
    deepEqual(await bodies(`${dataset}.restored`), await bodies(`${dataset}.raw`), 'fares come back to the last bit')

    deepEqual(await stage('replay', '--from', 'start', '--model', '1'), all)
    deepEqual(await stage('replay', '--model', '1'), { ...all, rowsIn: 0, rowsOut: 0 }, 'it is done')
    const other = ['--output', `${dataset}.other`]
    deepEqual(await stage('replay', '--model', '1', ...other), all, 'another output is another replay')

    const plain = ['--delivery', 'at-least-once', '--until-end', '--group']
    const twin = ['--normalized-topic', `${dataset}.plain`]
    deepEqual(await stage('normalize', ...plain, `${dataset}.plain`, ...twin), all)
    deepEqual(
      await bodies(`${dataset}.plain`),
      await bodies(`${dataset}.normalized`),
      'the same rows, with no transaction',
    )

    const lag = (await json('lag', ...of)) as { groups: { total: number }[] }
    equal(lag.groups.length, 4, 'normalize, restore and two replays')
    equal((await json('dead-letters', 'ls', ...of)).rows, 0)
    equal(((await json('model', 'ls', ...of)).versions as unknown[]).length, 1)
    equal((await json('model', 'show', ...of)).version, 1)
    const picture = join(dirname(file), 'trips.svg')
    await json('model', 'show', '--svg', picture, ...of)
    ok(readFileSync(picture, 'utf8').startsWith('<svg'))
    writeFileSync(picture, 'mine')
    const { brokers, registry } = await testCluster()
    const again = ['model', 'show', '--svg', picture, ...of, '--brokers', brokers, '--registry', registry]
    equal((await vgmShared(again)).code, 2)
    equal(readFileSync(picture, 'utf8'), 'mine')
    equal((await vgmShared([...again, '--overwrite'])).code, 0)
  })

  test('load of a ragged CSV names file and line, and loads nothing', async (t) => {
    const dataset = uniqueName('ragged')
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'ragged.csv'), 'a,b\n1,2\n3\n5,6\n')
    const { brokers, registry } = await testCluster()
    const environment = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry }
    const load = ['load', 'ragged.csv', '--dataset', dataset]
    const refused = await vgmShared(load, { environment, folder })
    equal(refused.code, 1)
    equal(refused.out, '')
    match(refused.err, oneLineError)
    match(refused.err, /ragged\.csv:3: .*--bad-rows/)
    const collected = await vgmShared([...load, '--bad-rows', 'bad.csv', '--json'], { environment, folder })
    const { rowsOut, badRows: bad } = JSON.parse(collected.out)
    deepEqual([rowsOut, bad], [2, 1])
    const badRows = () => readFileSync(join(folder, 'bad.csv'), 'utf8')
    match(badRows(), /^line,column,problem,row\n3,/)
    const again = await vgmShared([...load, '--bad-rows', 'bad.csv', '--json'], { environment, folder })
    equal(JSON.parse(again.out).rowsBefore, 2, again.err)
    match(badRows(), /^line,column,problem,row\n3,/)
    const lost = await vgmShared([...load, '--bad-rows', './ragged.csv'], { environment, folder })
    equal(lost.code, 2)
    match(lost.err, /ragged\.csv is to hold the bad rows, and it is the file ragged\.csv itself/)
    const verify = ['verify', '--dataset', dataset, '--file', 'ragged.csv', '--bad-rows', 'ragged.csv']
    match((await vgmShared(verify, { environment, folder })).err, /it is the file ragged\.csv itself/)
    equal(readFileSync(join(folder, 'ragged.csv'), 'utf8'), 'a,b\n1,2\n3\n5,6\n')
  })

  test('a dead letter that is not there is refused at once', async (t) => {
    const dataset = uniqueName('letters')
    const file = join(temporaryFolder(t), 'x.csv')
    writeFileSync(file, 'x\n1\n2\n3\n')
    const of = ['--dataset', dataset, '--models-topic', `${dataset}.models`]
    await json('load', file, ...of)
    await json('fit', '--source', 'raw', ...of)
    await json('normalize', '--until-end', ...of)
    const { brokers, registry } = await testCluster()
    const show = ['dead-letters', 'show', '0/5', ...of, '--brokers', brokers, '--registry', registry]
    const { code, err, tookMs } = await vgmShared(show)
    equal(code, 2, err)
    match(err, oneLineError)
    ok(tookMs < 20_000, `took ${tookMs} ms`)
  })

  test('demo FILE compares every row, with nulls, and leaves the normalized rows beside the file', async (t) => {
    const folder = temporaryFolder(t)
    const name = uniqueName('trips')
    const file = join(folder, `${name}.csv`)
    writeFileSync(file, tripsCsv(2_000))
    // Of an earlier demo.
    const exported = join(folder, `${name}.normalized.parquet`)
    writeFileSync(exported, 'rows')
    const demo = await json('demo', file)
    const { rows, normalized, restored, deadLetters, mismatches, model, seconds, rowsPerSecond } = demo
    deepEqual(
      { rows, normalized, restored, deadLetters, mismatches },
      { rows: 2_000, normalized: 2_000, restored: 2_000, deadLetters: 0, mismatches: 0 },
    )
    const { dataset, version, columns } = model as { dataset: string; version: number; columns: { name: string }[] }
    deepEqual([dataset, version, columns.map((column) => column.name)], [name, 1, ['fare', 'distance']])
    deepEqual(Object.keys(seconds as object), ['load', 'sample', 'fit', 'normalize', 'restore', 'verify'])
    deepEqual(kinds(rowsPerSecond as object), { load: 'number', normalize: 'number', restore: 'number' })
    ok(readFileSync(exported, 'latin1').startsWith('PAR1'))
  })
})
