import type { Command } from 'commander'
import type { Compression } from '../batch/batch-header.ts'
import { groupName, topicNames } from '../config/names.ts'
import { createProgress } from '../observe/progress.ts'
import type { DeadLetterPolicy } from '../stages/dead-letter-policy.ts'
import type { Delivery } from '../stages/ports.ts'
import { checkDataset, type DatasetFlags, datasetCommand, printResult } from './command-context.ts'
import { deadLetterPolicy, maxDeadLettersOption, onInvalidOption } from './dead-letter-policy.ts'
import { deliveryOption } from './delivery.ts'
import { compressionOption } from './load.ts'
import { membersOption, runMembers } from './members.ts'
import { withObservedStage } from './observed-stage.ts'
import { stageText } from './report-text.ts'
import { offsetsBetween, requireTopic, topicEnds, topicStarts } from './row-topics.ts'
import { type StageFlags, withStageOptions } from './stage-options.ts'
import { allowEmptyOutputOption, topicOption } from './topic-options.ts'

interface RestoreFlags extends DatasetFlags, StageFlags {
  readonly group?: string
  readonly instance?: string
  readonly members: number
  readonly untilEnd?: boolean
  readonly rebuildPositions?: boolean
  readonly allowEmptyOutput?: boolean
  readonly compression: Compression
  readonly delivery: Delivery
  readonly maxDeadLetters: number
  readonly onInvalid: DeadLetterPolicy['onInvalid']
  readonly normalizedTopic?: string
  readonly restoredTopic?: string
  readonly deadLetterTopic?: string
}

export function restoreCommand(): Command {
  return withStageOptions(
    datasetCommand(
      'restore',
      'the inverse consumer group: (value, mode) rows become raw rows again',
      'vgm restore --dataset trips --until-end',
    ),
  )
    .option('--until-end', 'stop at the end of the normalized topic as it is now')
    .option('--group <name>', 'instead of vgm.<dataset>.restore')
    .option('--instance <name>', 'a name that stays the same over restarts, as a pod has')
    .addOption(topicOption('normalized'))
    .addOption(topicOption('restored'))
    .addOption(topicOption('deadLetters'))
    .addOption(membersOption())
    .addOption(maxDeadLettersOption())
    .addOption(onInvalidOption())
    .addOption(deliveryOption())
    .option('--rebuild-positions', 'where the group has lost its positions, count the rows of the output to find them')
    .addOption(allowEmptyOutputOption())
    .addOption(compressionOption())
    .action(async (flags: RestoreFlags) => {
      const dataset = checkDataset(flags.dataset)
      const { normalizedTopic, restoredTopic, deadLetterTopic } = flags
      const overrides = { normalized: normalizedTopic, restored: restoredTopic, deadLetters: deadLetterTopic }
      const topics = topicNames(dataset, overrides, [flags.modelsTopic, flags.positionsTopic])
      const group = flags.group ?? groupName(dataset, 'restore')
      const { members } = flags
      const runsOn = flags.untilEnd !== true
      const observed = { stage: 'restore', needs: ['brokers', 'group'] as const, members, runsOn }
      await withObservedStage(flags, observed, async (cluster) => {
        if (!runsOn) await requireTopic(cluster, topics.normalized, `Run "vgm normalize --dataset ${dataset}" first`)
        const ends = flags.untilEnd ? await topicEnds(cluster, topics.normalized) : undefined
        const of = ends && offsetsBetween(await topicStarts(cluster, topics.normalized), ends)
        const progress = createProgress('restore')
        const options = { ...flags, deadLetters: deadLetterPolicy(flags), dataset, topics, group, ends }
        const report = await runMembers(cluster, { stage: 'restore', options }, members, ({ rowsIn }) =>
          progress.update(rowsIn, of),
        ).finally(progress.end)
        printResult(flags, report, stageText(report, topics.restored))
      })
    })
}
