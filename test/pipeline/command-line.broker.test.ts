import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { after, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import avsc from 'avsc'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { exampleContent } from '../model/example-model.ts'
import { framed, type NewRow, TestPipeline } from './test-pipeline.ts'

const main = new URL('../../src/main.ts', import.meta.url).pathname
const row = avsc.Type.forSchema({
  type: 'record',
  name: 'Count',
  namespace: 'shop',
  fields: [
    { name: 'x', type: 'int' },
    { name: 'word', type: 'string' },
  ],
})

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
  /** from the signal, or from the start if there was none */
  readonly tookMs: number
}

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  interrupt(): void
}

/** What a test that fails leaves behind would keep the file from ending. */
const children: ChildProcess[] = []
after(() => {
  for (const child of children) child.kill('SIGKILL')
})

/** Runs the command line as a process of its own. */
async function start(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Running> {
  const { brokers, registry } = await testCluster()
  const addresses = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry }
  const env = { ...process.env, ...addresses, ...environment }
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  let [out, err, sinceMs] = ['', '', performance.now()]
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code) => resolve({ code, out, err, tookMs: performance.now() - sinceMs })),
  )
  const interrupt = () => {
    sinceMs = performance.now()
    child.kill('SIGINT')
  }
  return { child, ended, interrupt }
}

async function run(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return (await start(args, environment)).ended
}

/** One line that says what and what to do, and no stack. */
function assertRefused({ code, out, err }: Ended, what: RegExp): void {
  equal(code, 2, err)
  equal(out, '')
  match(err, what)
  match(err, /^error: [^\n]+\. \S[^\n]*\.\n$/)
}

/** A pipeline whose raw topic has two partitions with so many rows each. */
async function filled(t: Parameters<typeof TestPipeline.open>[0], rows: number): Promise<TestPipeline> {
  const pipeline = await TestPipeline.open(t)
  await pipeline.write(pipeline.topics.raw, await rowsFrom(pipeline, 0, rows))
  return pipeline
}

/** Rows for two partitions; the key is the row's number in its partition. */
async function rowsFrom(pipeline: TestPipeline, first: number, count: number): Promise<NewRow[][]> {
  const id = await pipeline.register(row)
  const rows = Array.from({ length: count }, (_, i) => ({
    key: String(first + i),
    value: framed(id, row.toBuffer({ x: (first + i) % 1_000, word: 'w' })),
  }))
  return [rows, rows]
}

const flags = ({ dataset, modelsTopic }: TestPipeline) => ['--dataset', dataset, '--models-topic', modelsTopic]
const [shape] = exampleContent().columns

