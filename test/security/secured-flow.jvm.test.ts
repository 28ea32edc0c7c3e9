import { deepEqual, equal, fail, match, ok, rejects } from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { MeasurementRequest } from '../../src/bench/measurement.ts'
import { type ClusterAccess, noAccess } from '../../src/config/cluster-access.ts'
import { defaultControlTopic, defaultPositionsTopic, groupName, topicNames } from '../../src/config/names.ts'
import type { PipelineError } from '../../src/errors.ts'
import { ClusterAdmin } from '../../src/kafka/admin.ts'
import { BrokerConnections } from '../../src/kafka/broker-connections.ts'
import { createControlClient } from '../../src/kafka/kafkajs-client.ts'
import { TransactionalProducer } from '../../src/kafka/transactional-producer.ts'
import { createLogger } from '../../src/observe/logger.ts'
import { type ClusterSession, plainUse, withClusterAt } from '../../src/pipeline/cluster-session.ts'
import { fitDataset } from '../../src/pipeline/fit-dataset.ts'
import { loadFile } from '../../src/pipeline/load-file.ts'
import { normalizeMember } from '../../src/pipeline/members/normalize-member.ts'
import { restoreMember } from '../../src/pipeline/members/restore-member.ts'
import { topicEnds } from '../../src/pipeline/row-topics.ts'
import { sampleTopic } from '../../src/pipeline/sample-topic.ts'
import { pauseStages, resumeStages } from '../../src/pipeline/steer-stages.ts'
import { verifyDataset } from '../../src/pipeline/verify-dataset.ts'
import type { SaslSettings, TlsSettings } from '../../src/ports/connection-settings.ts'
import { uniqueName } from '../cluster/shared-cluster.ts'
import { batchOf } from '../kafka/test-broker.ts'
import { createAuthority } from './certificates.ts'
import { basic, RegistryProxy } from './registry-proxy.ts'
import { type Grant, plainUser, SecuredCluster, shortSessionMs } from './secured-cluster.ts'
import { rightsOf } from './stage-rights.ts'
import { commandLines, watchedVgm } from './watched-process.ts'

const dataset = uniqueName('trips')
const modelsTopic = 'vgm.models'
const topics = topicNames(dataset)
const rows = 300
/** Nothing that is printed may have it. */
const canary = 'canary-7f3a'
const registryUser = { username: 'registry-user', password: `${canary}-registry` }
const bearer = `${canary}-registry-token`
const stages = ['load', 'sample', 'fit', 'normalize', 'restore', 'verify'] as const
type Stage = (typeof stages)[number]

let cluster: SecuredCluster
let registry: RegistryProxy
let folder: string
let csv: string

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vgm-security-'))
  csv = join(folder, 'trips.csv')
  const lines = Array.from({ length: rows }, (_, i) => `${(i % 3 === 0 ? 45 : 9) + i / 1_000},${canary}-row-${i}`)
  writeFileSync(csv, `fare,note\n${lines.join('\n')}\n`)
  cluster = await SecuredCluster.start()
  registry = await RegistryProxy.open({
    registry: cluster.registry,
    identity: cluster.issue('registry', ['127.0.0.1']),
    logins: [basic(registryUser.username, registryUser.password), `Bearer ${bearer}`],
  })
  for (const stage of stages) await cluster.setPassword(stage, passwordOf(stage))
})

