import type { Command } from 'commander'
import { topicNames } from '../config/names.ts'
import {
  parseCount,
  parseReplayPosition,
  parseSeed,
  parseTopic,
  parseVersionNameFlag,
} from '../config/value-parsers.ts'
import type { VersionName } from '../pipeline/models-topic.ts'
import type { ReplayPlan, ReplayTopicOptions } from '../pipeline/replay-topic.ts'
import { estimateText, planText, replayText } from '../reports/replay-text.ts'
import type { ModeChoice } from '../stages/normalize.ts'
import { datasetCommand, printResult, withCluster, withProgress } from './command-context.ts'
import { withObservedStage } from './observed-stage.ts'
import {
  allowEmptyOutputOption,
  clipOption,
  compressionOption,
  controlTopicOption,
  type GroupFlags,
  groupOptions,
  maxDeadLettersOption,
  maxMemoryOption,
  membersOption,
  modeChoice,
  modeChoiceOption,
  onInvalidOption,
  type TopicFlags,
  topicOption,
  withStageOptions,
} from './options.ts'

interface ReplayFlags extends GroupFlags, TopicFlags<'raw' | 'deadLetters'> {
  readonly from: string
  readonly to: string
  readonly model: VersionName
  readonly strictTime?: boolean
  readonly eventTime?: string
  readonly maxRate?: number
  readonly dryRun?: boolean
  readonly output?: string
  readonly clip: number
  readonly modeChoice: ModeChoice['kind']
  readonly seed: number
}

export function replayCommand(): Command {
  return withStageOptions(
    datasetCommand(
      'replay',
      'backfill: normalize a range of the raw topic into a separate topic',
      'vgm replay --dataset trips --from start --model 2',
    ),
  )
    .requiredOption('--model <version>', 'version of the model, or a name of one', parseVersionNameFlag)
    .option(
      '--from <position>',
      'an offset, @time (ISO 8601, UTC without a zone; or ms since 1970), start or end',
      parseReplayPosition,
      'start',
    )
    .option('--to <position>', 'position to stop before, likewise', parseReplayPosition, 'end')
    .option('--strict-time', 'leave out all rows outside of these times')
    .option('--event-time <column>', 'field with the time of a row, or its path; strict')
    .option('--dry-run', 'say what would be read, and how long it takes')
    .addOption(membersOption())
    .option('--max-rate <rows>', 'rows per second that are read at most, by all members together', parseCount)
    .option('--output <topic>', 'output topic (default: <dataset>.normalized.v<model>)', parseTopic)
    .option('--group <name>', 'consumer group (default: named after the backfill)')
    .addOption(clipOption())
    .addOption(topicOption('raw'))
    .option('--dead-letter-topic <topic>', 'dead-letter topic (default: <output>.dead-letters)', parseTopic)
    .addOption(modeChoiceOption())
    .option('--seed <n>', 'seed for --mode-choice sample', parseSeed, 0)
    .addOption(allowEmptyOutputOption())
    .addOption(maxDeadLettersOption())
    .addOption(onInvalidOption())
    .addOption(compressionOption())
    .addOption(controlTopicOption())
    .addOption(maxMemoryOption())
    .action(async (flags: ReplayFlags) => {
      const { dataset, model, members, modelsTopic, controlTopic, output, rawTopic, deadLetterTopic } = flags
      const { from, to, strictTime, eventTime, maxRate, clip } = flags
      const { replayTopic, replayTopics } = await import('../pipeline/replay-topic.ts')
      if (typeof model === 'number') replayTopics({ ...flags, model }, [modelsTopic, flags.positionsTopic])
      const range = { from, to, strictTime, eventTime } satisfies Partial<ReplayTopicOptions>
      const places = { output, rawTopic, deadLetterTopic } satisfies Partial<ReplayTopicOptions>
      const options = {
        ...groupOptions(flags),
        ...range,
        ...places,
        model,
        maxRate,
        clip,
        modeChoice: modeChoice(flags),
      } satisfies ReplayTopicOptions
      if (flags.dryRun)
        return withCluster(flags, async (cluster) => {
          const { estimateReplay } = await import('../pipeline/estimate-replay.ts')
          const estimate = await estimateReplay(cluster, options)
          printResult(flags, estimate, estimateText(estimate))
        })
      const names = { topics: { raw: rawTopic }, modelsTopic, controlTopic }
      const observed = { stage: 'replay', needs: ['brokers', 'group', 'model'] as const, members, runsOn: false, names }
      let topic = output ?? `${topicNames(dataset).normalized}.v${model}`
      const onPlan = (plan: ReplayPlan) => {
        topic = plan.topic
        // The result as JSON has it.
        if (!flags.json) process.stderr.write(`${planText(plan)}\n`)
      }
      await withObservedStage(
        flags,
        observed,
        (cluster) =>
          withProgress(flags, 'replay', (onProgress) => replayTopic(cluster, { ...options, onPlan, onProgress })),
        (report) => replayText(report, topic, deadLetterTopic ?? `${topic}.dead-letters`),
      )
    })
}
