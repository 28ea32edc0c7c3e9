import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import avsc from 'avsc'
import { valueSubject } from '../../src/config/names.ts'
import { estimateReplay } from '../../src/pipeline/estimate-replay.ts'
import { groupLag } from '../../src/pipeline/group-lag.ts'
import { parseReplayNote } from '../../src/pipeline/replay-note.ts'
import { type ReplayReport, type ReplayTopicOptions, replayTopic } from '../../src/pipeline/replay-topic.ts'
import { exampleContent } from '../model/example-model.ts'
import { framed, type NewRow, TestPipeline } from './test-pipeline.ts'

const [shape] = exampleContent().columns
const columns = [{ ...shape, name: 'x', type: 'double' as const, nullable: false, mean: [3, 700] }]
const start = Date.UTC(2026, 10, 1)
const day = 86_400_000
const iso = (ms: number) => `@${new Date(ms).toISOString()}`

function rowSchema(timeType: unknown) {
  const fields = [
    { name: 'name', type: 'string' },
    { name: 'at', type: timeType },
    { name: 'x', type: 'double' },
  ]
  return { type: 'record', name: 'Row', fields }
}

/** A pipeline whose partitions have rows with these times, of the record and of the field alike unless told. */
async function pipelineOf(
  t: { after(work: () => Promise<void>): void },
  partitions: readonly (readonly number[])[],
  timeType: unknown = 'long',
  fieldOf: (ms: number, i: number) => unknown = (ms) => ms,
): Promise<TestPipeline> {
  const pipeline = await TestPipeline.open(t)
  await pipeline.publish(columns)
  await writeTimes(pipeline, partitions, timeType, fieldOf)
  return pipeline
}

/** In one transaction. */
async function writeTimes(
  pipeline: TestPipeline,
  partitions: readonly (readonly number[])[],
  timeType: unknown = 'long',
  fieldOf: (ms: number, i: number) => unknown = (ms) => ms,
): Promise<void> {
  const schema = rowSchema(timeType)
  const type = avsc.Type.forSchema(schema as never, { wrapUnions: 'never' })
  const id = await pipeline.cluster.registry.register(valueSubject(pipeline.topics.raw), JSON.stringify(schema))
  const rowOf = (timestampMs: number, i: number): NewRow => ({
    key: null,
    timestampMs,
    value: framed(id, type.toBuffer({ name: `row ${i}`, at: fieldOf(timestampMs, i), x: i / 8 })),
  })
  await pipeline.write(
    pipeline.topics.raw,
    partitions.map((times) => times.map(rowOf)),
  )
}

let outputs = 0
async function replay(pipeline: TestPipeline, options: Partial<ReplayTopicOptions>): Promise<ReplayReport> {
  const { dataset, modelsTopic } = pipeline
  const output = `${dataset}.out${outputs++}`
  return replayTopic(pipeline.cluster, { dataset, modelsTopic, model: 1, output, ...options })
}

const days = (count: number, from = 0) => Array.from({ length: count }, (_, i) => start + (from + i) * day)

