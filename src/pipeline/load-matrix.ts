import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { type Compression, compressions } from '../batch/batch-header.ts'
import {
  checkTopicParts,
  defaultModelsTopic,
  groupName,
  syntheticTopics,
  topicNames,
  transactionalId,
  valueSubject,
} from '../config/names.ts'
import { count, datasetName, listener, oneOf, ownTopic, seed, text } from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import { FileUnreadableError } from '../files/file-errors.ts'
import { type MatrixKind, matrixKinds, parseSpans, type Spans } from '../files/matrix/spans.ts'
import { fileFingerprint } from '../files/reading/file-fingerprint.ts'
import type { Model } from '../model/model.ts'
import { stageText } from '../observe/report-text.ts'
import type { LoadReport } from '../stages/load.ts'
import type { GeneratedMatrix } from '../stages/matrix/load-matrix.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { defaultPartitions } from './defaults.ts'
import { preparePositions } from './group-positions.ts'
import { loadedBefore } from './loaded-before.ts'
import { followModels } from './models-topic.ts'
import type { OnProgress } from './progress.ts'
import { type RunProgress, recordRun } from './record-run.ts'
import { batchBytesFor, holdsRows, refuseCompacted, topicsBeside } from './row-topics.ts'

export interface LoadMatrixOptions {
  readonly dataset: string
  /** what the matrix was made for */
  readonly as: MatrixKind
  /** the matrix: a .npy file of float32 or float64, or a Parquet file with the columns of the training matrix */
  readonly file: string
  /** what its columns are: the spans.json of the matrix that the generator was trained on */
  readonly spansFile: string
  /** topic of normalized rows ['<dataset>.synthetic'] */
  readonly topic?: string | undefined
  /** the topic of the models ['vgm.models'] */
  readonly modelsTopic?: string | undefined
  /** of the topic, if it is new [4] */
  readonly partitions?: number | undefined
  /** codec of the batches that are written ['none'] */
  readonly compression?: Compression | undefined
  /** where the load tells how far it is ['vgm.control'] */
  readonly controlTopic?: string | undefined
  /** of what rare categories become [0] */
  readonly seed?: number | undefined
  readonly onProgress?: OnProgress | undefined
}

const checks = optionChecks<LoadMatrixOptions>(
  'loadMatrix',
  { dataset: datasetName, as: oneOf(matrixKinds), file: text, spansFile: text },
  {
    topic: ownTopic,
    modelsTopic: ownTopic,
    partitions: count,
    compression: oneOf(compressions),
    controlTopic: ownTopic,
    seed,
    onProgress: listener<OnProgress>(),
  },
)

/**
 * Loads a generated matrix into a topic of normalized rows, which is made if it does not exist: each row once, however
 * often the call is repeated. `restoreTopic` turns them into raw rows.
 *
 * @example
 * await loadMatrix(cluster, { dataset: 'trips', as: 'ctgan', file: 'synthetic.npy', spansFile: 'spans.json' })
 * await restoreTopic(cluster, { dataset: 'trips', synthetic: true, untilEnd: true })
 *
 * @throws FileUnreadableError for a matrix that does not fit its spans, or has NaN
 * @throws ModelMissingError if the model of the spans does not exist any more; UsageError if it is another one now
 * @throws InterruptedError when the cluster's signal fires: the same call resumes where it stopped
 */
export async function loadMatrix(cluster: ClusterSession, options: LoadMatrixOptions): Promise<LoadReport> {
  return call(checks, cluster, options, loadRecorded)
}

function loadRecorded(cluster: ClusterSession, options: LoadMatrixOptions): Promise<LoadReport> {
  const { dataset, controlTopic, file, onProgress } = options
  const topic = options.topic ?? syntheticTopics(dataset).normalized
  return recordRun(
    cluster,
    { dataset, controlTopic, kind: 'load', name: basename(file), onProgress },
    (run) => loadMatrixFile(cluster, { ...options, topic }, run),
    (report) => stageText(report, topic),
  )
}

