import { deepEqual, equal, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Kafka, logLevel } from 'kafkajs'
import { testCluster, uniqueName } from './cluster/shared-cluster.ts'
import { run, runNode, vgm } from './commands/run-command.ts'
import { testPython } from './python/python.ts'

const examples = fileURLToPath(new URL('../examples', import.meta.url))
const dataset = uniqueName('readings')
const [rawTopic, normalizedTopic] = [`${dataset}.raw`, `${dataset}.normalized`]
const rows = 200
/** Of kafkajs, as the first lines of the examples say. */
const quiet = '--disable-warning=TimeoutNegativeWarning'
let environment: NodeJS.ProcessEnv

async function produceTombstone(brokers: string): Promise<void> {
  const producer = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.ERROR }).producer()
  await producer.connect()
  await producer.send({ topic: rawTopic, messages: [{ key: 's1', value: null }] })
  await producer.disconnect()
}

suite('the example programs', () => {
  // The producer's rows are what the consumers read.
  before(async () => {
    const { brokers, registry } = await testCluster()
    environment = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry, KAFKAJS_NO_PARTITIONER_WARNING: '1' }
    const produced = await runNode([join(examples, 'produce-raw.ts'), rawTopic, String(rows)], { environment })
    equal(produced.code, 0, produced.err)
    await produceTombstone(brokers)
    for (const command of [
      ['fit', '--source', 'raw'],
      ['normalize', '--until-end'],
    ]) {
      const { code, err } = await vgm([...command, '--dataset', dataset, '--models-topic', `${dataset}.models`], {
        environment,
      })
      equal(code, 0, err)
    }
  })

  test('consume-normalized.ts prints every row with its mode and value', async () => {
    const consumer = [quiet, join(examples, 'consume-normalized.ts'), normalizedTopic, String(rows + 1)]
    const { code, out, err } = await runNode(consumer, { environment })
    equal(code, 0, err)
    equal(err, '')
    const all = out.trimEnd().split('\n')
    equal(all.filter((line) => line.endsWith(' null')).length, 1, 'the tombstone')
    const lines = all.filter((line) => !line.endsWith(' null'))
    equal(lines.length, rows)
    const places = new Set(lines.map((line) => line.split(' ', 2).join('/')))
    equal(places.size, rows, 'each partition and offset once')
    const found = lines.map((line) => JSON.parse(line.slice(line.indexOf('{'))))
    equal(found.filter(({ celsius }) => celsius === null).length, rows / 100)
    for (const { model_version, sensor, celsius } of found) {
      equal(model_version, 1)
      ok(/^s\d$/.test(sensor))
      if (celsius === null) continue
      deepEqual(Object.keys(celsius), ['value', 'mode'])
      ok(Number.isFinite(celsius.value) && Number.isInteger(celsius.mode))
    }
  })

  test('consume_normalized.py reads the same with a stock deserializer', async (t) => {
    const python = await pythonWithKafka()
    if (python.missing !== undefined) return t.skip(python.missing)
    const consumer = [join(examples, 'consume_normalized.py'), normalizedTopic, String(rows + 1)]
    const { code, out, err } = await run(python.path, consumer, { environment })
    equal(code, 0, err)
    const all = out.trimEnd().split('\n')
    equal(all.filter((line) => line.endsWith(' None')).length, 1, 'the tombstone')
    const lines = all.filter((line) => !line.endsWith(' None'))
    equal(lines.length, rows)
    const modelled = lines.filter((line) => /'celsius': \{'value': -?\d[\d.e-]*, 'mode': \d+\}/.test(line))
    equal(modelled.length, rows - rows / 100)
    equal(lines.filter((line) => line.includes("'celsius': None")).length, rows / 100)
  })

  test('docs/consuming.md quotes the consumers as they are', () => {
    const readme = readFileSync(join(examples, '../docs/consuming.md'), 'utf8')
    for (const name of ['consume-normalized.ts', 'consume_normalized.py'])
      ok(readme.includes(readFileSync(join(examples, name), 'utf8').trimEnd()), name)
  })
})

interface Python {
  readonly path: string
  /** why there is none */
  readonly missing?: string
}

/** A Python that has confluent-kafka: the machine's, or that of the package's tests. */
async function pythonWithKafka(): Promise<Python> {
  const hasKafka = async (path: string) =>
    (await run(path, ['-c', 'import confluent_kafka.schema_registry.avro']).catch(() => ({ code: 1 }))).code === 0
  if (await hasKafka('python3')) return { path: 'python3' }
  const found = await testPython()
  if ('missing' in found) return { path: '', missing: found.missing }
  return (await hasKafka(found.path)) ? found : { path: '', missing: `${found.path} has no confluent-kafka` }
}
