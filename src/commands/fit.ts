import { type Command, InvalidArgumentError, Option } from 'commander'
import { sampleGroup, topicNames } from '../config/names.ts'
import { softwareVersion } from '../config/software-version.ts'
import { parseCount, parseLimit, parseList, parseNumber, parseSeed, valueParser } from '../config/value-parsers.ts'
import { UsageError } from '../errors.ts'
import { fitSettings, type SummaryFitOptions } from '../mixture/fit-options.ts'
import type { Model } from '../model/model.ts'
import { publishModel } from '../model/publish-model.ts'
import { createProgress } from '../observe/progress.ts'
import { fit } from '../stages/fit.ts'
import { parseSampleCounts } from '../stages/sample.ts'
import { beginningAnew } from './beginning-anew.ts'
import {
  checkDataset,
  type DatasetFlags,
  datasetCommand,
  type OpenCluster,
  printResult,
  withCluster,
} from './command-context.ts'
import { modelPlot } from './model-plot.ts'
import { withModelsTarget } from './models.ts'
import { partitionsOf, requireTopic, topicRanges } from './row-topics.ts'
import { scanInThreads } from './scan-members.ts'
import { topicOption } from './topic-options.ts'

export interface FitDatasetOptions {
  readonly dataset: string
  readonly modelsTopic: string
  /** every row of the raw topic, or those of the sample topic */
  readonly source: 'sample' | 'raw'
  readonly rawTopic: string
  readonly sampleTopic: string
  readonly columns?: string[]
  readonly recipe: 'scaled' | 'sklearn'
  readonly mixture: SummaryFitOptions
  readonly minWeight: number
  readonly roundToDecimals?: boolean
  readonly seed: number
  /** threads that read, each a share of the partitions [1: this one] */
  readonly members?: number
  /** told of the fields that are not modelled because they are no plain numbers, each with its type */
  readonly onOtherFields?: (fields: readonly string[]) => void
}

/** Trains on a topic and publishes the model as the data set's current one. */
export async function fitDataset(
  cluster: OpenCluster,
  options: FitDatasetOptions,
  onProgress: (rows: number, of: number) => void,
): Promise<Model> {
  const { dataset, source, sampleTopic, rawTopic, modelsTopic, columns, members = 1 } = options
  const { rows, registry, signal, log } = cluster
  const topic = source === 'raw' ? rawTopic : sampleTopic
  await partitionsOf(cluster, rawTopic)
  await requireTopic(cluster, topic, `Run "vgm sample --dataset ${dataset}" first, or add --source raw`)
  const ranges = await topicRanges(cluster, topic)
  const of = ranges.reduce((rows, { offset, endOffset }) => rows + endOffset - offset, 0)
  // The publisher comes first: it fences another fit of this data set before either has done its work.
  return withModelsTarget(cluster, modelsTopic, dataset, async (target) => {
    const reader = rows.openReader()
    try {
      const content = await fit({
        ...options,
        columns,
        reader,
        ...(members > 1 && { scan: scanInThreads(cluster, members) }),
        registry,
        ranges,
        sampledFrom: source === 'raw' ? undefined : await rowsSampledFrom(cluster, options),
        softwareVersion,
        signal,
        onWarning: (message) => log.warn({ dataset }, message),
        onProgress: (read) => onProgress(read, of),
      })
      return await publishModel(target, content)
    } finally {
      await reader.close()
    }
  })
}

/** Rows of the raw topic that the sample was taken from, as the sampler has counted them; undefined if it has not. */
async function rowsSampledFrom(
  { admin, rows }: OpenCluster,
  { dataset, rawTopic, sampleTopic }: FitDatasetOptions,
): Promise<number | undefined> {
  const count = await admin.partitionCount(rawTopic)
  if (count === undefined) return undefined
  const partitions = Array.from({ length: count }, (_, partition) => ({ topic: rawTopic, partition }))
  const committed = await rows.positionsOf(sampleGroup(dataset, sampleTopic), partitions)
  const seen = committed.reduce((sum, { metadata }) => sum + parseSampleCounts(metadata).seen, 0)
  return seen > 0 ? seen : undefined
}

/** What `--json` prints of a model. */
export function modelSummary({ dataset, version, columns }: Model) {
  return {
    dataset,
    version,
    columns: columns.map(({ name, mean, roundTo }) => ({
      name,
      modes: mean.length,
      ...(roundTo !== undefined && { roundTo }),
    })),
  }
}

