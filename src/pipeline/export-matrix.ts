import { access, constants, readFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { checkTopicParts, defaultModelsTopic, topicNames, valueSubject } from '../config/names.ts'
import {
  binCount,
  count,
  datasetName,
  flag,
  limit,
  listener,
  listOf,
  oneOf,
  ownTopic,
  text,
} from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import { FileExistsError, FileUnreadableError, FileUnwritableError } from '../files/file-errors.ts'
import { refuseOtherEnding } from '../files/file-format.ts'
import { matrixFormatOf } from '../files/matrix/matrix-file.ts'
import {
  type MatrixFormat,
  type MatrixKind,
  matrixFormats,
  matrixKinds,
  parseSpans,
  type ScoreDistribution,
  type SpanEncoding,
  scoreDistributions,
  spanEncodings,
} from '../files/matrix/spans.ts'
import { checkTarget } from '../files/target-file.ts'
import { suggestion } from '../nearest-name.ts'
import { fieldNamed, fieldNamesOf } from '../rows/file-columns.ts'
import type { ExportMatrixReport } from '../stages/matrix/export-matrix.ts'
import type { ColumnChoice } from '../stages/matrix/row-fields.ts'
import { beginsAnew, call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { defaultBins, defaultDistribution, defaultMatrixClip } from './defaults.ts'
import { followModels, modelNamed, type VersionName, versionName } from './models-topic.ts'
import { noProgress, type OnProgress } from './progress.ts'
import { offsetsIn, topicRanges, topicsBeside } from './row-topics.ts'

export interface ExportMatrixOptions {
  readonly dataset: string
  /** what the matrix is for */
  readonly as: MatrixKind
  /** the matrix */
  readonly file: string
  /** what its columns are [spans.json beside the matrix] */
  readonly spansFile?: string | undefined
  /** normalized rows ['<dataset>.normalized'] */
  readonly topic?: string | undefined
  /** the topic of the models ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  /** take the rows of this version, and leave out others [all rows must be of one version] */
  readonly model?: VersionName | undefined
  /** replace files that exist [false: that is an error] */
  readonly overwrite?: boolean | undefined
  /** [what the file's ending says] */
  readonly format?: MatrixFormat | undefined
  /** numbers that are categories, besides texts, enums and booleans [none] */
  readonly categories?: readonly string[] | undefined
  /** columns that the matrix is not to have [none] */
  readonly leaveOut?: readonly string[] | undefined
  /** categories of fewer rows share a place [1: each has its own] */
  readonly rare?: number | undefined
  /** of ctgan: cut values to -clip..clip, Infinity for none [0.99] */
  readonly clip?: number | undefined
  /** of quantile: the distribution of scores ['normal'] */
  readonly outputDistribution?: ScoreDistribution | undefined
  /** of ple: most bins of a column, 2 to 255 [48] */
  readonly bins?: number | undefined
  /** how the file has one-hot columns: as they are, or the place of the 1 ['one-hot'] */
  readonly encoding?: SpanEncoding | undefined
  /** leave out rows and batches that cannot be read, and count them [false: the first one is an error] */
  readonly skipsUnreadable?: boolean | undefined
  readonly onProgress?: OnProgress | undefined
}

const columnNames = listOf(text, 'names of columns')

const checks = optionChecks<ExportMatrixOptions>(
  'exportMatrix',
  { dataset: datasetName, as: oneOf(matrixKinds), file: text },
  {
    spansFile: text,
    topic: ownTopic,
    modelsTopic: ownTopic,
    model: versionName,
    overwrite: flag,
    format: oneOf(matrixFormats),
    categories: columnNames,
    leaveOut: columnNames,
    rare: count,
    clip: limit,
    outputDistribution: oneOf(scoreDistributions),
    bins: binCount,
    encoding: oneOf(spanEncodings),
    skipsUnreadable: flag,
    onProgress: listener<OnProgress>(),
  },
)

/** Where spans.json is, unless it is said. */
export function spansFileOf({ file, spansFile }: Pick<ExportMatrixOptions, 'file' | 'spansFile'>): string {
  return spansFile ?? join(dirname(file), 'spans.json')
}

/**
 * Refuses what is known to fail before a topic is read.
 *
 * @throws FileExistsError, FileUnwritableError
 * @throws UsageError for a file whose ending says no format, and for one that is both
 */
export async function checkMatrixExport(
  options: Pick<ExportMatrixOptions, 'file' | 'spansFile' | 'overwrite' | 'format' | 'categories' | 'leaveOut'>,
): Promise<void> {
  const { file, overwrite = false, format, categories = [], leaveOut = [] } = options
  const spansFile = spansFileOf(options)
  refuseOtherEnding(file, format ?? matrixFormatOf(file))
  if (resolve(file) === resolve(spansFile))
    throw new UsageError(`${file} cannot be the matrix and what its columns are`, 'Name another file with --spans')
  const both = categories.find((name) => leaveOut.includes(name))
  if (both !== undefined)
    throw new UsageError(`Column "${both}" is to be a category and to be left out`, 'Name it in one list only')
  await checkTarget(file, overwrite)
  await checkSpansFile(spansFile, file, overwrite)
  for (const target of [file, spansFile]) {
    // Rather now than when the topic has been read.
    await access(dirname(resolve(target)), constants.W_OK).catch((cause: NodeJS.ErrnoException) => {
      throw new FileUnwritableError(target, cause.message, cause)
    })
  }
}

/**
 * @throws FileExistsError; FileUnwritableError for a folder; FileUnreadableError, since what it holds would be lost
 * @throws UsageError if it is what the columns of another matrix are, which would be lost
 */
async function checkSpansFile(spansFile: string, file: string, overwrite: boolean): Promise<void> {
  const other = `Name another file for what the columns of ${basename(file)} are (--spans, spansFile)`
  await checkTarget(spansFile, true)
  const text = await readFile(spansFile, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined
    throw new FileUnreadableError(spansFile, cause.message, other, cause)
  })
  if (text === undefined) return
  if (!overwrite) throw new FileExistsError(spansFile, other)
  const of = matrixOf(text, spansFile)
  if (of !== undefined && of !== basename(file))
    throw new UsageError(`${spansFile} says what the columns of ${of} are`, other)
}

/** The file of the matrix that a text is about; undefined if it is about none. */
function matrixOf(text: string, file: string): string | undefined {
  try {
    return parseSpans(text, file).file
  } catch {
    return undefined
  }
}

/**
 * Writes what a topic of normalized rows holds now as a matrix of float32 to train a model on, and beside it what its
 * columns are (spans.json, docs/training.md): as ctgan's DataTransformer gives it, with the scores of a quantile
 * transform, or piecewise linear in bins.
 *
 * @example
 * await exportMatrix(cluster, { dataset: 'trips', as: 'ctgan', file: 'matrix.npy' })
 *
 * @throws TopicMissingError, ModelMissingError; FileExistsError; ExportRowError for a row that cannot be read
 * @throws UsageError for a column of more than 10,000 categories
 * @throws UsageError for rows of several versions of the model
 * @throws InterruptedError when the cluster's signal fires: the same call starts from the beginning
 */
export async function exportMatrix(cluster: ClusterSession, options: ExportMatrixOptions): Promise<ExportMatrixReport> {
  return call(checks, cluster, options, exportTopicMatrix, beginsAnew)
}

async function exportTopicMatrix(cluster: ClusterSession, options: ExportMatrixOptions): Promise<ExportMatrixReport> {
  const { rows, registry, signal } = cluster
  const { dataset, as, file, model, modelsTopic = defaultModelsTopic, onProgress = noProgress } = options
  const topic = options.topic ?? topicNames(dataset).normalized
  refuseOthers(options)
  await checkMatrixExport(options)
  checkTopicParts([topic, ...topicsBeside(cluster, modelsTopic)])
  const { exportMatrix } = await import('../stages/matrix/export-matrix.ts')
  await cluster.admin.topics.mustExist(topic)
  const choice = await choiceOf(cluster, topic, options)
  const models = await followModels(cluster, { dataset, modelsTopic })
  try {
    const version = model === undefined ? undefined : (await modelNamed(models, dataset, model)).version
    const ranges = await topicRanges(cluster, topic)
    const of = offsetsIn(ranges)
    const reader = rows.openReader()
    try {
      return await exportMatrix({
        reader,
        ranges,
        schemas: registry,
        dataset,
        topic,
        modelVersion: (version) => models.version(dataset, version),
        as,
        file,
        spansFile: spansFileOf(options),
        format: options.format ?? matrixFormatOf(file),
        overwrite: options.overwrite ?? false,
        version,
        choice,
        rareBelow: options.rare ?? 1,
        clip: options.clip ?? defaultMatrixClip,
        distribution: options.outputDistribution ?? defaultDistribution,
        bins: options.bins ?? defaultBins,
        encoding: options.encoding ?? 'one-hot',
        skipsUnreadable: options.skipsUnreadable ?? false,
        signal,
        onProgress: (done) => onProgress(done, 2 * of),
      })
    } finally {
      await reader.close()
    }
  } finally {
    await models.close()
  }
}

/** @throws UsageError for an option that means nothing to what the matrix is for */
function refuseOthers({ as, clip, outputDistribution, bins }: ExportMatrixOptions): void {
  const options = { clip: ['ctgan', clip], outputDistribution: ['quantile', outputDistribution], bins: ['ple', bins] }
  for (const [option, [kind, value]] of Object.entries(options))
    if (value !== undefined && as !== kind)
      throw new UsageError(`${option} is for a matrix as ${kind}, and this one is for ${as}`, `Leave ${option} out`)
}

/**
 * The columns that are named, as rows have them: a name of the file that they were loaded from is one too.
 *
 * @throws UsageError for a misspelt one, before hours of reading, if the registry has the schema of the topic's rows
 */
async function choiceOf(
  { registry }: ClusterSession,
  topic: string,
  { categories = [], leaveOut = [] }: Pick<ExportMatrixOptions, 'categories' | 'leaveOut'>,
): Promise<ColumnChoice> {
  if (categories.length + leaveOut.length === 0) return { categories: new Set(), leaveOut: new Set() }
  const { rawSchemaWithin } = await import('../stages/matrix/row-fields.ts')
  const schemas = (await registry.newest(valueSubject(topic))).flatMap((schema) => rawSchemaWithin(schema) ?? [])
  if (schemas.length === 0) return { categories: new Set(categories), leaveOut: new Set(leaveOut) }
  const named = (name: string): string => {
    const field = fieldNamed(name, schemas)
    if (field !== undefined) return field
    const known = fieldNamesOf(schemas)
    throw new UsageError(
      `The rows of ${topic} have no column "${name}"`,
      `${suggestion(name, known, '"')}Name one of ${known.join(', ')}`,
    )
  }
  return { categories: new Set(categories.map(named)), leaveOut: new Set(leaveOut.map(named)) }
}
