import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import avsc from 'avsc'
import { groupName } from '../../src/config/names.ts'
import { KeptPositions } from '../../src/kafka/kept-positions.ts'
import { RowClient } from '../../src/kafka/row-client.ts'
import { lagOf } from '../../src/pipeline/group-lag.ts'
import { positionsIn } from '../../src/pipeline/group-positions.ts'
import { loadFile } from '../../src/pipeline/load-file.ts'
import type { NormalizeMemberOptions } from '../../src/pipeline/members/normalize-member.ts'
import { topicEnds } from '../../src/pipeline/row-topics.ts'
import { type SampleTopicOptions, sampleTopic } from '../../src/pipeline/sample-topic.ts'
import { verifyDataset } from '../../src/pipeline/verify-dataset.ts'
import type { PartitionOffset } from '../../src/ports/log.ts'
import { parseSampleCounts } from '../../src/stages/sample.ts'
import { uniqueName } from '../cluster/shared-cluster.ts'
import { temporaryFolder } from '../commands/run-command.ts'
import { TestBroker } from '../kafka/test-broker.ts'
import { exampleContent } from '../model/example-model.ts'
import { framed, type NewRow, TestPipeline } from './test-pipeline.ts'

const row = avsc.Type.forSchema({ type: 'record', name: 'Count', fields: [{ name: 'x', type: 'double' }] })
const partitions = 3

interface Test {
  after(work: () => Promise<void>): void
}

async function rowsFor(pipeline: TestPipeline, count: number): Promise<NewRow[]> {
  const id = await pipeline.register(row)
  return Array.from({ length: count }, (_, i) => ({ key: null, value: framed(id, row.toBuffer({ x: i })) }))
}

/** A data set with so many rows in each partition, and a model. */
async function filled(t: Test, count: number): Promise<TestPipeline> {
  const pipeline = await TestPipeline.open(t)
  const rows = await rowsFor(pipeline, count)
  await pipeline.write(pipeline.topics.raw, Array(partitions).fill(rows))
  const [shape] = exampleContent().columns
  await pipeline.publish([{ ...shape, name: 'x', type: 'double', nullable: false }])
  return pipeline
}

/** Rows to the first partition only: the others are idle. */
async function writeToFirst(pipeline: TestPipeline, count: number): Promise<void> {
  const none: NewRow[] = []
  await pipeline.write(pipeline.topics.raw, [await rowsFor(pipeline, count), none, none])
}

/** What brokers do with the offsets of a group that has stood still for `offsets.retention.minutes`. */
function expire({ cluster: { admin } }: TestPipeline, ...groups: string[]): Promise<void> {
  return admin.groups.delete(groups)
}

/** What an operator does with kafka-consumer-groups.sh: nothing is kept of it. */
async function move({ broker }: TestPipeline, group: string, offsets: readonly PartitionOffset[]): Promise<void> {
  const producer = await broker.openProducer()
  await producer.begin()
  await producer.commit({ group, offsets })
  await producer.close()
}

async function remove({ cluster: { admin } }: TestPipeline, ...topics: string[]): Promise<void> {
  await admin.topics.delete(topics)
  for (const topic of topics) while ((await admin.topics.partitionCount(topic)) !== undefined) await sleep(50)
}

const normalizeGroup = ({ dataset }: TestPipeline) => groupName(dataset, 'normalize')
const restoreGroup = ({ dataset }: TestPipeline) => groupName(dataset, 'restore')

async function rowsIn(pipeline: TestPipeline, more: Partial<NormalizeMemberOptions> = {}): Promise<number> {
  return (await pipeline.normalize(undefined, true, more)).rowsIn
}

/** The pipeline with another topic for positions; undefined for none, as in versions that did not keep any. */
function withPositionsIn(pipeline: TestPipeline, topic: string | undefined): TestPipeline {
  const rows = new RowClient(pipeline.cluster.settings, undefined, {}, topic)
  return Object.assign(Object.create(pipeline) as TestPipeline, { cluster: { ...pipeline.cluster, rows } })
}

