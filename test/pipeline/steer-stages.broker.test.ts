import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import avsc from 'avsc'
import { groupName } from '../../src/config/names.ts'
import { groupLag, lagRemarks } from '../../src/pipeline/group-lag.ts'
import { type NormalizeMemberOptions, normalizeMember } from '../../src/pipeline/members/normalize-member.ts'
import { limitRate, pauseStages, resumeStages } from '../../src/pipeline/steer-stages.ts'
import type { StageEvent } from '../../src/ports/stage-event.ts'
import { exampleContent } from '../model/example-model.ts'
import { framed, TestPipeline } from './test-pipeline.ts'

const [shape] = exampleContent().columns
const columns = [{ ...shape, name: 'x', type: 'double' as const, nullable: false, mean: [3, 700] }]
const type = avsc.Type.forSchema({ type: 'record', name: 'Row', fields: [{ name: 'x', type: 'double' }] })
const partitions = 4

/** A stage with two members, that reads what is written to its topic. */
class RunningStage {
  readonly pipeline: TestPipeline
  readonly controlTopic: string
  readonly group: string
  readonly events: { readonly member: number; readonly event: StageEvent }[] = []
  #schemaId = 0
  #ends: Promise<unknown>[] = []
  written = 0

  private constructor(pipeline: TestPipeline) {
    this.pipeline = pipeline
    this.controlTopic = `${pipeline.dataset}.control`
    this.group = groupName(pipeline.dataset, 'normalize')
  }

  static async open(t: { after(work: () => Promise<void>): void }): Promise<RunningStage> {
    const stage = new RunningStage(await TestPipeline.open(t))
    stage.#schemaId = await stage.pipeline.register(type)
    await stage.pipeline.publish(columns)
    await stage.write(40)
    t.after(() => stage.stop())
    return stage
  }

  get steered() {
    return { dataset: this.pipeline.dataset, controlTopic: this.controlTopic }
  }

  async write(rowsEach: number): Promise<void> {
    const rows = Array.from({ length: rowsEach }, (_, i) => ({
      key: null,
      value: framed(this.#schemaId, type.toBuffer({ x: i / 8 })),
    }))
    await this.pipeline.write(this.pipeline.topics.raw, new Array(partitions).fill(rows))
    this.written += partitions * rowsEach
  }

  start(members = 2): void {
    const { cluster, dataset, modelsTopic, topics } = this.pipeline
    const options: NormalizeMemberOptions = {
      dataset,
      modelsTopic,
      topics,
      group: this.group,
      controlTopic: this.controlTopic,
      clip: Infinity,
      modeChoice: { kind: 'likely' },
      compression: 'none',
    }
    for (let member = 0; member < members; member++) {
      const report = (event: StageEvent) => void this.events.push({ member, event })
      this.#ends.push(
        normalizeMember({ ...cluster, report }, { ...options, slot: member }, () => undefined).catch(() => undefined),
      )
    }
  }

