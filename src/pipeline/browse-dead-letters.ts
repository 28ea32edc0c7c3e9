import { topicNames } from '../config/names.ts'
import { datasetName, naturalNumber, ownTopic } from '../config/value-rules.ts'
import { StockReader } from '../kafka/stock-reader.ts'
import type { StockLog } from '../ports/stock-log.ts'
import * as letters from '../stages/verify/read-dead-letters.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import { type ClusterSession, controlLog } from './cluster-session.ts'
import { requireTopic, topicEnds, topicStarts } from './row-topics.ts'

export interface DeadLettersOptions {
  readonly dataset: string
  /** topic of dead letters ['<dataset>.dead-letters'] */
  readonly topic?: string | undefined
}

/** Where a dead letter stands in its topic. */
interface DeadLetterPlace {
  readonly partition: number
  readonly offset: number
}

const countChecks = optionChecks<DeadLettersOptions>('countDeadLetters', { dataset: datasetName }, { topic: ownTopic })
const readChecks = optionChecks<DeadLettersOptions>('readDeadLetter', { dataset: datasetName }, { topic: ownTopic })
const placeChecks = optionChecks<DeadLetterPlace>(
  'readDeadLetter',
  { partition: naturalNumber, offset: naturalNumber },
  {},
)

/**
 * Counts the rows that could not be processed, by cause. Memory grows with the number of causes only.
 *
 * @throws UsageError if there is no such topic
 *
 * @example
 * const { rows, groups } = await countDeadLetters(cluster, { dataset: 'trips' })
 */
export async function countDeadLetters(
  cluster: ClusterSession,
  options: DeadLettersOptions,
): Promise<letters.DeadLetterSummary> {
  return call(countChecks, cluster, options, countLetters)
}

function countLetters(cluster: ClusterSession, options: DeadLettersOptions): Promise<letters.DeadLetterSummary> {
  return withDeadLetters(cluster, options, async (log, topic) => {
    const ends = await topicEnds(cluster, topic)
    const starts = await topicStarts(cluster, topic)
    const ranges = starts.map(({ partition, offset }, i) => ({ partition, start: offset, end: ends[i].offset }))
    return letters.listDeadLetters(log, topic, ranges)
  })
}

/**
 * Reads one dead letter with its headers, and its fields where they can be decoded.
 *
 * @param at its partition and offset in the topic of dead letters
 * @throws DeadLetterMissingError if no row stands there
 * @throws UsageError if there is no such topic
 */
export async function readDeadLetter(
  cluster: ClusterSession,
  options: DeadLettersOptions,
  at: DeadLetterPlace,
): Promise<letters.DeadLetter> {
  return call(readChecks, cluster, options, (open) => {
    placeChecks.check(at)
    return readLetter(open, options, at)
  })
}

function readLetter(
  cluster: ClusterSession,
  options: DeadLettersOptions,
  at: DeadLetterPlace,
): Promise<letters.DeadLetter> {
  return withDeadLetters(cluster, options, async (log, topic) => {
    const [start, end] = [await topicStarts(cluster, topic), await topicEnds(cluster, topic)].map(
      (offsets) => offsets.find(({ partition }) => partition === at.partition)?.offset ?? 0,
    )
    // A read beyond the end would wait for a row to come.
    if (at.offset < start || at.offset >= end) throw new letters.DeadLetterMissingError(topic, at.partition, at.offset)
    return letters.showDeadLetter(log, topic, at, (id) => cluster.registry.schemaById(id))
  })
}

async function withDeadLetters<T>(
  cluster: ClusterSession,
  { dataset, topic = topicNames(dataset).deadLetters }: DeadLettersOptions,
  work: (log: StockLog, topic: string) => Promise<T>,
): Promise<T> {
  const fix = 'Check the name of the data set; "vgm normalize" and "vgm restore" create it at their first start'
  await requireTopic(cluster, topic, fix)
  const log = new StockReader(cluster.settings, controlLog(cluster.log))
  try {
    return await work(log, topic)
  } finally {
    await log.close()
  }
}