suite('positions that outlive the offsets of groups', () => {
  test('normalize and restore go on where they were, with new rows only; lag and verify know the place', async (t) => {
    const pipeline = await filled(t, 20)
    const { cluster, dataset, modelsTopic, topics } = pipeline
    equal(await rowsIn(pipeline), 60)
    equal((await pipeline.restore()).rowsIn, 60)
    const groups = { normalize: normalizeGroup(pipeline), restore: restoreGroup(pipeline) }
    const before = await positionsIn(cluster, groups.normalize, topics.raw)
    await expire(pipeline, groups.normalize, groups.restore)
    deepEqual(await cluster.admin.groups.committedOffsets(groups.normalize), [])
    deepEqual(await positionsIn(cluster, groups.normalize, topics.raw), before)
    await writeToFirst(pipeline, 5)
    const source = {
      committedOffsets: (group: string, topic: string) => positionsIn(cluster, group, topic),
      watermarks: (topic: string) => cluster.admin.offsets.watermarks(topic),
    }
    const lags = (await lagOf(source, groups.normalize, topics.raw)).partitions.map(({ lag }) => lag)
    deepEqual(lags, [6, 0, 0], 'five rows and a marker')
    const audit = () => verifyDataset(cluster, { dataset, groups, modelsTopic, topics, clip: Infinity })
    equal((await audit()).pending, 5)
    equal(await rowsIn(pipeline), 5)
    // Again, with nothing between: what was idle the last time is kept as well.
    await expire(pipeline, groups.normalize)
    equal(await rowsIn(pipeline), 0)
    equal((await pipeline.restore()).rowsIn, 5)
    const { rows, lost, doubled, reordered, wrong, pending } = await audit()
    deepEqual(
      { rows, lost, doubled, reordered, wrong, pending },
      {
        rows: 65,
        lost: 0,
        doubled: 0,
        reordered: 0,
        wrong: 0,
        pending: 0,
      },
    )
  })

  test('what another version has committed is kept at the next start, also where nothing happens', async (t) => {
    const pipeline = await filled(t, 4)
    equal(await rowsIn(withPositionsIn(pipeline, undefined)), 12)
    equal(await rowsIn(pipeline), 0)
    await expire(pipeline, normalizeGroup(pipeline))
    equal(await rowsIn(pipeline), 0)
  })

  test('a group whose offsets were moved goes where it was moved to', async (t) => {
    const pipeline = await filled(t, 4)
    equal(await rowsIn(pipeline), 12)
    await move(pipeline, normalizeGroup(pipeline), [{ topic: pipeline.topics.raw, partition: 1, offset: 1 }])
    equal(await rowsIn(pipeline), 3)
  })

  test('at least once: positions are kept too', async (t) => {
    const pipeline = await filled(t, 4)
    equal(await rowsIn(pipeline, { delivery: 'at-least-once' }), 12)
    await expire(pipeline, normalizeGroup(pipeline))
    await writeToFirst(pipeline, 2)
    equal(await rowsIn(pipeline, { delivery: 'at-least-once' }), 2)
  })

  test('a group without any position whose output holds rows is refused, with both ways on', async (t) => {
    const pipeline = await filled(t, 4)
    const lost = withPositionsIn(pipeline, uniqueName('positions'))
    equal(await rowsIn(pipeline), 12)
    await expire(pipeline, normalizeGroup(pipeline))
    const refused = (error: unknown) => {
      const { code, exitCode, message, fix } = error as Record<string, string>
      deepEqual([code, exitCode], ['VGM_POSITIONS_MISSING', 2])
      match(message, /has no position in .*\.raw\/\d, and .*\.normalized\/\d is not empty/)
      match(
        fix,
        /name another topic for normalized rows.* add --rebuild-positions.*kafka-consumer-groups\.sh .*:\d+ --reset-offsets/,
      )
      return true
    }
    await rejects(rowsIn(lost), refused)
    await rejects(rowsIn(lost, { delivery: 'at-least-once' }), refused)
    const other = { ...pipeline.topics, normalized: `${pipeline.dataset}.anew` }
    equal(await rowsIn(lost, { topics: other }), 12, 'one way: another output')
    await expire(pipeline, normalizeGroup(pipeline))
    const ends = await topicEnds(pipeline.cluster, pipeline.topics.raw)
    await move(pipeline, normalizeGroup(pipeline), ends)
    equal(await rowsIn(lost), 0, 'the other way: positions given back')
  })

  test('lost positions are rebuilt from the output and the dead letters, or refused if they cannot', async (t) => {
    const pipeline = await filled(t, 20)
    const { cluster, dataset, modelsTopic, topics } = pipeline
    const group = normalizeGroup(pipeline)
    const dead: NewRow = { key: 'dead', value: Buffer.from('no row') }
    const none: NewRow[] = []
    // The first partition ends with a dead letter, the second one with a tombstone behind a dead letter.
    await pipeline.write(topics.raw, [
      [dead, ...(await rowsFor(pipeline, 3)), dead],
      [dead, { key: 'k', value: null }],
      none,
    ])
    equal(await rowsIn(pipeline, { deadLetters: { onInvalid: 'dead-letter', maxShare: 1 } }), 67)
    await expire(pipeline, group)
    await pipeline.write(topics.raw, Array(partitions).fill(await rowsFor(pipeline, 2)))
    const lost = withPositionsIn(pipeline, uniqueName('positions'))
    equal(await rowsIn(lost, { rebuildPositions: true }), 6)
    const audit = { dataset, groups: { normalize: group, restore: restoreGroup(pipeline) }, modelsTopic, topics }
    const { rows, deadLetters, doubled, pending, wrong, ...rest } = await verifyDataset(cluster, {
      ...audit,
      topics: { ...topics, restored: `${dataset}.none` },
      clip: Infinity,
    })
    deepEqual([rows, deadLetters, rest.lost, doubled, pending, wrong], [73, 3, 0, 0, 0, 0])
    // Rows that somebody else has written make the count wrong, which the last row shows.
    await pipeline.write(topics.normalized, [[{ key: 'foreign', value: Buffer.from('x') }], none, none])
    await expire(pipeline, group)
    await pipeline.write(topics.raw, [await rowsFor(pipeline, 9), none, none])
    const stranger = withPositionsIn(pipeline, uniqueName('positions'))
    await rejects(rowsIn(stranger, { rebuildPositions: true }), {
      code: 'VGM_POSITION_UNCOUNTABLE',
      message: /last row of \S+normalized\/0 comes from another position/,
      fix: /--to-offset/,
    })
  })

  test('members of a new group that come while others write are not refused', async (t) => {
    const pipeline = await filled(t, 200)
    const lost = withPositionsIn(pipeline, uniqueName('positions'))
    const members = Array.from({ length: 4 }, async (_, i) => {
      await sleep(100 * i)
      return rowsIn(lost)
    })
    const rows = await Promise.all(members)
    equal(
      rows.reduce((sum, some) => sum + some, 0),
      600,
    )
  })

  test('a group that has read rows is refused where its output was deleted, unless it is told to go on', async (t) => {
    const pipeline = await filled(t, 4)
    const { cluster, dataset, topics } = pipeline
    const group = normalizeGroup(pipeline)
    equal(await rowsIn(pipeline), 12)
    equal((await pipeline.restore()).rowsIn, 12)
    await remove(pipeline, topics.restored)
    await rejects(pipeline.restore(), { code: 'VGM_OUTPUT_LOST', message: /there is no topic .*\.restored/ })
    await remove(pipeline, topics.normalized)
    const refused = (what: RegExp) => (error: unknown) => {
      const { code, exitCode, message, fix } = error as Record<string, string>
      deepEqual([code, exitCode], ['VGM_OUTPUT_LOST', 2])
      match(message, what)
      match(fix, /--group .*--delete-offsets.*--allow-empty-output/)
      return true
    }
    const missing = new RegExp(
      `^Group ${group} has read ${topics.raw}/\\d up to .*there is no topic ${topics.normalized}`,
    )
    await rejects(rowsIn(pipeline), refused(missing))
    await rejects(rowsIn(pipeline, { delivery: 'at-least-once' }), refused(missing))
    equal(await cluster.admin.topics.partitionCount(topics.normalized), undefined, 'nothing is made')
    await cluster.admin.topics.ensureRowTopic({ topic: topics.normalized, partitions, like: topics.raw })
    await rejects(rowsIn(pipeline), refused(/topic .*\.normalized is empty/))
    equal(await rowsIn(pipeline, { group: `${group}.anew`, topics: { ...topics, normalized: `${dataset}.anew` } }), 12)
    await writeToFirst(pipeline, 2)
    equal(await rowsIn(pipeline, { allowEmptyOutput: true }), 2)
    equal(await rowsIn(pipeline), 0, 'what follows is in the output')
    equal((await pipeline.restore()).rowsIn, 2, 'the offsets in a topic go with it')
  })

  test('a group that has read nothing makes its outputs, as does one whose dead letters were deleted', async (t) => {
    const pipeline = await filled(t, 4)
    const { topics } = pipeline
    const starts = Array.from({ length: partitions }, (_, partition) => ({ topic: topics.raw, partition, offset: 0 }))
    await move(pipeline, normalizeGroup(pipeline), starts)
    equal(await rowsIn(pipeline), 12)
    await remove(pipeline, topics.deadLetters)
    equal(await rowsIn(pipeline), 0)
    // As a replay that was stopped before its first row.
    const later = starts.map((start) => ({ ...start, offset: 3 }))
    const group = uniqueName('replay')
    await move(pipeline, group, later)
    const output = { ...topics, normalized: `${pipeline.dataset}.later` }
    equal(await rowsIn(pipeline, { group, topics: output, starts: later }), 3)
  })

  test('whoever deletes the output as well gets all rows again', async (t) => {
    const pipeline = await filled(t, 4)
    equal(await rowsIn(pipeline), 12)
    await expire(pipeline, normalizeGroup(pipeline))
    await remove(pipeline, pipeline.topics.normalized)
    equal(await rowsIn(pipeline), 12)
  })

  test('a topic that was deleted and made again is read from its first row, with a warning', async (t) => {
    const pipeline = await filled(t, 4)
    const { cluster, topics } = pipeline
    equal(await rowsIn(pipeline), 12)
    await cluster.admin.topics.delete([topics.raw])
    while ((await cluster.admin.topics.partitionCount(topics.raw)) !== undefined) await sleep(50)
    await pipeline.write(topics.raw, Array(partitions).fill(await rowsFor(pipeline, 6)))
    const warnings: string[] = []
    const log = { ...cluster.log, warn: (_: unknown, text: string) => warnings.push(text) } as never
    const warned = Object.assign(Object.create(pipeline) as TestPipeline, { cluster: { ...cluster, log } })
    equal(await rowsIn(warned), 18)
    match(warnings.join(), /deleted and recreated.*the output still has rows of the older topic/)
  })

  test('files are loaded once, although a tool has moved the group and so cleared their list', async (t) => {
    const pipeline = await filled(t, 1)
    const { cluster, dataset, topics } = pipeline
    const file = join(temporaryFolder(t), 'rows.csv')
    writeFileSync(file, 'x\n1.5\n2.5\n')
    const loaded = async () => (await loadFile(cluster, { dataset, file })).rowsOut
    equal(await loaded(), 2)
    const at = { topic: topics.raw, partition: 0, offset: 1 }
    await move(pipeline, groupName(dataset, 'load'), [at])
    equal(await loaded(), 0)
    writeFileSync(file, 'x\n3.5\n')
    equal(await loaded(), 1)
  })

  test('a sample goes on where it was, with its counts; without a position it is refused', async (t) => {
    const pipeline = await filled(t, 10)
    const { dataset, topics } = pipeline
    const options: SampleTopicOptions = {
      dataset,
      rawTopic: topics.raw,
      sampleTopic: topics.sample,
      size: { rate: 1 },
      seed: 0,
      partitions: 1,
      append: true,
    }
    const sampled = async (of: TestPipeline) => (await sampleTopic(of.cluster, options)).rowsOut
    equal(await sampled(pipeline), 30)
    const group = groupName(dataset, 'sample')
    await expire(pipeline, group)
    await writeToFirst(pipeline, 3)
    equal(await sampled(pipeline), 3)
    await expire(pipeline, group)
    equal(await sampled(pipeline), 0)
    await expire(pipeline, group)
    const kept = await positionsIn(pipeline.cluster, group, topics.raw)
    deepEqual(
      kept.map(({ metadata }) => parseSampleCounts(metadata).seen),
      [13, 10, 10],
    )
    const lost = withPositionsIn(pipeline, uniqueName('positions'))
    await rejects(sampled(lost), { code: 'VGM_USAGE', message: /has no position: rows would be sampled a second time/ })
  })
})