async function loadMatrixFile(
  cluster: ClusterSession,
  options: LoadMatrixOptions & { readonly topic: string },
  run: RunProgress,
): Promise<LoadReport> {
  const { dataset, as, file, spansFile, topic, compression = 'none', modelsTopic = defaultModelsTopic } = options
  const { admin, registry, rows, signal } = cluster
  checkTopicParts([topic, ...topicsBeside(cluster, modelsTopic)])
  const spans = await readSpans(spansFile)
  if (spans.as !== as)
    throw new UsageError(`${spansFile} is of a matrix for ${spans.as}, and not for ${as}`, `Use --as ${spans.as}`)
  const { columns: models } = await modelOf(cluster, dataset, modelsTopic, spans, spansFile)
  const { openGenerated } = await import('../files/reading/generated-matrix.ts')
  const { matrix, close } = await openGenerated(file, spans)
  try {
    const fingerprint = await fileFingerprint(file)
    run.about({ subject: fingerprint })
    if (matrix.shape.rows === 0) throw new UsageError(`${file} has no rows`, 'Generate some')
    const { checkMatrix, loadMatrix } = await import('../stages/matrix/load-matrix.ts')
    const existing = await admin.topics.partitionCount(topic)
    const generated: GeneratedMatrix = {
      matrix,
      spans,
      spansFile,
      models,
      seed: options.seed ?? 0,
      signal,
      onDoubt: (text) => cluster.log.warn({ topic, file }, text),
    }
    const isNew = existing === undefined
    // One that is refused leaves no empty topic.
    if (isNew) await checkMatrix(generated)
    const partitions = existing ?? options.partitions ?? defaultPartitions
    await admin.topics.ensureRowTopic({ topic, partitions })
    await refuseCompacted(cluster, topic, 'Name another topic (--topic)')
    await preparePositions(cluster)
    const group = groupName(dataset, 'load')
    const batchBytes = await batchBytesFor(cluster, topic)
    const writer = await rows.openWriter(transactionalId(group, topic), compression)
    try {
      const files = await loadedBefore(cluster, { group, topic })
      await refuseRealRows(cluster, dataset, topic, files.isEmpty)
      return await loadMatrix({
        ...generated,
        isChecked: isNew,
        fingerprint,
        topic,
        partitions,
        // Matrices of one topic may have other columns each, as rows of a refitted model have.
        registerSchema: (schema) => registry.register(valueSubject(topic), schema, { compatibility: 'NONE' }),
        writer,
        files,
        nowMs: Date.now(),
        limits: { batchBytes, compression },
        onProgress: run.moved,
      })
    } finally {
      await writer.close()
    }
  } finally {
    await close()
  }
}

/** @throws UsageError for a topic of real rows: a data set's own, or one with rows that no load has put there */
async function refuseRealRows(cluster: ClusterSession, dataset: string, topic: string, isNew: boolean): Promise<void> {
  const isOwn = Object.values(topicNames(dataset)).includes(topic)
  if (!isOwn && !(isNew && (await holdsRows(cluster, topic)))) return
  throw new UsageError(
    `${topic} is for rows that were not generated, and generated ones must not get among them`,
    `Leave --topic (topic) out, for ${syntheticTopics(dataset).normalized}, or name an empty one`,
  )
}

async function readSpans(file: string): Promise<Spans> {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new FileUnreadableError(file, cause.message, 'Name the spans.json of the matrix (--spans)', cause)
  })
  return parseSpans(text, file)
}

/**
 * The model of the spans.
 *
 * @throws ModelMissingError; UsageError if the version is another model now, or has other columns
 */
async function modelOf(
  cluster: ClusterSession,
  dataset: string,
  modelsTopic: string,
  spans: Spans,
  spansFile: string,
): Promise<Model> {
  const models = await followModels(cluster, { dataset, modelsTopic })
  try {
    const { version, contentSha256 } = spans.model
    const model = await models.version(dataset, version)
    const fix = 'Name the data set and the models topic that the matrix was exported from'
    if (model.contentSha256 !== contentSha256)
      throw new UsageError(
        `Model ${version} of data set "${dataset}" is not the one that ${spansFile} was written with`,
        fix,
      )
    const modes = new Map(model.columns.map(({ name, mean }) => [name, mean.length]))
    const other = spans.spans.find(({ kind, column, width }) => kind === 'mode' && modes.get(column) !== width)
    if (other !== undefined)
      throw new UsageError(`Model ${version} has no column "${other.column}" of ${other.width} modes`, fix)
    return model
  } finally {
    await models.close()
  }
}