  async stop(): Promise<void> {
    this.pipeline.interrupt()
    await Promise.all(this.#ends)
  }

  /** Rows that are in the output. */
  async done(): Promise<number> {
    const { broker, topics, cluster } = this.pipeline
    if ((await cluster.admin.topics.partitionCount(topics.normalized)) === undefined) return 0
    return (await broker.rows(topics.normalized)).length
  }

  async untilDone(rows = this.written): Promise<void> {
    for (const deadline = Date.now() + 30_000; ; await sleep(50)) {
      const done = await this.done()
      if (done === rows) return
      ok(done < rows && Date.now() < deadline, `${done} of ${rows} rows`)
    }
  }

  async until(is: (event: StageEvent, member: number) => boolean, since = 0, withinMs = 20_000): Promise<StageEvent> {
    for (const deadline = Date.now() + withinMs; ; await sleep(10)) {
      const found = this.events.slice(since).find(({ event, member }) => is(event, member))
      if (found !== undefined) return found.event
      ok(Date.now() < deadline, 'nobody has told it')
    }
  }

  async untilBothJoined(): Promise<void> {
    for (const member of [0, 1])
      await this.until((event, of) => of === member && event.kind === 'joined' && event.partitions.length === 2)
  }
}

suite('orders for stages, on a broker', () => {
  test('all members pause within a second, stay in their group, export their lag, and go on', async (t) => {
    const stage = await RunningStage.open(t)
    const { pipeline, steered, group } = stage
    const { cluster } = pipeline
    stage.start()
    await stage.untilBothJoined()
    await stage.untilDone()
    // The topic does not exist before.
    const since = stage.events.length
    const [normalize, ...others] = await pauseStages(cluster, { ...steered, stage: 'normalize', by: 'ann' })
    const orderedMs = Date.now()
    deepEqual([normalize.group, normalize.members, normalize.paused?.paused, others.length], [group, 2, true, 0])
    for (const member of [0, 1]) await stage.until((event, of) => of === member && event.kind === 'ordered', since)
    ok(Date.now() - orderedMs < 1_500, `${Date.now() - orderedMs} ms`)
    const before = stage.written
    // A poll that waits for rows has at most a tenth of a second more.
    await sleep(500)
    await stage.write(25)
    const isStateWithLag = (event: StageEvent) =>
      event.kind === 'state' && event.partitions.some(({ position, end = 0 }) => end - position >= 25)
    for (const member of [0, 1]) await stage.until((event, of) => of === member && isStateWithLag(event), since)
    await sleep(500)
    equal(await stage.done(), before, 'no row is read')
    equal(
      stage.events.slice(since).some(({ event }) => event.kind === 'joining'),
      false,
    )
    const [lag] = await groupLag(cluster, steered)
    match(lagRemarks(lag).join(), /is paused, by ann at/)
    ok(lag.total >= 100)
    const [resumed] = await resumeStages(cluster, { ...steered, stage: 'normalize' })
    equal(resumed.paused?.paused, false)
    await stage.untilDone()
    // A second pause finds the topic there.
    const again = stage.events.length
    await pauseStages(cluster, { ...steered, stage: 'normalize' })
    const pausedMs = Date.now()
    for (const member of [0, 1]) await stage.until((event, of) => of === member && event.kind === 'ordered', again)
    ok(Date.now() - pausedMs < 1_000)
  })

  test('a member that starts later is paused as well, and a member that joins shares a paused group', async (t) => {
    const stage = await RunningStage.open(t)
    const { cluster } = stage.pipeline
    const [first] = await pauseStages(cluster, { ...stage.steered, stage: 'normalize' })
    equal(first.members, 0)
    stage.start(1)
    await stage.until((event) => event.kind === 'joined' && event.partitions.length === partitions)
    stage.start(1)
    await stage.until((event) => event.kind === 'joined' && event.partitions.length === 2)
    await sleep(300)
    equal(await stage.done(), 0)
    await resumeStages(cluster, stage.steered)
    await stage.untilDone()
  })

  test('a rate holds for all members together', async (t) => {
    const stage = await RunningStage.open(t)
    const { cluster } = stage.pipeline
    await stage.write(210)
    const [limited] = await limitRate(cluster, { ...stage.steered, stage: 'normalize', rowsPerSecond: 200 })
    equal(limited.rate?.rowsPerSecond, 200)
    stage.start()
    await stage.untilBothJoined()
    const [startedMs, done] = [Date.now(), await stage.done()]
    await sleep(2_500)
    const rows = (await stage.done()) - done
    const allowed = (200 * (Date.now() - startedMs)) / 1_000
    ok(rows > 0.3 * allowed && rows <= allowed + 200, `${rows} of ${allowed}`)
    await limitRate(cluster, { ...stage.steered, rowsPerSecond: 'off' })
    await stage.untilDone()
  })

  test('of operators who pause and resume at once the last one is obeyed, and a rate is kept', async (t) => {
    const stage = await RunningStage.open(t)
    const { cluster } = stage.pipeline
    const { steered } = stage
    stage.start()
    await stage.untilBothJoined()
    const orders = Array.from({ length: 6 }, (_, i) => [
      () => pauseStages(cluster, { ...steered, stage: 'normalize', by: `a${i}` }),
      () => resumeStages(cluster, { ...steered, stage: 'normalize', by: `b${i}` }),
      () => limitRate(cluster, { ...steered, stage: 'normalize', rowsPerSecond: 100_000 + i, by: `c${i}` }),
    ]).flat()
    await Promise.all(orders.map((order) => order()))
    const [{ paused, rate }] = await pauseStages(cluster, { ...steered, stage: 'normalize', by: 'last' })
    deepEqual([paused?.by, paused?.paused], ['last', true])
    ok(rate!.rowsPerSecond! >= 100_000)
    await resumeStages(cluster, steered)
    await stage.write(10)
    await stage.untilDone()
  })

  test('a control topic that is not compacted, a data set and a group that are not known are refused', async (t) => {
    const stage = await RunningStage.open(t)
    const { cluster, dataset, topics } = stage.pipeline
    await rejects(pauseStages(cluster, { dataset, controlTopic: topics.raw }), {
      code: 'VGM_CONTROL_TOPIC',
      fix: /--control-topic/,
    })
    await rejects(pauseStages(cluster, { ...stage.steered, dataset: 'nobody' }), { code: 'VGM_TOPIC_MISSING' })
    await rejects(pauseStages(cluster, { ...stage.steered, stage: 'replay' }), {
      code: 'VGM_USAGE',
      message: /no unfinished replay/,
    })
    await rejects(pauseStages(cluster, { ...stage.steered, group: 'nobody' }), { message: /There is no group nobody/ })
    equal(await cluster.admin.topics.partitionCount(stage.controlTopic), undefined, 'nothing was made')
  })

  test('a control topic that is deleted lets the stage go on', async (t) => {
    const stage = await RunningStage.open(t)
    const { cluster } = stage.pipeline
    await pauseStages(cluster, { ...stage.steered, stage: 'normalize' })
    stage.start(1)
    await stage.until((event) => event.kind === 'joined')
    await cluster.admin.topics.delete([stage.controlTopic])
    await stage.untilDone()
  })
})
