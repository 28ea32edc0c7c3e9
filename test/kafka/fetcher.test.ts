import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { FrameReader } from '../../src/embedded/protocol/frame-reader.ts'
import { Fetch } from '../../src/embedded/protocol/log-apis.ts'
import type { ReadOf } from '../../src/embedded/protocol/message.ts'
import { CorruptBatchError } from '../../src/kafka/batch-errors.ts'
import { type BrokerConnections, earliest } from '../../src/kafka/broker-connections.ts'
import { BrokerError, ConnectionLostError } from '../../src/kafka/broker-errors.ts'
import type { Writer } from '../../src/kafka/client-parts.ts'
import type { FetchedRecords, FetchResponse, FetchTarget } from '../../src/kafka/fetch-request.ts'
import { Fetcher, type FetcherOptions, fetcherDefaults } from '../../src/kafka/fetcher.ts'
import type { TopicPartition } from '../../src/ports/log.ts'
import type { StalledPartition } from '../../src/ports/stage-event.ts'
import { corrupted, dataBatch } from './batch-bytes.ts'

const topic = 't'
/** Kafka's numbers of errors. */
const [offsetOutOfRange, leaderNotAvailable, unknownTopic] = [1, 5, 3]

interface Script {
  /** what the broker says, one request at a time */
  readonly answer: (request: number) => Promise<Omit<FetchResponse, 'memory'>>
  /** told of the number of each request whose answer is read no more */
  readonly onRecycled?: (request: number) => void
  /** a partition's leader; undefined if it has none */
  readonly leader?: (partition: number) => number | undefined
  /** learns of leaders anew */
  readonly refresh?: () => Promise<void>
  /** told of what each request asks for */
  readonly onAsked?: (targets: readonly FetchTarget[]) => void
}

/** Connections whose brokers do what the script says. */
function fakeConnections({
  answer,
  onRecycled = () => undefined,
  leader = () => 1,
  refresh = async () => undefined,
  onAsked = () => undefined,
}: Script) {
  let requests = 0
  return {
    knownLeader: ({ partition }: TopicPartition) => leader(partition),
    knownEpoch: () => 3,
    refresh,
    leaderConnection: async () => ({
      recycle: ([request]: Uint8Array) => onRecycled(request),
      send: (_key: number, version: number, createPayload: () => Writer) => {
        const { topics } = Fetch.request.read(new FrameReader(createPayload().buffer, { version, isFlexible: true }))
        onAsked(topics.flatMap(targetsOf))
      },
    }),
    request: async (connection: unknown, _what: string, send: (connection: unknown) => Promise<unknown>) => {
      void send(connection)
      const memory = Uint8Array.of(requests)
      return { memory, ...(await answer(requests++)) }
    },
    forgetLeader: () => undefined,
    bootstrap: ['kafka:9092'],
  } as unknown as BrokerConnections
}

function targetsOf({ topic, partitions }: ReadOf<typeof Fetch.request>['topics'][number]): FetchTarget[] {
  return partitions.map(({ partition, fetchOffset, currentLeaderEpoch, lastFetchedEpoch }) => ({
    topic,
    partition,
    offset: fetchOffset,
    leaderEpoch: currentLeaderEpoch,
    lastFetchedEpoch,
  }))
}

function recordsOf(partition: number, bytes: Uint8Array, more: Partial<FetchedRecords> = {}): FetchedRecords {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const marks = { errorCode: 0, highWatermark: 9, lastStableOffset: 9, logStartOffset: 0 }
  return { topic, partition, ...marks, aborted: [], bytes, view, ...more }
}

const facts = { producerId: -1n, isTransactional: false }
const nothing = new Uint8Array(0)

/** How much faster than the machine's the clock of a hasty fetcher is. */
const clockFactor = 1_000

function hastyFetcher(t: TestContext, connections: BrokerConnections, more: Partial<FetcherOptions> = {}) {
  const reports: StalledPartition[] = []
  const fetcher = new Fetcher(connections, {
    ...fetcherDefaults,
    now: () => performance.now() * clockFactor,
    random: () => 0,
    onStall: (stalls) => reports.push(...stalls),
    ...more,
  })
  t.after(() => fetcher.close())
  return { fetcher, reports }
}

/** Polls until that throws, or for so long. */
async function pollFor(fetcher: Fetcher, ms: number): Promise<void> {
  for (const deadline = performance.now() + ms; performance.now() < deadline; ) await fetcher.poll(5)
}

/** Polls until something is so, however slow the machine is; for ten seconds at most. */
async function pollUntil(fetcher: Fetcher, isSo: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 10_000; !isSo(); await fetcher.poll(5))
    ok(performance.now() < deadline, 'it never comes to that')
}

