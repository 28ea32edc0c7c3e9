import { equal, match, ok, rejects } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import {
  createClusterFolder,
  recordOccupants,
  removeClusterFolder,
  sweepClusterFolders,
} from '../../src/cluster/cluster-folder.ts'
import { freePorts } from '../../src/cluster/free-ports.ts'
import { classArchive } from '../../src/cluster/jvm/class-archive.ts'
import type { JavaProcess } from '../../src/cluster/jvm/java-process.ts'
import { startKafkaNode } from '../../src/cluster/jvm/kafka-node.ts'
import { untilAnswers } from '../../src/cluster/jvm/until-answers.ts'
import { brokerAnswers } from '../../src/cluster/readiness.ts'
import { jvmParts } from '../../src/cluster/start-cluster.ts'
import { ClusterAdmin } from '../../src/kafka/admin.ts'
import { BrokerConnections, earliest } from '../../src/kafka/broker-connections.ts'
import { connectionLimits } from '../../src/kafka/connection-pool.ts'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { type Ended, temporaryFolder, vgm } from '../commands/run-command.ts'
import { silentServer } from './silent-server.ts'

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))
const noIpv6 = hasIpv6 ? false : 'this machine has no IPv6 loopback'
const unknownHost = 'kafka-internal.invalid:9092'
const refusedPort = '127.0.0.1:1'
const impatient = {
  ...connectionLimits,
  requestTimeoutMs: { ...connectionLimits.requestTimeoutMs, control: 300 },
  unreachedBrokerMs: 100,
}

/** One broker, with a listener for each way in; what each of them advertises. */
interface Ways {
  readonly plain: string
  readonly ipv6: string
  readonly unknown: string
  readonly refused: string
  readonly silent: string
}

suite('brokers behind listeners as people have them', () => {
  let ways: Ways
  let kafka: JavaProcess
  let folder: string
  let silentPort: number
  const ends: (() => void)[] = []

  before(async () => {
    silentPort = await silentServer({ after: (end: () => void) => ends.push(end) } as unknown as TestContext)
    const { java, installation } = await jvmParts(() => undefined)
    const [broker, controller, ipv6, unknown, refused, silent] = await freePorts(6)
    sweepClusterFolders()
    folder = createClusterFolder()
    const local = (port: number) => `127.0.0.1:${port}`
    ways = {
      plain: local(broker),
      ipv6: `[::1]:${ipv6}`,
      unknown: local(unknown),
      refused: local(refused),
      silent: local(silent),
    }
    const listeners = [
      { name: 'PLAINTEXT', listens: ways.plain, advertises: ways.plain },
      ...(hasIpv6 ? [{ name: 'IPV6', listens: ways.ipv6, advertises: ways.ipv6 }] : []),
      { name: 'UNKNOWN', listens: ways.unknown, advertises: unknownHost },
      { name: 'REFUSED', listens: ways.refused, advertises: refusedPort },
      { name: 'SILENT', listens: ways.silent, advertises: local(silentPort) },
    ]
    const text = (of: 'listens' | 'advertises') => listeners.map((each) => `${each.name}://${each[of]}`).join(',')
    kafka = startKafkaNode({
      java,
      installation,
      folder,
      dataFolder: join(folder, 'kafka'),
      heap: '384m',
      jvm: classArchive('kafka', java, installation).read,
      id: 1,
      nodes: new Map([[1, { broker, controller }]]),
      settings: {
        listeners: `${text('listens')},CONTROLLER://${local(controller)}`,
        'advertised.listeners': text('advertises'),
        'listener.security.protocol.map': [...listeners.map(({ name }) => name), 'CONTROLLER']
          .map((name) => `${name}:PLAINTEXT`)
          .join(','),
      },
    })
    recordOccupants(folder, [kafka.pid])
    await untilAnswers(kafka, () => brokerAnswers(ways.plain))
  })

  after(async () => {
    for (const end of ends) end()
    await kafka?.end(0)
    removeClusterFolder(folder)
  })

  async function run(brokers: string, ...args: readonly string[]): Promise<Ended> {
    const { registry } = await testCluster()
    return vgm(args, { environment: { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry } })
  }

  async function loaded(t: TestContext, brokers: string): Promise<string> {
    const dataset = uniqueName('listeners')
    const file = join(temporaryFolder(t), 'rows.csv')
    writeFileSync(file, `x,n\n${Array.from({ length: 500 }, (_, i) => `${i % 7}.5,${i % 3}`).join('\n')}\n`)
    const { code, err } = await run(brokers, 'load', file, '--dataset', dataset)
    equal(code, 0, err)
    return dataset
  }

  test('the whole flow goes by IPv6, bootstrap and advertised addresses', { skip: noIpv6 }, async (t) => {
    const dataset = await loaded(t, ways.ipv6)
    const of = ['--dataset', dataset]
    for (const args of [
      ['sample', ...of],
      ['fit', ...of],
      ['normalize', ...of, '--until-end'],
      ['restore', ...of, '--until-end'],
      ['verify', ...of],
      ['doctor', ...of],
    ]) {
      const { code, out, err } = await run(ways.ipv6, ...args)
      equal(code, 0, `${args.join(' ')}: ${out}${err}`)
    }
  })

  for (const [kind, way, address] of [
    ['is unknown', 'unknown', () => unknownHost],
    ['refuses connections', 'refused', () => refusedPort],
    ['takes connections and never answers', 'silent', () => `127.0.0.1:${silentPort}`],
  ] as const)
    test(`an advertised address that ${kind} is named with its broker, by whatever needs the broker`, async (t) => {
      const topic = uniqueName('advertised')
      const admin = new ClusterAdmin({ brokers: [ways.plain], clientId: 'vgm-test' })
      t.after(() => admin.close())
      await admin.topics.ensureRowTopic({ topic, partitions: 1 })
      const connections = new BrokerConnections({ brokers: [ways[way]], clientId: 'vgm-test' }, { limits: impatient })
      t.after(() => connections.close())
      const named = {
        code: 'VGM_ADVERTISED_LISTENER',
        message: new RegExp(`broker 1 advertises ${address()}, which cannot be reached from here: `),
        fix: /advertised\.listeners of broker 1/,
        retriable: true,
      }
      await rejects(connections.listOffsets([{ topic, partition: 0 }], earliest), named)
      await rejects(connections.committedOffsets(uniqueName('group'), undefined), named)
      // The bootstrap address answers all the while.
      equal(await connections.partitionCount(topic), 1)
    })

  test('commands that need the broker end with that, and doctor has it as a finding', async (t) => {
    const dataset = await loaded(t, ways.plain)
    const [sample, doctor] = await Promise.all([
      run(ways.unknown, 'sample', '--dataset', dataset),
      run(ways.refused, 'doctor', '--dataset', dataset, '--json'),
    ])
    equal(sample.code, 1)
    match(
      sample.err,
      /broker 1 advertises kafka-internal\.invalid:9092, which cannot be reached from here: getaddrinfo/,
    )
    equal(doctor.code, 1)
    const { findings } = JSON.parse(doctor.out) as { findings: { level: string; check: string; found: string }[] }
    const errors = findings.filter(({ level }) => level === 'error')
    ok(errors.some(({ check, found }) => check === 'brokers' && found.includes(`broker 1 advertises ${refusedPort}`)))
    ok(!findings.some(({ found }) => found.includes('No Kafka broker answers')))
  })
})
