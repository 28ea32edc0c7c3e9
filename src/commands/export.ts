import { stat } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { topicNames } from '../config/names.ts'
import {
  parseBins,
  parseCount,
  parseLimit,
  parseList,
  parseTopic,
  parseVersionNameFlag,
} from '../config/value-parsers.ts'
import { UsageError } from '../errors.ts'
import type { TableFormat } from '../files/file-format.ts'
import type { MatrixFormat, MatrixKind, ScoreDistribution } from '../files/matrix/spans.ts'
import {
  defaultBins,
  defaultDistribution,
  defaultMatrixClip,
  matrixFormats,
  matrixKinds,
  scoreDistributions,
  tableFormats,
} from '../pipeline/defaults.ts'
import type { ExportMatrixOptions } from '../pipeline/export-matrix.ts'
import type { ExportTopicOptions } from '../pipeline/export-topic.ts'
import type { VersionName } from '../pipeline/models-topic.ts'
import { exportText, matrixResult, matrixText } from '../reports/export-text.ts'
import { type DatasetFlags, datasetCommand, printResult, withCluster, withProgress } from './command-context.ts'
import { matrixHeading } from './help.ts'
import { refuseFlags } from './refuse-flags.ts'

interface ExportFlags extends DatasetFlags, MatrixFlags {
  readonly topic?: string
  readonly stage: 'normalized' | 'restored' | 'raw'
  readonly format?: TableFormat | MatrixFormat
  readonly csvSafe?: boolean
  readonly overwrite?: boolean
  readonly key?: boolean
  readonly position?: boolean
  readonly skipUnreadable?: boolean
}

/** Flags of --as. */
interface MatrixFlags {
  readonly as?: MatrixKind
  readonly spans?: string
  readonly model?: VersionName
  readonly categories?: string[]
  readonly leaveOut?: string[]
  readonly rare?: number
  readonly clip?: number
  readonly outputDistribution?: ScoreDistribution
  readonly bins?: number
  readonly indices?: boolean
}

/** Of tables, and of matrices. */
const writtenFormats = [...new Set([...tableFormats, ...matrixFormats])]

/** Flags of --as, which the usual help does not list one by one. */
const ofMatrix = '--spans, --categories, --leave-out, --rare, --clip, --indices, --bins and more'

export function exportCommand(): Command {
  return datasetCommand(
    'export',
    'write a topic to a Parquet or CSV file, or as a matrix to train a generator on',
    'vgm export --dataset trips trips.parquet',
  )
    .argument('<file>', 'file to write; its extension determines the format')
    .addOption(
      new Option('--stage <stage>', 'which rows').choices(['normalized', 'restored', 'raw']).default('normalized'),
    )
    .option('--topic <topic>', 'topic to export (default: that of --stage)', parseTopic)
    .addOption(
      new Option('--format <format>', 'format of the file (default: by its extension)').choices(writtenFormats),
    )
    .option('--csv-safe', 'write an apostrophe before texts that a spreadsheet would interpret as a formula')
    .option('--overwrite', 'replace a file that exists')
    .option('--key', 'add the key as column _key')
    .option('--position', 'add partition and offset as columns _partition and _offset')
    .option('--skip-unreadable', 'omit rows and batches that cannot be read, and count them')
    .addOption(new Option('--as <what>', `write a matrix, with ${ofMatrix}: see --help-all`).choices(matrixKinds))
    .option('--spans <file>', 'file that says what the columns are (default: spans.json beside the matrix)')
    .option('--categories <list>', 'numbers that are categories, besides texts and booleans', parseList)
    .option('--leave-out <list>', 'columns that the matrix is not to have', parseList)
    .option('--rare <rows>', 'categories of fewer rows share a column (default: each has its own)', parseCount)
    .addOption(
      new Option('--clip <magnitude>', `of --as ctgan: limit of values (default: ${defaultMatrixClip})`)
        .argParser(parseLimit)
        .helpGroup(matrixHeading),
    )
    .addOption(
      new Option(
        '--output-distribution <name>',
        `of --as quantile: distribution of scores (default: ${defaultDistribution})`,
      ).choices(scoreDistributions),
    )
    .option('--bins <n>', `of --as ple: most bins of a column (default: ${defaultBins})`, parseBins)
    .option('--indices', 'write the place of each 1 as one number, instead of one-hot columns')
    .addOption(
      new Option('--model <version>', 'of --as: take rows of this version only')
        .argParser(parseVersionNameFlag)
        .helpGroup(matrixHeading),
    )
    .action(async (file: string, flags: ExportFlags, command: Command) => {
      const topic = flags.topic ?? topicNames(flags.dataset)[flags.stage]
      if (flags.as === undefined) {
        refuseFlags(command, matrixFlags, 'is for a matrix (--as)')
        await writeTable(file, topic, flags)
      } else {
        refuseFlags(command, tableFlags, 'is for a table, and --as writes a matrix')
        await writeMatrix(file, topic, { ...flags, as: flags.as }, command)
      }
    })
}