suite('fetcher', () => {
  test('a batch that stays corrupt stops the reader though other partitions go on; it is never skipped', async () => {
    let asked = 0
    const connections = fakeConnections({
      answer: async (request) => {
        await sleep(1)
        asked = request
        const good = dataBatch(1, { ...facts, baseOffset: request })
        return {
          errorCode: 0,
          partitions: [recordsOf(0, corrupted(dataBatch(2, { ...facts, baseOffset: 0 }))), recordsOf(1, good)],
        }
      },
    })
    const fetcher = new Fetcher(connections)
    fetcher.assign([0, 1].map((partition) => ({ topic, partition, offset: 0 })))
    const polled: number[] = []
    await rejects(async () => {
      for (const deadline = Date.now() + 10_000; Date.now() < deadline; )
        for (const { partition } of await fetcher.poll(50)) polled.push(partition)
    }, CorruptBatchError)
    ok(asked <= 4, 'it is asked for a few times, with a pause')
    ok(!polled.includes(0))
    equal(fetcher.position(topic, 0), 0)
    await fetcher.close()
  })

  test('a batch that is corrupt only on its way is fetched again', async () => {
    const batch = dataBatch(2, { ...facts, baseOffset: 0 })
    const connections = fakeConnections({
      answer: async (request) => ({
        errorCode: 0,
        partitions: [recordsOf(0, request < 2 ? corrupted(batch) : batch)],
      }),
    })
    const fetcher = new Fetcher(connections)
    fetcher.assign([{ topic, partition: 0, offset: 0, endOffset: 2 }])
    const [fetched] = await fetcher.poll(5_000)
    deepEqual([fetched.batches.length, fetched.nextOffset], [1, 2])
    await fetcher.close()
  })

  test('the memory of an answer is given back once, when all that was polled of it has been read', async (t) => {
    const recycled: number[] = []
    const { fetcher } = hastyFetcher(
      t,
      fakeConnections({
        answer: async (request) => ({
          errorCode: 0,
          partitions:
            request > 1 ? [] : [0, 1].map((p) => recordsOf(p, dataBatch(1, { ...facts, baseOffset: request }))),
        }),
        onRecycled: (request) => request < 2 && recycled.push(request),
      }),
      { pollBytes: 1 },
    )
    fetcher.assign([0, 1].map((partition) => ({ topic, partition, offset: 0, endOffset: 2 })))
    await pollUntil(fetcher, () => fetcher.position(topic, 0) === 1)
    deepEqual(recycled, [], 'partition 1 has not been polled')
    await pollUntil(fetcher, () => fetcher.position(topic, 1) === 1)
    deepEqual(recycled, [], 'partition 1 may still be read')
    await pollUntil(fetcher, () => fetcher.position(topic, 0) === 2)
    deepEqual(recycled, [0])
    fetcher.assign([])
    deepEqual(recycled, [0], 'partition 0 may still be read')
    await fetcher.poll(0)
    deepEqual(recycled, [0, 1])
  })

  test('a position that a broker does not have is fetched again if the log of its leader has it', async (t) => {
    const connections = {
      ...fakeConnections({
        answer: async (request) => ({
          errorCode: 0,
          partitions: [
            request === 0
              ? recordsOf(0, nothing, { errorCode: offsetOutOfRange })
              : recordsOf(0, dataBatch(2, { ...facts, baseOffset: 4 })),
          ],
        }),
      }),
      listOffsets: async (of: readonly TopicPartition[], at: number) =>
        of.map((it) => ({ ...it, offset: at === earliest ? 0 : 6 })),
    } as unknown as BrokerConnections
    const { fetcher } = hastyFetcher(t, connections)
    fetcher.assign([{ topic, partition: 0, offset: 4, endOffset: 6 }])
    const [fetched] = await fetcher.poll(5_000)
    equal(fetched.nextOffset, 6)
  })

  test('what goes wrong for an older assignment does not fail the next one', async () => {
    let fail: (error: Error) => void = () => undefined
    const connections = fakeConnections({
      answer: async () => ({ errorCode: 0, partitions: [recordsOf(1, dataBatch(2, { ...facts, baseOffset: 0 }))] }),
      leader: (partition) => (partition === 1 ? 1 : undefined),
      // The question for a leader stays open until the assignment has changed.
      refresh: () =>
        new Promise((_, reject) => {
          fail = reject
        }),
    })
    const fetcher = new Fetcher(connections)
    fetcher.assign([{ topic, partition: 0, offset: 0 }])
    await sleep(1)
    fetcher.assign([{ topic, partition: 1, offset: 0, endOffset: 2 }])
    fail(new Error('that topic is gone'))
    const [fetched] = await fetcher.poll(1_000)
    deepEqual([fetched.partition, fetched.nextOffset], [1, 2])
    await fetcher.close()
  })

  test('closing the fetcher wakes a waiting poll', async () => {
    const fetcher = new Fetcher(fakeConnections({ answer: () => new Promise(() => undefined) }))
    fetcher.assign([{ topic, partition: 0, offset: 0 }])
    const polling = fetcher.poll(60_000)
    await sleep(5)
    await fetcher.close()
    deepEqual(await polling, [])
  })

  test('a partition without a leader holds up no other, is reported, and is read when it has one again', async (t) => {
    let leader: number | undefined
    let refreshes = 0
    const { fetcher, reports } = hastyFetcher(
      t,
      fakeConnections({
        leader: (partition) => (partition === 0 ? leader : 1),
        refresh: async () => {
          refreshes++
          await sleep(1)
        },
        answer: async (request) => {
          await sleep(1)
          const partition = leader === undefined ? 1 : 0
          const baseOffset = partition === 0 ? 0 : request
          return { errorCode: 0, partitions: [recordsOf(partition, dataBatch(1, { ...facts, baseOffset }))] }
        },
      }),
    )
    const startMs = performance.now()
    fetcher.assign([0, 1].map((partition) => ({ topic, partition, offset: 0 })))
    await pollUntil(fetcher, () => fetcher.position(topic, 1) > 10 && refreshes > 1 && reports.length > 1)
    equal(fetcher.position(topic, 0), 0)
    deepEqual(
      reports.map(({ partition, position }) => `${partition}/${position}`),
      reports.map(() => '0/0'),
    )
    ok(reports.length <= ((performance.now() - startMs) * clockFactor) / 30_000, 'once every 30 s')
    ok(reports[0].reason.includes('LEADER_NOT_AVAILABLE'))
    leader = 2
    await pollUntil(fetcher, () => fetcher.position(topic, 0) === 1)
  })

  test('an error of one partition in an answer holds no other one up', async (t) => {
    const { fetcher } = hastyFetcher(
      t,
      fakeConnections({
        answer: async (request) => {
          await sleep(1)
          const good = dataBatch(1, { ...facts, baseOffset: request })
          return {
            errorCode: 0,
            partitions: [recordsOf(0, nothing, { errorCode: leaderNotAvailable }), recordsOf(1, good)],
          }
        },
      }),
    )
    fetcher.assign([0, 1].map((partition) => ({ topic, partition, offset: 0 })))
    await pollUntil(fetcher, () => fetcher.position(topic, 1) > 10)
  })

  test('if brokers answer nothing for two minutes the reader fails, and says since when and why', async (t) => {
    const { fetcher, reports } = hastyFetcher(
      t,
      fakeConnections({
        answer: async () => {
          await sleep(1)
          throw new ConnectionLostError('Fetching', 'connect ECONNREFUSED')
        },
      }),
    )
    fetcher.assign([0, 1].map((partition) => ({ topic, partition, offset: 7 })))
    await rejects(pollFor(fetcher, 10_000), {
      code: 'VGM_FETCH_STALLED',
      message: /t\/[01] has returned nothing after offset 7 for \d+ s, as 1 more: Fetching: connect ECONNREFUSED/,
      retriable: true,
    })
    equal(reports.length > 0, true)
    const { end, stalledMs, isFailing } = fetcher.condition(topic, 0)
    deepEqual([end, isFailing, stalledMs >= 120_000], [undefined, true, true])
  })

  test('rows that an open transaction holds back are reported, and waited for without an end', async (t) => {
    const { fetcher, reports } = hastyFetcher(
      t,
      fakeConnections({
        answer: async () => {
          await sleep(1)
          return { errorCode: 0, partitions: [recordsOf(0, nothing, { lastStableOffset: 4 })] }
        },
      }),
    )
    fetcher.assign([{ topic, partition: 0, offset: 4 }])
    await pollUntil(fetcher, () => reports.length > 2)
    deepEqual(reports[0].reason, 'a transaction of another producer is open there')
    deepEqual(reports[0].leader, 1)
    const { end, stalledMs, isFailing } = fetcher.condition(topic, 0)
    deepEqual([end, isFailing, stalledMs >= 30_000], [9, false, true])
  })

  test('a partition at its end has no trouble, however long nothing comes', async (t) => {
    const { fetcher, reports } = hastyFetcher(
      t,
      fakeConnections({
        answer: async () => {
          await sleep(1)
          return { errorCode: 0, partitions: [recordsOf(0, nothing)] }
        },
      }),
    )
    fetcher.assign([{ topic, partition: 0, offset: 9 }])
    await pollFor(fetcher, 300)
    deepEqual(reports, [])
    deepEqual(fetcher.condition(topic, 0), { end: 9, stalledMs: 0, isFailing: false })
  })

  test('a topic that no broker knows any more stops the reader, although other topics go on', async (t) => {
    const { fetcher } = hastyFetcher(
      t,
      fakeConnections({
        leader: (partition) => (partition === 0 ? undefined : 1),
        refresh: async () => {
          await sleep(1)
          throw new BrokerError(unknownTopic, 'Asking who leads t')
        },
        answer: async (request) => {
          await sleep(1)
          return { errorCode: 0, partitions: [recordsOf(1, dataBatch(1, { ...facts, baseOffset: request }))] }
        },
      }),
    )
    fetcher.assign([0, 1].map((partition) => ({ topic, partition, offset: 0 })))
    await rejects(pollFor(fetcher, 10_000), {
      code: 'VGM_TOPIC_GONE',
      message: /t has been deleted/,
      fix: /same group/,
    })
  })

  test('each fetch, and each position, names the epoch of the leader and that of the row before it', async (t) => {
    const asked: unknown[] = []
    const inEpoch = (epoch: number, baseOffset: number) => {
      const batch = dataBatch(2, { ...facts, baseOffset })
      new DataView(batch.buffer, batch.byteOffset).setInt32(12, epoch)
      return batch
    }
    const connections = fakeConnections({
      answer: async (request) => ({
        errorCode: 0,
        partitions: [recordsOf(0, request < 2 ? inEpoch(5 + request, 2 * request) : nothing)],
      }),
      onAsked: (targets) => asked.push(...targets),
    })
    const { fetcher } = hastyFetcher(t, connections)
    fetcher.assign([{ topic, partition: 0, offset: 0, leaderEpoch: 4 }])
    equal(fetcher.leaderEpoch(topic, 0), 4)
    await pollUntil(fetcher, () => fetcher.position(topic, 0) === 4)
    equal(fetcher.leaderEpoch(topic, 0), 6)
    await pollUntil(fetcher, () => asked.length >= 3)
    deepEqual(asked.slice(0, 3), [
      { topic, partition: 0, offset: 0, leaderEpoch: 3, lastFetchedEpoch: 4 },
      { topic, partition: 0, offset: 2, leaderEpoch: 3, lastFetchedEpoch: 5 },
      { topic, partition: 0, offset: 4, leaderEpoch: 3, lastFetchedEpoch: 6 },
    ])
  })

  test('a log that was cut and has grown again is an error that says what was lost and what to do', async (t) => {
    const connections = fakeConnections({
      answer: async () => ({ errorCode: 0, partitions: [recordsOf(0, nothing, { divergingOffset: 3 })] }),
    })
    const { fetcher } = hastyFetcher(t, connections, { group: 'g' })
    fetcher.assign([{ topic, partition: 0, offset: 7, leaderEpoch: 4 }])
    await rejects(pollFor(fetcher, 5_000), {
      code: 'VGM_LOG_TRUNCATED',
      message: /t\/0 was truncated: its rows 3 to 6, .* epoch 4/,
      fix: /--bootstrap-server kafka:9092 --group g --topic t:0 --reset-offsets --to-offset 3 --execute"/,
    })
  })

  test('what was not used is polled again, the other partitions first, and from where it was left', async (t) => {
    const batches = (partition: number) =>
      new Uint8Array(
        Buffer.concat(
          [0, 2, 4].map((baseOffset) => dataBatch(2, { ...facts, baseOffset: baseOffset + 10 * partition })),
        ),
      )
    let isDry = false
    const connections = fakeConnections({
      answer: async () => {
        const partitions = isDry ? [] : [0, 1, 2].map((partition) => recordsOf(partition, batches(partition)))
        isDry = true
        return { errorCode: 0, partitions }
      },
    })
    const { fetcher } = hastyFetcher(t, connections)
    fetcher.assign([0, 1, 2].map((partition) => ({ topic, partition, offset: 10 * partition })))
    const polled = await fetcher.poll(5_000)
    deepEqual(
      polled.map(({ partition }) => partition),
      [0, 1, 2],
    )
    fetcher.giveBack(polled.slice(1), 13)
    deepEqual(
      [0, 1, 2].map((partition) => fetcher.position(topic, partition)),
      [6, 13, 20],
    )
    const again = await fetcher.poll(5_000)
    deepEqual(
      again.map(({ partition, fromOffset, batches: left }) => [
        partition,
        fromOffset,
        left.map(({ baseOffset }) => baseOffset),
      ]),
      [
        [2, 20, [20, 22, 24]],
        [1, 13, [12, 14]],
      ],
    )
    deepEqual(
      [0, 1, 2].map((partition) => fetcher.position(topic, partition)),
      [6, 16, 26],
    )
    fetcher.assign([{ topic, partition: 1, offset: 3 }])
    fetcher.giveBack(again, 21)
    equal(fetcher.position(topic, 1), 3, 'what belongs to an older assignment comes again by itself')
  })
})
