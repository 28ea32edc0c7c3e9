import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import avsc from 'avsc'
import { groupName, valueSubject } from '../../src/config/names.ts'
import { type ClusterDiagnosis, diagnoseCluster } from '../../src/doctor/diagnose-cluster.ts'
import { createControlClient } from '../../src/kafka/kafkajs-client.ts'
import { SchemaRegistry } from '../../src/kafka/registry.ts'
import { RowClient } from '../../src/kafka/row-client.ts'
import { testCluster, testPositions, uniqueName } from '../cluster/shared-cluster.ts'
import { vgmShared } from '../commands/run-command.ts'
import { batchOf } from '../kafka/test-broker.ts'
import { exampleContent } from '../model/example-model.ts'
import { framed, TestPipeline } from '../pipeline/test-pipeline.ts'

type Test = Parameters<typeof TestPipeline.open>[0]

const row = avsc.Type.forSchema({
  type: 'record',
  name: 'Count',
  namespace: 'shop',
  fields: [{ name: 'x', type: 'int' }],
})

async function rows(pipeline: TestPipeline, count: number) {
  const id = await pipeline.register(row)
  const some = Array.from({ length: count }, (_, x) => ({ key: String(x), value: framed(id, row.toBuffer({ x })) }))
  return [some, some]
}

/** A data set that has been normalized. */
async function normalized(t: Test): Promise<TestPipeline> {
  const pipeline = await TestPipeline.open(t)
  await pipeline.write(pipeline.topics.raw, await rows(pipeline, 20))
  const [shape] = exampleContent().columns
  await pipeline.publish([{ ...shape, name: 'x', nullable: false }])
  await pipeline.normalize()
  return pipeline
}

const optionsOf = ({ dataset, topics, modelsTopic }: TestPipeline) => ({
  dataset,
  topics,
  modelsTopic,
  positionsTopic: testPositions,
})

const examined = (pipeline: TestPipeline): Promise<ClusterDiagnosis> =>
  diagnoseCluster(pipeline.cluster, optionsOf(pipeline))

/** What is not well, but for the replicas of a cluster that has one broker, and what its machine has free. */
const ill = ({ findings }: ClusterDiagnosis) =>
  findings.filter(
    ({ check, level, found }) =>
      level !== 'ok' && !['disk', 'memory', 'cores'].includes(check) && !/fewer than 3 replicas/.test(found),
  )

/** Looks until what has been changed shows: brokers learn of it one after another. */
async function whenFound(pipeline: TestPipeline, checks: readonly string[]): Promise<ClusterDiagnosis> {
  for (const deadline = Date.now() + 20_000; ; await sleep(200)) {
    const diagnosis = await examined(pipeline)
    const found = ill(diagnosis).map(({ check }) => check)
    if (found.join() === checks.join() || Date.now() > deadline) {
      deepEqual(found, checks)
      return diagnosis
    }
  }
}

/** Lets --fix do its work, and looks again. */
async function fixed(pipeline: TestPipeline): Promise<readonly string[]> {
  const { fixed: lines } = await diagnoseCluster(pipeline.cluster, { ...optionsOf(pipeline), fix: true })
  await whenFound(pipeline, [])
  return lines
}

