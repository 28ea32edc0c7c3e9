import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { InterruptedError } from '../../src/errors.ts'
import { ConnectionLostError, FencedError } from '../../src/kafka/broker-errors.ts'
import { createControlClient } from '../../src/kafka/kafkajs-client.ts'
import { uniqueName } from '../cluster/shared-cluster.ts'
import { batchOf, TestBroker, valuesOf } from './test-broker.ts'
import { openMember } from './test-member.ts'

interface Topics {
  readonly input: string
  readonly output: string
  readonly group: string
  readonly partitions: number
  readonly ends: readonly { readonly topic: string; readonly partition: number; readonly offset: number }[]
}

/** An input topic with `batches` batches of three rows in each partition, rolled back transactions between them. */
async function makeTopics(broker: TestBroker, partitions: number, batches: number): Promise<Topics> {
  const [input, output] = [await broker.createTopic(partitions), await broker.createTopic(partitions)]
  const producer = await broker.openProducer()
  for (let first = 0; first < batches; first += 20) {
    for (const isCommit of [true, false]) {
      await producer.begin(Array.from({ length: partitions }, (_, partition) => ({ topic: input, partition })))
      for (let batch = first; batch < Math.min(first + 20, batches); batch++)
        for (let partition = 0; partition < partitions; partition++) {
          const rows = [0, 1, 2].map((row) => (isCommit ? `${partition}/${3 * batch + row}` : 'rolled back'))
          await producer.produce(input, partition, batchOf(...rows))
        }
      await (isCommit ? producer.commit() : producer.abort())
    }
  }
  const ends = (await broker.ends(input)).map((offset, partition) => ({ topic: input, partition, offset }))
  return { input, output, group: uniqueName('group'), partitions, ends }
}

/** Each row of the input once, in the order of its partition, and the group's positions at the ends. */
async function assertCopied(broker: TestBroker, { input, output, group, ends, partitions }: Topics): Promise<void> {
  const [expected, actual] = [await broker.rows(input), await broker.rows(output)]
  for (let partition = 0; partition < partitions; partition++) {
    const of = (rows: typeof actual) => valuesOf(rows.filter((row) => row.partition === partition))
    deepEqual(of(actual), of(expected), `partition ${partition}`)
  }
  const committed = await broker.connections.committedOffsets(group, ends)
  deepEqual(
    committed.map(({ offset }) => offset),
    ends.map(({ offset }) => offset),
    'the committed positions pass over markers and rolled back rows',
  )
}

async function until(isSo: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 20_000; !isSo(); await sleep(5)) ok(Date.now() < deadline, `never: ${isSo}`)
}

