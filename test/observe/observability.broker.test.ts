import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import avsc from 'avsc'
import { testCluster } from '../cluster/shared-cluster.ts'
import { exampleContent } from '../model/example-model.ts'
import { framed, type NewRow, TestPipeline } from '../pipeline/test-pipeline.ts'
import { documentedMetrics, seriesValue, servedMetrics } from './metric-table.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const row = avsc.Type.forSchema({
  type: 'record',
  name: 'Count',
  namespace: 'shop',
  fields: [{ name: 'x', type: 'int' }],
})
const [shape] = exampleContent().columns
const columns = [{ ...shape, name: 'x', nullable: false }]
const patienceMs = 60_000

interface Test {
  after(work: () => void | Promise<void>): void
}

interface Line {
  readonly msg: string
  readonly [field: string]: unknown
}

/** `vgm` as a process whose endpoint and log are looked at. */
class Stage {
  readonly lines: Line[] = []
  err = ''
  out = ''
  readonly ended: Promise<number | null>
  readonly #child: ChildProcess

  constructor(t: Test, args: readonly string[], environment: NodeJS.ProcessEnv) {
    const env = { ...process.env, VGM_LOG_LEVEL: 'info', VGM_HTTP: '0', ...environment }
    this.#child = spawn(process.execPath, [main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    t.after(() => void this.#child.kill('SIGKILL'))
    this.#child.stdout?.on('data', (chunk) => {
      this.out += chunk
    })
    let rest = ''
    this.#child.stderr?.on('data', (chunk) => {
      const parts = `${rest}${chunk}`.split('\n')
      rest = parts.pop() as string
      for (const part of parts)
        if (part.startsWith('{"level"')) this.lines.push(JSON.parse(part) as Line)
        else this.err += `${part}\n`
    })
    this.ended = new Promise((resolve) => this.#child.once('close', resolve))
  }

  static async start(t: Test, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Stage> {
    const { brokers, registry } = await testCluster()
    return new Stage(t, args, { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry, ...environment })
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** The first line with this text, from the line with number `since` on. */
  async saying(text: string, since = 0): Promise<Line> {
    return until(
      () => this.lines.slice(since).find(({ msg }) => msg === text),
      () => `nobody says "${text}": ${JSON.stringify(this.lines)} ${this.err}`,
    )
  }

  async url(): Promise<string> {
    return (await this.saying('metrics and probes are served')).http as string
  }

  async get(path: string): Promise<{ status: number; text: string }> {
    const answer = await fetch((await this.url()) + path)
    return { status: answer.status, text: await answer.text() }
  }

  async answering(path: string, status: number): Promise<string> {
    let last = ''
    return until(
      async () => {
        const answer = await this.get(path)
        last = `${answer.status} ${answer.text}`
        return answer.status === status ? answer.text : undefined
      },
      () => `${path} does not answer ${status}: ${last} ${JSON.stringify(this.lines)} ${this.err}`,
    )
  }

  /** The metrics, once they are so. */
  async metrics(is: (text: string) => boolean): Promise<string> {
    let text = ''
    return until(
      async () => {
        text = (await this.get('/metrics')).text
        return is(text) ? text : undefined
      },
      () => `not in ${text.replaceAll(/^#.*\n/gm, '')}`,
    )
  }
}

async function until<T>(look: () => T | undefined | Promise<T | undefined>, problem: () => string): Promise<T> {
  for (const deadline = Date.now() + patienceMs; ; await sleep(50)) {
    const found = await look()
    if (found !== undefined) return found
    ok(Date.now() < deadline, problem())
  }
}

const flags = ({ dataset, modelsTopic }: TestPipeline) => ['--dataset', dataset, '--models-topic', modelsTopic]

async function rowsOf(pipeline: TestPipeline, good: number, bad: number): Promise<NewRow[]> {
  const id = await pipeline.register(row)
  return [
    ...Array.from({ length: good }, (_, x) => ({ key: 'good', value: framed(id, row.toBuffer({ x })) })),
    ...Array.from({ length: bad }, () => ({ key: 'bad', value: framed(id, Buffer.alloc(0)) })),
  ]
}

/** A registry that can be away; its address stays the same. */
async function gate(t: Test): Promise<{ url: string; open: boolean }> {
  const { registry } = await testCluster()
  const state = { url: '', open: true }
  const server: Server = createServer((request, response) => {
    if (!state.open) return void request.socket.destroy()
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', async () => {
      const { method = 'GET' } = request
      const answer = await fetch(registry + request.url, {
        method,
        headers: { 'content-type': request.headers['content-type'] ?? 'application/json' },
        ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
      })
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' })
      response.end(Buffer.from(await answer.arrayBuffer()))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  state.url = `http://127.0.0.1:${(server.address() as { port: number }).port}`
  return state
}

suite('metrics, probes and logs of a running stage', () => {
  test('serves what the table says, adds up at every scrape, and logs its life a line an event', async (t) => {
    const pipeline = await TestPipeline.open(t)
    await pipeline.publish(columns)
    await pipeline.write(pipeline.topics.raw, [await rowsOf(pipeline, 300, 2), await rowsOf(pipeline, 200, 1)])
    const stage = await Stage.start(t, ['normalize', ...flags(pipeline), '--members', '2'])
    await stage.answering('/readyz', 200)
    const rowsIn = (text: string) => seriesValue(text, 'vgm_rows_in_total')
    const first = await stage.metrics((text) => {
      const dead = seriesValue(text, 'vgm_dead_letters_total') ?? 0
      equal(rowsIn(text), (seriesValue(text, 'vgm_rows_out_total') ?? 0) + dead)
      return rowsIn(text) === 503 && seriesValue(text, 'vgm_lag_rows') === 0
    })
    const served = servedMetrics(first)
    const documented = documentedMetrics()
    deepEqual([...served.keys()].sort(), [...documented.keys()].sort())
    for (const [name, { type, labels }] of served) {
      equal(documented.get(name)?.type, type, name)
      if (labels.length > 0) deepEqual(documented.get(name)?.labels, labels, name)
    }
    const { dataset } = pipeline
    equal(seriesValue(first, 'vgm_dead_letters_total', { stage: 'normalize', dataset, code: 'VGM_ROW_MALFORMED' }), 3)
    equal(seriesValue(first, 'vgm_assigned_partitions'), 2)
    equal(seriesValue(first, 'vgm_model_version'), 1)
    equal(seriesValue(first, 'vgm_ready'), 1)
    ok((seriesValue(first, 'vgm_transaction_seconds_count') ?? 0) >= 1)
    ok((seriesValue(first, 'vgm_bytes_in_total') ?? 0) > 503 && (seriesValue(first, 'vgm_bytes_out_total') ?? 0) > 503)
    ok((seriesValue(first, 'vgm_rebalances_total') ?? 0) >= 2)
    deepEqual(await stage.get('/livez'), { status: 200, text: 'ok\n' })

    // A quiet stage says nothing.
    const quietFrom = stage.lines.length
    await sleep(3_000)
    deepEqual(stage.lines.slice(quietFrom), [])

    equal(await pipeline.publish(columns), 2)
    await stage.metrics((text) => seriesValue(text, 'vgm_model_version') === 2)
    stage.signal('SIGTERM')
    equal(await stage.ended, 130)
    match(stage.err, /^took [\d.]+ s\n$/)
    match(
      stage.out,
      /^503 rows in, 500 out to \S+, 3 dead letters in \S+; [^\n]+\nInterrupted\. Run it again: it resumes[^\n]+\n$/,
    )

    const said = (text: string) => stage.lines.filter(({ msg }) => msg === text)
    const members = (text: string) => said(text).map(({ member }) => member)
    deepEqual(members('a member starts').sort(), [0, 1])
    deepEqual(members('a member ends').sort(), [0, 1])
    equal(
      said('a member ends').reduce((sum, line) => sum + Number(line.rowsIn), 0),
      503,
    )
    const last = (member: number) => said('a member has joined its group').findLast((line) => line.member === member)
    deepEqual([0, 1].flatMap((member) => last(member)?.partitions).sort(), [0, 1])
    deepEqual(
      said('a new model is in use')
        .map(({ model, before }) => [model, before])
        .sort(),
      [
        [1, undefined],
        [1, undefined],
        [2, 1],
        [2, 1],
      ],
    )
    for (const { code, rows, model } of said('dead letters of a new kind'))
      deepEqual([code, model, Number(rows) > 0], ['VGM_ROW_MALFORMED', 1, true])
    ok(said('dead letters of a new kind').length > 0)
    equal(said('draining: the open slice is committed; a second signal ends the process at once').length, 1)
    const [{ run }] = stage.lines
    match(String(run), /^[0-9a-f]{8}$/)
    for (const line of stage.lines) {
      deepEqual([line.run, line.stage, line.dataset], [run, 'normalize', pipeline.dataset])
      ok(!('pid' in line || 'hostname' in line))
    }
  })

  test('is not ready while the registry is needed and away, and alive all the time', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const registry = await gate(t)
    await pipeline.publish(columns)
    await pipeline.write(pipeline.topics.raw, [await rowsOf(pipeline, 10, 0)])
    const away = { SCHEMA_REGISTRY_URL: registry.url }
    const stage = await Stage.start(t, ['normalize', ...flags(pipeline)], away)
    await stage.answering('/readyz', 200)
    await stage.metrics((text) => seriesValue(text, 'vgm_rows_in_total') === 10)
    registry.open = false
    // A schema that this member has not met.
    const other = avsc.Type.forSchema({
      type: 'record',
      name: 'Count',
      namespace: 'shop',
      fields: [
        { name: 'x', type: 'int' },
        { name: 'y', type: 'string', default: '' },
      ],
    })
    const id = await pipeline.register(other)
    const value = framed(id, other.toBuffer({ x: 1, y: 'new' }))
    await pipeline.write(pipeline.topics.raw, [[{ key: 'late', value }]])
    match(await stage.answering('/readyz', 503), /^registry: http:.* does not answer\n$/)
    const text = await stage.metrics(
      (figures) => (seriesValue(figures, 'vgm_transaction_aborts_total', { reason: 'registry' }) ?? 0) > 0,
    )
    equal(seriesValue(text, 'vgm_registry_reachable'), 0)
    equal(seriesValue(text, 'vgm_ready'), 0)
    deepEqual(await stage.get('/livez'), { status: 200, text: 'ok\n' })
    registry.open = true
    await stage.answering('/readyz', 200)
    await stage.metrics(
      (figures) =>
        seriesValue(figures, 'vgm_rows_in_total') === 11 && seriesValue(figures, 'vgm_registry_reachable') === 1,
    )
    await stage.saying('the schema registry does not answer; waiting')
    await stage.saying('the schema registry answers again')
  })

  test('restore that is started before there is anything waits for it, and says for what', async (t) => {
    const pipeline = await TestPipeline.open(t)
    const stage = await Stage.start(t, ['restore', ...flags(pipeline)])
    match(await stage.answering('/readyz', 503), /^(brokers|group): /)
    const { cause } = await stage.saying('not ready yet; waiting')
    equal(cause, `There is no topic ${pipeline.topics.normalized}`)
    match(
      (await stage.get('/readyz')).text,
      new RegExp(`group: not joined: There is no topic ${pipeline.topics.normalized}`),
    )
    await pipeline.publish(columns)
    await pipeline.write(pipeline.topics.raw, [await rowsOf(pipeline, 20, 0)])
    await pipeline.normalize()
    await stage.answering('/readyz', 200)
    await stage.metrics((text) => seriesValue(text, 'vgm_rows_out_total') === 20)
    // A second signal does not wait for anything.
    stage.signal('SIGTERM')
    stage.signal('SIGTERM')
    equal(await stage.ended, 130)
  })

  test('normalize that is started before its brokers serves its probes meanwhile', async (t) => {
    const nowhere = { KAFKA_BROKERS: '127.0.0.1:1', SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1' }
    const stage = new Stage(t, ['normalize', '--dataset', 'd'], nowhere)
    const missing = await stage.answering('/readyz', 503)
    match(missing, /^brokers: not reached yet/)
    match(missing, /^model: none in use yet$/m)
    equal((await stage.get('/livez')).status, 200)
    await stage.saying('not ready yet; waiting')
    const startedMs = Date.now()
    stage.signal('SIGTERM')
    equal(await stage.ended, 130)
    ok(Date.now() - startedMs < 20_000)
  })
})