suite('the command line, on a broker', () => {
  test('an interrupted normalize ends with 130 within 5 s; the next start does the rest, each row once', async (t) => {
    const pipeline = await filled(t, 0)
    const { topics, broker, cluster } = pipeline
    await pipeline.publish([{ ...shape, name: 'x', nullable: false }])
    await cluster.admin.topics.ensureRowTopic({ topic: topics.normalized, partitions: 2, like: topics.raw })
    // Rows keep coming while the command is started and interrupted.
    let [written, isWriting] = [0, true]
    t.after(() => {
      isWriting = false
    })
    const writing = (async () => {
      for (; isWriting; written += 1_000) await pipeline.write(topics.raw, await rowsFrom(pipeline, written, 1_000))
    })()
    const normalize = ['normalize', ...flags(pipeline), '--json']
    for (const afterMs of [0, 200, 700]) {
      const before = await broker.ends(topics.normalized)
      const running = await start(normalize)
      const hasBegun = async () => (await broker.ends(topics.normalized)).some((end, i) => end > before[i])
      for (const deadline = Date.now() + 15_000; !(await hasBegun()); await sleep(5)) ok(Date.now() < deadline)
      await sleep(afterMs)
      running.interrupt()
      const { code, out, err, tookMs } = await running.ended
      equal(code, 130, err)
      ok(tookMs < 5_000, `took ${tookMs} ms`)
      const totals = JSON.parse(out)
      deepEqual([totals.interrupted, totals.rowsOut > 0], [true, true])
      const [{ members }] = await cluster.admin.groups.describe([`vgm.${pipeline.dataset}.normalize`])
      deepEqual(members, [], 'the group was left')
    }
    isWriting = false
    await writing
    const rest = await run([...normalize, '--until-end'])
    equal(rest.code, 0, rest.err)
    const keys = (await broker.rows(topics.normalized)).map(({ partition, key }) => `${partition}/${key}`)
    equal(keys.length, 2 * written)
    ok(keys.every((key, i) => key === `${Math.floor(i / written)}/${i % written}`))
  })

  test('an interruption before there is anything to do ends with 130 as well', async (t) => {
    const pipeline = await filled(t, 10)
    await pipeline.publish([{ ...shape, name: 'x', nullable: false }])
    const running = await start(['normalize', ...flags(pipeline)])
    const group = `vgm.${pipeline.dataset}.normalize`
    for (const deadline = Date.now() + 15_000; ; await sleep(20)) {
      ok(Date.now() < deadline)
      const [{ state }] = await pipeline.cluster.admin.groups.describe([group])
      if (state === 'Stable') break
    }
    await sleep(1_000)
    running.interrupt()
    const { code, tookMs } = await running.ended
    equal(code, 130)
    ok(tookMs < 5_000)
  })

  test('a sampler that follows, and starts again after each signal and a kill, copies each row once', async (t) => {
    const pipeline = await filled(t, 0)
    const { topics, broker } = pipeline
    let written = 0
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGTERM'] as const) {
      const { child, ended } = await start(['sample', ...flags(pipeline), '--follow', '--rate', '1'])
      // Rows that are there when it looks, and rows that come while it waits.
      for (let times = 0; times < 2; times++) {
        await pipeline.write(topics.raw, await rowsFrom(pipeline, written, 500))
        written += 500
        // Ends would count markers as well.
        const hasCopied = async () => (await broker.rows(topics.sample).catch(() => [])).length >= 2 * written
        for (const deadline = Date.now() + 15_000; !(await hasCopied()); await sleep(100)) ok(Date.now() < deadline)
      }
      child.kill(signal)
      const { code, err } = await ended
      equal(code, signal === 'SIGKILL' ? null : 130, err)
    }
    const keys = (await broker.rows(topics.sample)).map(({ key }) => Number(key))
    deepEqual(
      keys.sort((a, b) => a - b),
      Array.from({ length: 2 * written }, (_, i) => Math.floor(i / 2)),
    )
  })

  test('normalize without a model is refused', async (t) => {
    const pipeline = await filled(t, 1)
    assertRefused(await run(['normalize', ...flags(pipeline), '--until-end']), /no current model/)
    assertRefused(await run(['normalize', ...flags(pipeline), '--model', '3']), /no model version 3/)
  })

  test('a raw topic that does not exist is refused by name', async () => {
    const dataset = uniqueName('nothing')
    const refused = new RegExp(`no topic ${dataset}\\.(raw|sample)`)
    assertRefused(await run(['sample', '--dataset', dataset]), refused)
    assertRefused(await run(['fit', '--dataset', dataset, '--source', 'raw']), refused)
    assertRefused(await run(['normalize', '--dataset', dataset, '--until-end']), refused)
  })

  test('a column that no row has is refused by fit, and the ones that there are are named', async (t) => {
    const pipeline = await filled(t, 100)
    const ended = await run(['fit', ...flags(pipeline), '--source', 'raw', '--columns', 'x,y'])
    assertRefused(ended, /y/)
    match(ended.err, /\bx\b/)
  })

  test('without a cluster every command says how to get one', async () => {
    // A state folder of its own: somebody may have a local cluster running.
    const nothing = { KAFKA_BROKERS: undefined, SCHEMA_REGISTRY_URL: undefined, XDG_STATE_HOME: '/nonexistent' }
    for (const command of ['normalize', 'fit'])
      assertRefused(await run([command, '--dataset', 'd'], { ...nothing, HOME: '/nonexistent' }), /No cluster/)
  })
})
