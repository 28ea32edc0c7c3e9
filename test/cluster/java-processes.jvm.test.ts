import { deepEqual, equal, ok } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import { findLocalCluster, localClusterStatus, stopLocalCluster } from '../../src/cluster/local-cluster.ts'
import { brokerAnswers, registryAnswers } from '../../src/cluster/readiness.ts'
import { startCluster } from '../../src/cluster/start-cluster.ts'
import { stateFilePath } from '../../src/cluster/state-file.ts'
import { isRunning, type ProcessIdentity } from '../../src/embedded/process-identity.ts'

suite('a cluster on the JVM', () => {
  test('answers a client, keeps a schema, and leaves no process and no folder when it is stopped', async (t) => {
    const temporary = ownTemporaryFolder(t)
    const cluster = await startCluster({ kind: 'jvm' })
    t.after(() => cluster.stop())
    const admin = new Kafka({ brokers: [cluster.brokers], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    const { brokers } = await admin.describeCluster()
    await admin.disconnect()
    deepEqual(
      brokers.map(({ host, port }) => `${host}:${port}`),
      [cluster.brokers],
    )
    equal(await registerAndRead(cluster.registry), '"long"')

    const processes = occupants(temporary)
    equal(processes.filter(isRunning).length, 3)
    await cluster.stop()
    deepEqual(processes.filter(isRunning), [])
    deepEqual(clusterFolders(temporary), [])
  })

  test('ends within seconds when its owner is killed', async (t) => {
    const temporary = ownTemporaryFolder(t)
    const owner = spawn(process.execPath, [join(import.meta.dirname, 'owner.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.after(() => owner.kill('SIGKILL'))
    const [line] = await once(createInterface(owner.stdout), 'line')
    const { brokers, registry } = JSON.parse(line as string)
    const processes = occupants(temporary)
    equal(processes.filter(isRunning).length, 3)

    owner.kill('SIGKILL')
    await within(5000, () => !processes.some(isRunning) && clusterFolders(temporary).length === 0)
    equal(await brokerAnswers(brokers), false)
    equal(await registryAnswers(registry), false)
  })

  test('that was orphaned together with its supervisor is removed by the next start', async (t) => {
    const temporary = ownTemporaryFolder(t)
    const orphaned = await startCluster({ kind: 'jvm' })
    const processes = occupants(temporary)
    process.kill(processes[0].pid, 'SIGKILL')
    await within(2000, () => !isRunning(processes[0]))
    equal(await brokerAnswers(orphaned.brokers), true)

    const next = await startCluster({ kind: 'jvm' })
    t.after(() => next.stop())
    deepEqual(processes.filter(isRunning), [])
    equal(clusterFolders(temporary).length, 1)
  })

  test('that is detached outlives its owner, is found by its state file, is one only, and can be ended', async (t) => {
    const temporary = ownTemporaryFolder(t)
    setEnvironment(t, 'XDG_STATE_HOME', join(temporary, 'state'))
    const started = await Promise.all([
      startCluster({ kind: 'jvm', detached: true }),
      startCluster({ kind: 'jvm', detached: true }),
    ])
    const file = stateFilePath()
    // By its path: when this runs, the folder of the user is in force again.
    t.after(() => stopLocalCluster(file))
    equal(started[0].brokers, started[1].brokers)
    equal((await findLocalCluster())?.registry, started[0].registry)
    ok((await localClusterStatus())!.sinceMs > 0)
    equal((await startCluster({ kind: 'jvm', detached: true })).brokers, started[0].brokers)

    const processes = occupants(temporary)
    equal(await stopLocalCluster(), true)
    deepEqual(processes.filter(isRunning), [])
    deepEqual(clusterFolders(temporary), [])
    equal(await findLocalCluster(), undefined)
  })

  test('keeps topics and schemas in a named folder', async (t) => {
    const dataDir = ownTemporaryFolder(t)
    const first = await startCluster({ kind: 'jvm', dataDir })
    t.after(() => first.stop())
    await withAdmin(first.brokers, (admin) => admin.createTopics({ topics: [{ topic: 'kept' }] }))
    await registerAndRead(first.registry)
    await first.stop()

    const second = await startCluster({ kind: 'jvm', dataDir })
    t.after(() => second.stop())
    deepEqual(await withAdmin(second.brokers, (admin) => admin.listTopics()), ['kept'])
    deepEqual(await (await fetch(`${second.registry}/subjects`)).json(), ['kept-value'])
  })
})

async function registerAndRead(registry: string): Promise<string> {
  const { id } = (await json(`${registry}/subjects/kept-value/versions`, { schema: '"long"' })) as { id: number }
  const { schema } = (await json(`${registry}/schemas/ids/${id}`)) as { schema: string }
  return schema
}

async function json(url: string, body?: object): Promise<unknown> {
  const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' }
  const response = await fetch(url, body ? { method: 'POST', headers, body: JSON.stringify(body) } : {})
  ok(response.ok, `${url}: ${response.status}`)
  return response.json()
}

async function withAdmin<T>(brokers: string, use: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> {
  const admin = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    return await use(admin)
  } finally {
    await admin.disconnect()
  }
}

/** Lets this test alone see its clusters' folders, whatever else runs on the machine. */
function ownTemporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vgm-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  setEnvironment(t, 'TMPDIR', folder)
  return folder
}

function setEnvironment(t: TestContext, name: string, value: string): void {
  const before = process.env[name]
  process.env[name] = value
  t.after(() => {
    if (before === undefined) delete process.env[name]
    else process.env[name] = before
  })
}

function clusterFolders(temporary: string): string[] {
  return readdirSync(temporary).filter((name) => name.startsWith('vgm-cluster-'))
}

/** The supervisor, Kafka and the registry of the only cluster in the folder. */
function occupants(temporary: string): ProcessIdentity[] {
  const [folder] = clusterFolders(temporary)
  const { supervisor, children } = JSON.parse(readFileSync(join(temporary, folder, 'occupants.json'), 'utf8'))
  return [supervisor, ...children]
}

async function within(limitMs: number, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + limitMs
  while (!condition()) {
    ok(performance.now() < deadline, `not so within ${limitMs} ms`)
    await sleep(50)
  }
}