suite('group session, on a broker', () => {
  test('a member alone copies everything, markers and rolled back rows at the end included', async (t) => {
    const broker = await TestBroker.connect(t)
    const topics = await makeTopics(broker, 3, 40)
    const member = await openMember(broker, topics)
    const { rowsIn, rowsOut } = await member.run()
    deepEqual([rowsIn, rowsOut], [360, 360])
    await assertCopied(broker, topics)
    const again = await openMember(broker, topics)
    equal((await again.run()).rowsIn, 0, 'a second run finds nothing left')
    await assertCopied(broker, topics)
  })

  test('members without rows to read, or without a partition, are done at once', async (t) => {
    const broker = await TestBroker.connect(t)
    const topics = await makeTopics(broker, 1, 0)
    const members = [await openMember(broker, topics), await openMember(broker, topics)]
    const reports = await Promise.all(members.map((member) => member.run()))
    deepEqual(
      reports.map(({ rowsIn }) => rowsIn),
      [0, 0],
    )
  })

  test('two members share the partitions; when one leaves in the middle the other does the rest', async (t) => {
    const broker = await TestBroker.connect(t)
    const topics = await makeTopics(broker, 4, 200)
    const slow = { ...topics, beforeBatch: () => sleep(8) }
    const first = await openMember(broker, slow)
    const running = first.run()
    await until(() => first.progress.length >= 3)
    const second = await openMember(broker, { ...slow, ends: undefined! })
    const stopped = second.run()
    stopped.catch(() => undefined)
    await until(() => second.progress.length >= 3)
    const owned = [...first.session.positions(), ...second.session.positions()].map(({ partition }) => partition)
    deepEqual(owned.toSorted(), [0, 1, 2, 3])
    equal(second.session.positions().length, 2)
    second.stop.abort()
    await rejects(stopped, InterruptedError)
    await running
    await assertCopied(broker, topics)
    deepEqual(
      [...first.aborts, ...second.aborts],
      [],
      'a member commits its slice before it joins again: nothing is repeated',
    )
  })

  test('a slice whose commit is refused for its generation is repeated, and its rows come once', async (t) => {
    const broker = await TestBroker.connect(t)
    const topics = await makeTopics(broker, 2, 60)
    const member = await openMember(broker, { ...topics, beforeBatch: () => sleep(2) })
    const commit = member.producer.commit.bind(member.producer)
    let commits = 0
    member.producer.commit = (offsets, identity) =>
      commit(offsets, ++commits === 2 && identity ? { ...identity, generationId: identity.generationId - 1 } : identity)
    const { rowsIn, rowsOut } = await member.run()
    deepEqual([rowsIn, rowsOut], [360, 360])
    equal(member.aborts.length, 1)
    await assertCopied(broker, topics)
  })

  test('a member that the group has given up commits nothing, and joins again; each row comes once', async (t) => {
    const broker = await TestBroker.connect(t)
    const topics = await makeTopics(broker, 2, 10)
    let batches = 0
    const stuck = await openMember(broker, {
      ...topics,
      rebalanceTimeoutMs: 500,
      // Longer than a heartbeat and the time that the others wait for it.
      beforeBatch: async () => {
        if (++batches === 5) await sleep(4_500)
      },
    })
    const stuckEnd = stuck.run()
    await until(() => batches >= 5)
    const other = await openMember(broker, { ...topics, rebalanceTimeoutMs: 500 })
    await Promise.all([stuckEnd, other.run()])
    equal(stuck.aborts.length, 1)
    await assertCopied(broker, topics)
  })

  test('slices whose connection breaks are repeated, and their rows come once', async (t) => {
    const broker = await TestBroker.connect(t)
    const topics = await makeTopics(broker, 3, 100)
    const member = await openMember(broker, { ...topics, beforeBatch: () => sleep(5) })
    const running = member.run()
    for (const purpose of ['produce', 'fetch', 'control', 'membership', 'produce', 'control', 'produce'] as const) {
      const seen = member.progress.length
      await until(() => member.progress.length > seen)
      await sleep(20)
      const connection = await member.connections.leaderConnection({ topic: topics.output, partition: 0 }, purpose)
      connection.socket?.destroy()
    }
    const { rowsIn, rowsOut } = await running
    deepEqual([rowsIn, rowsOut], [900, 900])
    await assertCopied(broker, topics)
  })

  test('a lost answer to a produce or a commit does not double the rows of its slice', async (t) => {
    const broker = await TestBroker.connect(t)
    const topics = await makeTopics(broker, 2, 60)
    const member = await openMember(broker, { ...topics, beforeBatch: () => sleep(2) })
    const produce = member.producer.produce.bind(member.producer)
    const commit = member.producer.commit.bind(member.producer)
    let [produces, commits] = [0, 0]
    member.producer.produce = async (...batch) => {
      await produce(...batch)
      if (++produces % 7 === 3) throw new ConnectionLostError('Writing', 'the answer got lost')
    }
    member.producer.commit = async (...args) => {
      await commit(...args)
      // The transaction is committed, and the member does not know: the group's positions tell.
      if (++commits === 2) throw new ConnectionLostError('Committing', 'the answer got lost')
    }
    // Committed means ready: the abort of what is not open any more must not break the producer for good.
    const abort = member.producer.abort.bind(member.producer)
    member.producer.abort = async () => abort().catch(() => undefined)
    await member.run()
    ok(member.aborts.length > 1)
    await assertCopied(broker, topics)
  })

  test('a batch that the topic does not take ends the stage with a fix; nothing of its slice commits', async (t) => {
    const broker = await TestBroker.connect(t)
    const topics = await makeTopics(broker, 1, 10)
    const output = await broker.createTopic(1, { 'max.message.bytes': '100' })
    // All rows in one slice: two or three alone would fit.
    const member = await openMember(broker, { ...topics, output, sliceMs: 60_000 })
    await rejects(member.run(), { errorName: 'MESSAGE_TOO_LARGE', fix: /max\.message\.bytes/ })
    deepEqual(await broker.rows(output), [])
    deepEqual(await broker.connections.committedOffsets(topics.group, topics.ends), [])
  })

  test('a static member that comes back keeps its partitions, without a new generation for the others', async (t) => {
    const broker = await TestBroker.connect(t)
    const topics = { ...(await makeTopics(broker, 4, 10)), ends: undefined! }
    const start = async (instance: string) => {
      const member = await openMember(broker, { ...topics, instance })
      const running = rejects(member.run(), InterruptedError)
      await until(() => member.session.positions().length > 0)
      return { member, running }
    }
    const partitionsOf = ({ member }: Awaited<ReturnType<typeof start>>) =>
      member.session.positions().map(({ partition }) => partition)
    const first = await start('pod-0')
    const second = await start('pod-1')
    await until(() => first.member.session.positions().length === 2)
    const owned = partitionsOf(second)
    equal(owned.length, 2)
    const { generationId } = first.member.membership.identity
    second.member.stop.abort()
    await second.running
    const again = await start('pod-1')
    deepEqual(partitionsOf(again), owned)
    equal(first.member.membership.identity.generationId, generationId)
    again.member.stop.abort()
    first.member.stop.abort()
    await Promise.all([again.running, first.running])
  })

  test('a second process with the name of a static member takes its place, and the first ends as fenced', async (t) => {
    const broker = await TestBroker.connect(t)
    const topics = { ...(await makeTopics(broker, 2, 10)), ends: undefined! }
    const first = await openMember(broker, { ...topics, instance: 'pod-0' })
    const firstEnd = rejects(first.run(), FencedError)
    await until(() => first.progress.length > 0)
    const second = await openMember(broker, { ...topics, instance: 'pod-0' })
    const secondEnd = rejects(second.run(), InterruptedError)
    await firstEnd
    second.stop.abort()
    await secondEnd
  })

  test('an interruption while the group makes a member wait ends it soon, and the group is left', async (t) => {
    const broker = await TestBroker.connect(t)
    const topics = await makeTopics(broker, 2, 10)
    const blocker = await openMember(broker, { ...topics, ends: undefined!, sliceMs: 60_000 })
    // It has joined, and does not join again: whoever comes has to wait for the rebalance time-out of 30 s.
    while ((await blocker.session.poll(100)).length === 0);
    const member = await openMember(broker, topics)
    const ended = rejects(member.run(), InterruptedError)
    await sleep(1_000)
    member.stop.abort()
    const startedMs = performance.now()
    await ended
    ok(performance.now() - startedMs < 3_000)
    await blocker.session.close()
    const admin = createControlClient(broker.settings, () => undefined).admin()
    const { groups } = await admin.describeGroups([topics.group])
    await admin.disconnect()
    deepEqual(groups[0].members, [])
  })
})
