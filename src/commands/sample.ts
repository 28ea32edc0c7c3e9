import { type Command, Option } from 'commander'
import { topicNames } from '../config/names.ts'
import { parseCount, parseSeed, parseShare } from '../config/value-parsers.ts'
import { createProgress } from '../observe/progress.ts'
import { stageText } from '../observe/report-text.ts'
import { withRestartHint } from '../pipeline/restart-hint.ts'
import { checkSampleSize, defaultSampleRows, sampleTopic } from '../pipeline/sample-topic.ts'
import { type DatasetFlags, datasetCommand, printResult } from './command-context.ts'
import { withObservedStage } from './observed-stage.ts'
import { type StageFlags, topicOption, withStageOptions } from './options.ts'

interface SampleFlags extends DatasetFlags, StageFlags {
  readonly rate?: number
  readonly rows?: number
  readonly seed: number
  readonly partitions: number
  readonly append?: boolean
  readonly follow?: boolean
  readonly rawTopic?: string
  readonly sampleTopic?: string
}

export function sampleCommand(): Command {
  return withStageOptions(
    datasetCommand(
      'sample',
      'some rows of the raw topic to the sample topic',
      'vgm sample --dataset trips --rows 100000',
    ),
  )
    .option('--rows <n>', `keep so many: the n smallest hashes (default: ${defaultSampleRows})`, parseCount)
    .addOption(
      new Option('--rate <share>', 'keep this share instead, in (0, 1]').argParser(parseShare).conflicts('rows'),
    )
    .option('--seed <n>', 'the same seed keeps the same rows', parseSeed, 0)
    .option('--partitions <n>', 'partitions of the sample topic if it is new', parseCount, 1)
    .option('--append', 'add to a sample topic that holds rows, from where the last sample has ended')
    .option('--follow', 'go on with the rows to come, and after a restart where it was; needs --rate')
    .addOption(topicOption('raw'))
    .addOption(topicOption('sample'))
    .action(async (flags: SampleFlags) => {
      const { dataset, rows = defaultSampleRows, rate, follow = false } = flags
      const overrides = { raw: flags.rawTopic, sample: flags.sampleTopic }
      const topics = topicNames(dataset, overrides, [flags.modelsTopic, flags.positionsTopic])
      const size = rate === undefined ? { rows } : { rate }
      checkSampleSize(size, follow)
      const observed = { stage: 'sample', needs: ['brokers'] as const, members: 1, runsOn: follow }
      await withObservedStage(flags, observed, async (cluster) => {
        const progress = createProgress('sample')
        const sampling = sampleTopic(cluster, {
          dataset,
          rawTopic: topics.raw,
          sampleTopic: topics.sample,
          size,
          seed: flags.seed,
          partitions: flags.partitions,
          append: flags.append ?? follow,
          follow,
          onProgress: progress.update,
        }).finally(progress.end)
        const report = await (rate === undefined ? withRestartHint(sampling) : sampling)
        printResult(flags, report, stageText(report, topics.sample))
      })
    })
}
