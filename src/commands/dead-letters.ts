import { Command, Option } from 'commander'
import { topicNames } from '../config/names.ts'
import {
  parseCount,
  parseDeadLetterPlace,
  parseDeadLetterRange,
  parseList,
  parseTopic,
} from '../config/value-parsers.ts'
import { UsageError } from '../errors.ts'
import type { TableFormat } from '../files/file-format.ts'
import { counted } from '../observe/report-text.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { rowErrorCodes, tableFormats } from '../pipeline/defaults.ts'
import { causesText, lettersText, letterText, noLettersText, retryText } from '../reports/dead-letters-text.ts'
import { type DatasetFlags, datasetCommand, printResult, withCluster, withProgress } from './command-context.ts'
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
        const none = rows === 0 ? await noneText(cluster, flags) : undefined
        printResult(flags, { rows, groups }, none ?? causesText(groups, all.length))
      }),
    )
}

async function listRows(cluster: ClusterSession, flags: ListFlags): Promise<void> {
  const { listDeadLetters } = await import('../pipeline/browse-dead-letters.ts')
  const { dataset, topic, limit = defaultLimit, modelsTopic } = flags
  const letters = await listDeadLetters(cluster, { dataset, topic, codes: codesOf(flags), limit, modelsTopic })
  const none = letters.length === 0 ? await noneText(cluster, flags) : undefined
  printResult(flags, { letters }, none ?? lettersText(letters, limit))
}

async function noneText(cluster: ClusterSession, { dataset, topic, code }: ListFlags): Promise<string> {
  const { syntheticDeadLetters } = await import('../pipeline/browse-dead-letters.ts')
  const others = topic === undefined ? await syntheticDeadLetters(cluster, dataset) : undefined
  return noLettersText(topic ?? topicNames(dataset).deadLetters, code !== undefined, others)
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
      const ranges = texts.length === 0 ? undefined : texts.map(parseDeadLetterRange)
      return withCluster(flags, async (cluster) => {
        const { retryDeadLetters } = await import('../pipeline/retry-dead-letters.ts')
        const { dataset, topic, rawTopic } = flags
        const options = { dataset, topic, rawTopic, codes: codesOf(flags), ranges }
        const report = await withProgress(flags, 'retry', (onProgress) =>
          retryDeadLetters(cluster, { ...options, onProgress }),
        )
        printResult(flags, report, retryText(report, rawTopic ?? topicNames(dataset).raw))
      })
    })
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

function showCommand(): Command {
  return datasetCommand(
    'show',
    'show one dead letter, with its headers and bytes',
    'vgm dead-letters show --dataset trips 0/12',
  )
    .argument('<position>', 'partition/offset in the dead-letter topic, as printed by ls')
    .addOption(deadLetterTopicOption())
    .action((position: string, flags: DeadLetterFlags) => {
      const at = parseDeadLetterPlace(position)
      return withCluster(flags, async (cluster) => {
        const { readDeadLetter } = await import('../pipeline/browse-dead-letters.ts')
        const letter = await readDeadLetter(cluster, { dataset: flags.dataset, topic: flags.topic }, at)
        printResult(flags, letter, letterText(letter))
      })
    })
}
