import { topicNames } from '../config/names.ts'
import { datasetName, listOf, naturalNumber, ownTopic, type ValueRule } from '../config/value-rules.ts'
import { headerText, type StockRow } from '../ports/stock-log.ts'
import { deadLetterHeaders } from '../stages/verify/dead-letter-filter.ts'
import { type DecodedPrefix, decodedPrefix } from '../stages/verify/decoded-prefix.ts'
import {
  type DeadLetter,
  DeadLetterMissingError,
  readable,
  showDeadLetter,
} from '../stages/verify/read-dead-letters.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { eachRow, rowLog } from './row-log.ts'
import { topicRanges } from './row-topics.ts'

/** A dead letter in a list. */
export interface ScannedLetter {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: string | null
  readonly code: string
  readonly reason: string
  readonly stage: string
  readonly sourceTopic: string
  readonly sourcePartition: number
  readonly sourceOffset: number
}

export interface ScannedLetters {
  readonly letters: readonly ScannedLetter[]
  /** where to go on */
  readonly next: readonly number[]
  /** offsets before the ones that were looked at */
  readonly skipped: number
}

export interface ScanDeadLettersOptions {
  readonly dataset: string
  /** topic of dead letters ['<dataset>.dead-letters'] */
  readonly topic?: string | undefined
  /** offsets by partition [the newest ones] */
  readonly from?: readonly number[] | undefined
  /** that are looked at, of all partitions together [20,000] */
  readonly offsets?: number | undefined
}

const optionalOffset: ValueRule<number> = naturalNumber

const checks = optionChecks<ScanDeadLettersOptions>(
  'scanDeadLetters',
  { dataset: datasetName },
  { topic: ownTopic, from: listOf(optionalOffset, 'offsets'), offsets: naturalNumber },
)

const scannedOffsets = 20_000

/**
 * The newest dead letters, or those that have come since, without their values.
 *
 * @returns undefined if there is no topic of dead letters
 */
export async function scanDeadLetters(
  cluster: ClusterSession,
  options: ScanDeadLettersOptions,
): Promise<ScannedLetters | undefined> {
  return call(checks, cluster, options, scan)
}

async function scan(
  cluster: ClusterSession,
  { dataset, topic = topicNames(dataset).deadLetters, from = [], offsets = scannedOffsets }: ScanDeadLettersOptions,
): Promise<ScannedLetters | undefined> {
  if ((await cluster.admin.topics.partitionCount(topic)) === undefined) return undefined
  const ranges = await topicRanges(cluster, topic)
  const share = Math.ceil(offsets / Math.max(1, ranges.length))
  const reader = cluster.rows.openReader()
  try {
    const letters: ScannedLetter[] = []
    let skipped = 0
    const unread = ranges.map((range) => {
      const known = from[range.partition]
      // A topic that was made again begins again.
      const begin = known === undefined || known > range.endOffset ? range.offset : Math.max(known, range.offset)
      const offset = Math.max(begin, range.endOffset - share)
      skipped += offset - begin
      return { ...range, offset }
    })
    await eachRow(reader, unread, cluster.signal, (row, partition) => letters.push(letterOf(row, partition)))
    return { letters, next: ranges.map(({ endOffset }) => endOffset), skipped }
  } finally {
    await reader.close()
  }
}

function letterOf(row: StockRow, partition: number): ScannedLetter {
  const text = (name: string) => headerText(row, name) ?? ''
  return {
    partition,
    offset: Number(row.offset),
    timestampMs: Number(row.timestamp),
    key: row.key === null ? null : readable(row.key),
    code: text(deadLetterHeaders.code),
    reason: text(deadLetterHeaders.message),
    stage: text(deadLetterHeaders.stage),
    sourceTopic: text(deadLetterHeaders.topic),
    sourcePartition: Number(text(deadLetterHeaders.partition)),
    sourceOffset: Number(text(deadLetterHeaders.offset)),
  }
}

/** A dead letter, with how far its value can be decoded. */
export interface DissectedLetter extends DeadLetter {
  readonly prefix: DecodedPrefix | undefined
}

interface DissectOptions {
  readonly dataset: string
  readonly partition: number
  readonly offset: number
  /** topic of dead letters ['<dataset>.dead-letters'] */
  readonly topic?: string | undefined
}

const dissectChecks = optionChecks<DissectOptions>(
  'dissectDeadLetter',
  { dataset: datasetName, partition: naturalNumber, offset: naturalNumber },
  { topic: ownTopic },
)

/**
 * One dead letter with its headers, its bytes, and its fields as far as they can be decoded.
 *
 * @throws DeadLetterMissingError if no row stands there
 */
export async function dissectDeadLetter(cluster: ClusterSession, options: DissectOptions): Promise<DissectedLetter> {
  return call(dissectChecks, cluster, options, async (open, { dataset, partition, offset, ...named }) => {
    const { topic = topicNames(dataset).deadLetters } = named
    const isThere = (await open.admin.topics.partitionCount(topic)) !== undefined
    const range = isThere ? (await topicRanges(open, topic))[partition] : undefined
    // A read beyond the end would wait for a row to come.
    if (range === undefined || offset < range.offset || offset >= range.endOffset)
      throw new DeadLetterMissingError(topic, partition, offset)
    const log = rowLog(open)
    const schemaById: Parameters<typeof decodedPrefix>[1] = (id) => open.registry.schemaById(id)
    try {
      const letter = await showDeadLetter(log, topic, { partition, offset }, schemaById)
      if ('json' in letter.decoded || letter.schemaId === undefined) return { ...letter, prefix: undefined }
      const [row] = (await (await log.read(topic, { partition, start: offset, end: offset + 1 })).next()) ?? []
      return { ...letter, prefix: row && (await decodedPrefix(row, schemaById)) }
    } finally {
      await log.close()
    }
  })
}
