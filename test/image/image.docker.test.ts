import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { composeFile } from '../../src/cluster/docker/compose-file.ts'
import { kafkaImage, registryImage } from '../../src/cluster/docker/images.ts'
import { freePorts } from '../../src/cluster/free-ports.ts'
import type { Ended } from '../commands/run-command.ts'
import { run } from '../commands/run-command.ts'
import { docker, tryDocker, whyNot } from './engine.ts'

const root = new URL('../..', import.meta.url).pathname
const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8')
const base = /^ARG BASE=(.*)$/m.exec(dockerfile)![1]
const project = `vgm-image-test-${randomUUID().slice(0, 8)}`
const image = `${project}:latest`
/** Shared with the containers, as a user's folder is. */
const folder = mkdtempSync(join(tmpdir(), 'vgm-image-'))
/** As a cluster's policy may have it: nothing can be written but /tmp and the user's files, by nobody in particular. */
const hardened = ['--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges']
const address = ['--brokers', 'kafka:9092', '--registry', 'http://registry:8080/apis/ccompat/v7']

const skip = await whyNot([base, kafkaImage, registryImage])

/** What docker compose is called with for a cluster that only this test knows. */
async function compose(...args: string[]): Promise<void> {
  const [kafkaPort, registryPort] = await freePorts(2)
  const environment = { VGM_KAFKA_PORT: String(kafkaPort), VGM_REGISTRY_PORT: String(registryPort) }
  const all = ['compose', '--project-name', project, '--file', composeFile, ...args]
  const { code, err } = await run('docker', all, { environment })
  equal(code, 0, err)
}

function vgm(...args: string[]): Promise<Ended> {
  return tryDocker(
    'run',
    '--rm',
    ...hardened,
    '--network',
    `${project}_default`,
    '--volume',
    `${folder}:/data`,
    image,
    ...args,
  )
}

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await vgm(...args, '--dataset', 'trips', ...address, '--json')
  equal(code, 0, err)
  return JSON.parse(out) as Record<string, unknown>
}

suite('the container image', { skip }, () => {
  before(async () => {
    chmodSync(folder, 0o777)
    await docker('build', '--quiet', '--tag', image, root)
    await compose('up', '--detach', '--wait', 'kafka', 'registry')
  })
  after(async () => {
    await compose('down', '--volumes', '--timeout', '5')
    await docker('image', 'rm', '--force', image)
    rmSync(folder, { recursive: true, force: true })
  })

  test('adds less than 250 MB to its base', async () => {
    const [ours, its] = (await docker('image', 'inspect', '--format', '{{.Size}}', image, base)).split('\n').map(Number)
    ok(ours - its < 250e6, `${Math.round((ours - its) / 1e6)} MB`)
  })

  test('says what it is, who it runs as, and how its health is asked for', async () => {
    const { Config } = JSON.parse(await docker('image', 'inspect', '--format', '{{json .}}', image))
    match(Config.User, /^[1-9]\d*:0$/)
    equal(
      Config.Labels['org.opencontainers.image.version'],
      JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version,
    )
    deepEqual(Config.Healthcheck.Test.slice(-1), ['livez'])
  })

  test('holds no compiler, no test cluster and no other data than the demo reads', async () => {
    const listed = await docker(
      'run',
      '--rm',
      '--entrypoint',
      'ls',
      image,
      '/app/node_modules',
      '/app/node_modules/vega-datasets/data',
    )
    match(listed, /^flights-3m\.parquet$/m)
    equal(/^(typescript|testcontainers|node|airports\.csv)$/m.exec(listed), null)
  })

  test('shows the help of every command, as any user', async () => {
    const { out } = await vgm('--help')
    const commands = [...out.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name]) => name)
    ok(commands.length > 15, out)
    const each = commands.map((name) => `vgm ${name} --help >/dev/null || echo ${name}`).join('\n')
    equal(
      await docker('run', '--rm', ...hardened, '--user', '54321:54321', '--entrypoint', 'sh', image, '-c', each),
      '',
    )
  })

  test('up says that it needs another place', async () => {
    const { code, err } = await vgm('up')
    equal(code, 2)
    match(err, /No local cluster can be started: the package testcontainers is not installed; no Java was found/)
  })

  test('runs the flow, reads files of a folder and writes them there', async () => {
    const rows = Array.from({ length: 5_000 }, (_, i) => `${i % 7},${(i % 2 === 0 ? -18 : 21) + Math.sin(i)}`)
    writeFileSync(join(folder, 'trips.csv'), `stops,miles\n${rows.join('\n')}\n`)
    equal((await json('load', 'trips.csv')).rowsOut, 5_000)
    equal((await json('sample')).rowsOut, 5_000)
    equal((await json('fit')).version, 1)
    equal((await json('normalize', '--until-end', '--members', '2')).rowsOut, 5_000)
    equal((await json('restore', '--until-end')).rowsOut, 5_000)
    deepEqual((await json('verify')).wrong, 0)
    equal((await json('replay', '--model', '1')).rowsOut, 5_000)
    equal((await json('export', 'trips.parquet')).rowsOut, 5_000)
    ok(existsSync(join(folder, 'trips.parquet')))
    for (const command of [['model', 'ls'], ['model', 'show'], ['lag'], ['dead-letters', 'ls']]) {
      const { code, err } = await vgm(...command, '--dataset', 'trips', ...address)
      equal(code, 0, err)
    }
  })

  test('the image generates rows and runs a bench', async () => {
    const spec = ['--spec', 'x:double=normal(0,1)', '--rows', '1000']
    equal((await vgm('generate', 'made.csv', '--dataset', 'made', ...spec)).code, 0)
    equal(readFileSync(join(folder, 'made.csv'), 'utf8').split('\n').length, 1_002)
    equal((await vgm('bench', '--rows', '10000', '--rounds', '1', ...address)).code, 0)
  })

  test('demo takes a cluster that is there', async () => {
    const { code, out, err } = await vgm('demo', 'trips.csv', ...address, '--json')
    equal(code, 0, err)
    const { mismatches } = JSON.parse(out) as { mismatches: number }
    equal(mismatches, 0)
    ok(existsSync(join(folder, 'trips.normalized.parquet')))
  })

  test('a stage is healthy while it runs, and docker stop is heard at once', async (t) => {
    const network = ['--network', `${project}_default`]
    const args = ['normalize', '--dataset', 'trips', ...address]
    const container = await docker(
      'run',
      '--detach',
      ...hardened,
      ...network,
      '--health-interval',
      '1s',
      image,
      ...args,
    )
    t.after(() => docker('rm', '--force', '--volumes', container))
    // A signal that comes while node itself begins is lost to process 1, and costs the grace period: so not before it
    // answers.
    const probe = ['exec', container, 'node', '/app/dist/src/observe/health-probe.js', 'readyz']
    const isReady = () =>
      docker(...probe).then(
        () => true,
        () => false,
      )
    for (const deadline = Date.now() + 60_000; !(await isReady()); await sleep(200)) ok(Date.now() < deadline)
    const health = () => docker('inspect', '--format', '{{.State.Health.Status}}', container)
    for (const deadline = Date.now() + 30_000; (await health()) !== 'healthy'; await sleep(200))
      ok(Date.now() < deadline)
    const startedMs = performance.now()
    await docker('stop', '--time', '20', container)
    ok(performance.now() - startedMs < 10_000, 'it would be killed after 20 s')
    equal(await docker('inspect', '--format', '{{.State.ExitCode}}', container), '130')
  })
})
