import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { ClusterUnavailableError } from '../../src/cluster/errors.ts'
import { startCluster } from '../../src/cluster/start-cluster.ts'

const environment = { KAFKA_BROKERS: 'a:9092,b:9092', SCHEMA_REGISTRY_URL: 'http://registry:8080/apis/ccompat/v7/' }

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
    await rejects(startCluster({ environment: { ...environment, VGM_CLUSTER: 'podman' } }), /VGM_CLUSTER is "podman"/)
  })

  test('refuses a data folder for containers', async () => {
    await rejects(startCluster({ kind: 'docker', dataDir: 'rows' }), { code: 'VGM_USAGE' })
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
