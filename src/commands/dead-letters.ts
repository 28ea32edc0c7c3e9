import { Command } from 'commander'
import { topicNames } from '../config/names.ts'
import { parseCount, parseTopic } from '../config/value-parsers.ts'
import { UsageError } from '../errors.ts'
import { printableLine } from '../observe/printable-text.ts'
import { textTable } from '../observe/report-text.ts'
import type { DeadLetter } from '../stages/verify/read-dead-letters.ts'
import { type DatasetFlags, datasetCommand, printResult, withCluster } from './command-context.ts'

interface DeadLetterFlags extends DatasetFlags {
  readonly topic?: string
}

interface ListFlags extends DeadLetterFlags {
  readonly limit?: number
}

/** Default number of lines on a terminal. */
const defaultLimit = 100

export function deadLettersCommand(): Command {
  return new Command('dead-letters')
    .description('show rows that could not be processed')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addHelpText('after', '\nExample:\n  $ vgm dead-letters ls --dataset trips')
}

function listCommand(): Command {
  return datasetCommand('ls', 'count dead letters by cause', 'vgm dead-letters ls --dataset trips')
    .option('--topic <topic>', 'dead-letter topic (default: <dataset>.dead-letters)', parseTopic)
    .option(
      '--limit <n>',
      `number of causes to list, those with the most rows (default: ${defaultLimit}; all with --json)`,
      parseCount,
    )
    .action((flags: ListFlags) =>
      withCluster(flags, async (cluster) => {
        const { countDeadLetters } = await import('../pipeline/index.ts')
        const { rows, groups: all } = await countDeadLetters(cluster, { dataset: flags.dataset, topic: flags.topic })
        const groups = all.slice(0, flags.limit ?? (flags.json ? all.length : defaultLimit))
        const more = all.length - groups.length
        const table = textTable(
          ['code', 'stage', 'source', 'partition', 'schema', 'rows', 'first', 'last'],
          groups.map((group) => [
            group.code,
            group.stage,
            group.sourceTopic,
            String(group.sourcePartition),
            String(group.schemaId ?? '-'),
            group.count,
            String(group.firstOffset),
            String(group.lastOffset),
          ]),
        )
        const rest = more === 0 ? '' : `\nand ${more} more causes with fewer rows: --limit ${all.length} lists all.`
        printResult(flags, { rows, groups }, rows === 0 ? `No dead letters in ${topicOf(flags)}.` : table + rest)
      }),
    )
}

function showCommand(): Command {
  return datasetCommand(
    'show',
    'show one dead letter, with its headers and bytes',
    'vgm dead-letters show --dataset trips 0/12',
  )
    .argument('<position>', 'partition/offset in the dead-letter topic, as printed by ls')
    .option('--topic <topic>', 'dead-letter topic (default: <dataset>.dead-letters)', parseTopic)
    .action((position: string, flags: DeadLetterFlags) => {
      const match = /^(\d+)\/(\d+)$/.exec(position)
      if (match === null)
        throw new UsageError(`"${position}" is not a position`, 'Write partition/offset, such as 0/12')
      const at = { partition: Number(match[1]), offset: Number(match[2]) }
      return withCluster(flags, async (cluster) => {
        const { readDeadLetter } = await import('../pipeline/index.ts')
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
