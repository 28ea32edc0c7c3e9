import { deepEqual, equal, match, notDeepEqual, rejects } from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { ClusterUnavailableError } from '../../src/cluster/errors.ts'
import { localClusterStatus, stopLocalCluster } from '../../src/cluster/local-cluster.ts'
import { brokerAnswers } from '../../src/cluster/readiness.ts'
import { startCluster } from '../../src/cluster/start-cluster.ts'

const environment = { KAFKA_BROKERS: 'a:9092,b:9092', SCHEMA_REGISTRY_URL: 'http://registry:8080/apis/ccompat/v7/' }

/** A state folder of the test's own, in which nothing runs any more after it. */
function ownState(t: TestContext): string {
  const state = mkdtempSync(join(tmpdir(), 'vgm-test-'))
  const { XDG_STATE_HOME } = process.env
  process.env.XDG_STATE_HOME = state
  t.after(async () => {
    await stopLocalCluster()
    if (XDG_STATE_HOME === undefined) delete process.env.XDG_STATE_HOME
    else process.env.XDG_STATE_HOME = XDG_STATE_HOME
    rmSync(state, { recursive: true })
  })
  return state
}

suite('the choice of a cluster', () => {
  test('falls on the brokers of the environment where it is given', async () => {
    const { kind, brokers, registry, stop } = await startCluster({ environment })
    deepEqual([kind, brokers, registry], ['external', 'a:9092,b:9092', 'http://registry:8080/apis/ccompat/v7'])
    await stop()
  })

  test('refuses brokers without a registry', async () => {
    await rejects(startCluster({ environment: { KAFKA_BROKERS: 'a:9092' } }), {
      code: 'VGM_USAGE',
      message: 'An external cluster needs SCHEMA_REGISTRY_URL',
    })
  })

  test('refuses an external cluster that nobody names', async () => {
    await rejects(startCluster({ kind: 'external' }), /needs KAFKA_BROKERS and SCHEMA_REGISTRY_URL/)
  })

  test('refuses a kind that does not exist', async () => {
    await rejects(
      startCluster({ environment: { ...environment, VGM_CLUSTER: 'podman' } }),
      /VGM_CLUSTER=podman names no kind of cluster/,
    )
  })

  test('refuses a data folder for containers, and for a cluster that runs already', async () => {
    await rejects(startCluster({ kind: 'docker', dataDir: 'rows' }), { code: 'VGM_USAGE' })
    await rejects(startCluster({ environment, dataDir: 'rows' }), { code: 'VGM_USAGE' })
  })

  test('refuses a limit of memory for all but the embedded cluster, and beside a data folder', async () => {
    for (const kind of ['docker', 'jvm'] as const)
      await rejects(startCluster({ kind, memoryBytes: 2 ** 30 }), {
        code: 'VGM_USAGE',
        message: `--memory limits the rows of an embedded cluster, and --cluster ${kind} keeps its rows elsewhere`,
        fix: 'Leave out --memory, or choose --cluster embedded',
      })
    await rejects(startCluster({ environment, memoryBytes: 2 ** 30 }), { code: 'VGM_USAGE' })
    await rejects(startCluster({ kind: 'embedded', memoryBytes: 2 ** 30, dataDir: 'rows' }), /they exclude each other/)
  })

  test('falls on the embedded cluster if memory is limited', async (t) => {
    ownState(t)
    const { kind, brokers, registry } = await startCluster({ memoryBytes: 2 ** 30, detached: true })
    equal(kind, 'embedded')
    for (const same of [{}, { memoryBytes: 2 ** 30 }, { kind: 'embedded' as const }]) {
      const again = await startCluster({ ...same, detached: true })
      deepEqual([again.brokers, again.registry], [brokers, registry])
    }
    for (const [other, message] of [
      [{ memoryBytes: 2 ** 29 }, 'A local cluster runs already, and takes 1024 MiB of rows'],
      [{ dataDir: 'rows' }, 'A local cluster runs already, and keeps its rows elsewhere'],
      [{ kind: 'docker' }, 'A local cluster runs already, and is of the kind embedded'],
    ] as const)
      await rejects(startCluster({ ...other, detached: true }), { code: 'VGM_USAGE', exitCode: 2, message })
  })

  test('has the ports of the last one again, and with another folder others', async (t) => {
    const rows = join(ownState(t), 'rows')
    const start = async (dataDir?: string) => {
      const { brokers, registry } = await startCluster({
        kind: 'embedded',
        detached: true,
        ...(dataDir !== undefined && { dataDir }),
      })
      equal(await stopLocalCluster(), true)
      return [brokers, registry]
    }
    const [inMemory, inRows] = [await start(), await start(rows)]
    notDeepEqual(inMemory, inRows)
    deepEqual([await start(), await start(rows)], [inMemory, inRows])
  })

  test('is not hindered by a damaged state file', async (t) => {
    const state = join(ownState(t), 'vgm-stream')
    mkdirSync(state)
    for (const text of ['', '{bad', '{}', 'null']) {
      writeFileSync(join(state, 'cluster.json'), text)
      const { brokers } = await startCluster({ kind: 'embedded', detached: true })
      equal((await localClusterStatus())?.brokers, brokers, text)
      equal(await stopLocalCluster(), true)
    }
  })

  test('is ended by a stop that comes while it starts', async (t) => {
    const state = join(ownState(t), 'vgm-stream')
    const starting = startCluster({ kind: 'embedded', detached: true })
    equal(await stopLocalCluster(), true)
    equal(await brokerAnswers((await starting).brokers), false)
    equal(await stopLocalCluster(), false)
    deepEqual(readdirSync(state), ['ports.json'])
  })

  test('says what to install if Kafka is not in the cache and cannot be fetched', async (t) => {
    const cache = mkdtempSync(join(tmpdir(), 'vgm-test-'))
    const { PATH, XDG_CACHE_HOME } = process.env
    t.after(() => {
      process.env.PATH = PATH
      if (XDG_CACHE_HOME === undefined) delete process.env.XDG_CACHE_HOME
      else process.env.XDG_CACHE_HOME = XDG_CACHE_HOME
      rmSync(cache, { recursive: true })
    })
    process.env.XDG_CACHE_HOME = cache
    process.env.PATH = cache
    await rejects(startCluster({ kind: 'jvm' }), (error: ClusterUnavailableError) => {
      equal(error instanceof ClusterUnavailableError, true)
      match(error.message, /no mvn on the PATH|21 or newer/)
      match(error.fix, /Docker.*Java 21.*Maven/)
      return true
    })
  })
})
