import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { FlowAnswer, Models, Rows, Run } from '../../src/ui/api.ts'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { temporaryFolder, vgmShared } from '../commands/run-command.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const withinMs = 60_000

interface Test {
  after(work: () => void | Promise<void>): void
}

/** A `vgm` that serves a dashboard, and the address that it prints. */
async function serving(t: Test, args: readonly string[], environment: NodeJS.ProcessEnv) {
  const child: ChildProcess = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  let text = ''
  const url = new Promise<string>((resolve, reject) => {
    const take = (chunk: Buffer) => {
      text += chunk
      const [, found] = /(?:Dashboard:|Open) (http\S+)/.exec(text) ?? []
      if (found !== undefined) resolve(found)
    }
    child.stdout?.on('data', take)
    child.stderr?.on('data', take)
    void ended.then(() => reject(new Error(text)))
  })
  return { child, ended, url: await url }
}

async function until<T>(look: () => Promise<T>, isSo: (found: T) => boolean): Promise<T> {
  for (const deadline = Date.now() + withinMs; ; await sleep(200)) {
    const found = await look()
    if (isSo(found)) return found
    ok(Date.now() < deadline, JSON.stringify(found))
  }
}

suite('the dashboard of topics and groups with other names', () => {
  test('normalize --ui serves it beside its metrics, and vgm ui shows the same', { timeout: 180_000 }, async (t) => {
    const { brokers, registry } = await testCluster()
    const environment = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry }
    const dataset = uniqueName('trips')
    const own = (name: string) => `${uniqueName(name)}`
    const [raw, sample, normalized, letters, models] = ['events', 'some', 'pairs', 'bad', 'm'].map(own)
    const [control, stats, group] = ['c', 's', 'g'].map(own)
    const file = join(temporaryFolder(t), 'trips.csv')
    const rows = 400
    writeFileSync(file, `fare\n${Array.from({ length: rows }, (_, i) => (i % 40) + 0.25).join('\n')}\n`)
    const of = ['--dataset', dataset, '--models-topic', models, '--control-topic', control]
    const sampled = ['--raw-topic', raw, '--sample-topic', sample]
    for (const args of [
      ['load', file, '--topic', raw, '--partitions', '2'],
      ['sample', ...sampled],
      ['fit', ...sampled],
    ]) {
      const { code, err } = await vgmShared([...args, ...of], { environment })
      equal(code, 0, err)
    }
    const topics = ['--raw-topic', raw, '--normalized-topic', normalized, '--dead-letter-topic', letters]
    const flags = [...of, ...topics, '--stats-topic', stats, '--group', group, '--http', '0', '--ui']
    const stage = await serving(t, ['normalize', ...flags], environment)
    const at = (url: string) => `${new URL(`/api/d/${dataset}/`, url)}`
    const json = async <T>(url: string, name: string) => (await (await fetch(at(url) + name)).json()) as T

    const answer = await until(
      () => json<FlowAnswer>(stage.url, 'flow'),
      ({ flow }) => flow.stages?.[0].members.length === 1 && flow.stages[0].verdict.text === 'keeps up',
    )
    const { flow, names } = answer
    deepEqual(
      [flow.topics.raw?.topic, flow.topics.normalized?.topic, flow.stages[0].group, flow.model?.version],
      [raw, normalized, group, 1],
    )
    match(names.commands.normalize, new RegExp(`--raw-topic ${raw} .*--group ${group} .*--models-topic ${models}`))
    const page = await json<Rows>(stage.url, 'rows?partition=0')
    ok(page.rows.length > 0 && page.rows.every((row) => row.normalized !== undefined))
    equal((await json<Models>(stage.url, 'models')).promotions.length, 1)
    match(await (await fetch(new URL('/metrics', stage.url))).text(), /vgm_rows/)
    match(await (await fetch(stage.url)).text(), /^<!doctype html>/)
    const headers = { 'content-type': 'application/json', origin: new URL(stage.url).origin }
    const refused = await fetch(`${at(stage.url)}pause`, { method: 'POST', headers, body: '{"stage":"normalize"}' })
    equal(refused.status, 403)

    const named = [...topics, '--sample-topic', sample, '--normalize-group', group, '--models-topic', models]
    const more = ['--control-topic', control, '--stats-topic', stats, '--http', '0', '--allow-changes']
    const ui = await serving(t, ['ui', dataset, ...named, ...more], environment)
    const seen = await until(
      () => json<FlowAnswer>(ui.url, 'flow'),
      ({ flow }) => flow.stages?.[0].members.length === 1,
    )
    deepEqual([seen.flow.topics.sample?.topic, seen.names.topics.deadLetters], [sample, letters])
    const change = { method: 'POST', headers: { ...headers, origin: new URL(ui.url).origin } }
    const paused = await fetch(`${at(ui.url)}pause`, { ...change, body: '{"stage":"normalize"}' })
    equal(paused.status, 200, await paused.text())
    await until(
      () => json<FlowAnswer>(ui.url, 'flow'),
      ({ flow }) =>
        flow.stages[0].verdict.command?.startsWith(
          `vgm resume --dataset ${dataset} --group ${group} --control-topic ${control} --models-topic ${models}`,
        ) === true,
    )
    const runs = await json<Run[]>(ui.url, 'runs')
    deepEqual(runs.map(({ kind }) => kind).sort(), ['fit', 'load', 'sample'])

    stage.child.kill('SIGTERM')
    deepEqual(await stage.ended, [130, null])
  })

  test('names of no data set are refused', async () => {
    const { code, err } = await vgmShared([
      'ui',
      '--raw-topic',
      'events',
      '--brokers',
      '127.0.0.1:1',
      '--registry',
      'http://x',
    ])
    equal(code, 2)
    match(err, /events is a topic or group of one data set, and no data set is named/)
  })
})
