import type { Command } from 'commander'
import type { Compression } from '../batch/batch-header.ts'
import { syntheticTopics, topicNames } from '../config/names.ts'
import { stageText } from '../observe/report-text.ts'
import type { Delivery } from '../ports/log.ts'
import type { DeadLetterPolicy } from '../stages/dead-letter-policy.ts'
import { type DatasetFlags, datasetCommand, progressOf } from './command-context.ts'
import { withObservedStage } from './observed-stage.ts'
import {
  allowEmptyOutputOption,
  compressionOption,
  controlTopicOption,
  deadLetterPolicy,
  deliveryOption,
  maxDeadLettersOption,
  maxMemoryOption,
  membersOption,
  onInvalidOption,
  type StageFlags,
  topicOption,
  withStageOptions,
} from './options.ts'

interface RestoreFlags extends DatasetFlags, StageFlags {
  readonly group?: string
  readonly instance?: string
  readonly members: number
  readonly untilEnd?: boolean
  readonly synthetic?: boolean
  readonly rebuildPositions?: boolean
  readonly allowEmptyOutput?: boolean
  readonly compression: Compression
  readonly controlTopic: string
  readonly maxMemory?: number
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
      'run the inverse consumer group that turns (value, mode) rows into raw rows',
      'vgm restore --dataset trips --until-end',
    ),
  )
    .option('--until-end', 'stop at the end that the normalized topic has at the start')
    .option('--synthetic', 'restore the rows of "vgm load --as", with topics and a group of their own')
    .option('--group <name>', 'consumer group (default: vgm.<dataset>.restore)')
    .option('--instance <name>', "name of this process that survives restarts, such as a pod's")
    .addOption(topicOption('normalized'))
    .addOption(topicOption('restored'))
    .addOption(topicOption('deadLetters'))
    .addOption(membersOption())
    .addOption(maxDeadLettersOption())
    .addOption(onInvalidOption())
    .addOption(deliveryOption())
    .option('--rebuild-positions', 'if the group has lost its positions, find them by counting the rows of the output')
    .addOption(allowEmptyOutputOption())
    .addOption(compressionOption())
    .addOption(controlTopicOption())
    .addOption(maxMemoryOption())
    .action(async (flags: RestoreFlags) => {
      const { dataset, members, untilEnd = false, normalizedTopic, restoredTopic, deadLetterTopic } = flags
      const defaults = flags.synthetic ? syntheticTopics(dataset) : undefined
      const overrides = {
        normalized: normalizedTopic ?? defaults?.normalized,
        restored: restoredTopic ?? defaults?.restored,
        deadLetters: deadLetterTopic ?? defaults?.deadLetters,
      }
      const topics = topicNames(dataset, overrides, [flags.modelsTopic, flags.positionsTopic])
      const needs = ['brokers', 'group'] as const
      const { modelsTopic, controlTopic } = flags
      const names = { topics: overrides, groups: { restore: flags.group }, modelsTopic, controlTopic }
      await withObservedStage(
        flags,
        { stage: 'restore', needs, members, runsOn: !untilEnd, names },
        async (cluster) => {
          const { restoreTopic } = await import('../pipeline/restore-topic.ts')
          const progress = progressOf(flags, 'restore')
          return restoreTopic(cluster, {
            dataset,
            topics: overrides,
            synthetic: flags.synthetic,
            modelsTopic: flags.modelsTopic,
            group: flags.group,
            instance: flags.instance,
            members,
            untilEnd,
            compression: flags.compression,
            maxMemory: flags.maxMemory,
            delivery: flags.delivery,
            deadLetters: deadLetterPolicy(flags),
            rebuildPositions: flags.rebuildPositions,
            allowEmptyOutput: flags.allowEmptyOutput,
            controlTopic: flags.controlTopic,
            onProgress: progress.update,
          }).finally(progress.end)
        },
        (report) => stageText(report, topics.restored, topics.deadLetters),
      )
    })
}
