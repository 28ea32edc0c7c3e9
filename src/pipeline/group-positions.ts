import { exitCodes, PipelineError, UsageError } from '../errors.ts'
import { groupsCommand, resetTo } from '../ports/groups-tool.ts'
import type { PartitionOffset, TopicPartition } from '../ports/log.ts'
import { countedPosition } from '../stages/counted-position.ts'
import type { ClusterSession } from './cluster-session.ts'
import { haveRows, offsetsBetween, topicEnds, topicRanges, topicStarts } from './row-topics.ts'

/** A stage with the input of its group and the output of its rows. */
export interface GroupedStage {
  readonly stage: string
  readonly group: string
  readonly inputTopic: string
  readonly outputTopic: string
}

/** How a user starts a stage from the first row although an output has rows. */
const beginAnew: Readonly<Record<string, string>> = {
  normalize:
    'name another topic for normalized rows, or run "vgm replay --from start --model VERSION" into a separate topic',
  restore: 'name another topic for restored rows',
}

/** An output has rows, but the position of the input is unknown. */
export class PositionsMissingError extends PipelineError {
  readonly code = 'VGM_POSITIONS_MISSING'
  /** @param partitions without a position, one at least */
  constructor(
    brokers: readonly string[],
    { stage, group, inputTopic, outputTopic }: GroupedStage,
    partitions: readonly number[],
  ) {
    const [partition, ...more] = partitions
    const [from, to] = [`${inputTopic}/${partition}`, `${outputTopic}/${partition}`]
    const setPosition = groupsCommand({ brokers, group }, inputTopic, [partition], resetTo('offset N'))
    const others = more.length === 0 ? '' : `, and likewise in partition ${more.join(', ')}`
    super(`Group ${group} has no position in ${from}, and ${to} is not empty: rows would be written a second time`, {
      fix:
        `To begin at the start, ${beginAnew[stage] ?? 'name another output topic'}. To resume, add ` +
        '--rebuild-positions (rebuildPositions), which counts the rows of the output, or set the position with ' +
        `"${setPosition}"${others}`,
      exitCode: exitCodes.usage,
    })
  }
}

/** A replay would add its rows to those of another one. */
export function outputOfAnother(output: string): UsageError {
  return new UsageError(
    `Topic ${output} has rows of another replay`,
    'Name another output (--output), or repeat the call that wrote it, to continue it',
  )
}

/** Its input would be read a second time. */
const restoredToo = '. In both cases let vgm restore write to another topic, because the present one has the lost rows'

/** Rows were read, and their results are gone: the output was deleted or recreated. */
export class OutputLostError extends PipelineError {
  readonly code = 'VGM_OUTPUT_LOST'
  constructor(
    brokers: readonly string[],
    { stage, group, inputTopic, outputTopic }: GroupedStage,
    { partition, offset }: Pick<PartitionOffset, 'partition' | 'offset'>,
    exists: boolean,
  ) {
    const deleteOffsets = groupsCommand({ brokers, group }, inputTopic, 'all', '--delete-offsets')
    const lost = exists ? `topic ${outputTopic} is empty` : `there is no topic ${outputTopic}`
    super(
      `Group ${group} has read ${inputTopic}/${partition} up to offset ${offset}, and ${lost}: the ` +
        'results of the earlier rows would be missing',
      {
        fix:
          'To write all rows again, name another group, or delete the offsets of this one with ' +
          `"${deleteOffsets}". ` +
          'To continue with the rows that follow, add --allow-empty-output ' +
          `(allowEmptyOutput)${stage === 'normalize' ? restoredToo : ''}`,
        exitCode: exitCodes.usage,
      },
    )
  }
}

/** @internal Creates the topic of the positions of groups, unless it exists. @throws CompactedTopicError */
export async function preparePositions({ admin, rows }: ClusterSession): Promise<void> {
  if (rows.positionsTopic !== undefined) await admin.topics.ensurePositionsTopic(rows.positionsTopic)
}

/**
 * The position of a group in each partition of a topic, for reports: the committed offset, otherwise the stored
 * position. It does not wait for open transactions.
 */
export async function positionsIn(cluster: ClusterSession, group: string, topic: string): Promise<PartitionOffset[]> {
  const { admin, rows } = cluster
  const committed = await admin.groups.committedOffsets(group, topic)
  const known = new Set(committed.map(({ partition }) => partition))
  const all = Array.from({ length: await cluster.admin.topics.mustExist(topic) }, (_, partition) => ({
    topic,
    partition,
  }))
  const kept = await rows.keptPositions(
    group,
    all.filter(({ partition }) => !known.has(partition)),
  )
  return [...committed, ...kept].sort((a, b) => a.partition - b.partition)
}

/** Where a stage stops, and the offsets that its group has left up to there; neither for a stage without an end. */
export async function endsOf(
  cluster: ClusterSession,
  group: string,
  topic: string,
  untilEnd: boolean,
): Promise<{ readonly ends?: PartitionOffset[]; readonly of?: number }> {
  if (!untilEnd) return {}
  const [starts, ends] = [await topicStarts(cluster, topic), await topicEnds(cluster, topic)]
  return { ends, of: await offsetsLeft(cluster, group, starts, ends) }
}