interface FitFlags extends DatasetFlags {
  readonly source: 'sample' | 'raw'
  readonly columns?: string[]
  readonly recipe: 'scaled' | 'sklearn'
  readonly components?: number
  readonly concentration?: number
  readonly tolerance?: number
  readonly maxIterations?: number
  readonly minWeight: number
  readonly decimals: 'all' | 'learn'
  readonly seed?: number
  readonly members: number
  readonly rawTopic?: string
  readonly sampleTopic?: string
}

export function fitCommand(): Command {
  return datasetCommand('fit', 'train a mixture for each numeric column and publish it', 'vgm fit --dataset trips')
    .addOption(new Option('--source <topic>', 'rows to train on').choices(['sample', 'raw']).default('sample'))
    .option('--columns <list>', 'which columns to model; all numeric ones unless given', parseList)
    .addOption(
      new Option('--recipe <recipe>', "'scaled' for data of any size, 'sklearn' for its numbers")
        .choices(['scaled', 'sklearn'])
        .default('scaled'),
    )
    .option('--components <n>', 'most modes of a column (default: 10)', parseCount)
    .option('--concentration <x>', 'prior of the Dirichlet process (default: 1/components)', parseLimit)
    .option('--tolerance <nats>', 'stop when the bound changes by less', parseNumber)
    .option('--max-iterations <n>', 'stop after so many', parseCount)
    .option('--min-weight <share>', 'leave modes of less weight out', parseWeight, 0.005)
    .addOption(
      new Option('--decimals <which>', "'learn' the column's, and restore values rounded to them")
        .choices(['all', 'learn'])
        .default('all'),
    )
    .option('--seed <n>', 'of the starts of recipe sklearn (default: 0)', parseSeed)
    .option('--members <n>', 'threads that read, each a share of the partitions', parseCount, 1)
    .addOption(topicOption('raw'))
    .addOption(topicOption('sample'))
    .action(async (flags: FitFlags) => {
      const dataset = checkDataset(flags.dataset)
      const overrides = { raw: flags.rawTopic, sample: flags.sampleTopic }
      const { raw, sample } = topicNames(dataset, overrides, [flags.modelsTopic, flags.positionsTopic])
      const { components, concentration, tolerance, maxIterations } = flags
      const mixture: SummaryFitOptions = {
        ...(components !== undefined && { components }),
        ...(concentration !== undefined && { weightConcentrationPrior: concentration }),
        ...(tolerance !== undefined && { tolerance }),
        ...(maxIterations !== undefined && { maxIterations }),
      }
      refusePairs(flags)
      // Before a topic is read in vain; the flags are called as the library's options are.
      fitSettings(flags.recipe, mixture)
      await withCluster(flags, async (cluster) => {
        const progress = createProgress('fit')
        const roundToDecimals = flags.decimals === 'learn'
        let others: readonly string[] = []
        const options: FitDatasetOptions = {
          ...flags,
          onOtherFields: (fields) => {
            others = fields
          },
          seed: flags.seed ?? 0,
          dataset,
          rawTopic: raw,
          sampleTopic: sample,
          mixture,
          roundToDecimals,
        }
        const model = await beginningAnew(fitDataset(cluster, options, progress.update)).finally(progress.end)
        const plots = model.columns.map((column) => modelPlot(column)).join('\n\n')
        printResult(
          flags,
          modelSummary(model),
          `${plots}\n\n${otherFieldsText(others)}Published as version ${model.version} of data set ${dataset}.`,
        )
      })
    })
}

/** Fields that are named one by one. */
const listedFields = 20

function otherFieldsText(fields: readonly string[]): string {
  if (fields.length === 0) return ''
  const more = fields.length > listedFields ? ` and ${fields.length - listedFields} more` : ''
  return `Not modelled, for they are no plain numbers: ${fields.slice(0, listedFields).join(', ')}${more}.\n`
}

/** @throws UsageError if one flag makes another one mean nothing */
function refusePairs({ recipe, seed, source, sampleTopic }: FitFlags): void {
  if (seed !== undefined && recipe === 'scaled')
    throw new UsageError('--seed excludes --recipe scaled, which draws nothing', 'Add --recipe sklearn, or drop --seed')
  if (sampleTopic !== undefined && source === 'raw')
    throw new UsageError('--sample-topic excludes --source raw', 'Drop one of the two')
}

const parseWeight = valueParser({ type: 'number', minimum: 0, exclusiveMaximum: 1 }, (text) => {
  const weight = Number(text)
  if (text.trim() !== '' && weight >= 0 && weight < 1) return weight
  throw new InvalidArgumentError('Write a share from 0 up to, not including, 1.')
})
