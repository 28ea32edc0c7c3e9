import type { Command } from 'commander'
import type { Compression } from '../batch/batch-header.ts'
import { groupName, topicNames } from '../config/names.ts'
import { parseCount, parseSeed } from '../config/value-parsers.ts'
import { createProgress } from '../observe/progress.ts'
import type { DeadLetterPolicy } from '../stages/dead-letter-policy.ts'
import type { ModeChoice } from '../stages/normalize.ts'
import type { Delivery } from '../stages/ports.ts'
import { clipOption } from './clip-option.ts'
import { checkDataset, type DatasetFlags, datasetCommand, printResult } from './command-context.ts'
import { deadLetterPolicy, maxDeadLettersOption, onInvalidOption } from './dead-letter-policy.ts'
import { deliveryOption } from './delivery.ts'
import { compressionOption } from './load.ts'
import { membersOption, runMembers } from './members.ts'
import { modeChoice, modeChoiceOption } from './mode-choice.ts'
import { withObservedStage } from './observed-stage.ts'
import { stageText } from './report-text.ts'
import { offsetsBetween, topicEnds, topicStarts } from './row-topics.ts'
import { type StageFlags, withStageOptions } from './stage-options.ts'
import { allowEmptyOutputOption, topicOption } from './topic-options.ts'

interface NormalizeFlags extends DatasetFlags, StageFlags {
  readonly group?: string
  readonly instance?: string
  readonly members: number
  readonly model?: number
  readonly untilEnd?: boolean
  readonly rebuildPositions?: boolean
  readonly allowEmptyOutput?: boolean
  readonly clip: number
  readonly modeChoice: ModeChoice['kind']
  readonly seed: number
  readonly renameVersionField?: string
  readonly renameRecord?: string
  readonly compression: Compression
  readonly delivery: Delivery
  readonly maxDeadLetters: number
  readonly onInvalid: DeadLetterPolicy['onInvalid']
  readonly rawTopic?: string
  readonly normalizedTopic?: string
  readonly deadLetterTopic?: string
}

export function normalizeCommand(): Command {
  return withStageOptions(
    datasetCommand(
      'normalize',
      'the consumer group that turns raw rows into (value, mode) rows, exactly once',
      'vgm normalize --dataset trips --until-end',
    ),
  )
    .option('--until-end', 'stop at the end of the raw topic as it is now')
    .option('--model <version>', 'use this version instead of following the current one', parseCount)
    .option('--group <name>', 'instead of vgm.<dataset>.normalize')
    .option('--instance <name>', 'a name that stays the same over restarts, as a pod has')
    .addOption(clipOption())
    .option('--rename-version-field <name>', 'where the raw rows have a field model_version themselves')
    .option('--rename-record <name>', 'where the raw schema has a type called <record>Normalized')
    .addOption(topicOption('raw'))
    .addOption(topicOption('normalized'))
    .addOption(topicOption('deadLetters'))
    .addOption(membersOption())
    .addOption(modeChoiceOption())
    .option('--seed <n>', 'of modes that are drawn', parseSeed, 0)
    .addOption(maxDeadLettersOption())
    .addOption(onInvalidOption())
    .addOption(deliveryOption())
    .option('--rebuild-positions', 'where the group has lost its positions, count the rows of the output to find them')
    .addOption(allowEmptyOutputOption())
    .addOption(compressionOption())
    .action(async (flags: NormalizeFlags) => {
      const dataset = checkDataset(flags.dataset)
      const { rawTopic, normalizedTopic, deadLetterTopic } = flags
      const overrides = { raw: rawTopic, normalized: normalizedTopic, deadLetters: deadLetterTopic }
      const topics = topicNames(dataset, overrides, [flags.modelsTopic, flags.positionsTopic])
      const group = flags.group ?? groupName(dataset, 'normalize')
      const { members } = flags
      const observed = {
        stage: 'normalize',
        needs: ['brokers', 'group', 'model'] as const,
        members,
        runsOn: flags.untilEnd !== true,
      }
      await withObservedStage(flags, observed, async (cluster) => {
        const ends = flags.untilEnd ? await topicEnds(cluster, topics.raw) : undefined
        const of = ends && offsetsBetween(await topicStarts(cluster, topics.raw), ends)
        const progress = createProgress('normalize')
        const options = {
          ...flags,
          modeChoice: modeChoice(flags),
          deadLetters: deadLetterPolicy(flags),
          dataset,
          topics,
          group,
          ends,
        }
        const report = await runMembers(cluster, { stage: 'normalize', options }, members, ({ rowsIn }) =>
          progress.update(rowsIn, of),
        ).finally(progress.end)
        printResult(flags, report, stageText(report, topics.normalized))
      })
    })
}
