import {
  checkDataset,
  defaultModelsTopic,
  syntheticTopics,
  type TopicNames,
  type TopicOverrides,
  topicNames,
} from '../config/names.ts'
import { InterruptedError, UsageError } from '../errors.ts'
import { earliest } from '../kafka/broker-connections.ts'
import { TopicMissingError } from '../kafka/topic-errors.ts'
import type { PartitionOffset, TopicPartition } from '../ports/log.ts'
import type { BatchSizes } from '../stages/outgoing-buffers.ts'
import type { BoundedRange } from '../stages/read-partition.ts'
import type { ClusterSession } from './cluster-session.ts'

/** Large enough that the broker's work per batch is negligible, small enough for a processor's cache. */
const bestBatchBytes = 512 * 1024

/** For a topic that another command creates. @throws TopicMissingError with `fix` */
export async function requireTopic({ admin }: ClusterSession, topic: string, fix: string): Promise<void> {
  if ((await admin.topics.partitionCount(topic)) !== undefined) return
  throw new TopicMissingError(topic, await admin.topics.nearest(topic), fix)
}

/**
 * For a topic that a command fills from rows of the data set.
 *
 * @param more stands behind what is to be run
 * @throws TopicMissingError: run the command, or load rows first where there is no raw topic
 */
export async function requireFilled(
  cluster: ClusterSession,
  dataset: string,
  topic: string,
  command: string,
  more = '',
): Promise<void> {
  const { topics } = cluster.admin
  if ((await topics.partitionCount(topic)) !== undefined) return
  const { raw } = topicNames(dataset)
  // Whoever may not ask is not told more.
  const hasRows = await topics.partitionCount(raw).then(
    (partitions) => partitions !== undefined,
    () => true,
  )
  const first = hasRows ? `Run "vgm ${command}" first` : `There is no ${raw} either: run "vgm load" first`
  await requireTopic(cluster, topic, first + more)
}

/**
 * For a topic that may be one of the data set, or any other.
 *
 * @throws TopicMissingError: run the command that fills it, or name another with --topic
 */
export async function requireRowTopic(cluster: ClusterSession, dataset: string, topic: string): Promise<void> {
  const command = commandFilling(topic, dataset)
  if (command === undefined) await requireTopic(cluster, topic, 'Name one that exists (--topic)')
  else await requireFilled(cluster, dataset, topic, command, ', or name another with --topic')
}

/** Which command fills a topic of a data set; undefined for a topic of another name. */
function commandFilling(topic: string, dataset: string): string | undefined {
  const { raw, normalized, restored } = topicNames(dataset)
  const synthetic = syntheticTopics(dataset)
  const commands = new Map([
    [raw, 'load'],
    [normalized, 'normalize'],
    [restored, 'restore'],
    [synthetic.normalized, 'load FILE --as ctgan --spans spans.json --synthetic'],
    [synthetic.restored, 'restore --synthetic'],
  ])
  return commands.get(topic)
}

/** For rows without a key. @throws UsageError with `fix` if the topic is compacted, because it refuses them */
export async function refuseCompacted({ admin, settings }: ClusterSession, topic: string, fix: string): Promise<void> {
  const policy = (await admin.topics.config(topic)).get('cleanup.policy')
  if (!policy?.includes('compact')) return
  throw new UsageError(
    `Topic ${topic} has cleanup.policy=${policy}, and a compacted topic accepts no row without a key`,
    `${fix}, or run "kafka-configs.sh --bootstrap-server ${settings.brokers.join(',')} --alter --entity-type topics ` +
      `--entity-name ${topic} --add-config cleanup.policy=delete"`,
  )
}

/** Bytes at which a batch for this topic is sent. */
export async function batchBytesFor(cluster: ClusterSession, topic: string): Promise<number> {
  return (await batchSizesFor(cluster, topic)).batchBytes
}

/** How large batches for this topic may be. */
export async function batchSizesFor({ admin }: ClusterSession, topic: string): Promise<BatchSizes> {
  const largestBytes = Number((await admin.topics.config(topic)).get('max.message.bytes'))
  return { batchBytes: Math.min(bestBatchBytes, largestBytes), largestBytes }
}

/** The first row of each partition that is still there. */
export async function topicStarts({ admin }: ClusterSession, topic: string): Promise<PartitionOffset[]> {
  return (await admin.offsets.watermarks(topic)).map(({ partition, low }) => ({ topic, partition, offset: low }))
}

/** The first row of some partitions. */
export async function startsOf(
  { rows }: ClusterSession,
  partitions: readonly TopicPartition[],
): Promise<PartitionOffset[]> {
  return rows.withConnections((connections) => connections.listOffsets(partitions, earliest))
}

/** The end of each partition as of now: open transactions and markers count. */
export async function topicEnds({ admin }: ClusterSession, topic: string): Promise<PartitionOffset[]> {
  return (await admin.offsets.watermarks(topic)).map(({ partition, high }) => ({ topic, partition, offset: high }))
}

/** All that each partition holds as of now, in the order of their numbers. */
export async function topicRanges({ admin }: ClusterSession, topic: string): Promise<BoundedRange[]> {
  return (await admin.offsets.watermarks(topic)).map(({ partition, low, high }) => ({
    topic,
    partition,
    offset: low,
    endOffset: high,
  }))
}

/** Whether a topic has a row that counts: markers and rolled back rows do not. */
export async function holdsRows(cluster: ClusterSession, topic: string): Promise<boolean> {
  return haveRows(cluster, await topicRanges(cluster, topic))
}

/** Likewise of ranges. */
export async function haveRows(cluster: ClusterSession, ranges: readonly BoundedRange[]): Promise<boolean> {
  const reader = cluster.rows.openReader()
  try {
    for (const range of ranges) {
      reader.assign([range])
      while (reader.position(range.topic, range.partition) < range.endOffset) {
        const fetched = await reader.poll(100)
        if (fetched.some(({ batches }) => batches.length > 0)) return true
        if (cluster.signal.aborted) throw new InterruptedError()
      }
    }
    return false
  } finally {
    await reader.close()
  }
}

/** Rows between positions: an upper bound, for markers have offsets too. */
export function offsetsBetween(starts: readonly PartitionOffset[], ends: readonly PartitionOffset[]): number {
  const start = new Map(starts.map(({ partition, offset }) => [partition, offset]))
  return ends.reduce((sum, { partition, offset }) => sum + Math.max(0, offset - (start.get(partition) ?? 0)), 0)
}

/**
 * The topics of a data set, none of which is that of models or of positions.
 *
 * @throws UsageError for one topic in two places, and for a name that no data set can have
 */
export function datasetTopics(
  cluster: ClusterSession,
  dataset: string,
  overrides: TopicOverrides | undefined,
  modelsTopic: string | undefined,
): TopicNames {
  return topicNames(checkDataset(dataset), overrides, topicsBeside(cluster, modelsTopic))
}

/** Topics that stages use beside those of a data set. */
export function topicsBeside({ rows }: ClusterSession, modelsTopic = defaultModelsTopic): string[] {
  return rows.positionsTopic === undefined ? [modelsTopic] : [modelsTopic, rows.positionsTopic]
}

/** Offsets that ranges hold: an upper bound of their rows, for markers have offsets too. */
export function offsetsIn(ranges: readonly BoundedRange[]): number {
  return ranges.reduce((sum, { offset, endOffset }) => sum + endOffset - offset, 0)
}
