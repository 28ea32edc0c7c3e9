import { errorCodes } from '../../../src/embedded/error-codes.ts'
import type { Chance } from './chance.ts'
import { type BatchPlan, producedBatch } from './produced-batch.ts'
import type { RequestBody } from './raw-client.ts'
import { noProducer, type Producer, type SequenceRun } from './sequence-run.ts'
import { answeredBy, ask, type Step } from './step.ts'

/** How a batch names its producer, beside what would be right. */
export interface Idempotence {
  readonly producer: string
  /** added to the right sequence number */
  readonly sequenceShift: number
  readonly epochShift: number
  readonly isTransactional?: boolean
  readonly transactionalId?: string | null
}

export interface ProduceOptions {
  readonly idempotence?: Idempotence
  readonly acks?: number
  readonly version?: number
  readonly actor?: string
}

const sequenceKey = (producer: string, topic: string, partition: number): string => `${producer} ${topic} ${partition}`

export function shifted(run: SequenceRun, symbol: string, epochShift: number): Producer {
  const { id, epoch } = run.producers.get(symbol) ?? noProducer
  return { id, epoch: epoch + epochShift }
}

/** A batch for one partition. Sequence numbers go on where the last one that was taken has ended. */
export function produce(
  chance: Chance,
  topic: string,
  partition: number,
  plan: BatchPlan,
  { idempotence, acks = -1, version = chance.version('Produce'), actor = 'main' }: ProduceOptions = {},
): Step {
  const described = [`${topic}-${partition}`, `acks ${acks}`, `${plan.rows.length} rows`, plan.compression, plan.flaw]
  const body = (run: SequenceRun): RequestBody<'Produce'> => {
    let identified = plan
    if (idempotence !== undefined) {
      const { producer, epochShift, sequenceShift, isTransactional = false } = idempotence
      const next = run.sequences.get(sequenceKey(producer, topic, partition)) ?? 0
      const sequence = Math.max(0, next + sequenceShift)
      const named = shifted(run, producer, epochShift)
      // Apache Kafka takes transactional batches of nobody, which no client sends.
      identified = { ...plan, producer: named, sequence, isTransactional: isTransactional && named.id >= 0n }
    }
    const id = idempotence?.transactionalId ?? null
    return {
      transactionalId: id === null ? null : run.name(id),
      acks,
      timeoutMs: 10_000,
      topicData: [{ name: run.name(topic), partitionData: [{ index: partition, records: producedBatch(identified) }] }],
    }
  }
  return ask('Produce', version, body, {
    actor,
    label: [...described, idempotence && JSON.stringify(idempotence)].filter(Boolean).join(' '),
    keep({ responses }, run) {
      const errorCode = responses[0]?.partitionResponses[0]?.errorCode
      if (idempotence === undefined || errorCode !== errorCodes.NONE || idempotence.sequenceShift < 0) return
      const key = sequenceKey(idempotence.producer, topic, partition)
      run.sequences.set(key, (run.sequences.get(key) ?? 0) + idempotence.sequenceShift + plan.rows.length)
    },
  })
}

/**
 * A batch that wants no answer. What it has come to is seen on its connection: brokers close it on an error, since
 * they cannot tell it.
 */
export function produceUnanswered(chance: Chance, topic: string, partition: number, plan: BatchPlan): Step {
  const version = chance.version('Produce')
  return {
    label: `unanswered: Produce v${version} ${topic}-${partition} acks 0 ${plan.flaw ?? ''}`,
    async perform(run) {
      const client = await run.client('unanswered')
      client.tell('Produce', version, {
        transactionalId: null,
        acks: 0,
        timeoutMs: 10_000,
        topicData: [{ name: run.name(topic), partitionData: [{ index: partition, records: producedBatch(plan) }] }],
      })
      return answeredBy('ApiVersions', 0, async () => (await client.ask('ApiVersions', 0, {})).errorCode)
    },
  }
}

/** ApiVersions in a version that is not there yet. */
export function askFutureVersions(): Step {
  return {
    label: 'future: ApiVersions v99',
    perform: (run) =>
      answeredBy(
        'ApiVersions',
        99,
        async () => (await (await run.client('future')).askUnknownApiVersions(99)).errorCode,
      ),
  }
}

export interface FetchedPartition {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly maxBytes?: number
  readonly currentLeaderEpoch?: number
  readonly lastFetchedEpoch?: number
}

export interface FetchOptions {
  readonly isolationLevel?: number
  readonly maxBytes?: number
  readonly minBytes?: number
  readonly maxWaitMs?: number
  readonly sessionId?: number
  readonly sessionEpoch?: number
  readonly version?: number
}

export function fetch(chance: Chance, partitions: readonly FetchedPartition[], options: FetchOptions = {}): Step {
  const {
    isolationLevel = 0,
    maxBytes = 2 ** 20,
    minBytes = 0,
    maxWaitMs = 0,
    sessionId = 0,
    sessionEpoch = -1,
    version = chance.version('Fetch'),
  } = options
  return ask(
    'Fetch',
    version,
    (run) => ({
      maxWaitMs,
      minBytes,
      maxBytes,
      isolationLevel,
      sessionId,
      sessionEpoch,
      topics: [...Map.groupBy(partitions, ({ topic }) => topic)].map(([topic, asked]) => ({
        topic: run.name(topic),
        // An id that no topic has, in the place of that of a topic that is not there.
        topicId: run.topicIds.get(topic) ?? 'AQEBAQEBAQEBAQEBAQEBAQ',
        partitions: asked.map(({ partition, offset, maxBytes = 2 ** 20, ...epochs }) => ({
          partition,
          fetchOffset: offset,
          partitionMaxBytes: maxBytes,
          currentLeaderEpoch: epochs.currentLeaderEpoch ?? -1,
          lastFetchedEpoch: epochs.lastFetchedEpoch ?? -1,
        })),
      })),
    }),
    { label: JSON.stringify({ partitions, ...options }) },
  )
}

export function listOffsets(
  chance: Chance,
  topic: string,
  partition: number,
  timestamp: number,
  isolationLevel = 0,
  currentLeaderEpoch = -1,
  version = chance.version('ListOffsets'),
): Step {
  return ask(
    'ListOffsets',
    version,
    (run) => ({
      replicaId: -1,
      isolationLevel,
      topics: [{ name: run.name(topic), partitions: [{ partitionIndex: partition, currentLeaderEpoch, timestamp }] }],
      timeoutMs: 5_000,
    }),
    { label: `${topic}-${partition} at ${timestamp} isolation ${isolationLevel} epoch ${currentLeaderEpoch}` },
  )
}

export function describeProducers(chance: Chance, topic: string, partitions: readonly number[]): Step {
  return ask(
    'DescribeProducers',
    chance.version('DescribeProducers'),
    (run) => ({ topics: [{ name: run.name(topic), partitionIndexes: partitions }] }),
    { label: topic },
  )
}

/** A producer id without a transactional id. */
export function initProducer(chance: Chance, symbol: string): Step {
  return ask(
    'InitProducerId',
    chance.version('InitProducerId'),
    () => ({ transactionalId: null, transactionTimeoutMs: 60_000 }),
    {
      label: symbol,
      keep({ producerId: id, producerEpoch: epoch }, run) {
        run.producers.set(symbol, { id, epoch })
      },
    },
  )
}
