import { deepEqual, doesNotMatch, equal, match } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { testCluster } from '../cluster/shared-cluster.ts'
import type { ReadRow } from '../kafka/test-broker.ts'
import { type NewRow, TestPipeline } from '../pipeline/test-pipeline.ts'
import { temporaryFolder, vgmShared } from './run-command.ts'

const partitions = 2
const rows = 12_000

/** Windows line ends, decimal commas, identifiers, dates and quotes. */
function trips(): string {
  const lines = Array.from({ length: rows }, (_, i) => {
    const fare = `1.${String(i % 1_000).padStart(3, '0')},${10 + (i % 90)}`
    return `0${i};${fare};${10 + (i % 19)}/12/2024;${i % 3 === 0 ? 'n/a' : `"say ""${i}"""`};${i % 2 === 0}`
  })
  return `zip;fare;day;note;paid\r\n${lines.join('\r\n')}\r\n`
}

const newRow = ({ key, valueBytes, timestampMs }: ReadRow): NewRow => ({ key, value: valueBytes ?? null, timestampMs })

suite('vgm verify --file, on a broker', () => {
  test('passes for what was loaded, and fails for a topic with a row altered, one lost and one doubled', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const { dataset, topics, broker } = pipeline
    const { brokers, registry } = await testCluster()
    const environment = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry }
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'trips.csv'), trips())
    const reading = ['--decimal-mark', ',', '--thousands', '.', '--null', 'n/a']
    const run = (...args: string[]) => vgmShared([...args, '--dataset', dataset, ...reading], { environment, folder })

    const loaded = await run('load', 'trips.csv', '--partitions', String(partitions))
    equal(loaded.code, 0, loaded.err)
    match(loaded.err, /fare +double[\s\S]*day +date/)
    const passed = await run('verify', '--file', 'trips.csv', '--json')
    equal(passed.code, 0, passed.err)
    const none = { lost: 0, doubled: 0, reordered: 0, wrong: 0 }
    deepEqual(JSON.parse(passed.out).file, { rows, ...none, examples: [] })
    const other = ['verify', '--file', 'trips.csv', '--dataset', dataset]
    match((await vgmShared(other, { environment, folder })).out, /^Most rows differ: give the reading flags, /m)

    const byPartition = Array.from({ length: partitions }, (): NewRow[] => [])
    for (const row of await broker.rows(topics.raw)) byPartition[row.partition].push(newRow(row))
    const [first, second] = byPartition
    const altered = Buffer.from(first[7_000].value!)
    altered[altered.indexOf('say')] = 's'.charCodeAt(0) + 1
    first[7_000] = { ...first[7_000], value: altered }
    second.splice(1_500, 1)
    second.splice(500, 0, second[500])
    const copy = `${dataset}.copy`
    await pipeline.write(copy, byPartition, 1_000)
    const failed = await run('verify', '--file', 'trips.csv', '--raw-topic', copy)
    equal(failed.code, 1, failed.err)
    match(failed.out, /^rows of the file +lost +doubled +reordered +wrong\n +12,000 +1 +1 +0 +1\n/)
    match(failed.out, /\nwrong: trips\.csv:7002, \S+\/0 offset 7000, column "note": "say "7000"" became "tay "7000""\n/)
    match(failed.out, /\nlost: trips\.csv:11502, \S+\/1, the row is missing\n/)
    match(failed.out, /\ndoubled: \S+\/1 offset 50[01], a row of the file is here a second time\n/)
    match(failed.out, /\nNothing is normalized yet: only the file was compared\.\n/)
  })

  test('knows the type of a key, and of a column, that a later file has not', async (t) => {
    const { dataset } = await TestPipeline.open(t)
    const { brokers, registry } = await testCluster()
    const environment = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry }
    const folder = temporaryFolder(t)
    const run = (...args: string[]) => vgmShared([...args, '--dataset', dataset], { environment, folder })
    const files = { 'first.csv': 'k,x\n1.50,a\n2.25,b\n', 'second.csv': 'id\n1\n', 'third.csv': 'k,x\n3,c\n' }
    for (const [file, content] of Object.entries(files)) {
      writeFileSync(join(folder, file), content)
      const { code, err } = await run('load', file, ...(file === 'first.csv' ? ['--key', 'k'] : []))
      equal(code, 0, err)
      const verified = await run('verify', '--file', 'first.csv', '--key', 'k')
      equal(verified.code, 0, `${file}: ${verified.out}${verified.err}`)
      if (file !== 'third.csv') continue
      match(err, / k +double\n/)
      doesNotMatch(err, /New columns/)
    }
  })
})