suite('the positions topic', () => {
  test('says what was committed last, behind rolled back and open transactions of others', async (t) => {
    const broker = await TestBroker.connect(t)
    const [topic, input] = [uniqueName('positions'), await broker.createTopic(2)]
    const client = new RowClient(broker.settings, undefined, {}, topic)
    const pipeline = await TestPipeline.open(t)
    equal(await pipeline.cluster.admin.topics.ensurePositionsTopic(topic), 'created')
    const settings = await pipeline.cluster.admin.topics.config(topic)
    deepEqual([settings.get('cleanup.policy'), settings.get('segment.bytes')], ['compact', String(50 * 1024 * 1024)])
    const [group, other] = [uniqueName('group'), uniqueName('group')]
    const at = (partition: number, offset: number, metadata = '') => ({ topic: input, partition, offset, metadata })
    const writer = await client.openWriter(group, 'none')
    const commit = async (...offsets: ReturnType<typeof at>[]) => {
      await writer.begin()
      await writer.commit({ group, offsets })
    }
    await commit(at(0, 5, 'seen="5"'), at(1, 6))
    await commit(at(1, 7))
    const stranger = await broker.openProducer()
    await stranger.begin()
    const kept = new KeptPositions(broker.connections, topic)
    await kept.write({ group, offsets: [at(0, 99)] }, (...batch) => stranger.produce(...batch))
    await stranger.abort()
    await stranger.begin()
    await kept.write({ group: other, offsets: [at(0, 98)] }, (...batch) => stranger.produce(...batch))
    const both = [at(0, 0), at(1, 0)]
    const reading = client.keptPositions(group, both)
    await sleep(300)
    await stranger.abort()
    deepEqual(await reading, [at(0, 5, 'seen="5"'), at(1, 7)])
    deepEqual(await client.keptPositions(other, both), [])
    deepEqual(await client.keptPositions(group.slice(0, -1), both), [], 'a name that another one begins with')
    deepEqual(await client.strayPositionRecords(), { count: 0, offset: undefined })
    const { high } = (await pipeline.cluster.admin.offsets.watermarks(topic))[0]
    await pipeline.write(topic, [
      [
        { key: 'stray', value: Buffer.from('{}') },
        { key: `["${group}","${input}",0]`, value: Buffer.from('no position') },
        { key: `["${group}","${input}",1]`, value: null },
      ],
    ])
    deepEqual(await client.strayPositionRecords(), { count: 2, offset: high })
    await writer.close()
    await stranger.close()
  })
})