async function withKafkaAdmin<T>(
  { broker }: TestPipeline,
  work: (admin: ReturnType<ReturnType<typeof createControlClient>['admin']>) => Promise<T>,
): Promise<T> {
  const admin = createControlClient(broker.settings, () => undefined).admin()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

suite('vgm doctor, on a broker', () => {
  test('finds each setting of a topic that is wrong, and --fix repairs it', async (t) => {
    const pipeline = await normalized(t)
    const { topics, modelsTopic, cluster } = pipeline
    const healthy = await whenFound(pipeline, [])
    deepEqual(healthy.notChecked, [])
    ok(healthy.findings.some(({ check, found }) => check === 'clock' && /clock is/.test(found)))
    for (const [topic, settings, check, line] of [
      [topics.normalized, { 'cleanup.policy': 'compact' }, 'cleanup', /cleanup\.policy=delete/],
      [modelsTopic, { 'cleanup.policy': 'delete' }, 'cleanup', /cleanup\.policy=compact/],
      [topics.normalized, { 'max.message.bytes': '1000' }, 'message-size', /max\.message\.bytes=1114124/],
      [topics.deadLetters, { 'message.timestamp.type': 'LogAppendTime' }, 'timestamps', /CreateTime/],
      [topics.normalized, { 'message.timestamp.before.max.ms': '1000' }, 'timestamps', /9223372036854775807/],
      [topics.normalized, { 'retention.ms': '60000' }, 'retention', /retention\.ms=/],
    ] as const) {
      await cluster.admin.topics.alter(topic, settings)
      await whenFound(pipeline, [check])
      const lines = await fixed(pipeline)
      equal(lines.length, 1)
      match(lines[0], line)
    }
    // More acknowledgements than the one broker can give: no change of a topic's rows, so --fix leaves it to people.
    await cluster.admin.topics.alter(topics.normalized, { 'min.insync.replicas': '2' })
    const { findings } = await whenFound(pipeline, ['replication'])
    equal(findings.find(({ check, level }) => check === 'replication' && level === 'error')?.isFixable, false)
  })

  test('finds topics that are missing or have too few partitions, and --fix repairs them', async (t) => {
    const pipeline = await normalized(t)
    const { topics, cluster, dataset } = pipeline
    await cluster.admin.topics.delete([topics.normalized, topics.deadLetters])
    const { findings } = await whenFound(pipeline, ['topics', 'topics', 'positions'])
    const refusal = findings.find(({ check }) => check === 'positions')
    match(refusal?.found ?? '', /next start of normalize would be refused: .* there is no topic .*\.normalized/)
    match(refusal?.fix ?? '', /--delete-offsets.*--allow-empty-output/)
    await cluster.admin.groups.delete([groupName(dataset, 'normalize')])
    await whenFound(pipeline, ['topics', 'topics'])
    deepEqual(await fixed(pipeline), [
      `made topic ${topics.normalized} like ${topics.raw}`,
      `made topic ${topics.deadLetters} like ${topics.raw}`,
    ])
    await withKafkaAdmin(pipeline, (admin) =>
      admin.createPartitions({ topicPartitions: [{ topic: topics.raw, count: 3 }] }),
    )
    await whenFound(pipeline, ['partitions', 'partitions'])
    deepEqual(await fixed(pipeline), [
      `gave ${topics.normalized} 3 partitions`,
      `gave ${topics.deadLetters} 3 partitions`,
    ])
  })

  test('finds a group that has lost its positions, as its next start would', async (t) => {
    const pipeline = await normalized(t)
    const { cluster, dataset } = pipeline
    await cluster.admin.groups.delete([groupName(dataset, 'normalize')])
    deepEqual(ill(await examined(pipeline)), [], 'they are kept')
    const positionsTopic = `${dataset}.positions`
    const without = { ...cluster, rows: new RowClient(cluster.settings, undefined, {}, positionsTopic) }
    const diagnosis = await diagnoseCluster(without, { ...optionsOf(pipeline), positionsTopic })
    const refusal = diagnosis.findings.find(({ check }) => check === 'positions')
    match(refusal?.found ?? '', /next start of normalize would be refused: .*has no position in .*is not empty/)
    match(refusal?.fix ?? '', /--rebuild-positions/)
  })

  test('finds rows that are gone before they were read, and a subject that refuses refits', async (t) => {
    const pipeline = await normalized(t)
    const { topics, cluster, dataset } = pipeline
    await pipeline.write(topics.raw, await rows(pipeline, 20))
    const [{ high }] = await cluster.admin.offsets.watermarks(topics.raw)
    await withKafkaAdmin(pipeline, async (admin) => {
      // kafkajs does not look up the leader of a topic that it has not met.
      await admin.fetchTopicOffsets(topics.raw)
      await admin.deleteTopicRecords({ topic: topics.raw, partitions: [{ partition: 0, offset: String(high) }] })
    })
    const { findings } = await whenFound(pipeline, ['positions'])
    match(
      findings.find(({ check }) => check === 'positions')?.found ?? '',
      new RegExp(
        `^retention has removed \\d+ rows of ${topics.raw} that ${groupName(dataset, 'normalize')} has ` +
          'not read, in partition 0$',
      ),
    )
    const subject = valueSubject(topics.normalized)
    const answer = await fetch(`${cluster.address.registry}/config/${subject}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"compatibility":"BACKWARD"}',
    })
    ok(answer.ok, await answer.text())
    ok(ill(await examined(pipeline)).some(({ check, found }) => check === 'compatibility' && /BACKWARD/.test(found)))
  })

  test('finds a data set that is not there, and one without a model', async (t) => {
    const pipeline = await TestPipeline.open(t)
    deepEqual(
      ill(await examined(pipeline)).map(({ check, level }) => [check, level]),
      [
        ['topics', 'error'],
        ['topics', 'warning'],
        ['raw-schema', 'error'],
        ['model', 'error'],
      ],
    )
    await pipeline.write(pipeline.topics.raw, await rows(pipeline, 3))
    const started = await examined(pipeline)
    deepEqual(
      ill(started).map(({ check, level }) => [check, level]),
      [
        ['topics', 'warning'],
        ['topics', 'warning'],
        ['topics', 'warning'],
        ['model', 'error'],
      ],
    )
    match(ill(started)[3].fix ?? '', /^vgm fit --dataset shop-/)
  })

  test('finds a registry that has stopped, and goes on with what does not need it', async (t) => {
    const pipeline = await normalized(t)
    const { cluster } = pipeline
    const registry = new SchemaRegistry({ url: 'http://127.0.0.1:9' }, { patienceMs: 300 })
    const address = { ...cluster.address, registry: 'http://127.0.0.1:9' }
    const diagnosis = await diagnoseCluster({ ...cluster, registry, address }, optionsOf(pipeline))
    deepEqual(
      ill(diagnosis).map(({ check }) => check),
      ['registry'],
    )
    const notChecked = diagnosis.notChecked.map(({ check }) => check)
    deepEqual(notChecked, ['compatibility', 'raw-schema', 'model', 'model-columns'])
  })

  test('finds a transaction that is open beyond its time, and holds readers back', async (t) => {
    const pipeline = await normalized(t)
    const { broker, topics } = pipeline
    const producer = await broker.openProducer({ transactionTimeoutMs: 60_000 })
    const [before] = await broker.ends(topics.normalized)
    await producer.begin()
    await producer.produce(topics.normalized, 0, batchOf('open'))
    while ((await broker.ends(topics.normalized))[0] === before) await sleep(20)
    const [hanging, ...others] = ill(await examined(pipeline))
    await producer.abort()
    deepEqual(others, [])
    equal(hanging.check, 'transactions')
    match(hanging.found, new RegExp(`open in ${topics.normalized}/0 from offset \\d+$`))
  })

  test('is a command: one JSON object, exit 1 on errors and 0 on warnings, and --fix', async (t) => {
    const pipeline = await normalized(t)
    const { brokers, registry } = await testCluster()
    const environment = {
      KAFKA_BROKERS: brokers,
      SCHEMA_REGISTRY_URL: registry,
      VGM_DATASET: pipeline.dataset,
      VGM_MODELS_TOPIC: pipeline.modelsTopic,
    }
    await pipeline.cluster.admin.topics.alter(pipeline.topics.normalized, { 'cleanup.policy': 'compact' })
    const sick = await vgmShared(['doctor', '--json'], { environment })
    equal(sick.code, 1, sick.err)
    const { errors, findings, fixed: nothing } = JSON.parse(sick.out)
    equal(errors, 1)
    deepEqual(nothing, [])
    const found = findings.find(({ level }: { level: string }) => level === 'error')
    equal(found.check, 'cleanup')
    equal(found.fixable, true)
    match(
      found.fix,
      /^kafka-configs\.sh --bootstrap-server \S+ --alter --topic \S+ --add-config cleanup\.policy=delete$/,
    )
    const fixed = await vgmShared(['doctor', '--fix'], { environment })
    equal(fixed.code, 0, fixed.out + fixed.err)
    match(fixed.out, /^Fixed\n {2}set cleanup\.policy=delete on /m)
    match(fixed.out, /\n0 errors, \d+ warnings?, \d+ in order\.\n$/)
    for (const line of fixed.out.split('\n')) ok(line.length <= 80 || !line.includes(' ', 20), line)
  })

  test('says in one report that no broker answers', async () => {
    const addresses = ['--brokers', '127.0.0.1:9', '--registry', 'http://127.0.0.1:9']
    const { code, out, err } = await vgmShared(['doctor', '--dataset', uniqueName('d'), ...addresses])
    equal(code, 1, err)
    match(out, /^Brokers\n {2}ERROR {3}brokers\n {4}found {5}/)
    match(out, /^2 errors, 0 warnings, /m)
  })
})
