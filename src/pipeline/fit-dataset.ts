import { defaultModelsTopic, sampleGroup, type TopicNames } from '../config/names.ts'
import { softwareVersion } from '../config/software-version.ts'
import {
  count,
  datasetName,
  flag,
  leastWeight,
  listener,
  listOf,
  oneOf,
  ownTopic,
  seed,
  text,
} from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import { FitOptionError } from '../mixture/errors.ts'
import { fitSettings, type SummaryFitOptions } from '../mixture/fit-options.ts'
import type { Model, ModelContent } from '../model/model.ts'
import { publishModel } from '../model/publish-model.ts'
import { datasetField } from '../observe/logger.ts'
import { SchemaCollisionError } from '../rows/schema-error.ts'
import { fit, type LeftOutColumn } from '../stages/fit.ts'
import type { BoundedRange } from '../stages/read-partition.ts'
import { parseSampleCounts } from '../stages/sample.ts'
import { beginsAnew, call } from './call.ts'
import { fields, optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { columnsToFit } from './fit-columns.ts'
import { withHeartbeat } from './heartbeat.ts'
import { checkNames } from './members/normalize-member.ts'
import { scanInThreads } from './members/scan-members.ts'
import { withModelsTarget } from './models-topic.ts'
import { noProgress, type OnProgress } from './progress.ts'
import { recordRun } from './record-run.ts'
import { datasetTopics, offsetsIn, requireTopic, topicEnds, topicRanges } from './row-topics.ts'
import { fitText, versionText } from './run-record.ts'

/** How columns are fitted. */
export interface ColumnsFitOptions {
  readonly dataset: string
  /** where the model is published ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  /** [`<dataset>.raw`] */
  readonly rawTopic?: string | undefined
  /** 'scaled' for data of any size and scale, 'sklearn' for scikit-learn's numbers ['scaled'] */
  readonly recipe?: 'scaled' | 'sklearn' | undefined
  /** options of the fit of a column [the defaults of the recipe] */
  readonly mixture?: ColumnFitOptions | undefined
  /** components of less weight are left out [0.005] */
  readonly minWeight?: number | undefined
  /** have restored values rounded to the decimals of their column [where the fit sees every row of the raw topic] */
  readonly roundToDecimals?: boolean | undefined
  /** of the starts of recipe 'sklearn'; 'scaled' draws nothing and refuses it [0] */
  readonly seed?: number | undefined
  /** threads that read, each a share of the partitions [1: this one] */
  readonly members?: number | undefined
  /** where the fit tells how far it is ['vgm.control'] */
  readonly controlTopic?: string | undefined
  readonly onProgress?: OnProgress | undefined
}

export interface FitDatasetOptions extends ColumnsFitOptions {
  /** the rows of the sample topic, or every row of the raw topic ['sample'] */
  readonly source?: 'sample' | 'raw' | undefined
  /** where source is 'sample' [`<dataset>.sample`] */
  readonly sampleTopic?: string | undefined
  /** columns to model, as rows call them or as their file did [all that are plain numbers] */
  readonly columns?: readonly string[] | undefined
  /** whether the new version becomes the current one, which stages use [true] */
  readonly promote?: boolean | undefined
  /** told of the fields that are not modelled because they are no plain numbers, each with its type */
  readonly onOtherFields?: ((fields: readonly string[]) => void) | undefined
  /** told of each number that is not modelled, and why */
  readonly onLeftOut?: ((column: LeftOutColumn) => void) | undefined
}

/** The rows of the whole topic have been counted. */
type ColumnFitOptions = Omit<SummaryFitOptions, 'totalRows'>

/** Their values have rules of their own, by the recipe. */
const inMixture = { allows: () => true, may: 'a number' }

/** @internal What the options may be. */
export const columnsFitChecks = {
  modelsTopic: ownTopic,
  rawTopic: ownTopic,
  recipe: oneOf(['scaled', 'sklearn']),
  mixture: fields<ColumnFitOptions>(
    {},
    {
      components: inMixture,
      weightConcentrationPrior: inMixture,
      tolerance: inMixture,
      maxIterations: inMixture,
      regularization: inMixture,
      join: inMixture,
    },
  ),
  minWeight: leastWeight,
  roundToDecimals: flag,
  seed,
  members: count,
  controlTopic: ownTopic,
  onProgress: listener<OnProgress>(),
} as const

const checks = optionChecks<FitDatasetOptions>(
  'fitDataset',
  { dataset: datasetName },
  {
    ...columnsFitChecks,
    source: oneOf(['sample', 'raw']),
    sampleTopic: ownTopic,
    columns: listOf(text, 'names of columns'),
    promote: flag,
    onOtherFields: listener<(fields: readonly string[]) => void>(),
    onLeftOut: listener<(column: LeftOutColumn) => void>(),
  },
)

/**
 * Fits a mixture to each numeric column of a topic, and publishes them as the data set's next version, which becomes
 * the current one unless `promote` is false.
 *
 * @example
 * const { version, columns } = await fitDataset(cluster, { dataset: 'trips' })
 *
 * @throws TopicMissingError without a sample topic; UnfittableError without rows or columns
 * @throws InterruptedError when the cluster's signal fires: the same call starts from the beginning
 */
export async function fitDataset(cluster: ClusterSession, options: FitDatasetOptions): Promise<Model> {
  return call(checks, cluster, options, (open, told) => withHeartbeat(open, () => recordedFit(open, told)), beginsAnew)
}

async function recordedFit(cluster: ClusterSession, options: FitDatasetOptions): Promise<Model> {
  const { dataset, controlTopic, onProgress } = options
  return recordRun(
    cluster,
    { dataset, controlTopic, kind: 'fit', name: 'the next version', onProgress },
    async ({ moved, about }) => {
      const model = await fitModel(cluster, { ...options, onProgress: moved })
      about({ name: versionText(model.version), subject: versionText(model.version) })
      return model
    },
    fitText,
  )
}

async function fitModel(cluster: ClusterSession, options: FitDatasetOptions): Promise<Model> {
  refusePairs(options)
  refuseRecipe('fitDataset', options)
  const { dataset, source = 'sample', modelsTopic = defaultModelsTopic } = options
  const overrides = { raw: options.rawTopic, sample: options.sampleTopic }
  const topics = datasetTopics(cluster, dataset, overrides, modelsTopic)
  const topic = source === 'raw' ? topics.raw : topics.sample
  await cluster.admin.topics.mustExist(topics.raw)
  await requireTopic(
    cluster,
    topic,
    `Sample it first ("vgm sample --dataset ${dataset}"), or fit all rows (--source raw)`,
  )
  const columns = await columnsToFit(cluster, topics.raw, options.columns)
  const ranges = await topicRanges(cluster, topic)
  // After the ranges of the sample: none of its rows comes from behind these ends.
  const notes = source === 'raw' ? {} : { unseenFrom: await rawEnds(cluster, topics.raw) }
  // The publisher comes first: it fences another fit of this data set before either has done its work.
  return withModelsTarget(cluster, modelsTopic, dataset, async (target) => {
    const content = await fitColumns(cluster, options, {
      columns,
      ranges,
      ...(source === 'raw'
        ? { sampledFrom: undefined, seesAll: true }
        : { sampledFrom: await rowsSampledFrom(cluster, dataset, topics) }),
      onOtherFields: options.onOtherFields,
      onLeftOut: options.onLeftOut,
    })
    await warnOfNames(cluster, topics.raw, content)
    return publishModel(target, content, { isCurrent: options.promote ?? true, notes })
  })
}

/** @internal What is fitted to. */
export interface FittedRows {
  /** undefined: every numeric column that can be modelled */
  readonly columns: readonly string[] | undefined
  readonly ranges: readonly BoundedRange[]
  /** rows that these were sampled from; undefined if they are all */
  readonly sampledFrom?: number | undefined
  /** whether these are all rows, so that the decimals of a column are known */
  readonly seesAll?: boolean
  readonly onLeftOut?: ((column: LeftOutColumn) => void) | undefined
  readonly onOtherFields?: ((fields: readonly string[]) => void) | undefined
}

/** @internal Fits to rows, and publishes nothing. */
export async function fitColumns(
  cluster: ClusterSession,
  options: ColumnsFitOptions,
  { columns, ranges, sampledFrom, seesAll, onOtherFields, onLeftOut }: FittedRows,
): Promise<ModelContent> {
  const { dataset, recipe = 'scaled', mixture = {}, minWeight = 0.005, roundToDecimals, seed = 0 } = options
  const { members = 1, onProgress = noProgress } = options
  const { rows, registry, signal, log } = cluster
  const of = offsetsIn(ranges)
  const reader = rows.openReader()
  try {
    return await fit({
      dataset,
      columns,
      recipe,
      mixture,
      minWeight,
      roundToDecimals,
      seed,
      reader,
      ...(members > 1 && { scan: scanInThreads(cluster, members) }),
      registry,
      ranges,
      sampledFrom,
      ...(seesAll !== undefined && { seesAll }),
      softwareVersion,
      signal,
      onOtherFields,
      onLeftOut,
      onWarning: (message) => log.warn(datasetField(log, dataset), message),
      onProgress: (read) => onProgress(read, of),
    })
  } finally {
    await reader.close()
  }
}

/** @throws UsageError if one option makes another one mean nothing */
function refusePairs({ source, sampleTopic }: FitDatasetOptions): void {
  if (sampleTopic !== undefined && source === 'raw')
    throw new UsageError("fitDataset: sampleTopic excludes source 'raw'", 'Leave out one of the two')
}

/** @internal @throws UsageError if the recipe refuses an option */
export function refuseRecipe(caller: string, { recipe = 'scaled', mixture = {}, seed }: ColumnsFitOptions): void {
  if (seed !== undefined && recipe === 'scaled')
    throw new UsageError(`${caller}: seed excludes recipe 'scaled', which draws nothing`, 'Leave out one of the two')
  try {
    fitSettings(recipe, mixture)
  } catch (error) {
    if (!(error instanceof FitOptionError)) throw error
    throw new UsageError(`${caller}: mixture.${error.message}`, error.fix)
  }
}

/** @internal Warns now about the errors that normalize would give. */
export async function warnOfNames(
  cluster: ClusterSession,
  rawTopic: string,
  model: Pick<Model, 'columns'>,
): Promise<void> {
  try {
    await checkNames(cluster, rawTopic, model)
  } catch (error) {
    if (!(error instanceof SchemaCollisionError)) throw error
    cluster.log.warn({ topic: rawTopic }, `normalize will be refused: ${error.message}. ${error.fix}`)
  }
}

async function rawEnds(cluster: ClusterSession, rawTopic: string) {
  return (await topicEnds(cluster, rawTopic)).map(({ partition, offset }) => ({ partition, offset }))
}

/** Rows of the raw topic that the sample was taken from, as the sampler has counted them; undefined if it has not. */
async function rowsSampledFrom(
  { admin, rows }: ClusterSession,
  dataset: string,
  { raw, sample }: Pick<TopicNames, 'raw' | 'sample'>,
): Promise<number | undefined> {
  const count = await admin.topics.partitionCount(raw)
  if (count === undefined) return undefined
  const partitions = Array.from({ length: count }, (_, partition) => ({ topic: raw, partition }))
  const committed = await rows.positionsOf(sampleGroup(dataset, sample), partitions)
  const seen = committed.reduce((sum, { metadata }) => sum + parseSampleCounts(metadata).seen, 0)
  return seen > 0 ? seen : undefined
}
