import type { Command } from 'commander'
import { topicNames } from '../config/names.ts'
import { parseDuration, parseSeed, parseVersionNameFlag } from '../config/value-parsers.ts'
import type { VersionName } from '../pipeline/models-topic.ts'
import type { NormalizeTopicOptions } from '../pipeline/normalize-topic.ts'
import { normalizeText } from '../reports/normalize-text.ts'
import type { ModeChoice } from '../stages/normalize.ts'
import { datasetCommand, withProgress } from './command-context.ts'
import { withObservedStage } from './observed-stage.ts'
import {
  clipOption,
  membersOption,
  modeChoice,
  modeChoiceOption,
  type RunningFlags,
  runningOptions,
  statsTopicOption,
  type TopicFlags,
  topicOverrides,
  withRunningOptions,
  withStageOptions,
  withTopicOptions,
} from './options.ts'

const topics = ['raw', 'normalized', 'deadLetters'] as const

interface NormalizeFlags extends RunningFlags, TopicFlags<(typeof topics)[number]> {
  readonly model: VersionName
  readonly maxModelAge?: number
  readonly shadow?: VersionName
  readonly stats?: boolean
  readonly statsTopic: string
  readonly interval?: number
  readonly clip: number
  readonly modeChoice: ModeChoice['kind']
  readonly seed: number
  readonly renameVersionField?: string
  readonly renameRecord?: string
}

export function normalizeCommand(): Command {
  const command = withStageOptions(
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
      'version, or a name of one, that looks at a share of the rows and writes nothing: its gain, and modes that ' +
        'change',
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
  withTopicOptions(command, ...topics)
    .addOption(membersOption())
    .addOption(modeChoiceOption())
    .option('--seed <n>', 'seed for --mode-choice sample', parseSeed, 0)
  return withRunningOptions(command).action(async (flags: NormalizeFlags) => {
    const { dataset, members, modelsTopic, statsTopic, controlTopic, model, shadow, stats, clip } = flags
    const { renameVersionField, renameRecord, maxModelAge: maxModelAgeMs, interval: statsIntervalMs } = flags
    const overrides = topicOverrides(flags, ...topics)
    const { normalized, deadLetters } = topicNames(dataset, overrides, [modelsTopic, flags.positionsTopic])
    const models = { model, maxModelAgeMs, shadow } satisfies Partial<NormalizeTopicOptions>
    const counts = { stats, statsTopic, statsIntervalMs } satisfies Partial<NormalizeTopicOptions>
    const rows = { clip, renameVersionField, renameRecord } satisfies Partial<NormalizeTopicOptions>
    const options = {
      ...runningOptions(flags),
      ...models,
      ...counts,
      ...rows,
      topics: overrides,
      modeChoice: modeChoice(flags),
    } satisfies NormalizeTopicOptions
    const needs = ['brokers', 'group', 'model'] as const
    const names = { topics: overrides, groups: { normalize: flags.group }, modelsTopic, statsTopic, controlTopic }
    await withObservedStage(
      flags,
      { stage: 'normalize', needs, members, runsOn: !options.untilEnd, names },
      async (cluster) => {
        const { normalizeTopic } = await import('../pipeline/normalize-topic.ts')
        return withProgress(flags, 'normalize', (onProgress) => normalizeTopic(cluster, { ...options, onProgress }))
      },
      (report) => normalizeText(report, normalized, deadLetters),
    )
  })
}
