import { exitCodes, PipelineError } from '../errors.ts'
import type { PartitionOffset, TopicPartition } from '../ports/log.ts'
import { countedPosition } from '../stages/counted-position.ts'
import type { ClusterSession } from './cluster-session.ts'
import { partitionsOf, topicRanges } from './row-topics.ts'

/** Rows stand in an output, and nothing says up to where the input was read for them. */
export class PositionsMissingError extends PipelineError {
  readonly code = 'VGM_POSITIONS_MISSING'
  /** @param beginAnew how the stage is told to begin anew */
  constructor(
    brokers: readonly string[],
    group: string,
    input: TopicPartition,
    outputTopic: string,
    beginAnew: string,
  ) {
    const [from, to] = [`${input.topic}/${input.partition}`, `${outputTopic}/${input.partition}`]
    const tool = `kafka-consumer-groups.sh --bootstrap-server ${brokers.join(',')} --group ${group}`
    super(`Group ${group} has no position in ${from}, and ${to} is not empty: rows would be written a second time`, {
      fix:
        `To begin at the start, ${beginAnew}. To go on, add --rebuild-positions, which counts the rows of the output, or give the group ` +
        `its positions with "${tool} --topic ${input.topic} --reset-offsets --to-offset N --execute"`,
      exitCode: exitCodes.usage,
    })
  }
}

/** Makes the topic where positions of groups are kept, unless it exists. @throws CompactedTopicError */
export async function preparePositions({ admin, rows }: ClusterSession): Promise<void> {
  if (rows.positionsTopic !== undefined) await admin.ensurePositionsTopic(rows.positionsTopic)
}

/**
 * Where a group stands in each partition of a topic, for those who only look: what it has committed, else what is kept
 * of it. A transaction that is about to change it is not waited for.
 */
export async function positionsIn(cluster: ClusterSession, group: string, topic: string): Promise<PartitionOffset[]> {
  const { admin, rows } = cluster
  const committed = await admin.committedOffsets(group, topic)
  const known = new Set(committed.map(({ partition }) => partition))
  const all = Array.from({ length: await partitionsOf(cluster, topic) }, (_, partition) => ({ topic, partition }))
  const kept = await rows.keptPositions(
    group,
    all.filter(({ partition }) => !known.has(partition)),
  )
  return [...committed, ...kept].sort((a, b) => a.partition - b.partition)
}

/**
 * Partitions in which a group has lost its position: it has none, and the output is not empty. The rows and the
 * positions of a slice become visible together, and a member commits its positions before its first row. So members of
 * a new group have none of these, however many start at once. If the input topic was deleted and made again, the rows
 * of the output are those of the older one.
 *
 * Rows that were rolled back count too: the stage would need the right to read its output to tell them apart.
 *
 * @param inputs without a position
 */
export async function lostPositions(
  cluster: ClusterSession,
  group: string,
  inputs: readonly TopicPartition[],
  outputTopic: string,
): Promise<TopicPartition[]> {
  const ranges = await topicRanges(cluster, outputTopic)
  const full = new Set(ranges.flatMap(({ partition, offset, endOffset }) => (offset < endOffset ? [partition] : [])))
  const doubtful = inputs.filter(({ partition }) => full.has(partition))
  const older = await cluster.rows.positionsLeftBehind(group, doubtful)
  return doubtful.filter(({ partition }) => older.every((each) => each.partition !== partition))
}

/**
 * The positions of a stage in some partitions, counted from what it has written.
 *
 * @throws PositionUncountableError
 */
export async function rebuiltPositions(
  cluster: ClusterSession,
  stage: string,
  inputs: readonly TopicPartition[],
  outputTopic: string,
  deadLetterTopic: string,
): Promise<PartitionOffset[]> {
  const { rows, signal } = cluster
  const rangeOf = async ({ topic, partition }: TopicPartition) => (await topicRanges(cluster, topic))[partition]
  const reader = rows.openReader()
  try {
    const positions: PartitionOffset[] = []
    for (const input of inputs) {
      const { partition } = input
      const of = {
        stage,
        input: await rangeOf(input),
        output: await rangeOf({ topic: outputTopic, partition }),
        deadLetters: await rangeOf({ topic: deadLetterTopic, partition }),
      }
      positions.push({ ...input, offset: await countedPosition(reader, of, signal) })
    }
    return positions
  } finally {
    await reader.close()
  }
}
