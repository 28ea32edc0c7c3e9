import { type Command, Option } from 'commander'
import { topicNames } from '../config/names.ts'
import { parseCount, parseSeed, parseShare } from '../config/value-parsers.ts'
import { stageText } from '../observe/report-text.ts'
import { defaultSampleRows } from '../pipeline/defaults.ts'
import type { SampleTopicOptions } from '../pipeline/sample-topic.ts'
import { type DatasetFlags, datasetCommand, withProgress } from './command-context.ts'
import { withObservedStage } from './observed-stage.ts'
import {
  runsTopicOption,
  type StageFlags,
  type TopicFlags,
  topicOption,
  topicOverrides,
  withStageOptions,
} from './options.ts'

interface SampleFlags extends DatasetFlags, StageFlags, TopicFlags<'raw' | 'sample'> {
  readonly rate?: number
  readonly rows?: number
  readonly seed: number
  readonly partitions: number
  readonly append?: boolean
  readonly follow?: boolean
  readonly controlTopic: string
}

export function sampleCommand(): Command {
  return withStageOptions(
    datasetCommand(
      'sample',
      'copy a sample of the raw topic into the sample topic',
      'vgm sample --dataset trips --rows 100000',
    ),
  )
    .option(
      '--rows <n>',
      `number of rows to keep, those with the smallest hashes (default: ${defaultSampleRows})`,
      parseCount,
    )
    .addOption(
      new Option('--rate <share>', 'share of the rows to keep, in (0, 1], instead of --rows')
        .argParser(parseShare)
        .conflicts('rows'),
    )
    .option('--seed <n>', 'seed of the sample', parseSeed, 0)
    .option('--partitions <n>', 'number of partitions of a new sample topic', parseCount, 1)
    .option('--append', 'add to an existing sample, starting where the last one ended')
    .option('--follow', 'keep sampling new rows; needs --rate')
    .addOption(topicOption('raw'))
    .addOption(topicOption('sample'))
    .addOption(runsTopicOption())
    .action(async (flags: SampleFlags) => {
      const { dataset, rows = defaultSampleRows, rate, follow = false, modelsTopic, controlTopic } = flags
      const { seed, partitions, append = follow } = flags
      const overrides = topicOverrides(flags, 'raw', 'sample')
      const topics = topicNames(dataset, overrides, [modelsTopic, flags.positionsTopic])
      const size = rate === undefined ? { rows } : { rate }
      const { checkSampleSize, sampleTopic } = await import('../pipeline/sample-topic.ts')
      checkSampleSize(size, follow)
      const of = {
        dataset,
        rawTopic: topics.raw,
        sampleTopic: topics.sample,
        modelsTopic,
        controlTopic,
      } satisfies Partial<SampleTopicOptions>
      const names = { topics: overrides, modelsTopic, controlTopic }
      const observed = { stage: 'sample', needs: ['brokers'] as const, members: 1, runsOn: follow, names }
      await withObservedStage(
        flags,
        observed,
        (cluster) =>
          withProgress(flags, 'sample', (onProgress) =>
            sampleTopic(cluster, { ...of, size, seed, partitions, append, follow, onProgress }),
          ),
        (report) => stageText(report, topics.sample),
      )
    })
}
