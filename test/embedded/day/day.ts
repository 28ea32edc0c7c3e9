/**
 * A day's work with `vgm up --cluster embedded` in memory, within minutes, and whether the broker has kept to its
 * limits: memory, files and sockets, topics, groups, producers.
 *
 *     node test/embedded/day/day.ts [--minutes 10] [--memory 256]
 */
import { ok } from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createControlClient } from '../../../src/kafka/kafkajs-client.ts'
import { RawClient } from '../conformance/raw-client.ts'

const { values: flags } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, memory: { type: 'string', default: '256' } },
})
const mebibyte = 2 ** 20
const memoryBytes = Number(flags.memory) * mebibyte
const endMs = Date.now() + Number(flags.minutes) * 60_000
/** What Node itself, buffers of requests, and what is copied while a log is compacted take beside the rows. */
const besideRows = memoryBytes + 300 * mebibyte

const root = join(import.meta.dirname, '../../..')
const state = mkdtempSync(join(tmpdir(), 'vgm-day-'))
const environment = { ...process.env, XDG_STATE_HOME: state }
const vgm = (...args: string[]) =>
  execFileSync(process.execPath, [join(root, 'src/main.ts'), ...args], { env: environment, encoding: 'utf8' })

interface Sample {
  readonly atS: number
  readonly rssBytes: number
  readonly files: number
}

/** Work that repeats itself until the day is over; how often it was done. */
type Loop = () => Promise<void>