/** Flags of one kind of matrix. */
const kindFlags = { ctgan: 'clip', quantile: 'output-distribution', ple: 'bins' } as const
const matrixFlags = [
  ...['spans', 'model', 'categories', 'leave-out', 'rare', 'indices'],
  ...Object.values<string>(kindFlags),
]
const tableFlags = ['csv-safe', 'key', 'position']

async function writeTable(file: string, topic: string, flags: ExportFlags): Promise<void> {
  const { overwrite, csvSafe } = flags
  const { checkExport, exportTopic } = await import('../pipeline/export-topic.ts')
  const { requireRowTopic } = await import('../pipeline/row-topics.ts')
  const format = tableFormats.find((format) => format === flags.format)
  if (flags.format !== undefined && format === undefined)
    throw new UsageError(`--format ${flags.format} is for a matrix`, 'Say what the matrix is for (--as)')
  await checkExport({ file, format, overwrite, csvSafe })
  await withCluster(flags, async (cluster) => {
    await requireRowTopic(cluster, flags.dataset, topic)
    const { modelsTopic, key: withKey, position: withPosition, skipUnreadable: skipsUnreadable } = flags
    const of = { topic, modelsTopic, file, overwrite, format, csvSafe } satisfies ExportTopicOptions
    const report = await withProgress(flags, 'export', (onProgress) =>
      exportTopic(cluster, { ...of, withKey, withPosition, skipsUnreadable, onProgress }),
    )
    printResult(flags, report, exportText(report, file))
  })
}

async function writeMatrix(
  file: string,
  topic: string,
  flags: ExportFlags & { readonly as: MatrixKind },
  command: Command,
): Promise<void> {
  const { dataset, as, overwrite, spans: spansFile, categories, leaveOut, rare, indices, model } = flags
  const { stage, skipUnreadable, modelsTopic } = flags
  for (const kind of matrixKinds) if (kind !== as) refuseFlags(command, [kindFlags[kind]], `is for --as ${kind}`)
  if (stage !== 'normalized')
    throw new UsageError(
      `--as writes a matrix of normalized rows, and --stage ${stage} names others`,
      'Remove --stage; another topic of normalized rows is named with --topic',
    )
  const { checkMatrixExport, exportMatrix, spansFileOf } = await import('../pipeline/export-matrix.ts')
  const { requireRowTopic } = await import('../pipeline/row-topics.ts')
  const format = matrixFormats.find((format) => format === flags.format)
  if (flags.format !== undefined && format === undefined)
    throw new UsageError(`A matrix cannot be written as ${flags.format}`, `Use --format ${matrixFormats.join(' or ')}`)
  await checkMatrixExport({ file, spansFile, overwrite, format, categories, leaveOut })
  await withCluster(flags, async (cluster) => {
    await requireRowTopic(cluster, dataset, topic)
    const of = { dataset, topic, modelsTopic, model } satisfies Partial<ExportMatrixOptions>
    const written = { as, file, spansFile, overwrite, format } satisfies Partial<ExportMatrixOptions>
    const options: ExportMatrixOptions = {
      ...of,
      ...written,
      categories,
      leaveOut,
      rare,
      ...(as === 'ctgan' && { clip: flags.clip }),
      ...(as === 'quantile' && { outputDistribution: flags.outputDistribution }),
      ...(as === 'ple' && { bins: flags.bins }),
      encoding: indices ? 'index' : 'one-hot',
      skipsUnreadable: skipUnreadable,
    }
    const { spans, ...report } = await withProgress(flags, 'export', (onProgress) =>
      exportMatrix(cluster, { ...options, onProgress }),
    )
    const { size } = await stat(file)
    const result = { ...report, matrix: matrixResult(spans, file, spansFileOf({ file, spansFile })) }
    printResult(flags, result, matrixText(result, result.matrix, size, spans.clip))
  })
}
