import { errorCodes } from '../../../src/embedded/error-codes.ts'
import type { Chance } from './chance.ts'
import type { SequenceRun } from './sequence-run.ts'
import { ask, type Step, until } from './step.ts'

export type Configs = Readonly<Record<string, string | null>>

/**
 * Apache Kafka answers a Fetch from one segment, and rows of long ago beside markers of now would begin another one.
 */
export const oneSegment: Configs = { 'segment.ms': String(2n ** 63n - 1n) }

/** Creates a topic and waits until its leaders take requests. */
export function createTopic(
  chance: Chance,
  symbol: string,
  partitions: number,
  configs: Configs = {},
  replicationFactor = 1,
): Step {
  return ask(
    'CreateTopics',
    chance.version('CreateTopics'),
    (run) => ({
      topics: [
        {
          name: run.name(symbol),
          numPartitions: partitions,
          replicationFactor,
          assignments: [],
          configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
        },
      ],
      timeoutMs: 10_000,
      validateOnly: false,
    }),
    {
      label: `${symbol} ${partitions} partitions ${JSON.stringify(configs)}`,
      keep({ topics }, run) {
        if (topics[0]?.errorCode === errorCodes.NONE) run.created.add(symbol)
      },
      settle: (run) => topicReady(run, symbol),
    },
  )
}

/**
 * Waits until all partitions of a topic have leaders that answer, if it was created.
 *
 * @param atLeast partitions that it must have
 */
export async function topicReady(run: SequenceRun, symbol: string, atLeast = 1): Promise<void> {
  if (!run.created.has(symbol)) return
  const client = await run.client('main')
  await until(async () => {
    const { topics } = await client.ask('Metadata', 10, {
      topics: [{ name: run.name(symbol) }],
      allowAutoTopicCreation: false,
    })
    const [{ errorCode, partitions, topicId }] = topics
    if (errorCode !== errorCodes.NONE || partitions.length < atLeast) return false
    run.topicIds.set(symbol, topicId)
    const asked = partitions.map(({ partitionIndex }) => ({ partitionIndex, timestamp: -1 }))
    const { topics: offsets } = await client.ask('ListOffsets', 1, {
      replicaId: -1,
      topics: [{ name: run.name(symbol), partitions: asked }],
    })
    return offsets[0].partitions.every((partition) => partition.errorCode === errorCodes.NONE)
  })
}

/** Waits until nothing of a topic is left, neither in Metadata nor with a leader. */
export async function topicGone(run: SequenceRun, symbol: string): Promise<void> {
  run.created.delete(symbol)
  const client = await run.client('main')
  const name = run.name(symbol)
  await until(async () => {
    const { topics } = await client.ask('Metadata', 10, { topics: [{ name }], allowAutoTopicCreation: false })
    if (topics[0].errorCode === errorCodes.NONE) return false
    const { topics: offsets } = await client.ask('ListOffsets', 1, {
      replicaId: -1,
      topics: [{ name, partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
    })
    return offsets[0].partitions[0].errorCode === errorCodes.UNKNOWN_TOPIC_OR_PARTITION
  })
}
