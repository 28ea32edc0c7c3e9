import { Command } from 'commander'
import { topicNames } from '../config/names.ts'
import { parseCount, parseTopic } from '../config/value-parsers.ts'
import { UsageError } from '../errors.ts'
import { printableLine } from '../observe/printable-text.ts'
import { textTable } from '../observe/report-text.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import type { StockLog } from '../ports/stock-log.ts'
import type { DeadLetter } from '../stages/verify/dead-letters.ts'
import { type DatasetFlags, datasetCommand, printResult, withCluster } from './command-context.ts'

interface DeadLetterFlags extends DatasetFlags {
  readonly topic?: string
}

interface ListFlags extends DeadLetterFlags {
  readonly limit?: number
}

/** Lines that a terminal shows unless told. */
const defaultLimit = 100

export function deadLettersCommand(): Command {
  return new Command('dead-letters')
    .description('look at rows that could not be processed')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addHelpText('after', '\nExample:\n  $ vgm dead-letters ls --dataset trips')
}

function listCommand(): Command {
  return datasetCommand('ls', 'how many there are, by cause', 'vgm dead-letters ls --dataset trips')
    .option('--topic <topic>', 'dead-letter topic (default: <dataset>.dead-letters)', parseTopic)
    .option(
      '--limit <n>',
      `number of causes to list, those of most rows (default: ${defaultLimit}; all with --json)`,
      parseCount,
    )
    .action((flags: ListFlags) =>
      withDeadLetters(flags, async (cluster, log, topic) => {
        const { topicEnds, topicStarts } = await import('../pipeline/row-topics.ts')
        const { listDeadLetters } = await import('../stages/verify/dead-letters.ts')
        const starts = await topicStarts(cluster, topic)
        const ends = await topicEnds(cluster, topic)
        const ranges = starts.map(({ partition, offset }, i) => ({ partition, start: offset, end: ends[i].offset }))
        const { rows, groups: all } = await listDeadLetters(log, topic, ranges)
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
        const rest = more === 0 ? '' : `\nand ${more} causes more, with fewer rows: --limit ${all.length} lists all.`
        printResult(flags, { rows, groups }, rows === 0 ? `No dead letters in ${topic}.` : table + rest)
      }),
    )
}

function showCommand(): Command {
  return datasetCommand('show', 'one of them, with its headers and bytes', 'vgm dead-letters show --dataset trips 0/12')
    .argument('<position>', 'partition/offset in the dead-letter topic, as ls prints them')
    .option('--topic <topic>', 'dead-letter topic (default: <dataset>.dead-letters)', parseTopic)
    .action((position: string, flags: DeadLetterFlags) => {
      const match = /^(\d+)\/(\d+)$/.exec(position)
      if (match === null) throw new UsageError(`"${position}" is no position`, 'Write partition/offset, as 0/12')
      const at = { partition: Number(match[1]), offset: Number(match[2]) }
      return withDeadLetters(flags, async (cluster, log, topic) => {
        const { registry } = cluster
        const { topicEnds, topicStarts } = await import('../pipeline/row-topics.ts')
        const { DeadLetterMissingError, showDeadLetter } = await import('../stages/verify/dead-letters.ts')
        const [start, end] = [await topicStarts(cluster, topic), await topicEnds(cluster, topic)].map(
          (offsets) => offsets.find(({ partition }) => partition === at.partition)?.offset ?? 0,
        )
        // A read beyond the end would wait for a row to come.
        if (at.offset < start || at.offset >= end) throw new DeadLetterMissingError(topic, at.partition, at.offset)
        const letter = await showDeadLetter(log, topic, at, (id) => registry.schemaById(id))
        printResult(flags, letter, letterText(letter))
      })
    })
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

async function withDeadLetters(
  flags: DeadLetterFlags,
  work: (cluster: ClusterSession, log: StockLog, topic: string) => Promise<void>,
): Promise<void> {
  const topic = flags.topic ?? topicNames(flags.dataset).deadLetters
  await withCluster(flags, async (cluster) => {
    const { requireTopic } = await import('../pipeline/row-topics.ts')
    await requireTopic(
      cluster,
      topic,
      'Check --dataset; "vgm normalize" and "vgm restore" make it at their first start',
    )
    const { StockReader } = await import('../kafka/stock-reader.ts')
    const { controlLog } = await import('../pipeline/cluster-session.ts')
    const log = new StockReader(cluster.settings, controlLog(cluster.log))
    try {
      await work(cluster, log, topic)
    } finally {
      await log.close()
    }
  })
}