after(async () => {
  await registry?.close()
  await cluster?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const passwordOf = (stage: string) => `${canary}-${stage}`

function scram(username: string, password = passwordOf(username)): SaslSettings {
  return { mechanism: 'SCRAM-SHA-512', username, password }
}

interface Way {
  readonly listener?: string
  readonly tls?: TlsSettings
  readonly sasl?: SaslSettings
  readonly registry?: ClusterAccess['registry']
}

/** Runs `work` in this process on the secured cluster. */
function entered<T>(way: Way, work: (open: ClusterSession) => Promise<T>): Promise<T> {
  const { signal } = new AbortController()
  const address = { brokers: [way.listener ?? cluster.sasl], registry: registry.url, access: accessOf(way) }
  return withClusterAt(address, plainUse(createLogger('silent'), signal), work)
}

function accessOf({ tls = { ca: cluster.ca }, sasl, registry }: Way): ClusterAccess {
  return {
    kafka: { tls, ...(sasl !== undefined && { sasl }) },
    registry: registry ?? { tls: { ca: cluster.ca }, auth: registryUser },
  }
}

/** Both clients log in and are answered, and so is the registry's. */
async function connects(way: Way): Promise<void> {
  await entered(way, async ({ admin, rows, registry: schemas }) => {
    equal((await admin.describeCluster()).brokers.length, 1)
    await rows.withConnections((connections) => connections.refresh([]))
    ok(Array.isArray(await schemas.subjects()))
  })
}

const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token that nobody has signed: Kafka's validator for tests takes it. */
function token(subject: string, livesSeconds = 3_600): string {
  const nowSeconds = Math.floor(Date.now() / 1_000)
  return `${b64({ alg: 'none' })}.${b64({ sub: subject, iat: nowSeconds - 5, exp: nowSeconds + livesSeconds })}.`
}

suite('a secured cluster lets in', () => {
  test('SCRAM-SHA-256, SCRAM-SHA-512, PLAIN and a client certificate', async () => {
    await connects({ sasl: { ...scram('load'), mechanism: 'SCRAM-SHA-256' } as SaslSettings })
    await connects({ sasl: scram('load') })
    await connects({ sasl: { mechanism: 'PLAIN', ...plainUser } })
    await connects({ listener: cluster.mutual, tls: { ca: cluster.ca, ...cluster.issue('someone') } })
  })

  test('OAUTHBEARER, with a token from a file that is read at each login', async () => {
    const file = join(folder, 'token')
    writeFileSync(file, token('first'))
    const sasl = { mechanism: 'OAUTHBEARER', token: { file } } as const
    await connects({ sasl })
    writeFileSync(file, token('late', -60))
    await rejects(connects({ sasl }), { code: 'VGM_BROKER_LOGIN' })
    writeFileSync(file, token('second'))
    await connects({ sasl })
  })

  test('OAUTHBEARER, with tokens of an endpoint, which is asked once for all connections', async (t) => {
    const asked: string[] = []
    const endpoint = createServer((request, response) => {
      request.setEncoding('utf8').on('data', (body) => asked.push(`${request.headers.authorization} ${body}`))
      request.on('end', () => response.end(JSON.stringify({ access_token: token('client'), expires_in: 3_600 })))
    })
    await once(endpoint.listen(0, '127.0.0.1'), 'listening')
    t.after(() => endpoint.close())
    const { port } = endpoint.address() as AddressInfo
    const client = { clientId: 'vgm', clientSecret: 'secret', scope: 'kafka' }
    await connects({
      sasl: { mechanism: 'OAUTHBEARER', token: { endpoint: `http://127.0.0.1:${port}/token`, ...client } },
    })
    deepEqual(asked, [`${basic('vgm', 'secret')} grant_type=client_credentials&scope=kafka`])
  })

  test('at the registry: a bearer token, and a client certificate', async () => {
    const file = join(folder, 'registry-token')
    writeFileSync(file, bearer)
    await connects({ sasl: scram('load'), registry: { tls: { ca: cluster.ca }, auth: { token: { file } } } })
    const strict = await RegistryProxy.open({
      registry: cluster.registry,
      identity: cluster.issue('registry', ['127.0.0.1']),
      clientCa: cluster.ca,
      logins: [''],
    })
    const usual = registry
    try {
      registry = strict
      const tls = { ca: cluster.ca, ...cluster.issue('someone') }
      await connects({ sasl: scram('load'), registry: { tls } })
      await refused({ sasl: scram('load'), registry: { tls: { ca: cluster.ca } } }, 'VGM_TLS', /--registry-tls-cert/)
    } finally {
      registry = usual
      await strict.close()
    }
  })
})

/** An error that is no use repeating comes within seconds, and says what to mend. */
async function refused(way: Way, code: string, what: RegExp): Promise<void> {
  const startedMs = performance.now()
  try {
    await connects(way)
  } catch (error) {
    const { message, fix, retriable, code: actual } = error as PipelineError
    equal(actual, code, message)
    match(`${message}. ${fix}`, what)
    equal(retriable, false)
    ok(!`${message}${fix}`.includes(canary))
    const tookMs = performance.now() - startedMs
    ok(tookMs < 8_000, `took ${tookMs} ms`)
    return
  }
  fail('it was let in')
}

suite('a secured cluster refuses, with what to mend', () => {
  test('a wrong password, an unknown mechanism and a token that is over', async () => {
    await refused(
      { sasl: scram('load', `${canary}-wrong`) },
      'VGM_BROKER_LOGIN',
      /invalid credentials.*--sasl-username/,
    )
    const wrong = { mechanism: 'PLAIN', username: plainUser.username, password: `${canary}-wrong` } as const
    await refused({ sasl: wrong }, 'VGM_BROKER_LOGIN', /--sasl-mechanism/)
    const late = { mechanism: 'OAUTHBEARER', token: { value: token('late', -60) } } as const
    await refused({ sasl: late }, 'VGM_BROKER_LOGIN', /the token is refused \(invalid_token\)/)
    const none = { mechanism: 'OAUTHBEARER', token: { file: join(folder, 'none') } } as const
    await refused({ sasl: none }, 'VGM_TOKEN', /none cannot be read: ENOENT/)
  })

  test('an authority that has signed nothing, at the brokers and at the registry', async () => {
    const other = { ca: createAuthority('another authority').cert }
    await refused({ sasl: scram('load'), tls: other }, 'VGM_TLS', /not trusted .*--tls-ca/)
    await refused({ sasl: scram('load'), registry: { tls: other } }, 'VGM_TLS', /not trusted .*--registry-tls-ca/)
  })

  test('a missing client certificate, and one that somebody else has signed', async () => {
    await refused({ listener: cluster.mutual }, 'VGM_TLS', /--tls-cert and --tls-key/)
    const stranger = createAuthority('another authority').issue('someone')
    await refused(
      { listener: cluster.mutual, tls: { ca: cluster.ca, ...stranger } },
      'VGM_TLS',
      /--tls-cert and --tls-key/,
    )
  })

  test('TLS where none is spoken, and none where it is', async () => {
    await refused({ listener: cluster.plain }, 'VGM_TLS', /--security-protocol/)
    const { signal } = new AbortController()
    const access = { kafka: {}, registry: {} }
    const open = { brokers: [cluster.mutual], registry: registry.url, access }
    await rejects(
      withClusterAt(open, plainUse(createLogger('silent'), signal), async () => undefined),
      /TLS/,
    )
  })

  test('a wrong login at the registry', async () => {
    const auth = { username: registryUser.username, password: `${canary}-wrong` }
    const way = { sasl: scram('load'), registry: { tls: { ca: cluster.ca }, auth } }
    await refused(way, 'VGM_REGISTRY_REFUSED', /401.*--registry-username/)
  })
})

suite('logins that expire', () => {
  test('are renewed between requests: nothing is lost under load over three of them', async () => {
    const topic = 'renewed'
    await cluster.admin.createTopics({ topics: [{ topic, numPartitions: 2 }] })
    const user = { user: 'load', resource: 'topic', name: topic }
    const grants: Grant[] = [
      { ...user, operation: 'Write' },
      { ...user, resource: 'transactional id', operation: 'Write' },
    ]
    await cluster.grant(grants)
    const settings = {
      brokers: [cluster.shortSessions],
      clientId: 'renewal',
      tls: { ca: cluster.ca },
      sasl: scram('load'),
    }
    const connections = new BrokerConnections(settings)
    const failures: unknown[] = []
    const request = connections.request.bind(connections)
    connections.request = (...asked) =>
      request(...asked).catch((error: unknown) => {
        failures.push(error)
        throw error
      }) as never
    try {
      const options = { transactionalId: topic, compression: 'none', transactionTimeoutMs: 10_000 } as const
      const producer = await TransactionalProducer.open(connections, options)
      const endMs = performance.now() + 3 * shortSessionMs
      let batches = 0
      // The control client, meanwhile.
      const asking = (async () => {
        const admin = new ClusterAdmin(settings)
        for (; performance.now() < endMs; await sleep(100)) await admin.describeCluster()
        await admin.close()
      })()
      while (performance.now() < endMs) {
        await producer.begin()
        for (let i = 0; i < 100; i++, batches++) await producer.produce(topic, i % 2, batchOf('row'))
        await producer.commit()
        // Requests are under way for half of the time all the same.
        await sleep(30)
      }
      await producer.close()
      await asking
      const lost = failures.filter((error) => (error as PipelineError).code !== 'VGM_BROKER')
      deepEqual(lost, [])
      ok(batches > 300, `${batches} batches`)
    } finally {
      await connections.close()
      for (const grant of grants) await cluster.revoke(grant)
    }
  })
})

const quiet = () => undefined

/** A stage as the command runs it, with the rights of its own user. */
function run(stage: Stage): Promise<unknown> {
  return entered({ sasl: scram(stage) }, async (open) => {
    const common = { dataset, modelsTopic, compression: 'none', topics } as const
    switch (stage) {
      case 'load':
        return loadFile(open, { dataset, file: csv, topic: topics.raw, partitions: 2, compression: 'none' })
      case 'sample':
        return sampleTopic(open, {
          dataset,
          rawTopic: topics.raw,
          sampleTopic: topics.sample,
          size: { rows: 200 },
          seed: 0,
          partitions: 1,
          append: true,
        })
      case 'fit': {
        const options = {
          dataset,
          modelsTopic,
          source: 'sample',
          rawTopic: topics.raw,
          sampleTopic: topics.sample,
        } as const
        return fitDataset(open, { ...options, recipe: 'scaled', mixture: {}, minWeight: 0.005 })
      }
      case 'normalize': {
        const [ends, group] = [await topicEnds(open, topics.raw), groupName(dataset, 'normalize')]
        return normalizeMember(open, { ...common, group, clip: Infinity, modeChoice: { kind: 'likely' }, ends }, quiet)
      }
      case 'restore': {
        const [ends, group] = [await topicEnds(open, topics.normalized), groupName(dataset, 'restore')]
        return restoreMember(open, { ...common, group, ends }, quiet)
      }
      case 'verify': {
        const groups = { normalize: groupName(dataset, 'normalize'), restore: groupName(dataset, 'restore') }
        return verifyDataset(open, { dataset, modelsTopic, topics, groups, clip: Infinity })
      }
    }
  })
}

/** The command lines of the flow. */
const commands: Readonly<Record<Stage, () => readonly string[]>> = {
  load: () => ['load', csv, '--partitions', '2'],
  sample: () => ['sample', '--rows', '200', '--append'],
  fit: () => ['fit', '--members', '2'],
  normalize: () => ['normalize', '--until-end', '--members', '2'],
  restore: () => ['restore', '--until-end'],
  verify: () => ['verify'],
}

function environmentOf(stage: Stage | 'demo'): Record<string, string> {
  const passwordFile = join(folder, `${stage}.password`)
  writeFileSync(passwordFile, `${passwordOf(stage)}\n`)
  return {
    KAFKA_BROKERS: cluster.sasl,
    SCHEMA_REGISTRY_URL: registry.url,
    KAFKA_SECURITY_PROTOCOL: 'SASL_SSL',
    KAFKA_TLS_CA: cluster.caFile,
    KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
    KAFKA_SASL_USERNAME: stage,
    // Each second one from a file.
    ...([...stages, 'demo'].indexOf(stage) % 2 === 0
      ? { KAFKA_SASL_PASSWORD: passwordOf(stage) }
      : { KAFKA_SASL_PASSWORD_FILE: passwordFile }),
    SCHEMA_REGISTRY_TLS_CA: cluster.caFile,
    SCHEMA_REGISTRY_USERNAME: registryUser.username,
    SCHEMA_REGISTRY_PASSWORD: registryUser.password,
  }
}

/**
 * Whether a right is for what the stage's own topic holds when it runs once more, or for positions when groups have no
 * offsets.
 */
function isForMore(stage: Stage, { operation, name }: Grant): boolean {
  return (
    operation === 'Read' &&
    ((stage === 'sample' && name === topics.sample) ||
      (stage === 'fit' && name === modelsTopic) ||
      name === defaultPositionsTopic)
  )
}

/** What brokers do with groups that have stood still for long. */
function expireGroups(): Promise<void> {
  return withClusterAt(
    { brokers: [cluster.plain], registry: cluster.registry, access: noAccess },
    plainUse(createLogger('silent'), new AbortController().signal),
    async ({ admin }) => {
      const groups = (await admin.groups.list()).map(({ group }) => group)
      await admin.groups.delete(groups.filter((group) => group.startsWith(`vgm.${dataset}.`)))
    },
  )
}

/** One right less: the stage fails, and its error has what is missing. */
async function failsWithout(stage: Stage, right: Grant): Promise<void> {
  const { operation, resource, name } = right
  const text = `${operation} on ${resource} ${name}`
  await cluster.revoke(right)
  const startedMs = performance.now()
  try {
    await run(stage)
    fail(`${stage} needs no ${text}`)
  } catch (error) {
    if ((error as Error).name === 'AssertionError') throw error
    const { fix, code, message } = error as PipelineError
    equal(code, 'VGM_BROKER', `${text}: ${message} ${fix}`)
    // Without Read or Write a topic or group cannot be described either, and that comes first.
    const first = ['Read', 'Write'].includes(operation) ? `(${operation}|Describe)` : operation
    const pattern = `Grant this user ${first} on ${resource} "${name.replace(/\*$/, '').replaceAll('.', '\\.')}`
    match(fix, new RegExp(pattern), text)
    const tookMs = performance.now() - startedMs
    ok(tookMs < 10_000, `${text}: took ${tookMs} ms`)
  } finally {
    await cluster.grant([right])
  }
}

suite('the flow over TLS, SCRAM-SHA-512 and access control lists, a user for each stage', () => {
  for (const stage of stages)
    test(`${stage} works with the rights of docs/security.md, needs each, and gives no secret away`, async () => {
      const rights = rightsOf(dataset, modelsTopic).filter(({ user }) => user === stage)
      ok(rights.length > 0)
      await cluster.grant(rights)
      // A topic that must be made is made once, by the first run that gets so far.
      const creates = rights.filter(({ operation }) => operation === 'Create')
      const others = rights.filter((right) => !creates.includes(right) && !isForMore(stage, right))
      for (const right of [...creates, ...others]) await failsWithout(stage, right)
      if (stage === 'normalize') await garbage()
      const args = [...commands[stage](), '--dataset', dataset, '--json', '--log-level', 'debug', '--debug']
      const { code, out, err, commandLines } = await watchedVgm(args, environmentOf(stage))
      equal(code, 0, err)
      const result = JSON.parse(out)
      if (stage === 'verify') {
        const { lost, doubled, reordered, wrong, deadLetters, pending } = result
        const audit = { rows: result.rows, lost, doubled, reordered, wrong, deadLetters, pending }
        deepEqual(audit, { rows: rows + 1, lost: 0, doubled: 0, reordered: 0, wrong: 0, deadLetters: 1, pending: 0 })
      }
      for (const text of [out, err, ...commandLines]) ok(!text.includes(canary), text)
      if (process.platform === 'linux') ok(commandLines.some((line) => line.includes('main.ts')))
      for (const right of rights.filter((right) => isForMore(stage, right))) {
        if (right.name === defaultPositionsTopic) await expireGroups()
        await failsWithout(stage, right)
      }
    })

  test('a stage that may not read its orders runs on, and an operator who may not give them is told the right', async () => {
    const plain = { brokers: [cluster.plain], registry: cluster.registry, access: noAccess }
    const paused = { dataset, stage: 'normalize' } as const
    await withClusterAt(plain, plainUse(createLogger('silent'), new AbortController().signal), async (open) => {
      await pauseStages(open, paused)
    })
    await run('normalize')
    await cluster.setPassword('operator', passwordOf('operator'))
    const right = (resource: string, name: string, operation: string): Grant => ({
      user: 'operator',
      resource,
      name,
      operation,
    })
    await cluster.grant([
      right('topic', defaultControlTopic, 'Create'),
      right('topic', defaultControlTopic, 'Read'),
      right('topic', defaultControlTopic, 'DescribeConfigs'),
      right('topic', defaultPositionsTopic, 'Read'),
      right('topic', topics.raw, 'Describe'),
      right('group', groupName(dataset, 'normalize'), 'Describe'),
    ])
    const resume = () => entered({ sasl: scram('operator') }, (open) => resumeStages(open, paused))
    await rejects(resume(), { code: 'VGM_BROKER', fix: /Grant this user Write on topic "vgm\.control"/ })
    await cluster.grant([right('topic', defaultControlTopic, 'Write')])
    const [group] = await resume()
    equal(group.paused?.paused, false)
    // With the right the stage obeys.
    await cluster.grant([{ ...right('topic', defaultControlTopic, 'Read'), user: 'normalize' }])
    await run('normalize')
  })

  test('vgm demo does all of it with one user who has the rights of all', async () => {
    const own = uniqueName('own-trips')
    const file = join(folder, `${own}.csv`)
    copyFileSync(csv, file)
    await cluster.setPassword('demo', passwordOf('demo'))
    await cluster.grant(rightsOf(own, modelsTopic).map((right) => ({ ...right, user: 'demo' })))
    const { KAFKA_BROKERS, SCHEMA_REGISTRY_URL, ...environment } = environmentOf('demo')
    const args = ['demo', file, '--brokers', KAFKA_BROKERS, '--registry', SCHEMA_REGISTRY_URL, '--json', '--debug']
    const { code, out, err, commandLines } = await watchedVgm(args, environment)
    equal(code, 0, err)
    const { normalized, restored, mismatches } = JSON.parse(out)
    deepEqual({ normalized, restored, mismatches }, { normalized: rows, restored: rows, mismatches: 0 })
    for (const text of [out, err, ...commandLines]) ok(!text.includes(canary), text)
  })

  test('a process of the bench gets its login as a message, not as an argument', async () => {
    const child = fork(fileURLToPath(new URL('../../src/bench/measure.ts', import.meta.url)))
    const access = accessOf({ sasl: scram('verify') })
    const measurement = { kind: 'fetch', topic: topics.raw } as const
    const address = { brokers: [cluster.sasl], registry: registry.url, access }
    const request = { address, dataset, modelsTopic, measurement }
    child.send(request satisfies MeasurementRequest)
    child.once('exit', (code) => child.emit('message', { error: `it ended with ${code}` }))
    const lines = commandLines(child.pid ?? 0)
    const [answer] = (await once(child, 'message')) as [{ result?: { rows: number }; error?: string }]
    equal(answer.error, undefined)
    ok((answer.result?.rows ?? 0) > rows)
    for (const line of lines) ok(!line.includes(canary), line)
    if (process.platform === 'linux') ok(lines.length > 0)
  })

  test('a refused login gives no secret away either, with all that --debug shows', async () => {
    const environment = { ...environmentOf('load'), KAFKA_SASL_PASSWORD: `${canary}-wrong` }
    const { code, out, err, tookMs } = await watchedVgm(['lag', '--dataset', dataset, '--debug'], environment)
    equal(code, 1)
    equal(out, '')
    match(err, /refuses the login/)
    ok(!err.includes(canary), err)
    ok(tookMs < 15_000, `took ${tookMs} ms`)
  })
})

/** A row that nobody can read. */
async function garbage(): Promise<void> {
  const producer = createControlClient({ brokers: [cluster.plain], clientId: 'garbage' }, quiet).producer()
  await producer.connect()
  await producer.send({ topic: topics.raw, messages: [{ partition: 0, value: `${canary}-garbage` }] })
  await producer.disconnect()
}
