import { syntheticTopics, topicNames } from '../config/names.ts'
import { count, datasetName, flag, listOf, naturalNumber, oneOf, ownTopic, text } from '../config/value-rules.ts'
import { InterruptedError, UsageError } from '../errors.ts'
import { type TableFormat, tableFormats } from '../files/file-format.ts'
import type { SchemaSource } from '../ports/log.ts'
import type { StockLog } from '../ports/stock-log.ts'
import { type DeadLetterRow, deadLetterRows } from '../stages/verify/dead-letter-rows.ts'
import * as letters from '../stages/verify/read-dead-letters.ts'
import { beginsAnew, call } from './call.ts'
import { optionChecks } from './check-options.ts'
import { type ClusterSession, controlLog } from './cluster-session.ts'
import { checkExport } from './export-topic.ts'
import { followModels } from './models-topic.ts'
import { holdsRows, requireTopic, topicEnds, topicRanges, topicStarts } from './row-topics.ts'

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
 * @throws TopicMissingError
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

export interface ListDeadLettersOptions extends DeadLettersOptions {
  /** only those with one of these codes [all] */
  readonly codes?: readonly string[] | undefined
  /** the first so many [100] */
  readonly limit?: number | undefined
  /** where models are published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
}

const listChecks = optionChecks<ListDeadLettersOptions>(
  'listDeadLetters',
  { dataset: datasetName },
  { topic: ownTopic, codes: listOf(text, 'codes'), limit: count, modelsTopic: ownTopic },
)

/** Default number of dead letters in a list. */
const listedRows = 100

/**
 * Lists dead letters one by one, with key, source, reason, and the column that a row has failed for.
 *
 * @throws TopicMissingError
 *
 * @example
 * const letters = await listDeadLetters(cluster, { dataset: 'trips', codes: ['VGM_ROW_NOT_FINITE'] })
 */
export async function listDeadLetters(
  cluster: ClusterSession,
  options: ListDeadLettersOptions,
): Promise<DeadLetterRow[]> {
  return call(listChecks, cluster, options, async (open) => {
    const listed: DeadLetterRow[] = []
    await eachDeadLetter(open, options, async (row) => listed.push(row) < (options.limit ?? listedRows))
    return listed
  })
}

/** Hands dead letters over, as long as `use` asks for more. */
async function eachDeadLetter(
  cluster: ClusterSession,
  options: ListDeadLettersOptions,
  use: (row: DeadLetterRow) => Promise<boolean>,
): Promise<void> {
  const { dataset, codes, modelsTopic } = options
  await withDeadLetters(cluster, options, async (log, topic) => {
    const ranges = (await topicRanges(cluster, topic)).map(({ partition, offset, endOffset }) => ({
      partition,
      start: offset,
      end: endOffset,
    }))
    const models = await followModels(cluster, { dataset, modelsTopic })
    try {
      const columnsOf = (version: number) => models.knownVersion(dataset, version)?.columns
      const schemaById: SchemaSource['schemaById'] = (id) => cluster.registry.schemaById(id)
      for await (const row of deadLetterRows({ log, topic, ranges, codes, schemaById, columnsOf })) {
        if (cluster.signal.aborted) throw new InterruptedError()
        if (!(await use(row))) return
      }
    } finally {
      await models.close()
    }
  })
}

export interface ExportDeadLettersOptions extends Omit<ListDeadLettersOptions, 'limit'> {
  readonly file: string
  /** replace a file that exists [false: that is an error] */
  readonly overwrite?: boolean | undefined
  /** [what the file's ending says] */
  readonly format?: TableFormat | undefined
  /** CSV for a spreadsheet: an apostrophe before texts that it would take for a formula [false] */
  readonly csvSafe?: boolean | undefined
}

const exportChecks = optionChecks<ExportDeadLettersOptions>(
  'exportDeadLetters',
  { dataset: datasetName, file: text },
  {
    topic: ownTopic,
    codes: listOf(text, 'codes'),
    modelsTopic: ownTopic,
    overwrite: flag,
    format: oneOf(tableFormats),
    csvSafe: flag,
  },
)

/**
 * Writes dead letters to a CSV or Parquet file: where they stand and come from, why they failed, key, bytes and fields.
 *
 * @returns how many
 * @throws TopicMissingError; UsageError if there is no dead letter; FileExistsError
 *
 * @example
 * await exportDeadLetters(cluster, { dataset: 'trips', file: 'dead.csv' })
 */
export async function exportDeadLetters(cluster: ClusterSession, options: ExportDeadLettersOptions): Promise<number> {
  return call(exportChecks, cluster, options, writeLetters, beginsAnew)
}

async function writeLetters(cluster: ClusterSession, options: ExportDeadLettersOptions): Promise<number> {
  const { file, overwrite = false, csvSafe = false } = options
  const format = await checkExport(options)
  const { DeadLetterTable } = await import('../stages/dead-letter-table.ts')
  const table = await DeadLetterTable.open({ file, overwrite, format, csvSafe })
  try {
    await eachDeadLetter(cluster, options, async (row) => {
      table.append(row)
      return true
    })
    if (table.rows === 0)
      throw new UsageError(
        'There are no dead letters to export',
        'Look at those that there are with "vgm dead-letters ls"',
      )
    await table.finish()
    return table.rows
  } finally {
    await table.discard()
  }
}

/**
 * Reads one dead letter with its headers, and its fields where they can be decoded.
 *
 * @param at its partition and offset in the topic of dead letters
 * @throws DeadLetterMissingError if no row stands there
 * @throws TopicMissingError
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

/** @internal The topic with the dead letters of a data set's generated rows; undefined if there are none. */
export async function syntheticDeadLetters(cluster: ClusterSession, dataset: string): Promise<string | undefined> {
  const { deadLetters } = syntheticTopics(dataset)
  const isThere = (await cluster.admin.topics.partitionCount(deadLetters)) !== undefined
  return isThere && (await holdsRows(cluster, deadLetters)) ? deadLetters : undefined
}

async function withDeadLetters<T>(
  cluster: ClusterSession,
  { dataset, topic = topicNames(dataset).deadLetters }: DeadLettersOptions,
  work: (log: StockLog, topic: string) => Promise<T>,
): Promise<T> {
  const fix = 'Check the name of the data set; "vgm normalize" and "vgm restore" create it at their first start'
  await requireTopic(cluster, topic, fix)
  const { StockReader } = await import('../kafka/stock-reader.ts')
  const log = new StockReader(cluster.settings, controlLog(cluster.log), { signal: cluster.signal })
  try {
    return await work(log, topic)
  } finally {
    await log.close()
  }
}
