import { Command, Option } from 'commander'
import { syntheticTopics, topicNames } from '../config/names.ts'
import { parseCount, parseList, parseTopic } from '../config/value-parsers.ts'
import { UsageError } from '../errors.ts'
import type { TableFormat } from '../files/file-format.ts'
import { printableLine } from '../observe/printable-text.ts'
import { counted } from '../observe/report-text.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { rowErrorCodes, tableFormats } from '../pipeline/defaults.ts'
import type { DeadLetterRange } from '../pipeline/retry-dead-letters.ts'
import type { RetryReport } from '../stages/retry-dead-letters.ts'
import type { DeadLetter } from '../stages/verify/read-dead-letters.ts'
import {
  type DatasetFlags,
  datasetCommand,
  printResult,
  progressOf,
  screenTable,
  withCluster,
} from './command-context.ts'
import { topicOption } from './options.ts'

interface DeadLetterFlags extends DatasetFlags {
  readonly topic?: string
}

interface ListFlags extends DeadLetterFlags {
  readonly limit?: number
  readonly rows?: boolean
  readonly code?: string[]
}

interface ExportFlags extends DeadLetterFlags {
  readonly code?: string[]
  readonly format?: TableFormat
  readonly csvSafe?: boolean
  readonly overwrite?: boolean
}

interface RetryFlags extends DeadLetterFlags {
  readonly code?: string[]
  readonly rawTopic?: string
}

/** Default number of lines on a terminal. */
const defaultLimit = 100

export function deadLettersCommand(): Command {
  return new Command('dead-letters')
    .description('show, export and retry rows that could not be processed')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(exportCommand())
    .addCommand(retryCommand())
    .addHelpText('after', '\nExample:\n  $ vgm dead-letters ls --dataset trips')
}

function listCommand(): Command {
  return datasetCommand('ls', 'count dead letters by cause, or list them', 'vgm dead-letters ls --dataset trips')
    .addOption(deadLetterTopicOption())
    .option('--rows', 'list the dead letters one by one, with key, source, column and reason')
    .addOption(codeOption())
    .option(
      '--limit <n>',
      `number of causes or rows to list (default: ${defaultLimit}; all causes with --json)`,
      parseCount,
    )
    .action((flags: ListFlags) =>
      withCluster(flags, async (cluster) => {
        if (flags.rows) return listRows(cluster, flags)
        if (flags.code !== undefined)
          throw new UsageError(
            '--code applies to a list of rows, and without --rows this counts causes',
            'Add --rows, or leave out --code',
          )
        const { countDeadLetters } = await import('../pipeline/browse-dead-letters.ts')
        const { rows, groups: all } = await countDeadLetters(cluster, { dataset: flags.dataset, topic: flags.topic })
        const groups = all.slice(0, flags.limit ?? (flags.json ? all.length : defaultLimit))
        const more = all.length - groups.length
        const table = screenTable(
          ['code', 'stage', 'source', 'schema', 'rows', 'first', 'last'],
          groups.map((group) => [
            group.code,
            group.stage,
            `${group.sourceTopic}/${group.sourcePartition}`,
            String(group.schemaId ?? '-'),
            group.count,
            `${group.sourcePartition}/${group.firstOffset}`,
            `${group.sourcePartition}/${group.lastOffset}`,
          ]),
        )
        const rest = more === 0 ? '' : `\nand ${more} more causes with fewer rows: --limit ${all.length} lists all.`
        const none = rows === 0 ? await noneText(cluster, flags) : undefined
        printResult(flags, { rows, groups }, none ?? table + rest)
      }),
    )
}

async function listRows(cluster: ClusterSession, flags: ListFlags): Promise<void> {
  const { listDeadLetters } = await import('../pipeline/browse-dead-letters.ts')
  const { dataset, topic, limit = defaultLimit, modelsTopic } = flags
  const letters = await listDeadLetters(cluster, { dataset, topic, codes: codesOf(flags), limit, modelsTopic })
  const table = screenTable(
    ['position', 'key', 'source', 'column', 'attempts', 'code and reason'],
    letters.map((letter) => [
      `${letter.partition}/${letter.offset}`,
      letter.key === null ? '-' : shortText(letter.key),
      `${letter.sourceTopic}/${letter.sourcePartition} ${letter.sourceOffset}`,
      letter.column ?? '-',
      String(letter.attempts),
      `${letter.code}: ${letter.reason}`,
    ]),
    { lastBelow: true },
  )
  const rest = letters.length < limit ? '' : `\nThese are the first ${limit}: --limit lists more, export writes all.`
  const none = letters.length === 0 ? await noneText(cluster, flags) : undefined
  printResult(flags, { letters }, none ?? table + rest)
}

/** That a topic has no dead letters, and which one has those of generated rows. */
async function noneText(cluster: ClusterSession, flags: ListFlags): Promise<string> {
  const { hasDeadLetters } = await import('../pipeline/browse-dead-letters.ts')
  const none = `No ${flags.code === undefined ? '' : 'such '}dead letters in ${topicOf(flags)}.`
  const { deadLetters } = syntheticTopics(flags.dataset)
  if (flags.topic !== undefined || !(await hasDeadLetters(cluster, deadLetters))) return none
  return `${none} Those of generated rows are in ${deadLetters}: --topic ${deadLetters} lists them.`
}