/** The process that holds the cluster, as its state file has it. */
function supervisorPid(): number {
  const [file] = readdirSync(state, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json'))
  return (JSON.parse(readFileSync(join(state, file), 'utf8')) as { supervisor: { pid: number } }).supervisor.pid
}

function sample(pid: number, startMs: number): Sample {
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!
  return {
    atS: Math.round((Date.now() - startMs) / 1_000),
    rssBytes: Number(kilobytes) * 1024,
    files: readdirSync(`/proc/${pid}/fd`).length,
  }
}

const { brokers, registry } = JSON.parse(vgm('up', '--cluster', 'embedded', '--memory', flags.memory, '--json')) as {
  readonly brokers: string
  readonly registry: string
}
let producedBytes = 0
let refusals = 0
const done = new Map<string, number>()
const client = (name: string) => createControlClient({ brokers: [brokers], clientId: name }, () => undefined)
const admin = client('admin').admin()

const messages = (count: number, bytes: number, key: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => ({ key: key(i), value: Buffer.alloc(bytes, i) }))

async function produce(
  producer: { send: ReturnType<ReturnType<typeof client>['producer']>['send'] },
  topic: string,
  rows: ReturnType<typeof messages>,
) {
  await producer.send({ topic, messages: rows })
  producedBytes += rows.reduce((sum, { value }) => sum + value.length, 0)
}

/** Reads from a group until `count` rows have come, and leaves it. */
async function consume(groupId: string, topic: string, count: number): Promise<void> {
  const consumer = client(groupId).consumer({ groupId, maxWaitTimeInMs: 100, heartbeatInterval: 1_000 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    let left = count
    consumer.on('consumer.crash', ({ payload }) => reject(payload.error))
    consumer.run({ eachMessage: async () => void (--left <= 0 && resolve()) }).catch(reject)
  })
  await consumer.disconnect()
}

const settings = (values: Readonly<Record<string, string>>) =>
  Object.entries(values).map(([name, value]) => ({ name, value }))

/** A stream that retention trims, and a group that follows it. */
async function stream(): Promise<Loop> {
  await admin.createTopics({
    topics: [
      { topic: 'stream', numPartitions: 4, configEntries: settings({ 'retention.bytes': String(8 * mebibyte) }) },
    ],
  })
  const producer = client('stream').producer()
  await producer.connect()
  return async () => {
    for (let i = 0; i < 8; i++) await produce(producer, 'stream', messages(500, 1_000, String))
    await consume('followers', 'stream', 500)
  }
}

/** A compacted topic whose keys are written again and again. */
async function latest(): Promise<Loop> {
  await admin.createTopics({
    topics: [{ topic: 'latest', numPartitions: 2, configEntries: settings({ 'cleanup.policy': 'compact' }) }],
  })
  const producer = client('latest').producer()
  await producer.connect()
  return async () => {
    for (let i = 0; i < 4; i++)
      await produce(
        producer,
        'latest',
        messages(1_000, 1_000, (key) => `key ${key}`),
      )
  }
}

const transactionalNames = ['copy-0', 'copy-1', 'copy-2', 'copy-3']

/** Transactions that read, write and commit offsets, some of which are rolled back. */
async function transactions(): Promise<Loop> {
  await admin.createTopics({
    topics: [
      { topic: 'copies', numPartitions: 2, configEntries: settings({ 'retention.bytes': String(4 * mebibyte) }) },
    ],
  })
  let round = 0
  return async () => {
    const transactionalId = transactionalNames[round++ % transactionalNames.length]
    const producer = client(transactionalId).producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    for (let i = 0; i < 10; i++) {
      const transaction = await producer.transaction()
      await produce(transaction, 'copies', messages(50, 1_000, String))
      await transaction.sendOffsets({
        consumerGroupId: 'copiers',
        topics: [{ topic: 'stream', partitions: [{ partition: 0, offset: String(round) }] }],
      })
      await (i % 3 === 0 ? transaction.abort() : transaction.commit())
    }
    await producer.disconnect()
  }
}

/** A job with topics, a group, idempotent producers and a schema of its own, all of which go with it. */
async function jobs(): Promise<Loop> {
  let round = 0
  return async () => {
    const topic = `job-${round++}`
    await admin.createTopics({ topics: [{ topic, numPartitions: 6 }] })
    const producer = client(topic).producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    await produce(producer, topic, messages(1_000, 1_000, String))
    await producer.disconnect()
    await consume(topic, topic, 1_000)
    const subject = `${registry}/subjects/${topic}-value`
    const schema = JSON.stringify({ type: 'record', name: 'Job', fields: [{ name: 'x', type: 'double' }] })
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' }
    await fetch(`${subject}/versions`, { method: 'POST', headers, body: JSON.stringify({ schema }) })
    for (const query of ['', '?permanent=true']) await fetch(`${subject}${query}`, { method: 'DELETE' })
    await admin.deleteGroups([topic])
    await admin.deleteTopics({ topics: [topic] })
  }
}

/** Somebody forgets retention: rows are refused with the reason, and taken again when the topic is gone. */
async function overflow(): Promise<Loop> {
  const producer = client('overflow').producer({ retry: { retries: 0 } })
  await producer.connect()
  return async () => {
    await admin.createTopics({ topics: [{ topic: 'forgotten', numPartitions: 2 }] })
    try {
      for (let bytes = 0; bytes < 2 * memoryBytes; bytes += 4_000_000) {
        await produce(producer, 'forgotten', messages(4, 1_000_000, String))
        await sleep(20)
      }
      throw new Error('More rows were taken than memory has')
    } catch (error) {
      ok(/POLICY_VIOLATION|policy/i.test(String(error)), String(error))
      refusals++
    }
    await admin.deleteTopics({ topics: ['forgotten'] })
    await sleep(10_000)
  }
}

async function repeat(name: string, pauseMs: number, loop: Loop): Promise<void> {
  while (Date.now() < endMs) {
    try {
      await loop()
      done.set(name, (done.get(name) ?? 0) + 1)
    } catch (error) {
      // While memory is full, everybody is refused.
      if (!/POLICY_VIOLATION|policy/i.test(String(error))) throw error
      refusals++
    }
    await sleep(pauseMs)
  }
}

/** What is left in the broker when all work is done. */
async function remains() {
  const topics = (await admin.listTopics()).filter((topic) => !topic.startsWith('__'))
  const { groups } = await admin.listGroups()
  const raw = await RawClient.connect(brokers)
  const { transactionStates } = await raw.ask('ListTransactions', 0, { stateFilters: [], producerIdFilters: [] })
  const { topics: described } = await raw.ask('DescribeProducers', 0, {
    topics: topics.map((name) => ({ name, partitionIndexes: [0, 1] })),
  })
  raw.close()
  const producers = described.flatMap(({ partitions }) => partitions.flatMap(({ activeProducers }) => activeProducers))
  return {
    topics: topics.sort(),
    groups: groups.map(({ groupId }) => groupId).sort(),
    transactionalIds: transactionStates.length,
    producerIds: new Set(producers.map(({ producerId }) => producerId)).size,
  }
}

const samples: Sample[] = []
const startMs = Date.now()
const pid = supervisorPid()
await admin.connect()
const before = sample(pid, startMs)
const sampler = setInterval(() => {
  const now = sample(pid, startMs)
  samples.push(now)
  if (samples.length % 6 === 1)
    process.stdout.write(
      `${String(now.atS).padStart(5)} s  ${Math.round(now.rssBytes / mebibyte)} MiB  ${now.files} files  ` +
        `${Math.round(producedBytes / mebibyte)} MiB produced  ${refusals} refused  ${JSON.stringify([...done])}\n`,
    )
}, 5_000)
try {
  await Promise.all([
    repeat('stream', 1_500, await stream()),
    repeat('latest', 700, await latest()),
    repeat('transactions', 500, await transactions()),
    repeat('jobs', 700, await jobs()),
    overflow().then((loop) => repeat('overflow', 20_000, loop)),
  ])
  clearInterval(sampler)
  // Sessions and connections that ended are gone by then.
  await sleep(3_000)
  const { topics, groups, transactionalIds, producerIds } = await remains()
  const third = Math.floor(samples.length / 3)
  const highest = (of: readonly Sample[], what: 'rssBytes' | 'files') => Math.max(...of.map((each) => each[what]))
  const plateau = highest(samples.slice(0, 2 * third), 'rssBytes')
  const later = highest(samples.slice(2 * third), 'rssBytes')
  const after = sample(pid, startMs)
  const mib = (bytes: number) => `${Math.round(bytes / mebibyte)} MiB`
  process.stdout.write(
    `RSS up to ${mib(plateau)} in the first two thirds, ${mib(later)} in the last one; files ${before.files} before, ` +
      `${highest(samples, 'files')} at most, ${after.files} after; ${mib(producedBytes)} produced, ${refusals} refused\n` +
      `topics ${topics.join(' ')}; groups ${groups.join(' ')}; ${transactionalIds} transactional ids, ` +
      `${producerIds} producer ids\n`,
  )
  ok(producedBytes > 3 * memoryBytes, 'too little was produced')
  ok(refusals > 0, 'nothing was refused')
  ok(later <= 1.1 * plateau, 'memory grows')
  ok(later <= memoryBytes + besideRows, `memory is beyond ${mib(memoryBytes + besideRows)}`)
  ok(after.files <= before.files + 20, 'files or sockets are left open')
  ok(!topics.some((topic) => topic.startsWith('job-') || topic === 'forgotten'), 'topics are left')
  ok(groups.length <= 2, 'groups are left')
  ok(transactionalIds <= transactionalNames.length && producerIds <= transactionalNames.length, 'producers are left')
} finally {
  clearInterval(sampler)
  vgm('down')
  rmSync(state, { recursive: true })
}
process.exit(0)