/** Offsets that a group has left in the partitions of a topic, between where it begins and where it stops. */
export async function offsetsLeft(
  cluster: ClusterSession,
  group: string,
  starts: readonly PartitionOffset[],
  ends: readonly PartitionOffset[],
): Promise<number> {
  const { positionsTopic } = cluster.rows
  const keeps =
    positionsTopic !== undefined && (await cluster.admin.topics.partitionCount(positionsTopic)) !== undefined
  const [{ topic }] = starts
  const positions = keeps
    ? await positionsIn(cluster, group, topic)
    : await cluster.admin.groups.committedOffsets(group, topic)
  const at = new Map(positions.map(({ partition, offset }) => [partition, offset]))
  const left = starts.map((start) => ({ ...start, offset: Math.max(start.offset, at.get(start.partition) ?? 0) }))
  return offsetsBetween(left, ends)
}

/**
 * Partitions in which a group has lost its position: it has none, and the output is not empty. The rows and the
 * positions of a slice become visible together, and a member commits its positions before its first row. So members of
 * a new group have none of these, however many start at once.
 *
 * Markers and rows that were rolled back count too, unless the output may be read to tell them apart.
 *
 * @param inputs    without a position
 * @param readsRows whether the output is read; the stage needs the right for it
 * @returns those, and partitions of an input topic that was deleted and made again: rows of the output are of the older
 */
export async function lostPositions(
  cluster: ClusterSession,
  group: string,
  inputs: readonly TopicPartition[],
  outputTopic: string,
  readsRows = false,
): Promise<{ readonly lost: readonly TopicPartition[]; readonly remade: readonly TopicPartition[] }> {
  const full = new Set<number>()
  for (const range of await topicRanges(cluster, outputTopic)) {
    const { partition, offset, endOffset } = range
    if (offset >= endOffset || !inputs.some((input) => input.partition === partition)) continue
    if (!readsRows || (await haveRows(cluster, [range]))) full.add(partition)
  }
  const doubtful = inputs.filter(({ partition }) => full.has(partition))
  const older = await cluster.rows.positionsLeftBehind(group, doubtful)
  const isOlder = ({ partition }: TopicPartition) => older.some((each) => each.partition === partition)
  return { lost: doubtful.filter((each) => !isOlder(each)), remade: doubtful.filter(isOlder) }
}

/**
 * Why a group that has read rows cannot go on: nothing was ever written to its output. Each slice leaves a marker in it
 * at least. A group that stands where it begins has read nothing. Nor do positions count that the brokers have removed:
 * with such an output the group begins anew.
 *
 * @param starts where the group begins [the first row of each partition]
 */
export async function outputLost(
  cluster: ClusterSession,
  stage: GroupedStage,
  starts?: readonly PartitionOffset[],
): Promise<OutputLostError | undefined> {
  const { admin, rows, settings } = cluster
  const { group, inputTopic, outputTopic } = stage
  const exists = async () => (await admin.topics.partitionCount(outputTopic)) !== undefined
  const isWritten = async () =>
    (await exists()) && (await topicRanges(cluster, outputTopic)).some(({ endOffset }) => endOffset > 0)
  if (await isWritten()) return undefined
  const begun = starts ?? (await topicStarts(cluster, inputTopic))
  const held = await rows.withConnections((connections) => connections.committedOffsets(group, begun))
  const read = held.find(({ partition, offset }) =>
    begun.some((start) => start.partition === partition && start.offset < offset),
  )
  // Another member may have committed its first slice since the output was looked at.
  if (read === undefined || (await isWritten())) return undefined
  return new OutputLostError(settings.brokers, stage, read, await exists())
}

/** Why the next start of a stage would be refused for what its group and its output hold; undefined if it would not. */
export async function startRefusal(cluster: ClusterSession, stage: GroupedStage): Promise<PipelineError | undefined> {
  const { group, inputTopic, outputTopic } = stage
  const lost = await outputLost(cluster, stage)
  if (lost !== undefined || (await cluster.admin.topics.partitionCount(outputTopic)) === undefined) return lost
  const { lost: full } = await lostPositions(cluster, group, await topicStarts(cluster, inputTopic), outputTopic)
  // Looked at behind the output: who has written rows by then has a position.
  const held = new Set((await positionsIn(cluster, group, inputTopic)).map(({ partition }) => partition))
  const missing = full.map(({ partition }) => partition).filter((partition) => !held.has(partition))
  return missing.length === 0 ? undefined : new PositionsMissingError(cluster.settings.brokers, stage, missing)
}

/**
 * The positions of a stage in some partitions, counted from what it has written.
 *
 * @throws PositionUncountableError
 */
export async function rebuiltPositions(
  cluster: ClusterSession,
  { stage, group, outputTopic, deadLetterTopic }: GroupedStage & { readonly deadLetterTopic: string },
  inputs: readonly TopicPartition[],
): Promise<PartitionOffset[]> {
  const { rows, settings, signal } = cluster
  const rangeOf = async ({ topic, partition }: TopicPartition) => (await topicRanges(cluster, topic))[partition]
  const reader = rows.openReader()
  try {
    const positions: PartitionOffset[] = []
    for (const input of inputs) {
      const { partition } = input
      const of = {
        stage,
        group: { brokers: settings.brokers, group },
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
