import type { Command } from 'commander'
import type { Compression } from '../batch/batch-header.ts'
import { topicNames } from '../config/names.ts'
import { parseDuration, parseSeed, parseVersionNameFlag } from '../config/value-parsers.ts'
import type { VersionName } from '../pipeline/models-topic.ts'
import type { Delivery } from '../ports/log.ts'
import { normalizeText } from '../reports/normalize-text.ts'
import type { DeadLetterPolicy } from '../stages/dead-letter-policy.ts'
import type { ModeChoice } from '../stages/normalize.ts'
import { type DatasetFlags, datasetCommand, progressOf } from './command-context.ts'
import { withObservedStage } from './observed-stage.ts'
import {
  allowEmptyOutputOption,
  clipOption,
  compressionOption,
  controlTopicOption,
  deadLetterPolicy,
  deliveryOption,
  maxDeadLettersOption,
  maxMemoryOption,
  membersOption,
  modeChoice,
  modeChoiceOption,
  onInvalidOption,
  type StageFlags,
  statsTopicOption,
  topicOption,
  withStageOptions,
} from './options.ts'

interface NormalizeFlags extends DatasetFlags, StageFlags {
  readonly group?: string
  readonly instance?: string
  readonly members: number
  readonly model: VersionName
  readonly maxModelAge?: number
  readonly shadow?: VersionName
  readonly stats?: boolean
  readonly statsTopic: string
  readonly interval?: number
  readonly untilEnd?: boolean
  readonly rebuildPositions?: boolean
  readonly allowEmptyOutput?: boolean
  readonly clip: number
  readonly modeChoice: ModeChoice['kind']
  readonly seed: number
  readonly renameVersionField?: string
  readonly renameRecord?: string
  readonly compression: Compression
  readonly controlTopic: string
  readonly maxMemory?: number
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
      'run the consumer group that turns raw rows into (value, mode) rows, exactly once',
      'vgm normalize --dataset trips --until-end',
    ),
  )
    .option('--until-end', 'stop at the end that the raw topic has at the start')
    .option(
      '--model <version>',
      'version of the model, or a name of one: the version that has it is followed',
      parseVersionNameFlag,
      'current',
    )
    .option(
      '--max-model-age <duration>',
      'age from which on a model is refused at the start, and warned of later, such as 30d',
      parseDuration,
    )
    .option(
      '--shadow <version>',
      'version, or a name of one, that looks at a share of the rows and writes nothing: its gain, and modes that change',
      parseVersionNameFlag,
    )
    .option('--stats', 'count rows for "vgm drift", and refuse to start where that cannot be (default: warn)')
    .option('--no-stats', 'count no rows for "vgm drift"')
    .addOption(statsTopicOption())
    .option('--interval <duration>', 'length of a window of the counts (default: 1m)', parseDuration)
    .option('--group <name>', 'consumer group (default: vgm.<dataset>.normalize)')
    .option('--instance <name>', "name of this process that survives restarts, such as a pod's")
    .addOption(clipOption())
    .option(
      '--rename-version-field <name>',
      "name of the field for the model's version, if raw rows have a field model_version",
    )
    .option('--rename-record <name>', 'name of the normalized record, if the raw schema has a type <record>Normalized')
    .addOption(topicOption('raw'))
    .addOption(topicOption('normalized'))
    .addOption(topicOption('deadLetters'))
    .addOption(membersOption())
    .addOption(modeChoiceOption())
    .option('--seed <n>', 'seed for --mode-choice sample', parseSeed, 0)
    .addOption(maxDeadLettersOption())
    .addOption(onInvalidOption())
    .addOption(deliveryOption())
    .option('--rebuild-positions', 'if the group has lost its positions, find them by counting the rows of the output')
    .addOption(allowEmptyOutputOption())
    .addOption(compressionOption())
    .addOption(controlTopicOption())
    .addOption(maxMemoryOption())
    .action(async (flags: NormalizeFlags) => {
      const { dataset, members, untilEnd = false, rawTopic, normalizedTopic, deadLetterTopic } = flags
      const overrides = { raw: rawTopic, normalized: normalizedTopic, deadLetters: deadLetterTopic }
      const topics = topicNames(dataset, overrides, [flags.modelsTopic, flags.positionsTopic])
      const needs = ['brokers', 'group', 'model'] as const
      const { modelsTopic, statsTopic, controlTopic } = flags
      const names = { topics: overrides, groups: { normalize: flags.group }, modelsTopic, statsTopic, controlTopic }
      await withObservedStage(
        flags,
        { stage: 'normalize', needs, members, runsOn: !untilEnd, names },
        async (cluster) => {
          const { normalizeTopic } = await import('../pipeline/normalize-topic.ts')
          const progress = progressOf(flags, 'normalize')
          return normalizeTopic(cluster, {
            dataset,
            topics: overrides,
            modelsTopic: flags.modelsTopic,
            group: flags.group,
            instance: flags.instance,
            members,
            model: flags.model,
            maxModelAgeMs: flags.maxModelAge,
            shadow: flags.shadow,
            stats: flags.stats,
            statsTopic: flags.statsTopic,
            statsIntervalMs: flags.interval,
            untilEnd,
            clip: flags.clip,
            modeChoice: modeChoice(flags),
            renameVersionField: flags.renameVersionField,
            renameRecord: flags.renameRecord,
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
        (report) => normalizeText(report, topics.normalized, topics.deadLetters),
      )
    })
}
