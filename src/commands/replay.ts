import { createHash } from 'node:crypto'
import type { Command } from 'commander'
import type { Compression } from '../batch/batch-header.ts'
import { defaultModelsTopic, groupName, topicNames } from '../config/names.ts'
import { parseCount, parseSeed, parseTopic } from '../config/value-parsers.ts'
import { UsageError } from '../errors.ts'
import { createProgress } from '../observe/progress.ts'
import type { DeadLetterPolicy } from '../stages/dead-letter-policy.ts'
import type { ModeChoice } from '../stages/normalize.ts'
import type { PartitionOffset } from '../stages/ports.ts'
import { clipOption } from './clip-option.ts'
import { checkDataset, type DatasetFlags, datasetCommand, type OpenCluster, printResult } from './command-context.ts'
import { deadLetterPolicy, maxDeadLettersOption, onInvalidOption } from './dead-letter-policy.ts'
import { compressionOption } from './load.ts'
import { modeChoice, modeChoiceOption } from './mode-choice.ts'
import { normalizeTopic } from './normalize-topic.ts'
import { withObservedStage } from './observed-stage.ts'
import { stageText } from './report-text.ts'
import { holdsRows, offsetsBetween, topicEnds, topicStarts } from './row-topics.ts'
import { type StageFlags, withStageOptions } from './stage-options.ts'
import { allowEmptyOutputOption, topicOption } from './topic-options.ts'

interface ReplayFlags extends DatasetFlags, StageFlags {
  readonly from: string
  readonly to: string
  readonly model: number
  readonly output?: string
  readonly group?: string
  readonly allowEmptyOutput?: boolean
  readonly clip: number
  readonly modeChoice: ModeChoice['kind']
  readonly seed: number
  readonly compression: Compression
  readonly maxDeadLetters: number
  readonly onInvalid: DeadLetterPolicy['onInvalid']
  readonly rawTopic?: string
  readonly deadLetterTopic?: string
}

export function replayCommand(): Command {
  return withStageOptions(
    datasetCommand(
      'replay',
      'backfill: normalize a range of the raw topic with one model, into a topic of its own',
      'vgm replay --dataset trips --from start --model 2',
    ),
  )
    .requiredOption('--model <version>', 'the model to use', parseCount)
    .option(
      '--from <position>',
      'offset (of each partition), @time (ISO 8601, or ms since 1970), start or end',
      'start',
    )
    .option('--to <position>', 'likewise; rows before it are replayed', 'end')
    .option('--output <topic>', 'instead of <dataset>.normalized.v<model>', parseTopic)
    .option('--group <name>', 'keeps the position; one for each backfill unless given')
    .addOption(clipOption())
    .addOption(topicOption('raw'))
    .option('--dead-letter-topic <topic>', 'instead of <output>.dead-letters', parseTopic)
    .addOption(modeChoiceOption())
    .option('--seed <n>', 'of modes that are drawn', parseSeed, 0)
    .addOption(maxDeadLettersOption())
    .addOption(onInvalidOption())
    .addOption(allowEmptyOutputOption())
    .addOption(compressionOption())
    .action(async (flags: ReplayFlags) => {
      const dataset = checkDataset(flags.dataset)
      const { model } = flags
      const { normalized, deadLetters } = topicNames(dataset)
      const output = flags.output ?? `${normalized}.v${model}`
      const topics = topicNames(
        dataset,
        {
          raw: flags.rawTopic,
          normalized: output,
          deadLetters: flags.deadLetterTopic ?? `${output}.dead-letters`,
        },
        // What normalize writes is another stage's: together both would be doubled.
        [normalized, deadLetters, flags.modelsTopic, flags.positionsTopic],
      )
      const group = flags.group ?? replayGroup(dataset, topics.raw, output, flags)
      const observed = { stage: 'replay', needs: ['brokers', 'group', 'model'] as const, members: 1, runsOn: false }
      await withObservedStage(flags, observed, async (cluster) => {
        const starts = await positionsAt(cluster, topics.raw, flags.from, '--from')
        const ends = await positionsAt(cluster, topics.raw, flags.to, '--to')
        if (offsetsBetween(starts, ends) === 0) {
          const [first, last] = [await topicStarts(cluster, topics.raw), await topicEnds(cluster, topics.raw)]
          const held = first
            .map(({ partition, offset }, i) => `${partition}: ${offset} to ${last[i].offset}`)
            .join(', ')
          throw new UsageError(
            `Topic ${topics.raw} has no row from ${flags.from} to ${flags.to}`,
            `Name another range. The topic's partitions hold offsets ${held}`,
          )
        }
        await checkOutput(cluster, output, group, starts)
        const progress = createProgress('replay')
        const options = {
          ...flags,
          modeChoice: modeChoice(flags),
          deadLetters: deadLetterPolicy(flags),
          dataset,
          topics,
          group,
          ends,
          startOffsets: async (partitions: readonly { partition: number }[]) =>
            starts.filter((start) => partitions.some(({ partition }) => partition === start.partition)),
        }
        const report = await normalizeTopic(cluster, options, ({ rowsIn }) =>
          progress.update(rowsIn, offsetsBetween(starts, ends)),
        ).finally(progress.end)
        const nothing = `\nGroup ${group} has done this range already: name another --output to do it once more.`
        printResult(flags, report, stageText(report, output) + (report.rowsIn === 0 ? nothing : ''))
      })
    })
}

