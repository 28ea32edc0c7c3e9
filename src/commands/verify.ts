import type { Command } from 'commander'
import { topicNames } from '../config/names.ts'
import { parseCount } from '../config/value-parsers.ts'
import { exitCodes, UsageError } from '../errors.ts'
import type { AuditResult, LoadedFile } from '../pipeline/verify-dataset.ts'
import type { ModeChoice } from '../stages/normalize.ts'
import type { FileAudit, FileFinding } from '../stages/verify/audit-file.ts'
import {
  type DatasetFlags,
  datasetCommand,
  printResult,
  progressOf,
  screenTable,
  withCluster,
} from './command-context.ts'
import { addFileOptions, type FileFlags, fileReading, givenFileFlags } from './file-options.ts'
import { clipOption, modeChoiceOption, runsTopicOption, topicOption } from './options.ts'

interface VerifyFlags extends DatasetFlags, FileFlags {
  readonly clip: number
  readonly modeChoice: ModeChoice['kind']
  readonly rawTopic?: string
  readonly normalizedTopic?: string
  readonly restoredTopic?: string
  readonly deadLetterTopic?: string
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
    .addOption(topicOption('raw'))
    .addOption(topicOption('normalized'))
    .addOption(topicOption('restored'))
    .addOption(topicOption('deadLetters'))
    .addOption(runsTopicOption())
    .option('--normalize-group <name>', '--group of normalize')
    .option('--restore-group <name>', '--group of restore')
    .option('--file <file>', 'loaded file to compare the raw rows with; give the flags that load was given:')
    .option('--key <column>', '--key of load')
    .option('--timestamp <column>', '--timestamp of load')
    .option('--members <n>', 'number of threads; they share the partitions', parseCount, 1)
    .option('--bad-rows <file>', '--bad-rows of load, if it has written that file')
  return addFileOptions(command).action(async (flags: VerifyFlags) => {
    const { dataset, modelsTopic, clip, modeChoice, members, file, key, timestamp, badRows } = flags
    const overrides = {
      raw: flags.rawTopic,
      normalized: flags.normalizedTopic,
      restored: flags.restoredTopic,
      deadLetters: flags.deadLetterTopic,
    }
    const topics = topicNames(dataset, overrides, [modelsTopic, flags.positionsTopic])
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
      const progress = progressOf(flags, 'verify')
      const options = {
        dataset,
        topics,
        modelsTopic,
        groups,
        clip,
        modeChoice,
        members,
        loaded,
        controlTopic: flags.controlTopic,
        onProgress: progress.update,
      }
      const result = await verifyDataset(cluster, options).finally(progress.end)
      printResult(flags, result, verifyText(result, loaded))
      if (mismatches(result) > 0) process.exitCode = exitCodes.failed
    })
  })
}

function verifyText(result: AuditResult, loaded: LoadedFile | undefined): string {
  const { rows, lost, doubled, reordered, wrong, hanging, deadLetters, pending, examples, file } = result
  const table = screenTable(
    ['rows', 'dead letters', 'pending', 'lost', 'doubled', 'reordered', 'wrong', 'hanging'],
    [[rows, deadLetters, pending, lost, doubled, reordered, wrong, hanging]],
  )
  const topicLines = [table, ...examples.map((example) => JSON.stringify(example))]
  if (file === undefined || loaded === undefined) return topicLines.join('\n')
  const isFileAlone = rows === 0 && file.rows > 0
  const rest = isFileAlone ? ['Nothing is normalized yet: only the file was compared.'] : topicLines
  return [...fileLines(file, loaded), '', ...rest].join('\n')
}

function fileLines({ rows, lost, doubled, reordered, wrong, examples }: FileAudit, { file }: LoadedFile): string[] {
  const table = screenTable(
    ['rows of the file', 'lost', 'doubled', 'reordered', 'wrong'],
    [[rows, lost, doubled, reordered, wrong]],
  )
  return [table, ...examples.map((example) => fileLine(example, file))]
}

/** @example 'wrong: trips.csv:17, trips.raw/2 offset 15, column "fare": "1.50" became 2' */
function fileLine({ fault, row, line, topic, partition, offset, problem }: FileFinding, file: string): string {
  const inFile = row === undefined ? [] : [line === undefined ? `${file} row ${row}` : `${file}:${line}`]
  const inTopic = offset === undefined ? `${topic}/${partition}` : `${topic}/${partition} offset ${offset}`
  return `${fault}: ${[...inFile, inTopic, problem].join(', ')}`
}
