import { type Command, Option } from 'commander'
import { topicNames } from '../config/names.ts'
import { parseCount, parseSeed, parseShare } from '../config/value-parsers.ts'
import { stageText } from '../observe/report-text.ts'
import { defaultSampleRows } from '../pipeline/defaults.ts'
import { type DatasetFlags, datasetCommand, progressOf } from './command-context.ts'
import { withObservedStage } from './observed-stage.ts'
import { runsTopicOption, type StageFlags, topicOption, withStageOptions } from './options.ts'

interface SampleFlags extends DatasetFlags, StageFlags {
  readonly rate?: number
  readonly rows?: number
  readonly seed: number
  readonly partitions: number
  readonly append?: boolean
  readonly follow?: boolean
  readonly rawTopic?: string
  readonly sampleTopic?: string
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
      const { dataset, rows = defaultSampleRows, rate, follow = false } = flags
      const overrides = { raw: flags.rawTopic, sample: flags.sampleTopic }
      const topics = topicNames(dataset, overrides, [flags.modelsTopic, flags.positionsTopic])
      const size = rate === undefined ? { rows } : { rate }
      const { checkSampleSize, sampleTopic } = await import('../pipeline/sample-topic.ts')
      checkSampleSize(size, follow)
      const { modelsTopic, controlTopic } = flags
      const names = { topics: overrides, modelsTopic, controlTopic }
      const observed = { stage: 'sample', needs: ['brokers'] as const, members: 1, runsOn: follow, names }
      await withObservedStage(
        flags,
        observed,
        async (cluster) => {
          const progress = progressOf(flags, 'sample')
          return sampleTopic(cluster, {
            dataset,
            rawTopic: topics.raw,
            sampleTopic: topics.sample,
            modelsTopic: flags.modelsTopic,
            size,
            seed: flags.seed,
            partitions: flags.partitions,
            append: flags.append ?? follow,
            follow,
            controlTopic: flags.controlTopic,
            onProgress: progress.update,
          }).finally(progress.end)
        },
        (report) => stageText(report, topics.sample),
      )
    })
}
