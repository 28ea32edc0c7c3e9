import type { BrokerState, HandlersOf, RequestFacts } from '../broker-state.ts'
import type { Isolation } from '../core/partition-log.ts'
import { errorCodes } from '../error-codes.ts'
import type { RequestOf, ResponseOf } from '../protocol/apis.ts'
import type { Topic } from '../topics.ts'
import { leaderError } from './log-handlers.ts'

type Asked = RequestOf<'Fetch'>['topics'][number]
type AskedPartition = Asked['partitions'][number]
type FetchedPartition = ResponseOf<'Fetch'>['responses'][number]['partitions'][number]

interface ReadFacts {
  readonly nodeId: number
  readonly isolation: Isolation
  readonly leftBytes: number
  readonly isFirst: boolean
}

interface Read {
  readonly responses: ResponseOf<'Fetch'>['responses']
  readonly sizeBytes: number
  /** an error, or a log that has gone another way, is told at once */
  readonly isUrgent: boolean
}

/** Rows go out. */
export function fetchHandlers(broker: BrokerState): HandlersOf<'Fetch'> {
  const { topics, nodes, settings } = broker
  const largestBytes = settings.number('fetch.max.bytes')

  function topicOf({ topic, topicId }: Asked, version: number): Topic | undefined {
    return version < 13 ? topics.get(topic) : topics.byId(topicId)
  }

  function readPartition(
    topic: Topic,
    { partition: partitionIndex, fetchOffset, currentLeaderEpoch, lastFetchedEpoch, partitionMaxBytes }: AskedPartition,
    { nodeId, isolation, leftBytes, isFirst }: ReadFacts,
  ): FetchedPartition & { readonly sizeBytes: number } {
    const partition = topic.partitions[partitionIndex]
    if (partition === undefined) return notHere(partitionIndex, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
    const leading = leaderError(nodes, { nodeId, leaderEpoch: currentLeaderEpoch }, topic.name, partition)
    if (leading !== errorCodes.NONE) return refused(partitionIndex, leading)
    const { log } = partition
    const found = {
      highWatermark: log.endOffset,
      lastStableOffset: log.lastStableOffset,
      logStartOffset: log.startOffset,
    }
    if (lastFetchedEpoch >= 0) {
      const { epoch: known, endOffset } = log.endOfEpoch(lastFetchedEpoch)
      // Nothing is known of that epoch: these are not the rows that the client has read.
      if (known < 0) return refused(partitionIndex, errorCodes.OFFSET_OUT_OF_RANGE)
      if (known < lastFetchedEpoch || endOffset < fetchOffset)
        return {
          ...found,
          partitionIndex,
          errorCode: errorCodes.NONE,
          divergingEpoch: { epoch: known, endOffset },
          abortedTransactions: [],
          records: [],
          sizeBytes: 0,
        }
    }
    const maxBytes = Math.min(partitionMaxBytes, leftBytes)
    const { error, buffers, sizeBytes, aborted } = log.fetch(fetchOffset, maxBytes, isolation, isFirst)
    if (error !== errorCodes.NONE) return refused(partitionIndex, error)
    const abortedTransactions = isolation === 'read_committed' ? aborted : null
    return { ...found, partitionIndex, errorCode: error, abortedTransactions, records: buffers, sizeBytes }
  }

  function read(request: RequestOf<'Fetch'>, { nodeId, version }: RequestFacts): Read {
    const isolation = request.isolationLevel === 1 ? 'read_committed' : 'read_uncommitted'
    const maxBytes = Math.min(request.maxBytes, largestBytes)
    let sizeBytes = 0
    let isUrgent = false
    const responses = request.topics.map((asked) => {
      const topic = topicOf(asked, version)
      const unknown = version < 13 ? errorCodes.UNKNOWN_TOPIC_OR_PARTITION : errorCodes.UNKNOWN_TOPIC_ID
      return {
        topic: asked.topic,
        topicId: asked.topicId,
        partitions: asked.partitions.map((each) => {
          const leftBytes = Math.max(0, maxBytes - sizeBytes)
          const answer =
            topic === undefined
              ? notHere(each.partition, unknown)
              : readPartition(topic, each, { nodeId, isolation, leftBytes, isFirst: sizeBytes === 0 })
          sizeBytes += answer.sizeBytes
          isUrgent ||= answer.errorCode !== errorCodes.NONE || answer.divergingEpoch !== undefined
          return answer
        }),
      }
    })
    return { responses, sizeBytes, isUrgent }
  }

  /** Resolves as soon as partitions have grown by `bytes`, or the time is over, or the client is gone. */
  function growth(request: RequestOf<'Fetch'>, version: number, bytes: number, untilMs: number, signal: AbortSignal) {
    return new Promise<void>((resolve) => {
      const { clock } = broker
      let left = bytes
      const done = () => {
        timer.cancel()
        signal.removeEventListener('abort', done)
        for (const end of ends) end()
        resolve()
      }
      const grew = (more: number) => {
        left -= more
        // A topic that is gone grows by nothing, and is told.
        if (left <= 0 || more === 0) done()
      }
      const timer = clock.after(untilMs - clock.nowMs, done)
      signal.addEventListener('abort', done)
      const ends = request.topics.flatMap((asked) => {
        const topic = topicOf(asked, version)
        return asked.partitions.flatMap(({ partition }) => topic?.partitions[partition]?.onGrowth(grew) ?? [])
      })
    })
  }

  return {
    Fetch: async (request, facts) => {
      const { version, signal } = facts
      const { sessionEpoch, maxWaitMs, minBytes } = request
      // No session is ever granted: each request names all partitions.
      if (sessionEpoch > 0) return { errorCode: errorCodes.FETCH_SESSION_ID_NOT_FOUND, responses: [] }
      const untilMs = broker.clock.nowMs + maxWaitMs
      for (;;) {
        const { responses, sizeBytes, isUrgent } = read(request, facts)
        const isOver = isUrgent || sizeBytes >= minBytes || request.topics.length === 0
        if (isOver || broker.clock.nowMs >= untilMs) return { responses }
        await growth(request, version, minBytes - sizeBytes, untilMs, signal)
        // Its logs may be closed by now.
        if (signal.aborted) return undefined
      }
    },
  }
}

function refused(partitionIndex: number, errorCode: number): FetchedPartition & { readonly sizeBytes: number } {
  return { partitionIndex, errorCode, highWatermark: -1, abortedTransactions: null, records: [], sizeBytes: 0 }
}

/** Unlike other errors this one comes with an empty list, as from Apache Kafka. */
function notHere(partitionIndex: number, errorCode: number): FetchedPartition & { readonly sizeBytes: number } {
  return { ...refused(partitionIndex, errorCode), abortedTransactions: [] }
}