function exportCommand(): Command {
  return datasetCommand(
    'export',
    'write dead letters to a CSV or Parquet file',
    'vgm dead-letters export --dataset trips dead.csv',
  )
    .argument('<file>', 'file to write; its extension determines the format')
    .addOption(deadLetterTopicOption())
    .addOption(codeOption())
    .addOption(new Option('--format <format>', 'format of the file (default: by its extension)').choices(tableFormats))
    .option('--csv-safe', 'write an apostrophe before texts that a spreadsheet would interpret as a formula')
    .option('--overwrite', 'replace a file that exists')
    .action((file: string, flags: ExportFlags) =>
      withCluster(flags, async (cluster) => {
        const { exportDeadLetters } = await import('../pipeline/browse-dead-letters.ts')
        const { dataset, topic, modelsTopic, format, csvSafe, overwrite } = flags
        const options = { dataset, topic, codes: codesOf(flags), modelsTopic, file, format, csvSafe, overwrite }
        const rows = await exportDeadLetters(cluster, options)
        printResult(flags, { rows }, `Wrote ${counted(rows, 'dead letter')} to ${file}.`)
      }),
    )
}

function retryCommand(): Command {
  return datasetCommand(
    'retry',
    'send dead letters of normalize to the raw topic again, each once',
    'vgm dead-letters retry --dataset trips --code VGM_ROW_SCHEMA_UNKNOWN',
  )
    .argument('[ranges...]', 'positions as printed by ls, such as 0/12 or 0/12-99 (default: all)')
    .addOption(deadLetterTopicOption())
    .addOption(codeOption())
    .addOption(topicOption('raw'))
    .action((texts: string[], flags: RetryFlags) => {
      const ranges = texts.length === 0 ? undefined : texts.map(parseRange)
      return withCluster(flags, async (cluster) => {
        const { retryDeadLetters } = await import('../pipeline/retry-dead-letters.ts')
        const { dataset, topic, rawTopic } = flags
        const progress = progressOf(flags, 'retry')
        const report = await retryDeadLetters(cluster, {
          dataset,
          topic,
          rawTopic,
          codes: codesOf(flags),
          ranges,
          onProgress: progress.update,
        }).finally(progress.end)
        printResult(flags, report, retryText(report, rawTopic ?? topicNames(dataset).raw))
      })
    })
}

function retryText({ rowsIn, rowsOut, retriedBefore, otherCodes, notRetriable }: RetryReport, raw: string): string {
  const count = (rows: number) => rows.toLocaleString('en')
  const left = [
    ...(retriedBefore > 0 ? [`${count(retriedBefore)} had been sent before`] : []),
    ...(otherCodes > 0 ? [`${count(otherCodes)} have another code`] : []),
    ...(notRetriable > 0 ? [`${count(notRetriable)} cannot be retried (whole batches, or rows of another topic)`] : []),
  ]
  const rest = left.length === 0 ? '' : `; ${left.join(', ')}`
  return `${counted(rowsIn, 'dead letter')} read, ${count(rowsOut)} sent to ${raw} again${rest}.`
}

/** @example parseRange('0/12-99') // { partition: 0, from: 12, to: 99 } */
function parseRange(range: string): DeadLetterRange {
  const match = /^(\d+)\/(\d+)(?:-(?:\1\/)?(\d+))?$/.exec(range)
  const [partition, from, to] = [match?.[1], match?.[2], match?.[3] ?? match?.[2]].map(Number)
  if (match === null || to < from)
    throw new UsageError(
      `"${range}" is not a range of dead letters`,
      'Write partition/offset or partition/from-to, such as 0/12 or 0/12-99',
    )
  return { partition, from, to }
}

function deadLetterTopicOption(): Option {
  return new Option('--topic <topic>', 'dead-letter topic (default: <dataset>.dead-letters)').argParser(parseTopic)
}

function codeOption(): Option {
  return new Option('--code <list>', 'only dead letters with these codes, as printed by ls').argParser(parseList)
}

/** @throws UsageError for what no dead letter has as its code */
function codesOf({ code: codes }: { readonly code?: readonly string[] }): readonly string[] | undefined {
  const unknown = codes?.find((code) => !rowErrorCodes.slice(1).includes(code))
  if (unknown === undefined) return codes
  throw new UsageError(
    `"${unknown}" is no code of dead letters`,
    `Write one or more of ${rowErrorCodes.slice(1).join(', ')}`,
  )
}

const mostShown = 40

function shortText(text: string): string {
  return text.length > mostShown ? `${text.slice(0, mostShown)}...` : text
}

function showCommand(): Command {
  return datasetCommand(
    'show',
    'show one dead letter, with its headers and bytes',
    'vgm dead-letters show --dataset trips 0/12',
  )
    .argument('<position>', 'partition/offset in the dead-letter topic, as printed by ls')
    .addOption(deadLetterTopicOption())
    .action((position: string, flags: DeadLetterFlags) => {
      const match = /^(\d+)\/(\d+)$/.exec(position)
      if (match === null)
        throw new UsageError(`"${position}" is not a position`, 'Write partition/offset, such as 0/12')
      const at = { partition: Number(match[1]), offset: Number(match[2]) }
      return withCluster(flags, async (cluster) => {
        const { readDeadLetter } = await import('../pipeline/browse-dead-letters.ts')
        const letter = await readDeadLetter(cluster, { dataset: flags.dataset, topic: flags.topic }, at)
        printResult(flags, letter, letterText(letter))
      })
    })
}

function topicOf({ topic, dataset }: DeadLetterFlags): string {
  return topic ?? topicNames(dataset).deadLetters
}

function letterText(letter: DeadLetter): string {
  const known = Object.entries(letter).filter(([, value]) => value !== undefined)
  const lines = known.flatMap(([name, value]) =>
    value !== null && typeof value === 'object'
      ? Object.entries(value as Record<string, unknown>).map(([key, text]) => [key, String(text)])
      : [[name, String(value)]],
  )
  // Keys and headers are others' texts: a line's end in one would look like a line of ours.
  const shown = lines.map(([name, value]) => [printableLine(name), printableLine(value)])
  const width = Math.max(...shown.map(([name]) => name.length))
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')
}
