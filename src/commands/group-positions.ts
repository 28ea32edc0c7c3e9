import { exitCodes, PipelineError } from '../errors.ts'
import type { PartitionOffset, TopicPartition } from '../stages/ports.ts'
import type { OpenCluster } from './command-context.ts'
import { partitionsOf, topicRanges } from './row-topics.ts'

/** Rows stand in an output, and nothing says up to where the input was read for them. */
export class PositionsMissingError extends PipelineError {
  readonly code = 'VGM_POSITIONS_MISSING'
  /** @param begin how the stage is told to begin anew */
  constructor(brokers: readonly string[], group: string, input: TopicPartition, output: TopicPartition, begin: string) {
    const [from, to] = [`${input.topic}/${input.partition}`, `${output.topic}/${output.partition}`]
    const tool = `kafka-consumer-groups.sh --bootstrap-server ${brokers.join(',')} --group ${group}`
    super(`Group ${group} has no position in ${from}, and ${to} is not empty: rows would be written a second time`, {
      fix:
        `To begin at the start, ${begin}. To go on, give the group its positions: ` +
        `"${tool} --topic ${input.topic} --reset-offsets --to-latest --execute" if all rows of ${input.topic} are in the output, ` +
        `else --to-offset or --to-datetime, for each partition behind the last row that is`,
      exitCode: exitCodes.usage,
    })
  }
}

/** Makes the topic where positions of groups are kept, unless it exists. @throws CompactedTopicError */
export async function preparePositions({ admin, rows }: OpenCluster): Promise<void> {
  if (rows.positionsTopic !== undefined) await admin.ensurePositionsTopic(rows.positionsTopic)
}

/**
 * Where a group stands in each partition of a topic, for those who only look: what it has committed, else what is kept
 * of it. A transaction that is about to change it is not waited for.
 */
export async function positionsIn(cluster: OpenCluster, group: string, topic: string): Promise<PartitionOffset[]> {
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
 * Demands that nothing stands in the outputs of partitions in which a group has no position. A slice's rows and its
 * positions become visible together, so rows without a position are those of a group that has lost it, or somebody
 * else's; those of another member of a new group have one. Rows of an input topic that was deleted and made again are
 * no reason: the new one's are others.
 *
 * Rows that were rolled back count too: to tell them apart the stage would need the right to read its output.
 *
 * @throws PositionsMissingError
 */
export async function demandEmptyOutput(
  cluster: OpenCluster,
  group: string,
  inputs: readonly TopicPartition[],
  outputTopic: string,
  begin: string,
): Promise<void> {
  const ranges = await topicRanges(cluster, outputTopic)
  const full = new Set(ranges.flatMap(({ partition, offset, endOffset }) => (offset < endOffset ? [partition] : [])))
  const doubtful = inputs.filter(({ partition }) => full.has(partition))
  const older = await cluster.rows.positionsLeftBehind(group, doubtful)
  const lost = doubtful.find(({ partition }) => older.every((each) => each.partition !== partition))
  if (lost === undefined) return
  const output = { topic: outputTopic, partition: lost.partition }
  throw new PositionsMissingError(cluster.settings.brokers, group, lost, output, begin)
}
