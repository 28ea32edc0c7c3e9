import type { Command } from 'commander'
import { topicNames } from '../config/names.ts'
import { parseCount } from '../config/value-parsers.ts'
import { exitCodes, UsageError } from '../errors.ts'
import type { VerifyDatasetOptions } from '../pipeline/verify-dataset.ts'
import { verifyText } from '../reports/verify-text.ts'
import type { ModeChoice } from '../stages/normalize.ts'
import { type DatasetFlags, datasetCommand, printResult, withCluster, withProgress } from './command-context.ts'
import { addFileOptions, type FileFlags, fileReading, givenFileFlags } from './file-options.ts'
import {
  clipOption,
  modeChoiceOption,
  runsTopicOption,
  type TopicFlags,
  topicOverrides,
  withTopicOptions,
} from './options.ts'

const topics = ['raw', 'normalized', 'restored', 'deadLetters'] as const

interface VerifyFlags extends DatasetFlags, FileFlags, TopicFlags<(typeof topics)[number]> {
  readonly clip: number
  readonly modeChoice: ModeChoice['kind']
  readonly normalizeGroup?: string
  readonly restoreGroup?: string
  readonly members: number
  readonly controlTopic: string
  readonly file?: string
  readonly key?: string
  readonly timestamp?: string
  readonly badRows?: string
}

export function verifyCommand(): Command {
  const command = datasetCommand(
    'verify',
    'compare raw, normalized and restored rows with a stock client; exit 1 if they differ',
    'vgm verify --dataset trips --file trips.csv',
  )
    .addOption(clipOption('--clip of normalize'))
    .addOption(modeChoiceOption())
  withTopicOptions(command, ...topics)
    .addOption(runsTopicOption())
    .option('--normalize-group <name>', '--group of normalize')
    .option('--restore-group <name>', '--group of restore')
    .option('--file <file>', 'loaded file to compare the raw rows with; give the flags that load was given:')
    .option('--key <column>', '--key of load')
    .option('--timestamp <column>', '--timestamp of load')
    .option('--members <n>', 'number of threads; they share the partitions', parseCount, 1)
    .option('--bad-rows <file>', '--bad-rows of load, if it has written that file')
  return addFileOptions(command).action(async (flags: VerifyFlags) => {
    const { dataset, modelsTopic, controlTopic, clip, modeChoice, members, file, key, timestamp, badRows } = flags
    const used = topicNames(dataset, topicOverrides(flags, ...topics), [modelsTopic, flags.positionsTopic])
    const groups = { normalize: flags.normalizeGroup, restore: flags.restoreGroup }
    const idle = [
      ...givenFileFlags(flags),
      ...(key === undefined ? [] : ['--key']),
      ...(timestamp === undefined ? [] : ['--timestamp']),
      ...(badRows === undefined ? [] : ['--bad-rows']),
    ]
    if (file === undefined && idle.length > 0) {
      throw new UsageError(`${idle.join(', ')} can be given with --file only`, 'Add --file FILE, or leave them out')
    }
    const loaded = file === undefined ? undefined : { ...fileReading(flags), file, key, timestamp, badRows }
    await withCluster(flags, async (cluster) => {
      const { mismatches, verifyDataset } = await import('../pipeline/verify-dataset.ts')
      const of = { dataset, topics: used, modelsTopic, groups, controlTopic } satisfies VerifyDatasetOptions
      const result = await withProgress(flags, 'verify', (onProgress) =>
        verifyDataset(cluster, { ...of, clip, modeChoice, members, loaded, onProgress }),
      )
      printResult(flags, result, verifyText(result, loaded))
      if (mismatches(result) > 0) process.exitCode = exitCodes.failed
    })
  })
}
