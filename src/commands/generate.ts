import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Compression } from '../batch/batch-header.ts'
import { defaultPositionsTopic, topicNames } from '../config/names.ts'
import { parseCount, parseSeed, parseTopic, parseVersionNameFlag, valueParser } from '../config/value-parsers.ts'
import { PipelineError, UsageError } from '../errors.ts'
import type { TableFormat } from '../files/file-format.ts'
import { commandGraceMs, interruption } from '../observe/interruption.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { defaultBatchRows, defaultPartitions, parseRowSpec, tableFormats } from '../pipeline/defaults.ts'
import type { GenerateFileOptions } from '../pipeline/generate-file.ts'
import type { GenerateRowsOptions } from '../pipeline/generate-rows.ts'
import type { VersionName } from '../pipeline/models-topic.ts'
import type { StageReport } from '../ports/stage-report.ts'
import { generateText } from '../reports/generate-text.ts'
import type { RowSpec } from '../stages/synthetic/row-spec.ts'
import {
  type ClusterCommandFlags,
  clusterCommand,
  datasetOption,
  modelsTopicOption,
  printResult,
  withCluster,
  withProgress,
} from './command-context.ts'
import { compressionOption, runsTopicOption } from './options.ts'

interface GenerateFlags extends ClusterCommandFlags {
  readonly dataset?: string
  readonly modelsTopic: string
  readonly spec?: RowSpec
  readonly model?: VersionName
  readonly rows: number
  readonly seed: number
  readonly partitions: number
  readonly batchRows: number
  readonly compression: Compression
  readonly controlTopic: string
  readonly topic?: string
  readonly format?: TableFormat
  readonly workers?: number
  readonly overwrite?: boolean
}

export function generateCommand(): Command {
  return (
    clusterCommand(
      'generate',
      'write synthetic rows into the raw topic or a file',
      'vgm generate --dataset pay --rows 1e6 \\\n      --spec ' +
        "'amount:double=lognormal(3,1)|decimals(2);age:int=normal(40,12)'\n" +
        '  $ vgm generate --dataset pay --model current --rows 1e6 pay.parquet',
    )
      .argument('[file]', '.csv or .parquet file to write instead of the topic')
      // A file from a specification has no data set, and needs no cluster.
      .addOption(datasetOption())
      .addOption(modelsTopicOption())
      .option('--spec <columns>', 'columns of the rows, as name:type=distribution;...', parseSpec)
      .addOption(
        new Option('--model <version>', 'model to draw rows from: a version, or a name of one')
          .argParser(parseVersionNameFlag)
          .conflicts('spec'),
      )
      .requiredOption('--rows <n>', 'number of rows', parseCount)
      .option('--seed <n>', 'seed of the rows', parseSeed, 0)
      .option('--partitions <n>', 'number of partitions of a new topic', parseCount, defaultPartitions)
      .option('--batch-rows <n>', 'number of rows per batch; each row is one message', parseCount, defaultBatchRows)
      .option('--topic <topic>', 'raw topic (default: <dataset>.raw)', parseTopic)
      .addOption(compressionOption())
      .addOption(runsTopicOption())
      .addOption(
        new Option('--format <format>', 'format of the file (default: by its extension)').choices(tableFormats),
      )
      .option('--workers <n>', 'number of threads that write the file (default: one per core)', parseCount)
      .option('--overwrite', 'replace a file that exists')
      .action((file: string | undefined, flags: GenerateFlags) => {
        if (flags.spec === undefined && flags.model === undefined)
          throw new UsageError('The columns of the rows are not specified', 'Give --spec, or --model and --dataset')
        return file === undefined ? generateIntoTopic(flags) : generateIntoFile(file, flags)
      })
  )
}

async function generateIntoTopic(flags: GenerateFlags): Promise<void> {
  const { workers, format, overwrite } = flags
  const ofFiles = Object.entries({ '--workers': workers, '--format': format, '--overwrite': overwrite }).find(
    ([, value]) => value !== undefined,
  )?.[0]
  if (ofFiles !== undefined)
    throw new UsageError(`${ofFiles} applies to files, and no file is named`, `Name a file, or leave out ${ofFiles}`)
  const dataset = datasetOf(flags, 'Rows go to the raw topic of a data set')
  const topic = topicNames(dataset, { raw: flags.topic }, [flags.modelsTopic, defaultPositionsTopic]).raw
  await withCluster(flags, async (cluster) => {
    const { generateRows } = await import('../pipeline/generate-rows.ts')
    const spec = flags.spec ?? (await modelRows(cluster, flags, dataset))
    const { rows, seed, partitions, batchRows, compression, modelsTopic, controlTopic } = flags
    const of = { dataset, topic, modelsTopic, controlTopic, spec, rows, seed } satisfies GenerateRowsOptions
    const report = await withProgress(flags, 'generate', (onProgress) =>
      generateRows(cluster, { ...of, partitions, batchRows, compression, onProgress }),
    )
    printReport(flags, report, topic)
  })
}

async function generateIntoFile(file: string, flags: GenerateFlags): Promise<void> {
  const { seed, rows, workers, format, overwrite, topic } = flags
  if (topic !== undefined)
    throw new UsageError(`The file ${file} and --topic ${topic} exclude each other`, 'Leave out one of them')
  const write = async (spec: RowSpec, signal: AbortSignal) => {
    const { generateFile } = await import('../pipeline/generate-file.ts')
    const options: GenerateFileOptions = { spec, seed, format, rows, file, overwrite, workers, signal }
    const report = await withProgress(flags, 'generate', (onProgress) => generateFile({ ...options, onProgress }))
    printReport(flags, report, file)
  }
  if (flags.spec !== undefined) return write(flags.spec, interruption(commandGraceMs))
  const dataset = datasetOf(flags, 'A model belongs to a data set')
  await withCluster(flags, async (cluster) => write(await modelRows(cluster, flags, dataset), cluster.signal))
}

/** The rows that `--model` stands for. */
async function modelRows(cluster: ClusterSession, flags: GenerateFlags, dataset: string): Promise<RowSpec> {
  const { modelRowSpec } = await import('../pipeline/model-row-spec.ts')
  return modelRowSpec(cluster, { dataset, modelsTopic: flags.modelsTopic, version: flags.model })
}

function datasetOf({ dataset }: GenerateFlags, why: string): string {
  if (dataset === undefined) throw new UsageError(`${why}, and none is named`, 'Name the data set with --dataset')
  return dataset
}

function printReport(flags: GenerateFlags, report: StageReport, target: string): void {
  printResult(flags, report, generateText(report, target))
}

const parseSpec = valueParser({ type: 'string' }, (text): RowSpec => {
  try {
    return parseRowSpec(text)
  } catch (error) {
    if (error instanceof PipelineError) throw new InvalidArgumentError(`${error.message}. ${error.fix}.`)
    throw error
  }
})
