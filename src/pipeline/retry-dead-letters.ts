import { type GroupStage, groupName, topicNames, transactionalId } from '../config/names.ts'
import { datasetName, listener, listOf, naturalNumber, ownTopic, text, type ValueRule } from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import { PartitionCountError } from '../kafka/topic-errors.ts'
import { parseRetried } from '../stages/retried-ranges.ts'
import { type RetryRange, type RetryReport, retryDeadLetters as retryRows } from '../stages/retry-dead-letters.ts'
import { DeadLetterMissingError } from '../stages/verify/read-dead-letters.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { positionHistoriesOf } from './group-lag.ts'
import { preparePositions } from './group-positions.ts'
import { noProgress, type OnProgress } from './progress.ts'
import { batchSizesFor, requireTopic, topicRanges } from './row-topics.ts'

/** Dead letters of a partition of their topic. */
export interface DeadLetterRange {
  readonly partition: number
  readonly from: number
  /** the last one */
  readonly to: number
}

export interface RetryDeadLettersOptions {
  readonly dataset: string
  /** topic of dead letters ['<dataset>.dead-letters'] */
  readonly topic?: string | undefined
  /** the topic that they came from, and go to again ['<dataset>.raw'] */
  readonly rawTopic?: string | undefined
  /** only those with one of these codes [all] */
  readonly codes?: readonly string[] | undefined
  /** only those in these ranges, one for each partition at most [all] */
  readonly ranges?: readonly DeadLetterRange[] | undefined
  readonly onProgress?: OnProgress | undefined
}

const deadLetterRange: ValueRule<DeadLetterRange> = {
  allows: (value) => {
    const { partition, from, to } = (value ?? {}) as Partial<DeadLetterRange>
    return [partition, from, to].every((each) => naturalNumber.allows(each)) && Number(from) <= Number(to)
  },
  may: 'an object with partition, from and to',
}

const checks = optionChecks<RetryDeadLettersOptions>(
  'retryDeadLetters',
  { dataset: datasetName },
  {
    topic: ownTopic,
    rawTopic: ownTopic,
    codes: listOf(text, 'codes'),
    ranges: listOf(deadLetterRange, 'ranges'),
    onProgress: listener<OnProgress>(),
  },
)

/**
 * Sends dead letters of normalize to the raw topic again, as they were, so that normalize processes them once more:
 * each once, however often this is called and whatever is killed. The header `vgm.attempt` counts the attempts. A row
 * that fails again is a new dead letter, which can be retried as well.
 *
 * @example
 * await retryDeadLetters(cluster, { dataset: 'trips', codes: ['VGM_ROW_SCHEMA_UNKNOWN'] })
 *
 * @throws TopicMissingError; DeadLetterMissingError for a range without a row; RowTooLargeError;
 *   PartitionCountError for a raw topic that lacks a partition, as one that was made again;
 *   FencedError for two at once; InterruptedError when the cluster's signal fires: the same call goes on
 */
export async function retryDeadLetters(
  cluster: ClusterSession,
  options: RetryDeadLettersOptions,
): Promise<RetryReport> {
  return call(checks, cluster, options, retry)
}

async function retry(cluster: ClusterSession, options: RetryDeadLettersOptions): Promise<RetryReport> {
  const { dataset, codes, ranges: asked, onProgress = noProgress } = options
  const names = topicNames(dataset)
  const { topic = names.deadLetters, rawTopic = names.raw } = options
  const { admin, rows, signal } = cluster
  if (asked !== undefined && new Set(asked.map(({ partition }) => partition)).size < asked.length)
    throw new UsageError('Two ranges of dead letters are in the same partition', 'Retry them one after the other')
  await requireTopic(cluster, topic, 'Check the name of the data set; "vgm normalize" creates it at its first start')
  const partitions = await admin.topics.mustExist(rawTopic)
  await preparePositions(cluster)
  const group = groupName(dataset, retryStage)
  // The writer first: it fences another retry, which could otherwise move what is read next.
  const writer = await rows.openWriter(transactionalId(group, topic), 'none')
  const reader = rows.openReader()
  try {
    const held = await topicRanges(cluster, topic)
    const positions = await rows.positionsOf(group, held)
    const retried = new Map(positions.map(({ partition, metadata }) => [partition, parseRetried(metadata)]))
    for (const { partition, from, to } of asked ?? []) {
      const range = held.find((each) => each.partition === partition)
      if (range === undefined || from >= range.endOffset || to < range.offset)
        throw new DeadLetterMissingError(topic, partition, from, to)
    }
    const ranges = held.flatMap((range): RetryRange[] => {
      const known = { ...range, retried: retried.get(range.partition) ?? {} }
      if (asked === undefined) return [known]
      const wanted = asked.find(({ partition }) => partition === range.partition)
      if (wanted === undefined) return []
      const offset = Math.min(Math.max(range.offset, wanted.from), range.endOffset)
      return [{ ...known, offset, endOffset: Math.min(range.endOffset, wanted.to + 1) }]
    })
    // Each dead letter stands in the partition that it came from.
    const needed = Math.max(0, ...ranges.filter(holdsOffsets).map(({ partition }) => partition + 1))
    if (needed > partitions) throw new PartitionCountError(rawTopic, partitions, needed, cluster.settings.brokers)
    const others = await otherReaders(cluster, dataset, rawTopic)
    if (others.length > 0)
      cluster.log.warn({ topic: rawTopic, groups: others }, 'these groups read the topic too: they get the rows again')
    const of = ranges.reduce((sum, { offset, endOffset }) => sum + Math.max(0, endOffset - offset), 0)
    const report = await retryRows({
      reader,
      writer,
      group,
      ranges,
      codes,
      rawTopic,
      partitions,
      sizes: await batchSizesFor(cluster, rawTopic),
      signal,
      onProgress: (read) => onProgress(read, of),
    })
    // What stands there is a marker, or was rolled back.
    if (asked?.length === 1 && report.rowsIn + report.notRetriable === 0)
      throw new DeadLetterMissingError(topic, asked[0].partition, asked[0].from, asked[0].to)
    return report
  } finally {
    await reader.close()
    await writer.close()
  }
}

const holdsOffsets = ({ offset, endOffset }: RetryRange) => offset < endOffset

const retryStage: GroupStage = 'retry'

/** Groups of other data sets that read a topic: of their rows, those that are retried are a second time there. */
async function otherReaders(cluster: ClusterSession, dataset: string, topic: string): Promise<string[]> {
  const positions = await positionHistoriesOf(cluster)
  const groups = new Set(positions.filter((each) => each.topic === topic).map(({ group }) => group))
  return [...groups].filter((group) => group.endsWith('.normalize') && group !== groupName(dataset, 'normalize')).sort()
}