/**
 * The group that keeps the position: the same command again goes on where it stopped, and whatever else would be written makes
 * another backfill.
 *
 * @example replayGroup('trips', 'trips.raw', 'trips.normalized.v2', { model: 2, from: 'start', ... }) // 'vgm.trips.replay.v2'
 */
function replayGroup(dataset: string, raw: string, output: string, flags: ReplayFlags): string {
  const { model, modelsTopic, from, clip, seed } = flags
  const group = `${groupName(dataset, 'replay')}.v${model}`
  const names = topicNames(dataset)
  const decisive = JSON.stringify([raw, output, from, String(clip), flags.modeChoice, seed, modelsTopic])
  const usual = JSON.stringify([
    names.raw,
    `${names.normalized}.v${model}`,
    'start',
    'Infinity',
    'likely',
    0,
    defaultModelsTopic,
  ])
  if (decisive === usual) return group
  return `${group}.${createHash('sha256').update(decisive).digest('hex').slice(0, 12)}`
}

/** @throws UsageError if the output holds rows of another backfill: together they would be doubled */
async function checkOutput(
  cluster: OpenCluster,
  output: string,
  group: string,
  raw: readonly PartitionOffset[],
): Promise<void> {
  const committed = await cluster.rows.positionsOf(group, raw)
  if (committed.length > 0 || (await cluster.admin.partitionCount(output)) === undefined) return
  if (await holdsRows(cluster, output))
    throw new UsageError(
      `Topic ${output} holds rows of another replay`,
      'Name another topic with --output, or repeat the command that has written it to go on with it',
    )
}

/**
 * The offset of each partition that a flag means; one before the first row is the first row, one beyond the end the end.
 *
 * @throws UsageError if it means nothing
 */
async function positionsAt(
  cluster: OpenCluster,
  topic: string,
  position: string,
  flag: string,
): Promise<PartitionOffset[]> {
  const starts = await topicStarts(cluster, topic)
  const ends = await topicEnds(cluster, topic)
  if (position === 'start') return starts
  if (position === 'end') return ends
  if (position.startsWith('@')) {
    const text = position.slice(1)
    const timestampMs = /^\d+$/.test(text) ? Number(text) : Date.parse(text)
    if (!Number.isNaN(timestampMs)) return [...(await cluster.admin.offsetsAt(topic, timestampMs))]
  } else if (/^\d+$/.test(position)) {
    return ends.map((end, i) => ({
      ...end,
      offset: Math.min(Math.max(Number(position), starts[i].offset), end.offset),
    }))
  }
  throw new UsageError(
    `${flag} ${position} is no position`,
    'Write an offset (120000), a time (@2026-11-23T06:00:00Z, or @ and ms since 1970), start or end',
  )
}
