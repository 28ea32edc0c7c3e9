import type { Command } from 'commander'
import { syntheticTopics, topicNames } from '../config/names.ts'
import { stageText } from '../observe/report-text.ts'
import type { RestoreTopicOptions } from '../pipeline/restore-topic.ts'
import { datasetCommand, withProgress } from './command-context.ts'
import { withObservedStage } from './observed-stage.ts'
import {
  membersOption,
  type RunningFlags,
  runningOptions,
  type TopicFlags,
  topicOverrides,
  withRunningOptions,
  withStageOptions,
  withTopicOptions,
} from './options.ts'

const topics = ['normalized', 'restored', 'deadLetters'] as const

interface RestoreFlags extends RunningFlags, TopicFlags<(typeof topics)[number]> {
  readonly synthetic?: boolean
}

export function restoreCommand(): Command {
  const command = withStageOptions(
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
  withTopicOptions(command, ...topics).addOption(membersOption())
  return withRunningOptions(command).action(async (flags: RestoreFlags) => {
    const { dataset, members, modelsTopic, controlTopic, synthetic } = flags
    const { normalized, restored, deadLetters } = topicOverrides(flags, ...topics)
    const defaults = synthetic ? syntheticTopics(dataset) : undefined
    const overrides = {
      normalized: normalized ?? defaults?.normalized,
      restored: restored ?? defaults?.restored,
      deadLetters: deadLetters ?? defaults?.deadLetters,
    }
    const used = topicNames(dataset, overrides, [modelsTopic, flags.positionsTopic])
    const options = { ...runningOptions(flags), topics: overrides, synthetic } satisfies RestoreTopicOptions
    const needs = ['brokers', 'group'] as const
    const names = { topics: overrides, groups: { restore: flags.group }, modelsTopic, controlTopic }
    await withObservedStage(
      flags,
      { stage: 'restore', needs, members, runsOn: !options.untilEnd, names },
      async (cluster) => {
        const { restoreTopic } = await import('../pipeline/restore-topic.ts')
        return withProgress(flags, 'restore', (onProgress) => restoreTopic(cluster, { ...options, onProgress }))
      },
      (report) => stageText(report, used.restored, used.deadLetters),
    )
  })
}
