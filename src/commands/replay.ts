import type { Command } from 'commander'
import type { Compression } from '../batch/batch-header.ts'
import { parseCount, parseReplayPosition, parseSeed, parseTopic } from '../config/value-parsers.ts'
import { createProgress } from '../observe/progress.ts'
import { stageText } from '../observe/report-text.ts'
import type { DeadLetterPolicy } from '../stages/dead-letter-policy.ts'
import type { ModeChoice } from '../stages/normalize.ts'
import { type DatasetFlags, datasetCommand, printResult } from './command-context.ts'
import { withObservedStage } from './observed-stage.ts'
import {
  allowEmptyOutputOption,
  clipOption,
  compressionOption,
  deadLetterPolicy,
  maxDeadLettersOption,
  maxMemoryOption,
  modeChoice,
  modeChoiceOption,
  onInvalidOption,
  type StageFlags,
  topicOption,
  withStageOptions,
} from './options.ts'

interface ReplayFlags extends DatasetFlags, StageFlags {
  readonly from: string
  readonly to: string
  readonly model: number
  readonly output?: string
  readonly allowEmptyOutput?: boolean
  readonly group?: string
  readonly clip: number
  readonly modeChoice: ModeChoice['kind']
  readonly seed: number
  readonly compression: Compression
  readonly maxMemory?: number
  readonly maxDeadLetters: number
  readonly onInvalid: DeadLetterPolicy['onInvalid']
  readonly rawTopic?: string
  readonly deadLetterTopic?: string
}

export function replayCommand(): Command {
  return withStageOptions(
    datasetCommand(
      'replay',
      'backfill: normalize a range of the raw topic with one model, into a separate topic',
      'vgm replay --dataset trips --from start --model 2',
    ),
  )
    .requiredOption('--model <version>', 'version of the model to normalize with', parseCount)
    .option(
      '--from <position>',
      'position to begin at: an offset of each partition, @time (ISO 8601, or ms since 1970), start or end',
      parseReplayPosition,
      'start',
    )
    .option('--to <position>', 'position to stop before, in the same notation', parseReplayPosition, 'end')
    .option('--output <topic>', 'output topic (default: <dataset>.normalized.v<model>)', parseTopic)
    .option('--group <name>', 'consumer group that keeps the position (default: named after the backfill)')
    .addOption(clipOption())
    .addOption(topicOption('raw'))
    .option('--dead-letter-topic <topic>', 'dead-letter topic (default: <output>.dead-letters)', parseTopic)
    .addOption(modeChoiceOption())
    .option('--seed <n>', 'seed for --mode-choice sample', parseSeed, 0)
    .addOption(allowEmptyOutputOption())
    .addOption(maxDeadLettersOption())
    .addOption(onInvalidOption())
    .addOption(compressionOption())
    .addOption(maxMemoryOption())
    .action(async (flags: ReplayFlags) => {
      const { dataset, model } = flags
      const { replayTopic, replayTopics } = await import('../pipeline/replay-topic.ts')
      replayTopics(flags, [flags.modelsTopic, flags.positionsTopic])
      const observed = { stage: 'replay', needs: ['brokers', 'group', 'model'] as const, members: 1, runsOn: false }
      await withObservedStage(flags, observed, async (cluster) => {
        const progress = createProgress('replay')
        const { group, topic, ...report } = await replayTopic(cluster, {
          dataset,
          model,
          from: flags.from,
          to: flags.to,
          output: flags.output,
          rawTopic: flags.rawTopic,
          deadLetterTopic: flags.deadLetterTopic,
          modelsTopic: flags.modelsTopic,
          group: flags.group,
          clip: flags.clip,
          modeChoice: modeChoice(flags),
          compression: flags.compression,
          maxMemory: flags.maxMemory,
          deadLetters: deadLetterPolicy(flags),
          allowEmptyOutput: flags.allowEmptyOutput,
          onProgress: progress.update,
        }).finally(progress.end)
        const nothing = `\nGroup ${group} has processed this range already: name another --output to process it again.`
        printResult(flags, report, stageText(report, topic) + (report.rowsIn === 0 ? nothing : ''))
      })
    })
}