suite('the range of a replay', () => {
  test('by time is that of rows which are older than the markers of their transactions', async (t) => {
    const pipeline = await pipelineOf(t, [days(10), days(10)])
    // As a load of old rows writes them: the marker before these has the time of now.
    for (const from of [10, 20]) await writeTimes(pipeline, [days(10, from), days(10, from)])
    const { partitions, rowsOut } = await replay(pipeline, {
      from: iso(start + 12 * day),
      to: iso(start + 24 * day),
    })
    deepEqual(
      partitions.map(({ partition, from, to }) => [partition, from, to]),
      [
        [0, 13, 26],
        [1, 13, 26],
      ],
    )
    equal(rowsOut, 24)
  })

  test('by time: older rows come along and are told of, and strictly each row of the range comes alone', async (t) => {
    // The second partition goes back twice, so that rows of the range stand behind its end.
    const mixed = [...days(10), ...days(5), ...days(10, 5)]
    const pipeline = await pipelineOf(t, [days(30), mixed, days(3)])
    const [from, to] = [iso(start + 4 * day), iso(start + 8 * day)]
    const loose = await replay(pipeline, { from, to })
    const found = loose.partitions.map(({ partition, from, to }) => [partition, from, to])
    deepEqual(found.slice(0, 2), [
      [0, 4, 8],
      [1, 4, 8],
    ])
    equal(found[2][1], found[2][2], 'a partition without a row of the range')
    deepEqual([loose.rowsIn, loose.times?.cameAlong], [8, 0])
    const open = await replay(pipeline, { from })
    deepEqual([open.times?.cameAlong, open.times?.goesBack], [4, [{ partition: 1, offset: 10 }]])
    const strict = await replay(pipeline, { from, to, strictTime: true })
    const inside = [...days(30), ...mixed, ...days(3)].filter((ms) => ms >= start + 4 * day && ms < start + 8 * day)
    equal(strict.rowsOut, inside.length)
    equal(strict.rowsIn, strict.rowsOut)
    ok(strict.times!.leftOut > 0)
    const rows = await pipeline.broker.rows(strict.topic)
    deepEqual(rows.map(({ timestampMs }) => timestampMs).sort(), inside.sort())
  })

  const seconds = (ms: number) => ms / 1_000
  for (const [what, type, fieldOf] of [
    ['seconds', 'long', seconds],
    ['seconds with decimals', 'double', seconds],
    ['milliseconds', 'long', (ms: number) => ms],
    ['timestamp-millis', { type: 'long', logicalType: 'timestamp-millis' }, (ms: number) => ms],
    ['timestamp-micros', { type: 'long', logicalType: 'timestamp-micros' }, (ms: number) => ms * 1_000],
    ['dates', { type: 'int', logicalType: 'date' }, (ms: number) => ms / day],
    ['texts', 'string', (ms: number) => new Date(ms).toISOString()],
    ['texts without a zone', 'string', (ms: number) => new Date(ms).toISOString().slice(0, 19).replace('T', ' ')],
  ] as const)
    test(`by a field of ${what}, with nulls, whatever the time of the record is`, async (t) => {
      const withNull = ['null', type]
      // All records have one time, as those of a load.
      const at = days(20)
      const pipeline = await pipelineOf(t, [at.map(() => start)], withNull, (_, i) =>
        i % 5 === 4 ? null : (fieldOf as (ms: number) => unknown)(at[i]),
      )
      const [from, to] = [iso(start + 4 * day), iso(start + 12 * day)]
      const { rowsIn, rowsOut, times } = await replay(pipeline, { from, to, eventTime: 'at' })
      // Days 4 to 11, of which 4 and 9 are null.
      deepEqual([rowsIn, rowsOut, times?.withoutTime, times?.leftOut], [6, 6, 4, 10])
    })

  test('by a field of a nullable record, whose path is named', async (t) => {
    const when = { name: 'when', type: { type: 'long', logicalType: 'timestamp-millis' } }
    const placed = { type: 'record', name: 'Placed', fields: [{ name: 'note', type: ['null', 'string'] }, when] }
    const at = days(20)
    const pipeline = await pipelineOf(t, [at.map(() => start)], ['null', placed], (_, i) =>
      i % 5 === 4 ? null : { note: i % 2 === 0 ? null : `row ${i}`, when: at[i] },
    )
    const [from, to] = [iso(start + 4 * day), iso(start + 12 * day)]
    const { rowsOut, times } = await replay(pipeline, { from, to, eventTime: 'at.when' })
    deepEqual([rowsOut, times?.withoutTime, times?.leftOut], [6, 4, 10])
    await rejects(replay(pipeline, { from, eventTime: 'at.who' }), /No field "at\.who" of the rows/)
  })

  test('a field that is no time, or is not there, is refused with those that could be', async (t) => {
    const pipeline = await pipelineOf(t, [days(6)], 'boolean', () => true)
    const { cluster, dataset, modelsTopic } = pipeline
    for (const [eventTime, fix] of [
      ['at', 'Name one of name, x'],
      ['missing', 'Name one of name, x'],
      ['nane', 'Did you mean name? Name one of name, x'],
    ]) {
      const refused = { code: 'VGM_USAGE', message: new RegExp(`No field "${eventTime}" of the rows`), fix }
      await rejects(replay(pipeline, { from: iso(start), eventTime }), refused)
      const options = { dataset, modelsTopic, model: 1, from: iso(start), eventTime }
      await rejects(estimateReplay(cluster, options), refused)
    }
  })

  test('a range whose rows are all left out is refused in the end, and leaves room for another one', async (t) => {
    const pipeline = await pipelineOf(t, [days(6), days(3)], 'string', () => 'soon')
    const { cluster, dataset, modelsTopic, topics } = pipeline
    const options = { dataset, modelsTopic, model: 1, from: iso(start), eventTime: 'at' }
    const { tried } = await estimateReplay(cluster, options)
    deepEqual([tried.leftOut, tried.withoutTime], [9, 9])
    const counted = /no row whose "at" is from @.* to end: 0 rows have another time, 9 none/
    const refused = { code: 'VGM_USAGE', message: counted, fix: /another field \(--event-time/ }
    await rejects(replayTopic(cluster, options), refused)
    await rejects(replayTopic(cluster, options), /no row whose "at" is from @.* to end$/m, 'again')
    const between = { strictTime: true, from: iso(start + day / 2), to: iso(start + day / 2 + 1) }
    const noRow = {
      message: /has no row whose time is from .*: [78] rows have another time/,
      fix: 'Name another range',
    }
    await rejects(replay(pipeline, between), noRow)
    // Into the same output, which has markers alone.
    const { eventTime: _, ...loose } = options
    equal((await replayTopic(cluster, loose)).rowsOut, 9)
    const output = `${topics.normalized}.v1`
    await rejects(replayTopic(cluster, { ...loose, from: '1' }), {
      message: `Topic ${output} has rows of another replay`,
      fix: /--output/,
    })
    await rejects(estimateReplay(cluster, { ...loose, from: '1' }), /has rows of another replay/)
  })

  test('a range that stands behind newer rows is found by strict times, and the error says so', async (t) => {
    const pipeline = await pipelineOf(t, [[...days(5, 10), ...days(5)]])
    const range = { from: iso(start + day), to: iso(start + 3 * day) }
    await rejects(replay(pipeline, range), { message: /no row from .* to .* newer$/, fix: /go back.*--strict-time/ })
    equal((await replay(pipeline, { ...range, strictTime: true })).rowsOut, 2)
  })

  test('what a replay refuses its estimate refuses too, before it says a word', async (t) => {
    const pipeline = await pipelineOf(t, [days(6)])
    const { cluster, dataset, modelsTopic } = pipeline
    const output = `${dataset}.other`
    await cluster.admin.topics.ensureRowTopic({ topic: output, partitions: 3 })
    const onPlan = () => ok(false, 'a plan')
    const refused = async (options: Partial<ReplayTopicOptions>, code: string) => {
      const all = { dataset, modelsTopic, model: 1, onPlan, ...options }
      await rejects(replayTopic(cluster, all), { code, exitCode: 2 })
      await rejects(estimateReplay(cluster, all), { code, exitCode: 2 })
    }
    await refused({ model: 7 }, 'VGM_MODEL_MISSING')
    await refused({ output }, 'VGM_PARTITION_COUNT')
    const { topic, group } = await replay(pipeline, {})
    await cluster.admin.topics.delete([topic])
    await refused({ output: topic, group }, 'VGM_OUTPUT_LOST')
  })

  test('a range that ends before it begins, has no time or no row is refused, and says what is there', async (t) => {
    const pipeline = await pipelineOf(t, [days(20), days(10)])
    const refused = (options: Partial<ReplayTopicOptions>, message: RegExp) =>
      rejects(replay(pipeline, options), (error: { code: string; message: string; fix: string }) => {
        equal(error.code, 'VGM_USAGE')
        match(`${error.message}. ${error.fix}`, message)
        return true
      })
    await refused({ from: iso(start + 8 * day), to: iso(start + 4 * day) }, /ends where it begins, or before/)
    await refused({ from: '9', to: '3' }, /from 9 to 3 has no row.*before --to/)
    await refused({ from: 'end' }, /has no row/)
    await refused({ from: iso(start + 400 * day) }, /has no row from .* hold offsets 0: 0 to 2\d, 1: 0 to 1\d/)
    await refused({ strictTime: true }, /both ends are offsets/)
    await refused({ eventTime: 'at', from: '3' }, /--event-time/)
    await refused({ dataset: 'nobody', from: iso(start) }, /There is no topic nobody\.raw/).catch(async () =>
      rejects(replay(pipeline, { dataset: 'nobody' }), { code: 'VGM_TOPIC_MISSING' }),
    )
  })

  test('a range below the start of the log says what is gone', async (t) => {
    const pipeline = await pipelineOf(t, [days(20), days(10)])
    const { raw } = pipeline.topics
    await pipeline.cluster.admin.offsets.deleteRecords([{ topic: raw, partition: 0, offset: 12 }])
    const byOffset = await replay(pipeline, { from: '3' })
    deepEqual(byOffset.remarks, ['Partition 0 begins at offset 12: its rows from offset 3 on are gone'])
    equal(byOffset.rowsIn, 8 + 7)
    const withoutZone = iso(start).slice(0, 'yyyy-mm-ddThh:mm:ss'.length + 1)
    const byTime = await replay(pipeline, { from: withoutZone })
    deepEqual(byTime.remarks, [
      `Time ${withoutZone} is ${new Date(start).toISOString()}`,
      'Partition 0 begins at offset 12: rows before it are gone, whatever their time was',
    ])
    const beyond = await replay(pipeline, { from: '15', to: '18' })
    match(beyond.remarks.join('; '), /Partition 1 ends at offset 1\d, before --from.*before --to/)
  })

  test('a topic with the times of arrival is told of', async (t) => {
    const pipeline = await pipelineOf(t, [days(20)])
    await pipeline.cluster.admin.topics.alter(pipeline.topics.raw, { 'message.timestamp.type': 'LogAppendTime' })
    const { remarks } = await replay(pipeline, { from: iso(start) })
    match(remarks.join(), /LogAppendTime: its times are those at which the broker got the rows\. --event-time/)
  })

  test('members share a replay, each position says where it ends, and the same call goes on', async (t) => {
    const pipeline = await pipelineOf(t, [days(50), days(70), days(10), []])
    const { cluster, dataset, modelsTopic } = pipeline
    const options = { dataset, modelsTopic, model: 1, output: `${dataset}.shared`, to: '40', members: 2 }
    const estimate = await estimateReplay(cluster, options)
    equal(await cluster.admin.topics.partitionCount(options.output), undefined, 'nothing is written')
    // The marker of the rows' transaction has an offset as well, if it stands there yet.
    ok(estimate.rows === 90 || estimate.rows === 91, `${estimate.rows} offsets`)
    deepEqual([estimate.rowsBefore, estimate.tried.rows], [0, 90])
    ok(estimate.bytesIn > 0 && estimate.bytesOut > estimate.tried.rows && estimate.seconds > 0)
    const first = await replayTopic(cluster, options)
    equal(first.rowsOut, 90)
    const positions = await cluster.rows.positionsOf(
      first.group,
      first.partitions.map(({ partition }) => ({ topic: pipeline.topics.raw, partition })),
    )
    deepEqual(
      positions.map(({ metadata }) => parseReplayNote(metadata)?.to).sort(),
      first.partitions.map(({ to }) => to).sort(),
    )
    equal((await replayTopic(cluster, options)).rowsIn, 0)
    const again = await estimateReplay(cluster, options)
    deepEqual([again.rows, again.tried.rows], [0, 0])
    ok(again.rowsBefore === 90 || again.rowsBefore === 91, `${again.rowsBefore} offsets`)
  })

  test('several replays at once do not touch each other', async (t) => {
    const pipeline = await pipelineOf(t, [days(300), days(200)])
    const reports = await Promise.all([0, 1, 2].map(() => replay(pipeline, { maxRate: 400 })))
    for (const { rowsOut, seconds } of reports) {
      equal(rowsOut, 500)
      ok(seconds > 0.6, `${seconds}: 400 rows/s`)
    }
    equal(new Set(reports.map(({ group }) => group)).size, 3)
  })

  test('lag shows replays whatever their group is called, where they end, and the time left', async (t) => {
    const pipeline = await pipelineOf(t, [days(900), days(60)])
    const { cluster, dataset, topics } = pipeline
    const group = `${dataset}.backfill`
    const running = replay(pipeline, { to: '800', group, maxRate: 400 })
    const lagOfReplay = async () => (await groupLag(cluster, { dataset })).find((lag) => lag.group === group)
    let lag = await lagOfReplay()
    while ((lag?.partitions[0].secondsLeft ?? 0) === 0) {
      await sleep(50)
      lag = await lagOfReplay()
    }
    match(lag?.output ?? '', new RegExp(`^${dataset}\\.out`))
    const [first] = lag!.partitions
    equal(first.end, 800)
    ok(first.lag === 800 - first.committed! && first.lag > 0)
    ok(first.movedMs! > Date.now() - 60_000)
    ok(first.secondsLeft! > 0 && lag!.secondsLeft! > 0)
    await running
    const done = await lagOfReplay()
    deepEqual([done?.total, done?.secondsLeft], [0, 0])
    const [alone] = await groupLag(cluster, { dataset, group })
    deepEqual([alone.topic, alone.total], [topics.raw, 0], 'the topic that it reads is known')
  })

  test('lag of a group that nobody has been in is an error, with the names that are like it', async (t) => {
    const pipeline = await pipelineOf(t, [days(5)])
    const { cluster, dataset } = pipeline
    const { group } = await replay(pipeline, {})
    await rejects(groupLag(cluster, { dataset, group: `${group}x` }), {
      code: 'VGM_USAGE',
      message: `There is no group ${group}x`,
      fix: new RegExp(`^Did you mean ${group}\\?`),
    })
  })
})
